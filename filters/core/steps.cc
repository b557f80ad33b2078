#include "steps.h"

#include <cmath>
#include <limits>

namespace baler {

Slices::Slices(size_t n) : rows(n) {
    segments = 16 * std::min<size_t>(32, std::max<size_t>(1, n >> 10));
    length = (n + segments - 1) / segments;
}

Steps::Steps(const TableModel& model, const Prepared& prepared, size_t rows, bool latents_only)
    : model_(model), prepared_(prepared), slices_(rows), set_(instruction_set()) {
    static_assert(kSliceRows == 16 * 32, "the widest slice");
    const size_t n = model.variables.size();
    for (uint16_t v : model.order)
        if (!latents_only || v >= model.columns) order_.push_back(v);
    indices_.resize(2 * kSliceRows * n);
    now_.resize(n);
    before_.resize(n);
    for (size_t v = 0; v < n; v++) {
        now_[v] = indices_.data() + 2 * v * kSliceRows;
        before_[v] = now_[v] + kSliceRows;
    }
    feature_rows_.resize(kSliceRows * prepared.slots.count);
    for (size_t s = 0; s < prepared.slots.count; s++) features_.push_back(feature_rows_.data() + s * kSliceRows);
    values_.resize(n);
    values_before_.resize(n);
    if (!latents_only) {
        size_t needed = 0;
        for (size_t v = 0; v < n; v++) needed += static_cast<size_t>(prepared.value_needed[v] + prepared.before_needed[v]);
        value_rows_.resize(needed * kSliceRows, std::numeric_limits<double>::quiet_NaN());
        double* at = value_rows_.data();
        for (size_t v = 0; v < n; v++) {
            if (prepared.value_needed[v]) values_[v] = at, at += kSliceRows;
            if (prepared.before_needed[v]) values_before_[v] = at, at += kSliceRows;
        }
    }
    hidden_.resize(prepared.scratch);
    outputs_.resize(4 * kSliceRows);
    hint_.resize(kSliceRows);
}

void Steps::begin_slice(size_t t) {
    width_ = slices_.width(t);
    if (t == 0) return;  // the row before: k 0, features 0, values NaN
    now_.swap(before_);
    values_.swap(values_before_);
    for (size_t v = 0; v < values_.size(); v++)
        if (!values_[v]) values_[v] = values_before_[v];  // those without a row before keep one array
    const FeatureSlots& slots = prepared_.slots;
    for (size_t v = 0; v < slots.before.size(); v++)
        if (slots.before[v] != FeatureSlots::none) std::swap(features_[slots.before[v]], features_[slots.z[v]]);
}

void Steps::hint(uint32_t v) {
    const Warp& warp = model_.variables[v].warp;
    int16_t* out = feature(prepared_.slots.hint);
    double p[kHintRows];
    for (size_t first = 0; first < width_; first += kHintRows) {
        const size_t n = std::min(kHintRows, width_ - first);
        model_.hints[v].evaluate(values_.data(), values_before_.data(), first, n, p);
        for (size_t i = 0; i < n; i++) {
            const bool known = std::isfinite(p[i]);
            const int32_t z = known ? warp.fixed(p[i]) : 0;
            hint_[first + i] = z;
            if (out) out[first + i] = static_cast<int16_t>(std::clamp((z + 2) >> 2, -16384, 16384));
        }
    }
}

const Intervals& Steps::predict(uint32_t v) {
    const bool hinted = !model_.hints[v].empty();
    if (hinted) hint(v);
    const size_t rows = (width_ + kRowStep - 1) / kRowStep * kRowStep;
    prepared_.nets[v].run(set_.layer, features_.data(), 0, rows, hidden_.data(), outputs_.data());
    make_intervals(set_.rows, model_.variables[v], outputs_.data(), rows, hinted ? hint_.data() : nullptr, rows, intervals_);
    return intervals_;
}

void Steps::derive(uint32_t v, int64_t* index, uint8_t* context) {
    const Relation& relation = model_.relations[v];
    const Lattice& lattice = prepared_.cells[v].lattice;
    double predicted[kSliceRows];
    std::fill_n(predicted, width_, relation.constant);
    std::fill_n(context, width_, uint8_t(0));
    for (const Relation::Term& term : relation.terms) {
        const double* x = values_[term.column];
        for (size_t i = 0; i < width_; i++) {
            predicted[i] = predicted[i] + term.coefficient * x[i];
            context[i] = static_cast<uint8_t>(std::min(context[i] + (x[i] != 0), 2));
        }
    }
    bool finite = true;
    for (size_t i = 0; i < width_; i++) finite &= std::isfinite(predicted[i]);
    if (finite) {
        lattice.indices(predicted, width_, index);
        return;
    }
    for (size_t i = 0; i < width_; i++) index[i] = std::isfinite(predicted[i]) ? lattice.index(predicted[i]) : 0;
}

// The features row by row, whatever k is.
void Steps::settle_each(uint32_t v, const uint32_t* bucket, int16_t* z, int16_t* spike) {
    const Cells& cells = prepared_.cells[v];
    const int64_t* k = now_[v];
    for (size_t i = 0; i < width_; i++) {
        const uint32_t b = bucket[i];
        const int64_t inside = std::min(std::max(k[i], cells.low), cells.high);
        const int w = std::min<int>(cells.bits[b], 14);
        const uint64_t o = (static_cast<uint64_t>(inside) - static_cast<uint64_t>(cells.start[b])) >> (cells.bits[b] - w);
        const int32_t edge = cells.edge[b], wide = cells.edge[b + 1] - edge;
        const int32_t at = edge + ((wide * (2 * static_cast<int32_t>(o) + 1)) >> (w + 1));
        const bool is_spike = cells.has_spike && k[i] == cells.spike;
        if (z) z[i] = static_cast<int16_t>(is_spike ? -16384 : std::clamp((at + 2) >> 2, -16384, 16384));
        if (spike) spike[i] = is_spike ? 8192 : 0;
    }
}

void Steps::settle(uint32_t v, const uint32_t* bucket) {
    const Cells& cells = prepared_.cells[v];
    const int64_t* k = now_[v];
    if (values_[v]) cells.lattice.values(k, width_, values_[v]);
    if (!bucket) return;
    const FeatureSlots& slots = prepared_.slots;
    int16_t *z = feature(slots.z[v]), *spike = feature(slots.spike[v]);
    // cells are told by 32 bits of k, and a bucket that is the spike's alone is the spike
    if (cells.most_bits > 31 || !set_.rows.features({&cells.tables, bucket, k, width_, z, spike})) settle_each(v, bucket, z, spike);
    if (int16_t* out = feature(slots.repeat[v]))
        for (size_t i = 0; i < width_; i++) out[i] = static_cast<int16_t>(k[i] == before_[v][i] ? 8192 : 0);
    for (const FeatureSlots::Raw& raw : slots.raw) {
        if (raw.variable != v) continue;
        int16_t* out = features_[raw.slot];
        for (size_t i = 0; i < width_; i++) out[i] = raw_latent(k[i], raw.shift);
    }
}

}  // namespace baler
