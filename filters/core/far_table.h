// The far part of a uniform float lattice: where the dtype's own spacing u reaches a set fraction of the bound, cells
// become runs of 2 * floor(bound / u) + 1 whole floats (one float each where u > bound), so that the cast to the dtype
// can never push a value out of its bound. docs/format.md, "Uniform lattices".
#pragma once

#include <cstdint>
#include <vector>

#include "column_kernels.h"

namespace baler {

struct FarTable {
    int p = 0;                     // mantissa bits of the dtype
    uint64_t begin = 0;            // magnitude (bits) of the first far float, the start of an octave
    std::vector<uint64_t> width;   // floats in a cell, octave by octave while it is above 1 ...
    std::vector<int64_t> first;    // ... and the octave's first index
    uint64_t singles = 0;          // from this magnitude on every float is a cell ...
    int64_t first_single = 0;      // ... from this index on
    FarCells narrow{};             // the same for the kernels

    // The cell of a magnitude, and the magnitude that stands for the cell.
    int64_t index(uint64_t magnitude, uint64_t* centre) const {
        if (magnitude >= singles) {
            *centre = magnitude;
            return first_single + static_cast<int64_t>(magnitude - singles);
        }
        const auto o = static_cast<size_t>((magnitude - begin) >> p);
        const uint64_t i = (magnitude & ((uint64_t(1) << p) - 1)) / width[o];
        *centre = begin + (static_cast<uint64_t>(o) << p) + centre_in_octave(o, i);
        return first[o] + static_cast<int64_t>(i);
    }
    uint64_t start(int64_t k) const {
        if (k >= first_single) return singles + static_cast<uint64_t>(k - first_single);
        const size_t o = octave(k);
        return begin + (static_cast<uint64_t>(o) << p) + static_cast<uint64_t>(k - first[o]) * width[o];
    }
    uint64_t centre(int64_t k) const {
        if (k >= first_single) return singles + static_cast<uint64_t>(k - first_single);
        const size_t o = octave(k);
        return begin + (static_cast<uint64_t>(o) << p) + centre_in_octave(o, static_cast<uint64_t>(k - first[o]));
    }

    // Fills `narrow`; indices below limit are near, highest is the last one.
    void set_narrow(int64_t limit, int64_t highest) {
        if (p != 23 || width.size() >= kFarOctaves || highest >= INT32_MAX) return;
        const size_t n = width.size();
        for (size_t o = 0; o <= n; o++) {
            const bool single = o == n;
            const uint64_t from = begin + (static_cast<uint64_t>(o) << p);
            narrow.first[o] = static_cast<int32_t>(single ? first_single : first[o]);
            narrow.begin[o] = static_cast<uint32_t>(from);
            narrow.end[o] = single ? UINT32_MAX : static_cast<uint32_t>(from + (uint64_t(1) << p));
            narrow.width[o] = single ? 1 : static_cast<uint32_t>(width[o]);
        }
        narrow.limit = static_cast<int32_t>(limit);
        narrow.octaves = static_cast<int>(n) + 1;
    }

  private:
    size_t octave(int64_t k) const {
        size_t o = first.size() - 1;
        while (first[o] > k) o--;
        return o;
    }
    uint64_t centre_in_octave(size_t o, uint64_t i) const {
        const uint64_t a = i * width[o], left = (uint64_t(1) << p) - a;
        return a + ((left < width[o] ? left : width[o]) - 1) / 2;
    }
};

}  // namespace baler
