// What travels between the stations: a chunk as columns of lattice indices.
//
//   chunk -> split() -> Table { columns of int64 k, masks of exceptions } -> a coder (model | built-in) -> frame
//
// Coders see integers only; a masked cell is never coded: before coding and after decoding it holds the index of the
// row before (0 in the first row), so that both sides see the same contexts.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "lattice.h"

namespace baler {

struct Column {
    Lattice lattice;
    std::vector<int64_t> k;      // one per row
    std::vector<uint8_t> mask;   // 1: exception; empty when the column has none
    bool masked(size_t row) const { return !mask.empty() && mask[row]; }
};

struct Table {
    size_t rows = 0;
    std::vector<Column> columns;
    // Shape of the chunk in memory order, slowest axis first; for a table {rows, columns}. A chunk that is not a table
    // (0-d, more than 2 axes, or too wide) is one column of all its values in memory order, and coders may use the axes.
    std::vector<uint64_t> shape;
};

}  // namespace baler
