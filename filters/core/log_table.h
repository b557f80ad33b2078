// Cells of a pointwise relative bound: an octave [2^e, 2^(e+1)) holds 2^p numbers (mantissas 0 ... 2^p - 1), and cells
// are runs of them whose centre is inside the bound of every member. All whole numbers. docs/format.md, "Log lattices".
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace baler {

struct Octave {
    int p = 0;
    uint64_t cells = 0;
    // Either a table: cell i is [start[i], start[i+1]), its value centre[i]; guess[] finds it ...
    std::vector<uint64_t> start, centre;
    std::vector<uint16_t> guess;
    int guess_shift = 0;
    // ... or 64 segments of 2^(p-6) mantissas with cells of one width each (a single cell width of 1 when p < 6).
    uint64_t width[64] = {}, first[65] = {};

    uint64_t cell(uint64_t mantissa) const;
    uint64_t centre_of(uint64_t cell) const;
    uint64_t start_of(uint64_t cell) const;
};

struct LogTable {
    bool whole = false;            // integers: octave e has p = e; floats: one octave serves all
    std::vector<Octave> octaves;
    std::vector<uint64_t> first;   // integers: cells below octave e
    uint64_t subnormals = 0;       // floats: magnitudes below the first octave that are cells of their own
};

// p: mantissa bits of the float dtype, or -1 for integers. Shared and cached.
std::shared_ptr<const LogTable> log_table(int p, double bound);

}  // namespace baler
