#include "cells.h"

#include <algorithm>

#include "integer_power.h"
#include "scalar.h"

namespace baler {

namespace {

uint64_t pair(uint32_t first, uint32_t second) { return first | static_cast<uint64_t>(second) << 32; }

// Lattices reach to the ends of int64, so positions are counted in 128 bits.
class Buckets {
  public:
    Buckets(const Variable& variable, Cells& cells) : variable_(variable), cells_(cells) {}

    void build() {
        const Lattice& lattice = cells_.lattice;
        const int64_t a = lattice.index(variable_.lo), b = lattice.index(variable_.hi);
        cells_.low = a > lattice.lowest() ? a - 1 : a;
        cells_.high = b < lattice.highest() ? b + 1 : b;
        cells_.has_spike = variable_.spike;
        cells_.spike = variable_.spike ? lattice.index(variable_.spike_value) : 0;
        const int128 end = static_cast<int128>(cells_.high) + 1;
        const int32_t widest = 1 << (14 - variable_.fineness);
        int128 p = cells_.low;
        int32_t z = edge(p);
        int bits = 0;
        while (p < end) {
            if (cells_.bits.size() >= kMaxBuckets)
                fail(BALER_ERR_MODEL_INVALID, "model is invalid with this bound and dtype: a column has more than %u buckets",
                     kMaxBuckets);
            int32_t z_end;
            if (cells_.has_spike && p == cells_.spike) {
                cells_.spike_bucket = static_cast<uint32_t>(cells_.bits.size());
                bits = 0;
                z_end = edge(p + 1);
            } else {
                const int128 limit = cells_.has_spike && p < cells_.spike && cells_.spike < end ? cells_.spike : end;
                auto fits = [&](int n) {
                    return n == 0 || (p + (static_cast<int128>(1) << n) <= limit &&
                                      edge(p + (static_cast<int128>(1) << n)) - z <= widest);
                };
                // what fits is an unbroken range from 0: look for its end from where the last one was
                while (!fits(bits)) bits--;
                while (bits < 62 && fits(bits + 1)) bits++;
                z_end = edge(p + (static_cast<int128>(1) << bits));
            }
            cells_.start.push_back(static_cast<int64_t>(p));
            cells_.bits.push_back(static_cast<uint8_t>(bits));
            cells_.edge.push_back(z);
            p += static_cast<int128>(1) << bits;
            z = z_end;
        }
        cells_.n = static_cast<uint32_t>(cells_.bits.size());
        cells_.start.push_back(static_cast<int64_t>(static_cast<uint64_t>(p)));  // may wrap; not compared with then
        cells_.edge.push_back(z);
        cells_.bound = cells_.edge;
        cells_.bound.front() = -(1 << 30);
        cells_.bound.back() = 1 << 30;
    }

