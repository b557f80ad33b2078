// Cheap looks at a chunk that tell which candidates are worth coding in full. They see what the decoder will give back
// and nothing else, so that a chunk read and written again is coded the same way.
#pragma once

#include "model.h"
#include "split.h"

namespace baler {

// Could the built-in coder beat the model, which took `size` bytes? Where simple costs do not tell, both code two pieces
// of the rows.
bool builtin_could_win(const Model& model, const Table& table, size_t size);
// Which of the built-in coders, of tables and of grids, could win a chunk with one lattice? A table whose neighbours tell
// nothing is no grid; else both code a slab out of the middle. native: the chunk's values in native byte order.
struct Prospects {
    bool table = true, grid = true;
};
Prospects prospects(const baler_array& array, const void* native, const Lattice& lattice, const Table& table);
// Could the byte coder? Judged by a piece out of the middle and by how much of the chunk repeats.
bool bytes_could_win(const uint8_t* data, size_t size, uint32_t itemsize, size_t best);
// The same for the memory image of a table in C order, without making all of it.
bool bytes_could_win(const Layout& layout, const Table& table, const std::vector<ColumnExceptions>& exceptions,
                     uint32_t itemsize, size_t best);

}  // namespace baler
