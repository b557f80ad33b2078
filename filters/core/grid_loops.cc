// The loops of a grid's encoder over all cells: predictions, what they are off by, contexts.
#include <algorithm>
#include <cmath>

#include "grid_pieces.h"

namespace baler::grid {
namespace {

constexpr size_t kFewCells = 4;  // in a row: one by one

// All cells' values are there from the beginning.
constexpr auto at_once = [](uint32_t) { return false; };

// What was made of a strip, to where its cells are in the order of the scan.
template <class T>
void put_apart(const T* from, const Piece& piece, T* to) {
    to += piece.index;
    for (size_t i = 0; i < piece.count; i++) to[i * piece.apart] = from[i];
}

}  // namespace

// The first prediction of a row.
void Encoder::first_row(const Piece& piece, const GroupRules& g, double* P) const {
    const int32_t* u = u_ + piece.at;
    if (piece.taps && g.exact_weights && piece.count >= kFewCells) {
        kernels_.weigh(u, strip_of(piece), g.weight, 1.0 / 256, nullptr, g.low, g.high, P);
        return;
    }
    for (size_t i = 0; i < piece.count; i++, u += piece.step)
        P[i] = static_cast<double>(piece.taps ? g.rules.predict(u, piece.taps)
                                              : g.rules.alone(before(piece.at + i * piece.step)));
}

// P from the first prediction.
void Encoder::second_row(const Piece& piece, const GroupRules& g, double* P) const {
    if (!piece.taps || !g.rules.params->fed_back || s_.empty()) return;
    const int32_t* s = s_.data() + piece.at;
    if (g.exact_gains && piece.count >= kFewCells) {
        kernels_.weigh(s, strip_of(piece), g.gain, 1.0 / 65536, P, g.low, g.high, P);
        return;
    }
    for (size_t i = 0; i < piece.count; i++, s += piece.step)
        P[i] = static_cast<double>(g.rules.corrected(static_cast<int64_t>(P[i]), s, piece.taps));
}

void Encoder::run() {
    if (choice_.closed) narrow_ ? closed_run<int32_t>() : closed_run<double>();
    else narrow_ ? open_offs<int32_t>() : open_offs<double>();
}

// In the order of the scan.
void Encoder::find_runs() {
    runs_.clear();
    const auto add = [&](uint32_t group, size_t cells) {
        if (runs_.empty() || runs_.back().first != group) runs_.emplace_back(group, 0);
        runs_.back().second += static_cast<uint32_t>(cells);
    };
    if (choice_.sketch < 1) {
        for (const Piece& piece : chosen_) add(piece.group, piece.count);
        return;
    }
    walker_.planes([&](uint32_t g, const Pass&, size_t, const std::array<size_t, 4>&, size_t rows, size_t across) {
        add(g, rows * across);
    });
}

void Encoder::find_waits() {
    waits_.assign(order_.groups.size(), Waits::never);
    const auto mark = [&](size_t group, const std::array<size_t, 4>& stride) {
        for (const Tap& tap : order_.groups[group].taps) {
            const auto lands = [&](size_t axis) { return tap.at[axis] % static_cast<int32_t>(stride[axis]) == 0; };
            if (tap.at[0] || tap.at[1] || !lands(2) || !lands(3)) continue;
            waits_[group] = std::max(waits_[group], tap.at[2] ? Waits::for_rows : Waits::for_cells);
        }
    };
    for (const Pass& pass : order_.passes) mark(pass.group, pass.stride);
    if (order_.scan == Scan::raster)
        for (size_t g = 0; g < order_.groups.size(); g++) mark(g, {1, 1, 1, 1});
}

// What first predictions miss by, in an open loop.
void Encoder::find_misses() {
    double P[kStrip];
    strips(at_once, [&](const Piece& piece) {
        first_row(piece, rules_[piece.group], P);
        kernels_.misses(u_ + piece.at, strip_of(piece), P, s_.data() + piece.at);
        if (!of_) return;
        for (size_t i = 0, p = piece.at; i < piece.count; i++, p += piece.step)
            if (of_[p]) s_[p] = 0;
    });
}

template <class D>
void Encoder::open_offs() {
    D *d = offs<D>().data(), some[kStrip];
    double P[kStrip];
    strips(at_once, [&](const Piece& piece) {
        const GroupRules& g = rules_[piece.group];
        // misses that were not clipped tell the first predictions
        if (unclipped_ && !s_.empty()) kernels_.firsts(u_ + piece.at, s_.data() + piece.at, strip_of(piece), P);
        else first_row(piece, g, P);
        second_row(piece, g, P);
        const GridStrip row = strip_of(piece);
        D* to = piece.apart == 1 ? d + piece.index : some;
        off_kernels<D>().open(u_ + piece.at, row, P, to);
        if (!r_.empty()) off_kernels<D>().records(to, row, r_.data() + piece.at);
        if (to == some) put_apart(some, piece, d);
    });
    if (!of_ || r_.empty()) return;
    pieces([&](const Piece& piece) {
        for (size_t i = 0, p = piece.at; i < piece.count; i++, p += piece.step)
            if (of_[p]) r_[p] = rules_[piece.group].rules.fill_record(r_.data() + p, piece.taps);
    });
}

// What the decoder of a closed loop will see.
template <class D>
void Encoder::closed_run() {
    D *d = offs<D>().data(), some[kStrip];
    double first[kStrip], P[kStrip];
    const auto in_order = [&](uint32_t group) { return waits_[group] != Waits::never; };
    strips(in_order, [&](const Piece& piece) {
        const GroupRules& g = rules_[piece.group];
        D* to = piece.apart == 1 ? d + piece.index : some;
        if (!piece.taps || waits_[piece.group] == Waits::for_cells) {
            closed_serial(piece, g, to);
        } else {
            first_row(piece, g, first);
            std::copy_n(first, piece.count, P);
            second_row(piece, g, P);
            int32_t* u = own_.data() + piece.at;
            off_kernels<D>().closed(truth_.data() + piece.at, strip_of(piece), P, g.rules.fine, g.rules.fineness, u, to,
                                    r_.data() + piece.at);
            if (!s_.empty()) kernels_.misses(u, strip_of(piece), first, s_.data() + piece.at);
            for (size_t i = 0, p = piece.at; of_ && i < piece.count; i++, p += piece.step) {
                if (!of_[p]) continue;
                own_[p] = g.rules.fill(&own_[p], piece.taps, before(p));
                r_[p] = g.rules.fill_record(r_.data() + p, piece.taps);
                if (!s_.empty()) s_[p] = 0;
            }
        }
        if (to == some) put_apart(some, piece, d);
    });
}

// Taps of a row of cells of which each needs the ones before it: what those outside the row add up to is found for all of
// them at once, the others are left for each cell.
struct Encoder::RowTaps {
    bool split;
    size_t n = 0;  // inside the row
    ptrdiff_t at[kMaxTaps];
    int64_t weight[kMaxTaps], gain[kMaxTaps];
    double weighed[kStrip], gained[kStrip];