    // Tables that find a bucket by k and by Z; `room`: entries this variable may use beyond those its buckets pay for
    void index(size_t room) {
        const size_t limit = std::max<size_t>(room, size_t(8) * cells_.n);
        const uint64_t span = static_cast<uint64_t>(cells_.high) - static_cast<uint64_t>(cells_.low);
        while ((span >> cells_.cell_shift) >= limit) cells_.cell_shift++;
        cells_.by_cell.resize(static_cast<size_t>(span >> cells_.cell_shift) + 1);
        uint32_t b = 0;
        for (size_t i = 0; i < cells_.by_cell.size(); i++) {
            const uint64_t at = static_cast<uint64_t>(i) << cells_.cell_shift;
            while (b + 1 < cells_.n && static_cast<uint64_t>(cells_.start[b + 1]) - static_cast<uint64_t>(cells_.low) <= at) b++;
            cells_.by_cell[i] = static_cast<uint16_t>(b);
        }
        const auto z_span = static_cast<uint32_t>(cells_.edge.back() - cells_.edge.front());
        while ((z_span >> cells_.z_shift) >= std::max<uint32_t>(256, 4 * cells_.n)) cells_.z_shift++;
        cells_.near.resize((z_span >> cells_.z_shift) + 1);
        b = 0;
        for (size_t i = 0; i < cells_.near.size(); i++) {
            const int32_t at = cells_.edge.front() + static_cast<int32_t>(i << cells_.z_shift);
            while (b + 1 < cells_.n && cells_.edge[b + 1] <= at) b++;
            cells_.near[i] = pair(b, static_cast<uint32_t>(cells_.bound[b + 1] - cells_.edge.front()));
        }
        cells_.most_bits = *std::max_element(cells_.bits.begin(), cells_.bits.end());
        int steps = 0;  // from the bucket of a stretch of cells to those of its last cells
        for (size_t i = 0; i < cells_.by_cell.size(); i++)
            steps = std::max(steps, (i + 1 < cells_.by_cell.size() ? int(cells_.by_cell[i + 1]) : int(cells_.n) - 1) - cells_.by_cell[i]);
        if (cells_.cell_shift == 0) steps = 0;
        if (span < uint64_t(1) << 31 && steps <= 3) cells_.cell_wide.assign(cells_.by_cell.begin(), cells_.by_cell.end());
        cells_.bits_wide.assign(cells_.bits.begin(), cells_.bits.end());
        for (int64_t k : cells_.start) cells_.start_low.push_back(static_cast<uint32_t>(k));
        for (size_t i = 0; i + 1 < variable_.shape.size(); i++) cells_.shapes.push_back(pair(variable_.shape[i], variable_.shape[i + 1]));
        for (size_t i = 0; i + 1 < variable_.unshape.size(); i++)
            cells_.unshapes.push_back(pair(bits_of(variable_.unshape[i]), bits_of(variable_.unshape[i + 1])));
        for (size_t i = 0; i < cells_.n; i++)
            cells_.bounds.push_back(pair(static_cast<uint32_t>(cells_.bound[i]), static_cast<uint32_t>(cells_.bound[i + 1])));
        cells_.tables = {variable_.shape.data(), cells_.bound.data(), cells_.edge.data(), cells_.shapes.data(),
                         cells_.unshapes.data(), cells_.bounds.data(), cells_.near.data(),
                         cells_.start_low.data(), cells_.bits_wide.data(), cells_.low, cells_.high, cells_.cell_wide.empty() ? nullptr : cells_.cell_wide.data(), cells_.cell_shift, steps,
                            cells_.edge.front(),     cells_.edge.back(),  cells_.z_shift,
                         cells_.n,               cells_.spike_bucket};
    }

