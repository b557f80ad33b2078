// Work on the rows of a slice in plain loops over plain arrays, compiled once per instruction set (row_kernels.inl):
// what the network says becomes intervals, symbols become buckets and buckets become features. Every kernel gives the
// same integers under every instruction set; floating point only tells a decoder where to look first.
#pragma once

#include <cstddef>
#include <cstdint>

namespace baler {

constexpr size_t kSliceRows = 512;  // most rows of a slice
constexpr size_t kGroup = 32;       // rows that decode at once: the lanes of a long stream

// What the network says of each row of a slice, as numbers that C(b) is made of. docs/format.md, section 8, "others".
struct Intervals {
    alignas(64) int32_t mean[kSliceRows];     // M
    alignas(64) int32_t inverse[kSliceRows];  // INV[s]
    alignas(64) int32_t reach[kSliceRows];    // |Zb - M| from which on F is 0 or 1: keeps products in 32 bits
    alignas(64) uint32_t base[kSliceRows];    // esc + PR
    alignas(64) uint32_t zero[kSliceRows];    // P0
    alignas(64) uint32_t rest[kSliceRows];
    uint32_t escape;
};

struct IntervalCall {
    const int32_t *mean, *scale, *spike, *repeat;  // outputs of the network; null where the variable has none
    const int32_t* hint;                           // Zh, or null
    const uint32_t* probability;                   // SIG
    const int32_t *inverse, *reach;                // INV and its reach, by s
    uint32_t escape;
    size_t rows;
    Intervals* out;
};

// A variable's distribution and buckets.
// Pairs of numbers that are looked up together, the first in the low half: kernels fetch both at once.
struct BucketTables {
    const uint32_t* shape;    // T and one more
    const int32_t* bound;     // Zb
    const int32_t* edge;      // Ze
    const uint64_t* shapes;   // T[i], T[i + 1]
    const uint64_t* unshapes; // about where F reaches 64 * i and 64 * (i + 1), as bits of floats
    const uint64_t* bounds;   // Zb[b], Zb[b + 1]
    const uint64_t* near;     // (Z - z_low) >> z_shift -> bucket near, Zb[bucket + 1] - z_low
    const uint32_t* start;    // first k of a bucket, its lower half
    const int32_t* bits;      // a bucket has 2^bits cells
    int64_t low, high;        // first and last k
    const uint32_t* by_cell;  // (k - low) >> cell_shift -> a bucket at most `steps` below; null: look for it otherwise
    int cell_shift, steps;
    int32_t z_low, z_high;    // Ze[0], Ze[n]
    int z_shift;
    uint32_t buckets;
    uint32_t spike_bucket;    // kNoBucket: none
};
constexpr uint32_t kNoBucket = UINT32_MAX;

// C(b) and C(b + 1) of one bucket a row.
struct CumulativeCall {
    const Intervals* in;
    const BucketTables* tables;
    const uint32_t* bucket;
    size_t rows;
    uint32_t *start, *end;
};

// Where a decoder stands in the stream; what it reads past `end` are zeros.
struct StreamState {
    uint32_t* state;
    const uint8_t* at;
    const uint8_t* end;
};

// Buckets of rows 0 ... rows; masked rows are left alone. Arrays of rows reach to the end of the last group.
struct DecodeCall {
    const Intervals* in;
    const BucketTables* tables;
    const uint8_t* masked;  // or null
    StreamState* stream;
    size_t rows;
    uint32_t* bucket;       // or one of those below
};
constexpr uint32_t kEscaped = UINT32_MAX, kRepeated = UINT32_MAX - 1, kMasked = UINT32_MAX - 2;

// z and spike features of rows by their buckets; wrong where k is outside of the cells.
struct FeatureCall {
    const BucketTables* tables;
    const uint32_t* bucket;
    const int64_t* k;
    size_t rows;
    int16_t *z, *spike;  // or null
};

// Buckets of k, clipped to the cells.
struct BucketCall {
    const BucketTables* tables;
    const int64_t* k;
    size_t rows;
    uint32_t* bucket;
};

// k of buckets, with plain bits for places inside; from bit `at` of the stream on, which has 8 bytes more than needed.
struct PlaceCall {
    const BucketTables* tables;
    const uint32_t* bucket;
    size_t rows;
    const uint8_t* stream;
    uint64_t at;
    int64_t* k;
};

// How rows are coded: their intervals as the entropy coder packs them, and whether plain bits follow (kBits) or an escape.
struct SymbolCall {
    const Intervals* in;
    const uint32_t *start, *end;        // of the bucket
    const int64_t *k, *before;          // before: of the row before, null where a variable cannot repeat
    int64_t low, high;                  // cells
    size_t rows;
    uint32_t* symbol;
    uint32_t* how;
};
enum : uint32_t { kBits, kRepeat, kEscape };

struct RowKernels {
    void (*intervals)(const IntervalCall&);
    void (*cumulative)(const CumulativeCall&);
    size_t (*decode)(const DecodeCall&);  // how many were decoded: near its end a stream is read with more care
    bool (*features)(const FeatureCall&);  // false: a k is outside
    bool (*symbols)(const SymbolCall&);    // false: a row needs an escape
    void (*buckets)(const BucketCall&);
    uint64_t (*places)(const PlaceCall&);  // bits taken
    // rANS of n symbols (a multiple of kGroup, as RansEncoder packs them), last first; words are put before `words`,
    // and up to kGroup elements before those may be written over. Returns the first word.
    uint16_t* (*encode)(uint32_t* states, const uint32_t* symbols, size_t n, uint16_t* words);
};

RowKernels row_kernels_portable();
#if defined(__x86_64__)
RowKernels row_kernels_avx2();
RowKernels row_kernels_avx512();
#endif

}  // namespace baler
