// Indices that are frequent and lie apart from all others: fill values, padding, beam stops. For the writer alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace baler::grid {

constexpr size_t kMostSpecial = 32;

struct Value {
    int64_t k;
    uint64_t count;
    bool special;
};

// a - b for a >= b, also where int64 would overflow
inline double distance(int64_t a, int64_t b) {
    return static_cast<double>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}

// Distinct indices of some cells, one from each of many stretches, and the outermost ones, ascending. *seen: how many
// cells those were.
// of: cells that are not 0 there are left out; empty: none.
std::vector<Value> sample(const std::vector<int64_t>& k, const std::vector<uint8_t>& of, size_t* seen);

// Ascending.
std::vector<int64_t> values_apart(const std::vector<int64_t>& k, const std::vector<uint8_t>& of);

}  // namespace baler::grid
