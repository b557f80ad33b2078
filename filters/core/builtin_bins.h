// Encoder only: which bins a column gets, and which bin a residual falls into.
#pragma once

#include "builtin.h"

namespace baler::builtin {

// n log2 n
double n_log_n(uint64_t n);

struct BinSample {
    std::vector<int64_t> r;        // residuals of some rows, any order
    std::vector<uint8_t> context;  // of the same rows, < 16; empty: one context
    double rows_each = 1;          // rows of the chunk that each of them stands for
};

// Dyadic bins over [origin, origin + 2^bits) that code the sample in the fewest bits and cover everything; at most
// `most` of them hold something.
std::vector<Bin> choose_bins(const BinSample& sample, int64_t origin, int bits, size_t most, double* cost = nullptr);

// origin and bits for residuals in [low, high]
void choose_root(int64_t low, int64_t high, int64_t& origin, uint8_t& bits);

class BinSearch {
  public:
    BinSearch(const std::vector<Bin>& bins, int64_t origin, int bits);
    uint16_t operator()(int64_t r) const {
        const uint64_t x = static_cast<uint64_t>(r) - origin_;
        const auto cell = static_cast<size_t>(x >> shift_);
        uint32_t low = first_[cell], high = first_[cell + 1];
        while (low < high) {
            const uint32_t middle = (low + high + 1) >> 1;
            if (start_[middle] <= x) low = middle;
            else high = middle - 1;
        }
        return static_cast<uint16_t>(low);
    }

  private:
    uint64_t origin_;
    int shift_;
    std::vector<uint64_t> start_;
    std::vector<uint16_t> first_;  // the bin that holds the first value of each of up to 2^14 cells; and the last bin
};

}  // namespace baler::builtin
