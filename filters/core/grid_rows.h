// The inner loops of the decoder of grids over plain arrays, compiled once per instruction set (grid_rows.inl). What
// docs/format.md, section 12.4, sums over a cell's taps is split in two: taps whose cells are known long before, which
// many cells can add up at once, and the few just before the cell in its row. All sets give the same integers.
#pragma once

#include <cstddef>
#include <cstdint>

namespace baler {

constexpr size_t kGridTaps = 40;
constexpr size_t kGridBlock = 8;       // cells that are prepared together
constexpr size_t kGridNear = 13;       // taps whose distances and records count
constexpr size_t kGridRow = 6;         // how far back in its row a cell looks at most
constexpr size_t kGridSlack = 32;      // cells in front of the first and behind the last that may be looked at
constexpr int32_t kGridSmall = 1 << 21;  // |u| up to which these loops do; beyond, the rules are followed cell by cell

// A distribution of symbols: those of 0 ... n - 1 begin at start[], start[n] is 65536.
struct GridSymbols {
    uint8_t first[256];      // the symbol that holds slot 256 * i, or 255 when it is further
    uint32_t start[264];
    int32_t reach;           // symbol i < n - 1 is the number i - reach
    uint32_t n;              // the last one is the escape
};

// What a context means for a cell.
struct GridContext {
    const GridSymbols* tables;
    uint32_t phases;         // 7, or 0 when there is one table for all phases
    int32_t half;            // 128 to round the prediction
    int32_t shift;           // plain bits
};
constexpr size_t kGridContexts = 168;  // by 4 * (floor(log2 E) + 1) + E's three highest bits

// A weighted sum over taps. narrow: narrow_weight << shift is the weight, and no part of the sum exceeds 32 bits.
struct GridSum {
    size_t n;
    ptrdiff_t at[kGridTaps];
    int64_t weight[kGridTaps];
    int32_t narrow_weight[kGridTaps];
    int shift;
    bool narrow;
};

// A group's parameters at the distances that its taps have for some cells.
struct GridTaps {
    const GridContext* contexts;
    int fine;
    // taps not just before the cell
    GridSum weights, gains;
    size_t n_near, ends[3];                     // of the classes among near_at
    ptrdiff_t near_at[kGridNear];
    int64_t distance[3], record[3], constant;   // scales of the classes
    // scales of near_at in the even lanes, and of those behind them; lanes 13, 14, 15: of the cells 1, 2, 3 behind
    alignas(64) uint32_t even[16], odd[16];
    // by how far the cell is behind in the row, less 1
    int64_t row_weight[kGridRow], row_gain[kGridRow], row_distance[kGridRow], row_record[kGridRow];
    // every tap, for cells that are not coded
    size_t n_taps;
    ptrdiff_t at[kGridTaps];
};

// Cells that are prepared: sums over the taps that are known.
struct GridBlock {
    alignas(64) int32_t near[2 * kGridBlock][16];  // u * 256 of near_at
    alignas(64) int64_t weighted[2 * kGridBlock], missed[2 * kGridBlock], scaled[2 * kGridBlock];
    const GridTaps* taps[2 * kGridBlock];
};

struct GridCells {
    int32_t* u;
    uint16_t* r;
    int32_t* s;              // or null
    const uint8_t* of;       // not 0: not coded; or null
};

// Cells that are decoded one after the other, each looking at the ones just before.
struct GridStrand {
    GridBlock block;
    GridCells cells;         // at the first of the block
    size_t next, end;        // cells of the block
    size_t place;            // of the first of the block, in the chunk
    int64_t u, s, r;         // of the cell before the next
};

// Streams with room to read on behind their ends.
struct GridCoder {
    uint32_t state[32];
    uint32_t lane, lanes;
    const uint8_t* words;
    const uint8_t* bits;
    uint64_t bit;            // how many were read
    const uint8_t* words_end;
    uint64_t bits_end;
    bool damaged;            // what was read makes no sense

    bool overrun() const { return words > words_end || bit > bits_end; }
};

// A cell that a network is asked about, and what it says.
struct GridAsk {
    size_t place;
    int64_t P, expected;
    int context;
};

struct GridLimits {
    int64_t low, high;             // of P
    int64_t least;                 // of u
    uint64_t span;                 // from least to most
    int down;                      // of distances
    int64_t base_add, base_mask;   // what a record is measured from: (P + add) & mask
    void (*net)(void* self, GridAsk* asks, size_t n);  // or null
    void* self;
};

struct GridRowKernels {
    // Sums for kGridBlock cells from `cells` on, put from `lane` on; taps are given to `count` of them.
    void (*prepare)(const GridTaps&, const GridCells&, size_t lane, size_t count, GridBlock&);
    // Decodes `steps` cells of a, and of b unless it is null. Not more than either has.
    void (*run)(GridStrand* a, GridStrand* b, size_t steps, const GridLimits&, GridCoder&);
    // Cells that do not look at each other.
    void (*row)(const GridTaps&, GridCells, size_t stride, size_t count, const GridLimits&, GridCoder&);
    // The u of one cell whose prediction is P.
    int64_t (*cell)(const GridContext&, int64_t P, int fine, const GridLimits&, GridCoder&);
};

GridRowKernels grid_rows_portable();
#if defined(__x86_64__)
GridRowKernels grid_rows_avx2();
GridRowKernels grid_rows_avx512();
#endif

}  // namespace baler
