// Encoder only: what a column's integers are like.
#pragma once

#include "builtin_encoder.h"

namespace baler::builtin {

constexpr size_t kSampleRun = 256;  // neighbours that are in the sample together

inline int length_of(uint64_t v) {
    int b = 0;
    while (b < 64 && v >> b) b++;
    return b;
}

struct Range {
    int64_t low = INT64_MAX, high = INT64_MIN;
    uint64_t span() const { return static_cast<uint64_t>(high) - static_cast<uint64_t>(low); }
};

// Of the cells that are not masked.
Range range_of(const int64_t* v, const Column& c);

// The largest number that divides all distances from the base: the smallest value, or 0 when values are far apart.
uint64_t stride_of(const int64_t* v, const Column& c, const Range& range, int64_t& base);

// A column's values as whole multiples of 2^-scale, when they are; found on the sample, proved on all.
bool integers(const Work& work, const Column& c, int& scale, std::vector<int64_t>& v);

// All different values, ascending; false when there are more than `most`.
bool distinct_values(const int64_t* v, const Column& c, size_t most, std::vector<int64_t>& out);

}  // namespace baler::builtin
