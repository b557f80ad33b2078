#include "split.h"

#include <algorithm>

#include "lattice_points.h"
#include "parallel.h"
#include "spare_rows.h"

namespace baler {
namespace {

constexpr size_t kRowsAtOnce = 256;  // a block of rows stays in the cache while its columns are gone through
constexpr size_t kCellsAtLeast = 1 << 15;  // for a thread; fewer are done sooner than it starts

constexpr bool host_is_big_endian() { return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__; }

void swap_items(uint8_t* p, size_t n, size_t itemsize) {
    for (size_t i = 0; i < n; i++, p += itemsize) std::reverse(p, p + itemsize);
}

uint64_t load_item(const uint8_t* p, uint32_t itemsize) {
    switch (itemsize) {
        case 1: return *p;
        case 2: { uint16_t v; std::memcpy(&v, p, 2); return v; }
        case 4: { uint32_t v; std::memcpy(&v, p, 4); return v; }
        default: { uint64_t v; std::memcpy(&v, p, 8); return v; }
    }
}

void store_item(uint8_t* p, uint64_t item, uint32_t itemsize) {
    switch (itemsize) {
        case 1: *p = static_cast<uint8_t>(item); break;
        case 2: { auto v = static_cast<uint16_t>(item); std::memcpy(p, &v, 2); break; }
        case 4: { auto v = static_cast<uint32_t>(item); std::memcpy(p, &v, 4); break; }
        default: std::memcpy(p, &item, 8);
    }
}

// Rows first ... first + n, the first of them at `data`.
void restore_rows(const Layout& layout, const Table& table, uint32_t itemsize, size_t first, size_t n, uint8_t* data) {
    for (size_t at = 0; at < n; at += kRowsAtOnce) {
        const size_t rows = std::min(kRowsAtOnce, n - at);
        for (size_t c = 0; c < layout.columns; c++) {
            uint8_t* x = data + (at * layout.row_stride + c * layout.column_stride) * itemsize;
            table.columns[c].lattice.restore(table.columns[c].k.data() + first + at, rows, x, layout.row_stride);
        }
    }
}

void put_exceptions_of(const Layout& layout, const std::vector<ColumnExceptions>& exceptions, uint32_t itemsize,
                       size_t first, size_t n, uint8_t* data) {
    for (size_t c = 0; c < exceptions.size(); c++) {
        const ColumnExceptions& e = exceptions[c];
        uint8_t* x = data + c * layout.column_stride * itemsize;
        size_t literal = 0;
        for (const auto& r : e.runs) {
            const uint64_t begin = std::max<uint64_t>(r.begin, first), end = std::min<uint64_t>(r.begin + r.length, first + n);
            for (uint64_t row = begin; row < end; row++) {
                const uint64_t item = r.item == kLiteral ? e.literals[literal + static_cast<size_t>(row - r.begin)] : e.dictionary[r.item];
                store_item(x + static_cast<size_t>(row - first) * layout.row_stride * itemsize, item, itemsize);
            }
            if (r.item == kLiteral) literal += static_cast<size_t>(r.length);
        }
    }
}

}  // namespace

Layout::Layout(const baler_array& a) {
    const bool narrow = a.ndim == 2 && a.shape[1] <= kMaxTableColumns;
    if (narrow || a.ndim == 1) {
        is_table = true;
        rows = static_cast<size_t>(a.shape[0]);
        columns = narrow ? static_cast<size_t>(a.shape[1]) : 1;
        row_stride = a.fortran ? 1 : columns;
        column_stride = a.fortran ? rows : 1;
        shape = {rows, columns};
        axes = a.ndim;
        return;
    }
    *this = flat(a);
}

Layout Layout::flat(const baler_array& a) {
    Layout all;
    all.rows = 1;
    for (int i = 0; i < a.ndim; i++) all.rows *= static_cast<size_t>(a.shape[i]);
    all.shape.assign(a.shape, a.shape + a.ndim);
    if (a.fortran) std::reverse(all.shape.begin(), all.shape.end());
    all.axes = a.ndim;
    return all;
}

DType dtype_of(const baler_array& a) { return DType{a.kind, a.itemsize}; }

const void* native_values(const baler_array& a, const void* data, std::vector<uint8_t>& copy) {
    if (a.itemsize == 1 || a.kind == 'V' || (a.big_endian != 0) == host_is_big_endian()) return data;
    Layout layout(a);
    const size_t n = layout.rows * layout.columns;
    const auto* p = static_cast<const uint8_t*>(data);
    copy.assign(p, p + n * a.itemsize);
    swap_items(copy.data(), n, a.itemsize);
    return copy.data();
}

void swap_to_array(const baler_array& a, void* data) {
    if (a.itemsize == 1 || a.kind == 'V' || (a.big_endian != 0) == host_is_big_endian()) return;
    Layout layout(a);
    swap_items(static_cast<uint8_t*>(data), layout.rows * layout.columns, a.itemsize);
}

Table make_table(const Layout& layout, const std::vector<Lattice>& lattices) {
    Table t;
    t.rows = layout.rows;
    t.shape = layout.shape;
    t.columns.resize(layout.columns);
    for (size_t c = 0; c < layout.columns; c++) {
        t.columns[c].lattice = lattices[c];
        t.columns[c].k = take_rows(layout.rows);
    }
    return t;
}

void keep_rows(Table&& table) {
    for (Column& column : table.columns) give_rows(std::move(column.k));
}

Table split(const Layout& layout, const std::vector<Lattice>& lattices, uint32_t itemsize, const void* data,
            std::vector<ColumnExceptions>* exceptions) {
    Table t = make_table(layout, lattices);
    const auto* bytes = static_cast<const uint8_t*>(data);
    struct Found {
        std::vector<uint64_t> rows, items;
    };
    std::vector<Found> found(layout.columns);
    parallel_ranges(layout.columns, kCellsAtLeast / std::max(layout.rows, size_t(1)), [&](size_t begin, size_t end) {
        uint8_t mask[kRowsAtOnce];
        for (size_t at = 0; at < layout.rows; at += kRowsAtOnce) {
            const size_t n = std::min(kRowsAtOnce, layout.rows - at);
            for (size_t c = begin; c < end; c++) {
                Column& column = t.columns[c];
                const uint8_t* x = bytes + (at * layout.row_stride + c * layout.column_stride) * itemsize;
                int64_t* k = column.k.data() + at;
                if (!column.lattice.quantise(x, layout.row_stride, n, k, mask)) continue;
                if (column.mask.empty()) column.mask.assign(layout.rows, 0);
                for (size_t i = 0; i < n; i++) {
                    if (!mask[i]) continue;
                    column.mask[at + i] = 1;
                    k[i] = at + i ? column.k[at + i - 1] : 0;
                    found[c].rows.push_back(at + i);
                    found[c].items.push_back(load_item(x + i * layout.row_stride * itemsize, itemsize));
                }
            }
        }
    });
    for (const Found& f : found) exceptions->push_back(collect(f.rows, f.items));
    return t;
}

void join(const Layout& layout, const Table& table, const std::vector<ColumnExceptions>& exceptions, uint32_t itemsize,
          void* data) {
    parallel_ranges(layout.rows, kCellsAtLeast / std::max(layout.columns, size_t(1)), [&](size_t begin, size_t end) {
        uint8_t* here = static_cast<uint8_t*>(data) + begin * layout.row_stride * itemsize;
        restore_rows(layout, table, itemsize, begin, end - begin, here);
    });
    put_exceptions(layout, exceptions, itemsize, data);
}

void join_rows(const Layout& layout, const Table& table, const std::vector<ColumnExceptions>& exceptions,
               uint32_t itemsize, size_t first, size_t n, void* data) {
    restore_rows(layout, table, itemsize, first, n, static_cast<uint8_t*>(data));
    put_exceptions_of(layout, exceptions, itemsize, first, n, static_cast<uint8_t*>(data));
}

void put_exceptions(const Layout& layout, const std::vector<ColumnExceptions>& exceptions, uint32_t itemsize,
                    void* data) {
    put_exceptions_of(layout, exceptions, itemsize, 0, layout.rows, static_cast<uint8_t*>(data));
}

std::vector<std::vector<double>> split_doubles(const Layout& layout, DType dtype, const void* data,
                                               std::vector<ColumnExceptions>* exceptions) {
    std::vector<std::vector<double>> columns(layout.columns, std::vector<double>(layout.rows));
    with_dtype(dtype.kind, dtype.size, [&](auto zero) {
        using T = decltype(zero);
        const T* x = static_cast<const T*>(data);
        for (size_t c = 0; c < layout.columns; c++) {
            std::vector<uint64_t> rows, items;
            for (size_t r = 0; r < layout.rows; r++) {
                const T v = x[r * layout.row_stride + c * layout.column_stride];
                if constexpr (is_float<T>) {
                    columns[c][r] = to_double(v);
                    if (std::isfinite(columns[c][r])) continue;
                    rows.push_back(r);
                    items.push_back(bits_of(v));
                } else {
                    columns[c][r] = static_cast<double>(v);
                }
            }
            exceptions->push_back(collect(rows, items));
        }
        return 0;
    });
    return columns;
}

void join_doubles(const Layout& layout, DType dtype, const std::vector<std::vector<double>>& columns, void* data) {
    with_dtype(dtype.kind, dtype.size, [&](auto zero) {
        using T = decltype(zero);
        T* x = static_cast<T*>(data);
        for (size_t c = 0; c < layout.columns; c++)
            for (size_t r = 0; r < layout.rows; r++)
                x[r * layout.row_stride + c * layout.column_stride] = nearest_value<T>(columns[c][r]);
        return 0;
    });
}

}  // namespace baler
