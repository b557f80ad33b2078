// What of a model depends on dtype and bound: lattices, buckets of cells, widths, networks with the widths folded in.
// Built once per (model, dtype) and shared by all threads. docs/format.md, section 7.3.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "lattice.h"
#include "model.h"
#include "network.h"
#include "row_kernels.h"

namespace baler {

constexpr uint32_t kMaxBuckets = 65536, kMaxModelBuckets = 1u << 20;

// The cells of one variable, grouped into buckets.
struct Cells {
    Lattice lattice;
    int64_t low = 0, high = 0;         // k0, k1
    int64_t spike = 0;                 // ks
    bool has_spike = false;
    uint32_t n = 0;                    // buckets
    uint32_t spike_bucket = kNoBucket;
    std::vector<int64_t> start;        // first k of each bucket; one more: behind the last
    std::vector<uint8_t> bits;         // a bucket has 2^bits cells
    std::vector<uint32_t> start_low;   // the lower half of start
    std::vector<int32_t> bits_wide;    // bits again
    std::vector<int32_t> edge;         // Ze, n + 1
    std::vector<int32_t> bound;        // Zb, n + 1: open at both ends
    std::vector<uint16_t> by_cell;     // (k - low) >> cell_shift -> bucket of the first such k
    std::vector<uint32_t> cell_wide;   // by_cell again, where the kernels can use it
    std::vector<uint64_t> shapes, unshapes, bounds, near;  // what is looked up in pairs
    int cell_shift = 0, z_shift = 0;
    uint8_t most_bits = 0;
    BucketTables tables{};             // the same for the kernels; points into this and the model

    bool inside(int64_t k) const { return low <= k && k <= high; }
    // k inside
    uint32_t bucket_of(int64_t k) const {
        const size_t i = static_cast<size_t>((static_cast<uint64_t>(k) - static_cast<uint64_t>(low)) >> cell_shift);
        uint32_t b = by_cell[i];
        if (cell_shift == 0) return b;
        for (uint32_t e = i + 1 < by_cell.size() ? by_cell[i + 1] + 1u : n; e - b > 1;) {
            const uint32_t m = (b + e) / 2;
            if (start[m] <= k) b = m;
            else e = m;
        }
        return b;
    }
};

// Arrays of features that some network of the model reads: `hint` stands for every variable's own.
struct FeatureSlots {
    static constexpr uint32_t none = UINT32_MAX;
    std::vector<uint32_t> z, spike, repeat, before;  // by variable; before: z in the row before
    struct Raw {
        uint32_t slot;
        uint16_t variable;
        uint8_t shift;
    };
    std::vector<Raw> raw;
    uint32_t hint = none;
    uint32_t count = 0;
    uint32_t of(const NetInput& input);  // adds what is not there yet
    explicit FeatureSlots(size_t variables = 0)
        : z(variables, none), spike(variables, none), repeat(variables, none), before(variables, none) {}
};

// Feature of a raw latent: k * 2^shift in int16.
inline int16_t raw_latent(int64_t k, int shift) {
    const int64_t v = std::min<int64_t>(std::max<int64_t>(k, -32767), 32767) * (int64_t(1) << shift);
    return static_cast<int16_t>(std::min<int64_t>(std::max<int64_t>(v, -32767), 32767));
}

struct Prepared {
    std::vector<Cells> cells;      // by variable; derived ones have a lattice only
    std::vector<NetPlan> nets;     // by variable
    FeatureSlots slots;
    std::vector<uint8_t> value_needed;   // by variable: a hint or a relation reads value(k)
    std::vector<uint8_t> before_needed;  // ... or value(k) in the row before
    size_t scratch = 0;                  // of the nets, the most
    struct Coder {
        NetPlan net;
        FeatureSlots slots;
    };
    Coder encoder, decoder;  // of the latents; only where latents_only was asked for
};

// Of all variables, or (latents_only) of the latents, which know no dtype.
std::shared_ptr<const Prepared> prepare(const Model& model, DType dtype, bool latents_only);

}  // namespace baler
