// The far part of a uniform float lattice: where the dtype's own spacing u reaches a set fraction of the bound, cells
// become runs of 2 * floor(bound / u) + 1 whole floats (one float each where u > bound), so that the cast to the dtype
// can never push a value out of its bound. docs/format.md, "Uniform lattices".
#pragma once

#include <cstdint>
#include <vector>

namespace baler {

struct FarTable {
    int p = 0;                     // mantissa bits of the dtype
    uint64_t begin = 0;            // magnitude (bits) of the first far float, the start of an octave
    std::vector<uint64_t> width;   // floats in a cell, octave by octave while it is above 1 ...
    std::vector<int64_t> first;    // ... and the octave's first index
    uint64_t singles = 0;          // from this magnitude on every float is a cell ...
    int64_t first_single = 0;      // ... from this index on

    int64_t index(uint64_t magnitude) const {
        if (magnitude >= singles) return first_single + static_cast<int64_t>(magnitude - singles);
        auto o = static_cast<size_t>((magnitude - begin) >> p);
        uint64_t a = magnitude & ((uint64_t(1) << p) - 1);
        return first[o] + static_cast<int64_t>(a / width[o]);
    }
    uint64_t start(int64_t k) const { return at(k, false); }
    uint64_t centre(int64_t k) const { return at(k, true); }

  private:
    uint64_t at(int64_t k, bool centre) const {
        if (k >= first_single) return singles + static_cast<uint64_t>(k - first_single);
        size_t o = first.size() - 1;
        while (first[o] > k) o--;
        uint64_t a = static_cast<uint64_t>(k - first[o]) * width[o];
        if (centre) {
            uint64_t left = (uint64_t(1) << p) - a;
            a += ((left < width[o] ? left : width[o]) - 1) / 2;
        }
        return begin + (static_cast<uint64_t>(o) << p) + a;
    }
};

}  // namespace baler
