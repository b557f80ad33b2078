// Rows of a grid, many cells at once: what grid_cells.h says of one cell, and sums over samples for the fits. One set
// per instruction set; all give the same numbers. Plain pointers and numbers only, so that files for instruction sets
// need no library code.
#pragma once

#include <cstddef>
#include <cstdint>

namespace baler {

constexpr size_t kStrip = 256;     // cells a call at most
constexpr size_t kSampleBlock = 64;    // samples a block
constexpr size_t kSamplePartial = 16;  // partial sums of a product of columns
constexpr size_t kStripTaps = 40;

// Cells x[0], x[step], ... whose taps all lie at the same distances.
struct GridStrip {
    const ptrdiff_t* at;
    size_t taps, step, count;
};

struct GridFeatures {
    int32_t f[6][kStrip];  // f_0 ... f_5
};

// What depends on how large distances to predictions are: D is int32_t where all of them fit, else double.
template <class D>
struct GridOffKernels {
    void (*open)(const int32_t* u, const GridStrip& row, const double* P, D* d);  // d = 256 u - P
    void (*records)(const D* d, const GridStrip& row, uint16_t* r);
    // the same for what a closed loop makes of the truth; u is its result
    void (*closed)(const int32_t* truth, const GridStrip& row, const double* P, int fine, int fineness, int32_t* u, D* d,
                   uint16_t* r);
    // near, mid, wide: ends of the classes of taps; r: null for none
    void (*features)(const int32_t* u, const uint16_t* r, const GridStrip& row, const int ends[3], const D* d, int down,
                     GridFeatures& out);
};

struct GridStripKernels {
    // P = clip(base + floor(sum of weight * x + half) * scale): weights are whole numbers, all sums below 2^52, scale a
    // power of two from 2^-8 down; base: null for none
    void (*weigh)(const int32_t* x, const GridStrip& row, const double* weight, double scale, const double* base,
                  double low, double high, double* P);
    // sum of weight * x, all sums below 2^52
    void (*sums)(const int32_t* x, const GridStrip& row, const double* weight, double* sum);
    void (*misses)(const int32_t* u, const GridStrip& row, const double* P, int32_t* s);
    // back from misses that were not clipped
    void (*firsts)(const int32_t* u, const int32_t* s, const GridStrip& row, double* P);
    GridOffKernels<int32_t> narrow;
    GridOffKernels<double> wide;
    void (*contexts)(const GridFeatures& f, size_t count, const double* scale, uint8_t* context);
    // columns of kSampleBlock: sums[i * (i + 1) / 2 + j][kSamplePartial] += weight * column i * column j, j <= i
    void (*products)(const float* columns, size_t width, const float* weight, float* sums);
    // rest = column n - sum of x * columns 0 ... n - 1
    void (*rests)(const float* columns, size_t n, const float* x, float* rest);
};

GridStripKernels grid_strips_portable();
#if defined(__x86_64__)
GridStripKernels grid_strips_avx2();
GridStripKernels grid_strips_avx512();
#endif

}  // namespace baler
