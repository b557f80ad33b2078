#include "record_cells.h"

#include <algorithm>

namespace baler {
namespace {

constexpr size_t kAtOnce = 4096;

constexpr bool host_is_big_endian() { return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__; }

template <size_t size, bool swap>
void copy_item(const uint8_t* from, uint8_t* to) {
    if (swap) std::reverse_copy(from, from + size, to);
    else std::memcpy(to, from, size);
}

// `one` is called with the place in the records and the place in the buffer of each of n cells from `begin` on.
template <class Bytes, class One>
void each_cell(const RecordCells& c, Bytes* records, size_t begin, size_t n, One one) {
    size_t record = begin / c.elements, element = begin % c.elements;
    for (size_t i = 0; i < n; i++) {
        one(records + record * c.itemsize + c.offset + element * c.dtype.size, i * c.dtype.size);
        if (++element == c.elements) {
            element = 0;
            record++;
        }
    }
}

template <class F>
void with_copy(const RecordCells& c, F f) {
    const bool swap = c.dtype.size > 1 && c.big_endian != host_is_big_endian();
    switch (c.dtype.size) {
        case 1: return f(copy_item<1, false>);
        case 2: return swap ? f(copy_item<2, true>) : f(copy_item<2, false>);
        case 4: return swap ? f(copy_item<4, true>) : f(copy_item<4, false>);
        default: return swap ? f(copy_item<8, true>) : f(copy_item<8, false>);
    }
}

void gather(const RecordCells& c, const uint8_t* records, size_t begin, size_t n, uint8_t* items) {
    with_copy(c, [&](auto* copy) {
        each_cell(c, records, begin, n, [&](const uint8_t* at, size_t i) { copy(at, items + i); });
    });
}

void scatter(const RecordCells& c, const uint8_t* items, size_t begin, size_t n, uint8_t* records) {
    with_copy(c, [&](auto* copy) {
        each_cell(c, records, begin, n, [&](uint8_t* at, size_t i) { copy(items + i, at); });
    });
}

uint64_t load(const uint8_t* p, size_t size) {
    uint64_t v = 0;
    for (size_t i = 0; i < size; i++) v = v << 8 | p[host_is_big_endian() ? i : size - 1 - i];
    return v;
}

void store(uint8_t* p, uint64_t v, size_t size) {
    for (size_t i = 0; i < size; i++, v >>= 8) p[host_is_big_endian() ? size - 1 - i : i] = static_cast<uint8_t>(v);
}

}  // namespace

ColumnExceptions split_cells(const RecordCells& cells, const uint8_t* records, size_t rows, Column& column) {
    alignas(8) uint8_t items[kAtOnce * 8];
    uint8_t mask[kAtOnce];
    std::vector<uint64_t> where, what;
    column.k.resize(rows);
    for (size_t begin = 0; begin < rows; begin += kAtOnce) {
        const size_t n = std::min(kAtOnce, rows - begin);
        gather(cells, records, begin, n, items);
        int64_t* k = column.k.data() + begin;
        if (!column.lattice.quantise(items, 1, n, k, mask)) continue;
        if (column.mask.empty()) column.mask.assign(rows, 0);
        for (size_t i = 0; i < n; i++) {
            if (!mask[i]) continue;
            column.mask[begin + i] = 1;
            k[i] = begin + i ? column.k[begin + i - 1] : 0;
            where.push_back(begin + i);
            what.push_back(load(items + i * cells.dtype.size, cells.dtype.size));
        }
    }
    return collect(where, what);
}

void join_cells(const RecordCells& cells, const Column& column, const ColumnExceptions& exceptions, uint8_t* records) {
    alignas(8) uint8_t items[kAtOnce * 8];
    const size_t rows = column.k.size();
    for (size_t begin = 0; begin < rows; begin += kAtOnce) {
        const size_t n = std::min(kAtOnce, rows - begin);
        column.lattice.restore(column.k.data() + begin, n, items, 1);
        scatter(cells, items, begin, n, records);
    }
    size_t literal = 0;
    for (const auto& run : exceptions.runs)
        for (uint64_t i = 0; i < run.length; i++) {
            const uint64_t v = run.item == kLiteral ? exceptions.literals[literal++] : exceptions.dictionary[run.item];
            store(items, v, cells.dtype.size);
            scatter(cells, items, static_cast<size_t>(run.begin + i), 1, records);
        }
}

}  // namespace baler
