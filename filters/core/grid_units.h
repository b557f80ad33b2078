// Inside the station of units: how the writer looks for them. docs/format.md, section 12.3.
#pragma once

#include "grid.h"

namespace baler::grid {

// Whether the simplest units hold all coded cells.
bool affine_possible(const std::vector<int64_t>& k, const Classes& classes);

// The step of the data itself, found in some of its indices (ascending, distinct); false: none that is coarser than the
// lattice.
bool find_source(const Lattice& lattice, const std::vector<int64_t>& distinct, Units& units);
// u of an index, and the indices of n cells from `begin` on (kinds source, without fixes, and fields).
int64_t source_unit(const Units& units, double value);
void source_indices(const Units& units, const Lattice& lattice, const int32_t* u, size_t begin, size_t n, int64_t* k);

// The same for data of which every field of so many cells was packed for itself; u as find_units() gives it.
bool find_fields(const Lattice& lattice, const std::vector<int64_t>& k, const Classes& classes, size_t cells,
                 Units& units, std::vector<int32_t>& u);
// What a quantum of such indices may be, the likeliest first.
std::vector<double> quanta(const Lattice& lattice, const std::vector<int64_t>& distinct);

constexpr int kMostDigits = 22;

}  // namespace baler::grid
