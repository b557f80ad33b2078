// A chunk as a grid of integers: what the stations of the grid coder hand to each other. docs/format.md, section 12.
//
//   lattice indices k -> classes (which cells are coded) -> units u -> scan (passes, taps) -> prediction, context
//   -> symbols
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "builtin_side.h"
#include "exceptions.h"
#include "lattice.h"

namespace baler::grid {

using builtin::SideReader;
using builtin::SideWriter;

// Extents: `blocks` grids of n[0] x n[1] x n[2] x n[3] cells, index 3 fastest, one after the other in memory.
struct Extents {
    size_t blocks = 1;
    std::array<size_t, 4> n{1, 1, 1, 1};

    // shape in memory order
    explicit Extents(const std::vector<uint64_t>& shape);
    Extents() = default;
    size_t block() const { return n[0] * n[1] * n[2] * n[3]; }
    size_t cells() const { return blocks * block(); }
};

// ---- 12.2 Classes: cells that are not coded -------------------------------------------------------------------

struct CellClass {
    enum Type : uint8_t {
        index,    // a special lattice index k (fill values, padding, beam stops) that lies far from the others
        item,     // an exception: this item, bit for bit (NaN, Inf, -0, what the lattice cannot hold)
        literal,  // exceptions of any item, each stored
        far       // lattice indices too far from the others for int32 units, each stored
    };
    Type type = index;
    int64_t k = 0;       // of type index
    uint64_t bits = 0;   // of type item
};

struct Classes {
    std::vector<CellClass> list;      // class j + 1 is list[j]; class 0 is coded
    std::vector<uint8_t> of;          // one per cell in memory order; empty: every cell is coded
    std::vector<uint64_t> literals;   // items of the literal cells in memory order
    std::vector<int64_t> far;         // k of the far cells in memory order
};

// k: one per cell, anything where `exceptions` has a run. Decides from the k of the cells that are no exceptions alone
// (so that encoding decoded values again decides the same).
Classes find_classes(const Extents& extents, const std::vector<int64_t>& k, const ColumnExceptions& exceptions);
void write_classes(SideWriter& side, const Extents& extents, uint32_t itemsize, const Classes& classes);
// Checks everything; the map has extents.cells() entries, which the caller has made sure is a size it can afford.
Classes read_classes(SideReader& side, const Extents& extents, uint32_t itemsize);
// Indices outside the lattice are damage.
void check_classes(const Classes& classes, const Lattice& lattice);

// ---- 12.3 Units: k as small integers u --------------------------------------------------------------------------

struct Units {
    enum Kind : uint8_t {
        affine,      // k = base + stride * u
        dictionary,  // k = entries[u]
        source,      // k = lattice.index(offset + quantum * u), cast to dtype: data that was packed with its own step
        fields,      // k = lattice.index(offset + quantum * (u + phase of the cell's field)): every field packed for itself
        direct       // closed loop: the value itself is offset + quantum * u, before the cast; no k
    };
    Kind kind = affine;
    int64_t base = 0;
    uint64_t stride = 1;
    std::vector<int64_t> entries;  // ascending
    double offset = 0, quantum = 0;
    bool divides = false;          // source: offset + u / quantum (decimal fractions)
    std::vector<std::pair<int64_t, int64_t>> fixes;  // source: what to add to the index of a u; ascending
    size_t field = 0;              // fields: cells of one; the last may have fewer
    int digits = 0;                // binary digits of the phases
    std::vector<uint64_t> phases;  // of each field, in quanta, times 2^digits
};

constexpr int32_t kMostUnits = (1 << 30) - 1;  // |u| of coded cells never exceeds it

// The units in which the coded cells' indices are the smallest or most regular integers; u gets one per cell (0 where a
// cell is not coded).
// false: impossible (indices spread too far; find_classes() should have made these cells far).
// extents: where fields may be; null: nowhere.
bool find_units(const Lattice& lattice, const std::vector<int64_t>& k, const Classes& classes, Units& units,
                std::vector<int32_t>& u, const Extents* extents = nullptr);
void write_units(SideWriter& side, const Units& units);
Units read_units(SideReader& side, bool closed, size_t cells);
// Back to k (all kinds but direct) for `n` cells from `begin` on; 0 where a cell is not coded. u, k: of these
// cells. Indices outside the lattice are damage.
void from_units(const Units& units, const Lattice& lattice, const Classes& classes, const int32_t* u, size_t begin,
                size_t n, int64_t* k);

}  // namespace baler::grid
