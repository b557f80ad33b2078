#include <algorithm>

#include "coders.h"
#include "probe.h"
#include "record_cells.h"

namespace baler {
namespace {

constexpr uint8_t kZeros = 0, kCoded = 1;
constexpr size_t kFewRows = 1024, kManyRows = 8192;  // of a run that tells what a field costs
constexpr size_t kTables = 128;                      // bytes of such a run that are not its values
constexpr size_t kLeastBytes = 4096;                 // of a field for which another coding is looked at

// Columns that are coded together: those of the record table, or the one of a wide field.
struct Group {
    Table table;
    std::vector<RecordCells> cells;
    std::vector<uint32_t> sizes;  // of the columns' items
};

void add_column(Group& group, const Record& record, const Field& f, size_t element, const Lattice& lattice) {
    const size_t offset = f.offset + element * f.dtype.size;
    group.cells.push_back({record.itemsize, offset, f.wide() ? f.elements : size_t(1), f.dtype, f.big_endian});
    group.sizes.push_back(f.dtype.size);
    group.table.columns.emplace_back();
    group.table.columns.back().lattice = lattice;
}

// The record table first, if it has columns, then the wide fields.
std::vector<Group> groups_of(const Record& record, size_t n) {
    std::vector<Group> groups;
    if (const size_t columns = record.columns()) {
        Group together;
        together.table.rows = n;
        together.table.shape = {n, columns};
        for (const Field& f : record.fields) {
            if (!f.number() || f.wide()) continue;
            const Lattice lattice(f.dtype, f.bound);
            for (size_t e = 0; e < f.elements; e++) add_column(together, record, f, e, lattice);
        }
        groups.push_back(std::move(together));
    }
    for (const Field& f : record.fields) {
        if (!f.number() || !f.wide()) continue;
        Group alone;
        alone.table.rows = n * f.elements;
        alone.table.shape = {n};
        alone.table.shape.insert(alone.table.shape.end(), f.extents.begin(), f.extents.end());
        add_column(alone, record, f, 0, Lattice(f.dtype, f.bound));
        groups.push_back(std::move(alone));
    }
    return groups;
}

void take(const Record::Piece& piece, const uint8_t* records, size_t itemsize, size_t n, uint8_t* to) {
    for (size_t i = 0; i < n; i++) std::memcpy(to + i * piece.size, records + i * itemsize + piece.offset, piece.size);
}

void put(const Record::Piece& piece, const uint8_t* from, size_t itemsize, size_t n, uint8_t* records) {
    uint8_t* to = records + piece.offset;
    for (size_t i = 0; i < n; i++) std::memcpy(to + i * itemsize, from + i * piece.size, piece.size);
}

void take_field(const Field& f, const uint8_t* records, size_t itemsize, size_t n, std::vector<uint8_t>& to) {
    to.resize(n * f.bytes());
    take({f.offset, f.bytes()}, records, itemsize, n, to.data());
}

// Size of a field under the built-in coder, by itself: a run of records out of the middle, scaled up.
size_t coded_alone(const Record& record, const Field& f, const uint8_t* records, size_t n) {
    const size_t rows = std::min(n, std::max(kFewRows, std::min(kManyRows, n / 8)));
    Record one{record.itemsize, {f}};
    ByteWriter out;
    for (Group& group : groups_of(one, rows)) {
        const uint8_t* middle = records + (n - rows) / 2 * record.itemsize;
        for (size_t c = 0; c < group.cells.size(); c++)
            split_cells(group.cells[c], middle, group.table.rows, group.table.columns[c]);
        builtin_encode(group.table, out);
    }
    // a run has tables of its own: what it takes for them does not grow with the chunk
    const size_t once = std::min(out.bytes.size(), kTables);
    return once + static_cast<size_t>(static_cast<double>(out.bytes.size() - once) * static_cast<double>(n) /
                                      static_cast<double>(rows));
}

// Exact numbers that repeat in long sequences are better off as bytes.
Record with_repetitions(const Record& record, const uint8_t* records, size_t n) {
    Record chosen = record;
    std::vector<uint8_t> bytes;
    for (Field& f : chosen.fields) {
        if (!f.number() || f.bound.kind != BALER_BOUND_EXACT || n * f.bytes() < kLeastBytes) continue;
        take_field(f, records, record.itemsize, n, bytes);
        const size_t alone = coded_alone(record, f, records, n) / 2;  // it is also a context of others
        if (!bytes_could_win(bytes.data(), bytes.size(), f.bytes(), alone)) continue;
        ByteWriter out;
        bytes_encode(bytes.data(), bytes.size(), f.bytes(), out);
        if (out.bytes.size() >= alone) continue;
        Field as_bytes;
        as_bytes.offset = f.offset;
        as_bytes.dtype.size = f.bytes();
        f = as_bytes;
    }
    return chosen;
}

bool all_zero(const std::vector<uint8_t>& bytes) {
    for (uint8_t b : bytes)
        if (b) return false;
    return true;
}

}  // namespace

uint64_t record_encode(const Record& given, const uint8_t* records, size_t n, std::vector<uint8_t>& image,
                       ByteWriter& out) {
    const Record record = with_repetitions(given, records, n);
    image.assign(records, records + n * record.itemsize);
    write_fields(record, true, out);
    std::vector<uint8_t> bytes;
    for (const Record::Piece& piece : record.pieces()) {
        bytes.resize(n * piece.size);
        take(piece, records, record.itemsize, n, bytes.data());
        const bool zeros = all_zero(bytes);
        out.u8(zeros ? kZeros : kCoded);
        if (!zeros) bytes_encode(bytes.data(), bytes.size(), piece.size, out);
    }
    uint64_t count = 0;
    for (Group& group : groups_of(record, n)) {
        std::vector<ColumnExceptions> exceptions;
        for (size_t c = 0; c < group.cells.size(); c++) {
            Column& column = group.table.columns[c];
            exceptions.push_back(split_cells(group.cells[c], records, group.table.rows, column));
            count += exceptions.back().count;
            join_cells(group.cells[c], column, exceptions.back(), image.data());
        }
        write_exceptions(exceptions, group.sizes, out);
        builtin_encode(group.table, out);
    }
    return count;
}

uint64_t record_decode(ByteReader& in, uint32_t itemsize, size_t n, uint8_t* records) {
    const Record record = read_fields(in, itemsize, true);
    std::vector<uint8_t> bytes;
    for (const Record::Piece& piece : record.pieces()) {
        bytes.assign(n * piece.size, 0);
        const uint8_t how = in.u8();
        if (how > kCoded) in.damaged("unknown coding of the bytes between its numbers");
        if (how == kCoded) bytes_decode(in, bytes.data(), bytes.size(), piece.size);
        put(piece, bytes.data(), itemsize, n, records);
    }
    uint64_t count = 0;
    for (Group& group : groups_of(record, n)) {
        for (Column& column : group.table.columns) column.k.resize(group.table.rows);
        const std::vector<ColumnExceptions> exceptions = read_exceptions(group.table, group.sizes, in);
        builtin_decode(group.table, in);
        for (size_t c = 0; c < group.cells.size(); c++) {
            count += exceptions[c].count;
            join_cells(group.cells[c], group.table.columns[c], exceptions[c], records);
        }
    }
    return count;
}

}  // namespace baler
