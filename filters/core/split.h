// Between a chunk in memory and a Table of lattice indices. docs/format.md, "Table view".
#pragma once

#include <vector>

#include "baler.h"
#include "exceptions.h"
#include "table.h"

namespace baler {

constexpr uint64_t kMaxTableColumns = 1024;

// How a chunk is looked at: as a table, or as one column of all values in memory order.
struct Layout {
    bool is_table = false;
    size_t rows = 0, columns = 1;
    size_t row_stride = 1, column_stride = 1;  // in values
    std::vector<uint64_t> shape;               // memory order, or {rows, columns}
    size_t axes = 0;                           // of the chunk itself

    explicit Layout(const baler_array& array);
    // All values as one column in memory order, whatever the shape.
    static Layout flat(const baler_array& array);

  private:
    Layout() = default;
};

DType dtype_of(const baler_array& array);

// Values in native byte order: the caller's own memory where it is so already, else `copy`.
const void* native_values(const baler_array& array, const void* data, std::vector<uint8_t>& copy);
// Turns native values into the array's byte order, in place.
void swap_to_array(const baler_array& array, void* data);

// A table of the layout with its lattices, and whatever for indices: what a coder decodes into.
Table make_table(const Layout& layout, const std::vector<Lattice>& lattices);
// A table that is no longer wanted: the memory of its indices is kept for the next.
void keep_rows(Table&& table);
// data: native byte order.
Table split(const Layout& layout, const std::vector<Lattice>& lattices, uint32_t itemsize, const void* data,
            std::vector<ColumnExceptions>* exceptions);
void join(const Layout& layout, const Table& table, const std::vector<ColumnExceptions>& exceptions, uint32_t itemsize,
          void* data);
// Rows of a table in C order, `data` where the first of them begins.
void join_rows(const Layout& layout, const Table& table, const std::vector<ColumnExceptions>& exceptions,
               uint32_t itemsize, size_t first, size_t n, void* data);

// For latent-only coding: every column as doubles; what is not finite becomes an exception.
std::vector<std::vector<double>> split_doubles(const Layout& layout, DType dtype, const void* data,
                                               std::vector<ColumnExceptions>* exceptions);
void join_doubles(const Layout& layout, DType dtype, const std::vector<std::vector<double>>& columns, void* data);
// Exact values back to their places; join() does it by itself.
void put_exceptions(const Layout& layout, const std::vector<ColumnExceptions>& exceptions, uint32_t itemsize,
                    void* data);

}  // namespace baler
