// Numbers between their places in records and columns of lattice indices.
#pragma once

#include "exceptions.h"
#include "record.h"

namespace baler {

// One column: the items of a field's element, or all items of a wide field.
struct RecordCells {
    size_t itemsize;  // of a record
    size_t offset;    // of the first item in a record
    size_t elements;  // items a record
    DType dtype;
    bool big_endian;
};

// Sets column.k and column.mask (rows: number of cells) by column.lattice.
ColumnExceptions split_cells(const RecordCells& cells, const uint8_t* records, size_t rows, Column& column);
void join_cells(const RecordCells& cells, const Column& column, const ColumnExceptions& exceptions, uint8_t* records);

}  // namespace baler