    RowTaps(const GridStripKernels& kernels, const GridStrip& row, const GroupRules& g, const int32_t* u,
            const int32_t* s)
        : split(row.at && row.count >= kFewCells && g.exact_weights && g.exact_gains) {
        if (!split) return;
        double outer_weight[kMaxTaps], outer_gain[kMaxTaps];
        const auto step = static_cast<ptrdiff_t>(row.step), count = static_cast<ptrdiff_t>(row.count);
        for (size_t i = 0; i < row.taps; i++) {
            outer_weight[i] = g.weight[i];
            outer_gain[i] = g.gain[i];
            const ptrdiff_t back = -row.at[i];
            if (back <= 0 || back % step || back / step >= count) continue;
            at[n] = row.at[i];
            weight[n] = static_cast<int64_t>(g.weight[i]);
            gain[n++] = static_cast<int64_t>(g.gain[i]);
            outer_weight[i] = outer_gain[i] = 0;
        }
        kernels.sums(u, row, outer_weight, weighed);
        if (s) kernels.sums(s, row, outer_gain, gained);
    }
    int64_t first(size_t i, const int32_t* u) const {
        auto sum = static_cast<int64_t>(weighed[i]);
        for (size_t t = 0; t < n; t++) sum += weight[t] * u[at[t]];
        return (sum + 128) >> 8;
    }
    int64_t correction(size_t i, const int32_t* s) const {
        auto sum = static_cast<int64_t>(gained[i]);
        for (size_t t = 0; t < n; t++) sum += gain[t] * s[at[t]];
        return (sum + (1 << 15)) >> 16;
    }
};

// Cell by cell, where each needs the one before it.
template <class D>
void Encoder::closed_serial(const Piece& piece, const GroupRules& g, D* d) {
    const Rules& rules = g.rules;
    const bool fed_back = rules.params->fed_back && !s_.empty();
    const RowTaps taps(kernels_, strip_of(piece), g, own_.data() + piece.at, fed_back ? s_.data() + piece.at : nullptr);
    for (size_t i = 0, p = piece.at; i < piece.count; i++, p += piece.step) {
        int32_t* u = own_.data() + p;
        if (of_ && of_[p]) {
            *u = rules.fill(u, piece.taps, before(p));
            r_[p] = rules.fill_record(r_.data() + p, piece.taps);
            if (!s_.empty()) s_[p] = 0;
            continue;
        }
        int32_t* s = s_.empty() ? nullptr : s_.data() + p;
        int64_t first, P;
        if (taps.split) {
            first = rules.clip(taps.first(i, u));
            P = fed_back ? rules.clip(first + taps.correction(i, s)) : first;
        } else {
            first = piece.taps ? rules.predict(u, piece.taps) : rules.alone(before(p));
            P = piece.taps ? rules.corrected(first, s, piece.taps) : first;
        }
        const int64_t rounded = (P + 128) >> 8;
        const int64_t n = (truth_[p] - rounded + (int64_t(1) << (rules.fine - 1))) >> rules.fine;
        *u = static_cast<int32_t>(rounded + n * (int64_t(1) << rules.fine));
        r_[p] = rules.closed_record(*u - rounded);
        d[i] = static_cast<D>(static_cast<int64_t>(*u) * 256 - P);
        if (s) *s = Rules::miss(*u, first);
    }
}

template <class D>
void Encoder::feature_row(const Piece& piece, const GroupRules& g, const D* d, GridFeatures& f) const {
    const uint16_t* r = r_.empty() ? nullptr : r_.data() + piece.at;
    const int32_t* u = u_ + piece.at;
    if (piece.taps && (!r || piece.count >= kFewCells)) {
        off_kernels<D>().features(u, r, strip_of(piece), g.ends, d, g.rules.down, f);
        return;
    }
    for (size_t i = 0; i < piece.count; i++, u += piece.step) {
        int64_t one[kScaleTerms];
        const int64_t P = static_cast<int64_t>(*u) * 256 - static_cast<int64_t>(d[i]);
        if (piece.taps) g.rules.features(u, r + i * piece.step, piece.taps, P, one);
        else g.rules.features_alone(before(piece.at + i * piece.step), P, one);
        for (int j = 0; j < 6; j++) f.f[j][i] = static_cast<int32_t>(one[j]);
    }
}

void Encoder::find_contexts() {
    context_.resize(looked_at_);
    if (narrow_) contexts_as<int32_t>();
    else contexts_as<double>();
}

template <class D>
void Encoder::contexts_as() {
    D *d = offs<D>().data(), some[kStrip];
    uint8_t some_contexts[kStrip];
    GridFeatures f;
    if (!net_) {
        strips(at_once, [&](const Piece& piece) {
            const GroupRules& g = rules_[piece.group];
            const bool together = piece.apart == 1;
            uint8_t* context = together ? context_.data() + piece.index : some_contexts;
            for (size_t i = 0; !together && i < piece.count; i++) some[i] = d[piece.index + i * piece.apart];
            feature_row(piece, g, together ? d + piece.index : some, f);
            kernels_.contexts(f, piece.count, g.scale, context);
            for (size_t i = 0, p = piece.at; of_ && i < piece.count; i++, p += piece.step)
                if (of_[p]) context[i] = kNotCoded;
            if (!together) put_apart(some_contexts, piece, context_.data());
        });
        return;
    }
    pieces([&](const Piece& piece) {
        const GroupRules& g = rules_[piece.group];
        uint8_t* context = context_.data() + piece.index;
        feature_row(piece, g, d + piece.index, f);
        for (size_t i = 0, p = piece.at; i < piece.count; i++, p += piece.step) {
            if (of_ && of_[p]) {
                context[i] = kNotCoded;
                continue;
            }
            const int64_t one[kScaleTerms] = {f.f[0][i], f.f[1][i], f.f[2][i], f.f[3][i], f.f[4][i], f.f[5][i], 1};
            const int64_t value = static_cast<int64_t>(u_[p]) * 256;
            const auto [P, c] = net_->guess(p, value - static_cast<int64_t>(d[piece.index + i]), g.rules.expected(one));
            d[piece.index + i] = static_cast<D>(value - P);
            context[i] = static_cast<uint8_t>(c);
        }
    });
}

template void Encoder::open_offs<int32_t>();
template void Encoder::open_offs<double>();
template void Encoder::feature_row(const Piece&, const GroupRules&, const int32_t*, GridFeatures&) const;
template void Encoder::feature_row(const Piece&, const GroupRules&, const double*, GridFeatures&) const;

}  // namespace baler::grid
