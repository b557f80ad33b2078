// Values that are not on the lattice, bit for bit beside it. docs/format.md, "Exception section".
#pragma once

#include <vector>

#include "bytes.h"
#include "table.h"

namespace baler {

// The exceptions of one column: runs of rows, and what stands in them.
struct ColumnExceptions {
    struct Run {
        uint64_t begin, length;
        uint8_t item;  // of the dictionary, or kLiteral
    };
    std::vector<Run> runs;
    std::vector<uint64_t> dictionary;
    std::vector<uint64_t> literals;  // in the order of the cells
    uint64_t count = 0;
};
constexpr uint8_t kLiteral = 255;

// rows[i] are the masked rows of a column, ascending, items[i] the bits of their values.
ColumnExceptions collect(const std::vector<uint64_t>& rows, const std::vector<uint64_t>& items);

// itemsizes: one per column.
void write_exceptions(const std::vector<ColumnExceptions>& columns, const std::vector<uint32_t>& itemsizes,
                      ByteWriter& out);
// Sets the masks of the table's columns. Returns the exceptions column by column.
std::vector<ColumnExceptions> read_exceptions(Table& table, const std::vector<uint32_t>& itemsizes, ByteReader& in);

// The same, all columns of one itemsize.
void write_exceptions(const std::vector<ColumnExceptions>& columns, uint32_t itemsize, ByteWriter& out);
std::vector<ColumnExceptions> read_exceptions(Table& table, uint32_t itemsize, ByteReader& in);

}  // namespace baler
