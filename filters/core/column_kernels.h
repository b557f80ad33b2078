// Whole columns between values and lattice indices in plain loops over plain arrays, compiled once per instruction set
// (column_kernels.inl): the near part of uniform float lattices and the table of log lattices. What these cannot do
// they say, and the rules of lattice_points.h do it. IEEE + - * / in double alone, so that every instruction set gives
// the same bits.
#pragma once

#include <cstddef>
#include <cstdint>

namespace baler {

// A uniform lattice: which values are near and in no mark's cell, as bits of doubles.
struct UniformRange {
    double step, bound;
    double below, above;   // |x| of negative, of other values stays under these
    int64_t low, high;     // k between these (exclusive) are near, unmarked and on the lattice
};

// The cells of an octave of binary32 on a log lattice.
struct LogCells {
    const uint32_t *start, *centre;  // by cell, one more start
    const uint32_t* guess;           // by mantissa >> shift: the cell or one at most `steps` below
    int shift, steps;
    int32_t cells;
    double per_octave;               // 1 / cells
};

// The far cells of a uniform lattice of binary32, octave by octave; the last one holds all cells of one float.
constexpr int kFarOctaves = 16;
struct FarCells {
    int octaves;                        // 0: the kernels cannot do them
    int32_t limit;                      // |k| below is near
    int32_t first[kFarOctaves];         // index of the first cell
    uint32_t begin[kFarOctaves], end[kFarOctaves], width[kFarOctaves];  // in magnitudes
};

struct ColumnKernels {
    // k[i], and in the top bit of bad[i] that it does not hold. Returns the union of bad[].
    uint64_t (*place_f4)(const UniformRange&, const float* x, size_t n, int64_t* k, uint64_t* bad);
    uint64_t (*place_f8)(const UniformRange&, const double* x, size_t n, int64_t* k, uint64_t* bad);
    uint64_t (*place_log)(const LogCells&, double bound, const float* x, size_t n, int64_t* k, uint64_t* bad);
    // Values of k; false: some k is outside, and what was written is of no use.
    bool (*restore_f4)(const UniformRange&, const int64_t* k, size_t n, float* x);
    bool (*restore_f8)(const UniformRange&, const int64_t* k, size_t n, double* x);
    // The same where some of them are far; for a double what a near k stands for before the cast to binary32.
    bool (*restore_far)(const UniformRange&, const FarCells&, const int64_t* k, size_t n, float* x);
    bool (*values_far)(const UniformRange&, const FarCells&, const int64_t* k, size_t n, double* x);
    bool (*restore_log)(const LogCells&, int64_t highest, const int64_t* k, size_t n, float* x);
    // Indices of any doubles; false as above.
    bool (*indices)(const UniformRange&, const double* x, size_t n, int64_t* k);
};

ColumnKernels column_kernels_portable();
#if defined(__x86_64__)
ColumnKernels column_kernels_avx2();
ColumnKernels column_kernels_avx512();
#endif

}  // namespace baler
