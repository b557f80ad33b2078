// What the table coder does to many rows at once: ranges of columns, contexts of rows, symbols of 32 lanes.
// Plain pointers; every instruction set gives the same integers.
#pragma once

#include <cstddef>
#include <cstdint>

namespace baler {

constexpr size_t kScoreValues = 32;  // groups that a context's numbers are told by
constexpr size_t kTokenLanes = 32;

// Groups of rows by a sum over inputs of the input's value for its group there.
struct ScoreCall {
    const uint8_t* const* groups;               // of each input, by row, below kScoreValues
    const int16_t* values;                      // kScoreValues of each input; no sum of them leaves 16 bits
    size_t inputs;
    const int16_t* thresholds;                  // ascending
    size_t n_thresholds;
    size_t rows;
    uint8_t* out;                               // number of thresholds <= the sum
};

// Symbols of whole rounds of 32 lanes.
struct TokenCall {
    uint32_t* state;
    const uint8_t* at;        // 2 * kTokenLanes bytes for each round and 16 more can be read
    const uint8_t* table;     // of each row
    const uint8_t* slots;     // token by table << 12 | upper 12 bits of the slot; 3 bytes more can be read
    const uint32_t* packed;   // start | (freq - 1) << 16 by table << 8 | token
    size_t rounds;
    uint8_t* token;
};

struct TableKernels {
    void (*scores)(const ScoreCall& call);
    const uint8_t* (*tokens)(const TokenCall& call);  // where the stream is read on
    void (*range)(const int64_t* v, size_t n, int64_t* low, int64_t* high);  // n > 0
    int32_t (*dot)(const int16_t* a, const int16_t* b, size_t n);  // fits 31 bits
};

TableKernels table_kernels_portable();
#if defined(__x86_64__)
TableKernels table_kernels_avx2();
TableKernels table_kernels_avx512();
#endif

}  // namespace baler
