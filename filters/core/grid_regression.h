// Samples of cells and their neighbours, and least squares over them. For the writer alone.
#pragma once

#include <vector>

#include "grid_strips.h"

namespace baler::grid {

// Samples in blocks, column behind column in a block; the last column is what the others are to explain.
struct Columns {
    size_t width = 0;  // with the last
    size_t count = 0;
    std::vector<float> data;

    size_t blocks() const { return (count + kSampleBlock - 1) / kSampleBlock; }
    const float* block(size_t b) const { return data.data() + b * width * kSampleBlock; }
    float at(size_t sample, size_t column) const {
        return block(sample / kSampleBlock)[column * kSampleBlock + sample % kSampleBlock];
    }
    // Room for `n` more, in calls of put(first of them, how many, their column 0, its samples; columns lie kSampleBlock
    // apart).
    template <class Put>
    void add(size_t n, Put&& put) {
        for (size_t done = 0; done < n;) {
            const size_t in_block = count % kSampleBlock, room = kSampleBlock - in_block;
            const size_t some = n - done < room ? n - done : room;
            if (in_block == 0) data.resize(data.size() + width * kSampleBlock);
            put(done, some, data.data() + (count / kSampleBlock * width) * kSampleBlock + in_block);
            count += some;
            done += some;
        }
    }
};

// Weighted sums of products of columns.
class Products {
  public:
    explicit Products(size_t width)
        : width_(width), part_(width * (width + 1) / 2 * kSamplePartial), sum_(width * (width + 1) / 2) {}
    void add(const GridStripKernels& kernels, const float* block, const float* weight);
    double of(size_t i, size_t j);  // j <= i

  private:
    void collect();
    size_t width_, blocks_ = 0;
    std::vector<float> part_;
    std::vector<double> sum_;
};

// Robust weighted least squares: cells of little activity count more, as their bits depend on the last digit. unit: a
// step of the lattice.
std::vector<double> regression(const GridStripKernels& kernels, const Columns& s, const std::vector<double>& defaults,
                               double unit, int rounds);

// Fractional bits of the weights: rounding noise against what the digits cost.
int precision_for(const Columns& s, const std::vector<double>& x, double unit, double cells);

// Bits that weights x save against others in so many cells.
double saved_bits(const GridStripKernels& kernels, const Columns& s, const std::vector<double>& others,
                  const std::vector<double>& x, double unit, double cells);

// The same for what is no whole number of steps, down to the lattice's rounding.
double saved_fine_bits(const GridStripKernels& kernels, const Columns& s, const std::vector<double>& x, double unit,
                       double cells);

// Solves A x = b, A symmetric positive definite and full (n x n), in place; x in b. Directions without weight get 0.
void solve_symmetric(std::vector<double>& A, std::vector<double>& b, size_t n);

}  // namespace baler::grid
