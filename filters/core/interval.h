// The distribution of one variable over its buckets, given what the network says: integers from end to end.
// docs/format.md, section 8, "others".
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "cells.h"
#include "fixed_tables.h"

namespace baler {

constexpr size_t kSliceRows = 512;  // most rows of a slice

// What the network says of each row of a slice, as numbers that C(b) is made of.
struct Intervals {
    alignas(64) int32_t mean[kSliceRows];     // M
    alignas(64) int32_t inverse[kSliceRows];  // INV[s]
    alignas(64) uint32_t base[kSliceRows];    // esc + PR
    alignas(64) uint32_t zero[kSliceRows];    // P0
    alignas(64) uint32_t rest[kSliceRows];
    uint32_t escape;
};

// outputs: [2 + spike + repeat][stride]; hint: Zh or null
void make_intervals(const Variable& variable, const int32_t* outputs, size_t stride, const int32_t* hint, size_t rows,
                    Intervals& out);

// F of 7.2; `shape` has kShapeNodes + 1 entries
inline uint32_t shape_at(const uint32_t* shape, int64_t t) {
    const auto u = static_cast<uint32_t>(std::clamp<int64_t>(t + kShapeHalf, 0, 2 * kShapeHalf));
    const uint32_t* node = shape + (u >> 5);
    return node[0] + (((node[1] - node[0]) * (u & 31)) >> 5);
}

// rest * F at a bucket's lower edge, without the spike
inline uint32_t mass_below(const uint32_t* shape, int32_t bound, const Intervals& in, size_t row) {
    const int64_t t = (static_cast<int64_t>(bound - in.mean[row]) * in.inverse[row]) >> 16;
    return static_cast<uint32_t>((static_cast<uint64_t>(in.rest[row]) * shape_at(shape, t)) >> 16);
}

// C(b)
inline uint32_t cumulative(const Cells& cells, const uint32_t* shape, uint32_t b, const Intervals& in, size_t row) {
    const uint32_t spike = cells.has_spike && b > cells.spike_bucket ? in.zero[row] : 0;
    return in.base[row] + mass_below(shape, cells.bound[b], in, row) + spike;
}

}  // namespace baler
