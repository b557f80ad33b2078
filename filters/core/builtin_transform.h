// Columns between lattice indices k, transformed integers u and residuals r. docs/format.md, section 5.2.
// All arithmetic on u and r is modulo 2^64.
#pragma once

#include "builtin.h"

namespace baler::builtin {

// v = k, or value x 2^scale; false when some cell (unmasked) is not a moderate integer that comes back as k.
bool to_values(const Column& column, int scale, std::vector<int64_t>& v);

// k -> u by c's map and reduction (which must fit the column); masked cells repeat the row before.
void to_units(const ColumnPlan& c, const Column& column, std::vector<int64_t>& u);
// u -> k in place, checked: what does not exist on the lattice is damage.
void from_units(const ColumnPlan& c, Column& column);

// Offsets and coefficients of the product of differences along c.axes; neighbours outside the axes count as 0.
void subtract_prediction(const ColumnPlan& c, const std::vector<uint64_t>& axes, std::vector<int64_t>& u);
// r -> u in place; same[row] (may be null) cells and masked cells repeat the row before.
void add_prediction(const ColumnPlan& c, const std::vector<uint64_t>& axes, const uint8_t* same, const uint8_t* mask,
                    std::vector<int64_t>& r);

// Index that a relation expects in a row; `columns` in coding order.
void relation(const ColumnPlan& c, const Plan& plan, const Table& table, const Lattice& own, std::vector<int64_t>& k);
// The same in some rows only.
void relation(const ColumnPlan& c, const Plan& plan, const Table& table, const Lattice& own,
              const std::vector<size_t>& rows, std::vector<int64_t>& k);

}  // namespace baler::builtin
