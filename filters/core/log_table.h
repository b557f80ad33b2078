// Cells of a pointwise relative bound: an octave [2^e, 2^(e+1)) holds 2^p numbers (mantissas 0 ... 2^p - 1), and cells
// are runs of them whose centre is inside the bound of every member. All whole numbers. docs/format.md, "Log lattices".
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "column_kernels.h"

namespace baler {

struct Octave {
    int p = 0;
    uint64_t cells = 0;
    // Either a table: cell i is [start[i], start[i+1]), its value centre[i]; guess[] finds it ...
    std::vector<uint64_t> start, centre;
    std::vector<uint16_t> guess;
    int guess_shift = 0;
    // ... or 64 segments of 2^(p-6) mantissas with cells of one width each.
    uint64_t width[64] = {}, first[65] = {};
    double per_width[64] = {};               // 1 / width, to divide fast; the quotient is put right afterwards
    std::vector<uint8_t> segment_guess;      // the segment of cell (g << segment_shift), or one before it
    int segment_shift = 0;

    uint64_t cell(uint64_t mantissa, uint64_t* value) const {
        if (!start.empty()) {
            size_t i = guess[static_cast<size_t>(mantissa >> guess_shift)];
            while (start[i + 1] <= mantissa) i++;
            *value = centre[i];
            return i;
        }
        const auto s = static_cast<size_t>(mantissa >> (p - 6));
        const uint64_t a = mantissa & ((uint64_t(1) << (p - 6)) - 1);
        auto i = static_cast<uint64_t>(static_cast<double>(a) * per_width[s]);
        while (i * width[s] > a) i--;
        while ((i + 1) * width[s] <= a) i++;
        *value = centre_in_segment(s, i);
        return first[s] + i;
    }
    uint64_t centre_of(uint64_t cell) const {
        if (!start.empty()) return centre[static_cast<size_t>(cell)];
        const size_t s = segment(cell);
        return centre_in_segment(s, cell - first[s]);
    }
    uint64_t start_of(uint64_t cell) const {
        if (!start.empty()) return start[static_cast<size_t>(cell)];
        const size_t s = segment(cell);
        return (static_cast<uint64_t>(s) << (p - 6)) + (cell - first[s]) * width[s];
    }

  private:
    size_t segment(uint64_t cell) const {
        size_t s = segment_guess[static_cast<size_t>(cell >> segment_shift)];
        while (first[s + 1] <= cell) s++;
        return s;
    }
    uint64_t centre_in_segment(size_t s, uint64_t i) const {
        const uint64_t a = i * width[s], left = (uint64_t(1) << (p - 6)) - a;
        return (static_cast<uint64_t>(s) << (p - 6)) + a + ((left < width[s] ? left : width[s]) - 1) / 2;
    }
};

struct LogTable {
    LogTable() = default;
    LogTable(const LogTable&) = delete;  // narrow points into it
    LogTable& operator=(const LogTable&) = delete;
    LogCells narrow{};             // binary32 with a table of cells: the same for the kernels
    std::vector<uint32_t> narrow_start, narrow_centre, narrow_guess;

    bool whole = false;            // integers: octave e has p = e; floats: one octave serves all
    std::vector<Octave> octaves;
    std::vector<uint64_t> first;   // integers: cells below octave e
    double per_octave = 0;         // floats: 1 / cells of an octave
    uint64_t subnormals = 0;       // floats: magnitudes below the first octave that are cells of their own
};

// p: mantissa bits of the float dtype, or -1 for integers. Shared and cached.
std::shared_ptr<const LogTable> log_table(int p, double bound);

}  // namespace baler
