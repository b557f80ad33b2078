// Encoder only: which bins a column gets, and which bin a residual falls into.
#pragma once

#include "builtin.h"

namespace baler::builtin {

// n log2 n: of n <= 2^16 in a table.
const float* n_log_n_table();
float n_log_n_of_many(uint64_t n);
inline float n_log_n(uint64_t n) { return n <= 65536 ? n_log_n_table()[n] : n_log_n_of_many(n); }

// Some rows' residuals less the origin, ascending, and where each came from (below 2^16).
struct SortedSample {
    std::vector<uint64_t> value;
    std::vector<uint16_t> from;
    // Of values below 2^bits.
    void assign(const std::vector<uint64_t>& values, const std::vector<uint16_t>& places, int bits);
};

struct BinSample {
    const SortedSample& sorted;
    const uint8_t* context = nullptr;  // by `from`, < 16; null: one context
    double rows_each = 1;              // rows of the chunk that each of them stands for
};

// Dyadic bins over [0, 2^bits) that code the sample in the fewest bits and cover everything; at most `most` of them
// hold something.
std::vector<Bin> choose_bins(const BinSample& sample, int bits, size_t most, double* cost = nullptr);

// origin and bits for residuals in [low, high]
void choose_root(int64_t low, int64_t high, int64_t& origin, uint8_t& bits);

class BinSearch {
  public:
    // For so many values.
    BinSearch(const std::vector<Bin>& bins, int bits, size_t values);
    uint16_t operator()(uint64_t x) const {
        const Cell& cell = cells_[cell_of_[static_cast<size_t>(x >> shift_)]];
        uint32_t bin = bins_[cell.first + static_cast<size_t>((x & inside_) >> cell.shift)];
        if (bin & kMany)
            for (bin &= ~kMany; bin + 1 < start_.size() && start_[bin + 1] <= x;) bin++;
        return static_cast<uint16_t>(bin);
    }

  private:
    // The values are cut into cells, cells of several bins once more; most parts are in one bin then.
    static constexpr uint32_t kMany = 0x8000;
    struct Cell {
        uint32_t first;  // of its parts
        int shift;
    };
    int shift_;
    uint64_t inside_;
    std::vector<uint64_t> start_;
    std::vector<uint16_t> cell_of_;
    std::vector<Cell> cells_;
    std::vector<uint16_t> bins_;  // of each part, kMany: and the bins behind it
};

}  // namespace baler::builtin
