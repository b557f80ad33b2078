// Exact lattices, many values at once: a value's rank among all of its dtype, and back. Plain loops without branches,
// which compilers turn into vectors; the rules are those of Points.
#pragma once

#include <algorithm>

#include "scalar.h"

namespace baler::ordinal {

// k of each x; off[i] is 1 for what is not on the lattice (NaN, Inf, -0; integers from 2^63 on), whose k means nothing.
// Returns whether there is any.
template <class T>
bool ranks(const T* x, size_t n, int64_t* k, uint8_t* off) {
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++) {
        if constexpr (is_float<T>) {
            const uint64_t b = bits_of(x[i]), m = b & ~kSignBit<T>;
            const auto j = static_cast<int64_t>(m);
            k[i] = b & kSignBit<T> ? -j : j;
            off[i] = static_cast<uint8_t>((m >= kInfinity<T>) | (b == kSignBit<T>));
        } else {
            k[i] = static_cast<int64_t>(x[i]);
            off[i] = std::is_same<T, uint64_t>::value && k[i] < 0;
        }
        any |= off[i];
    }
    return any != 0;
}

// The values of ranks, which are clipped to what exists.
template <class T>
void values(const int64_t* k, size_t n, int64_t lowest, int64_t highest, T* x) {
    for (size_t i = 0; i < n; i++) {
        const int64_t j = std::max(lowest, std::min(highest, k[i]));
        if constexpr (is_float<T>) x[i] = from_bits<T>(static_cast<uint64_t>(j < 0 ? -j : j) | (j < 0 ? kSignBit<T> : 0));
        else x[i] = static_cast<T>(j);
    }
}

}  // namespace baler::ordinal
