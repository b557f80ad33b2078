// Inside the station of units: how the writer looks for them. docs/format.md, section 12.3.
#pragma once

#include "grid.h"

namespace baler::grid {

// Whether the simplest units hold all coded cells.
bool affine_possible(const std::vector<int64_t>& k, const Classes& classes);

// The step of the data itself, found in some of its indices (ascending, distinct); false: none that is coarser than the
// lattice.
bool find_source(const Lattice& lattice, const std::vector<int64_t>& distinct, Units& units);
// u of an index, and the index of a u without fixes.
int64_t source_unit(const Units& units, double value);
void source_indices(const Units& units, const Lattice& lattice, const int32_t* u, size_t n, int64_t* k);

}  // namespace baler::grid