  private:
    int32_t edge(int128 k) const {
        const Lattice& lattice = cells_.lattice;
        // the end behind an int64 lattice has no index of its own
        if (k > lattice.highest() && lattice.highest() == INT64_MAX) return variable_.warp.fixed(lattice.value(INT64_MAX));
        return variable_.warp.fixed(lattice.edge(static_cast<int64_t>(k)));
    }
    const Variable& variable_;
    Cells& cells_;
};

int32_t width_feature(const Variable& variable, const Lattice& lattice) {
    const int64_t a = lattice.index(variable.warp.inverse(-1.0)), b = lattice.index(variable.warp.inverse(1.0));
    const uint64_t n = b > a ? static_cast<uint64_t>(b) - static_cast<uint64_t>(a) : 1;
    const int e = 63 - __builtin_clzll(n);
    const auto mantissa = static_cast<int32_t>(e >= 8 ? n >> (e - 8) : n << (8 - e));
    return std::clamp(4 * (256 * e + mantissa - 256 - 2048), -16384, 16384);
}

Prepared::Coder plan_coder(const Net& net, size_t variables) {
    Prepared::Coder coder;
    coder.slots = FeatureSlots(variables);
    coder.net = NetPlan(net, [](const NetInput&, int32_t*) { return false; },
                        [&](const NetInput& input) { return coder.slots.of(input); });
    return coder;
}

std::shared_ptr<const Prepared> build(const Model& model, DType dtype, bool latents_only) {
    const TableModel& table = *model.table;
    const size_t n = table.variables.size();
    auto made = std::make_shared<Prepared>();
    made->cells.resize(n);
    made->nets.resize(n);
    made->slots = FeatureSlots(n);
    made->value_needed.resize(n);
    made->before_needed.resize(n);
    std::vector<int32_t> widths(n);
    size_t total = 0;
    for (size_t v = latents_only ? table.columns : 0; v < n; v++) {
        const Variable& variable = table.variables[v];
        Cells& cells = made->cells[v];
        cells.lattice = v < table.columns ? model.lattice(dtype, v) : Lattice(DType{'f', 8}, Bound{}, 1.0, 0.0);
        if (variable.derived) continue;
        Buckets buckets(variable, cells);
        buckets.build();
        total += cells.n;
        if (total > kMaxModelBuckets)
            fail(BALER_ERR_MODEL_INVALID, "model is invalid with this bound and dtype: it has more than %u buckets",
                 kMaxModelBuckets);
        buckets.index((size_t(1) << 21) / n);
        widths[v] = width_feature(variable, cells.lattice);
    }
    for (uint16_t v : table.order) {
        if (table.variables[v].derived || (latents_only && v < table.columns)) continue;
        auto constant = [&](const NetInput& input, int32_t* value) {
            if (input.type != InputType::width) return false;
            *value = widths[input.variable];
            return true;
        };
        made->nets[v] = NetPlan(table.nets[v], constant, [&](const NetInput& input) { return made->slots.of(input); });
        made->scratch = std::max(made->scratch, made->nets[v].scratch());
    }
    if (latents_only) {
        if (table.latents) {
            made->encoder = plan_coder(table.encoder, n);
            made->decoder = plan_coder(table.decoder, n);
        }
        return made;
    }
    for (size_t v = 0; v < n; v++) {
        for (const auto& term : table.relations[v].terms) made->value_needed[term.column] = 1;
        for (const auto& step : table.hints[v].steps()) {
            if (step.op == HintProgram::column) made->value_needed[step.column] = 1;
            if (step.op == HintProgram::before) made->value_needed[step.column] = made->before_needed[step.column] = 1;
        }
    }
    return made;
}

}  // namespace

uint32_t FeatureSlots::of(const NetInput& input) {
    uint32_t* slot = &hint;
    switch (input.type) {
        case InputType::z: slot = &z[input.variable]; break;
        case InputType::spike: slot = &spike[input.variable]; break;
        case InputType::repeat: slot = &repeat[input.variable]; break;
        case InputType::before:
            slot = &before[input.variable];
            if (z[input.variable] == none) z[input.variable] = count++;  // they change places from slice to slice
            break;
        case InputType::latent:
            for (const Raw& r : raw)
                if (r.variable == input.variable && r.shift == input.shift) return r.slot;
            raw.push_back({count, input.variable, input.shift});
            return count++;
        default: break;
    }
    if (*slot == none) *slot = count++;
    return *slot;
}

std::shared_ptr<const Prepared> prepare(const Model& model, DType dtype, bool latents_only) {
    const TableModel& table = *model.table;
    const uint32_t key = latents_only ? 0 : static_cast<uint32_t>(dtype.kind) << 8 | dtype.size;
    std::lock_guard<std::mutex> lock(table.prepared_mutex);
    const auto found = table.prepared.find(key);
    if (found != table.prepared.end()) return found->second;
    auto made = build(model, dtype, latents_only);
    // nobody reads one data set in many dtypes at once, and a model made to hurt could fill the memory
    if (table.prepared.size() >= 2) table.prepared.erase(table.prepared.begin());
    table.prepared.emplace(key, made);
    return made;
}

}  // namespace baler
