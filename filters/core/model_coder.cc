// The trained model on tables: docs/format.md, section 8.
#include <algorithm>
#include <limits>

#include "coders.h"
#include "latents.h"
#include "table_stream.h"

namespace baler {

namespace {

DType dtype_of_table(const Model& model, const Table& table) {
    if (table.columns.size() != model.table->columns)
        fail(BALER_ERR_ARGUMENT, "the model has %u columns, the table %zu", model.table->columns, table.columns.size());
    return table.columns[0].lattice.dtype();
}

// Slices cut across a column's memory: eight of them travel at once, so that every cache line is touched once.
class Bundle {
  public:
    static constexpr size_t kSlices = 8;
    explicit Bundle(const Slices& slices) : slices_(slices), stride_(slices.segments + 8), k_(kSlices * stride_) {}

    int64_t* slice(size_t t) { return k_.data() + t % kSlices * stride_; }
    // before slice t is read, and after it was written
    void load(size_t t, const int64_t* column) {
        if (t % kSlices == 0) move(t, [&](size_t row, int64_t& k) { k = column[row]; });
    }
    void store(size_t t, int64_t* column) {
        if (t % kSlices == kSlices - 1 || t + 1 == slices_.length)
            move(t / kSlices * kSlices, [&](size_t row, int64_t& k) { column[row] = k; });
    }

  private:
    template <typename F>
    void move(size_t first, F f) {
        const size_t n = std::min(kSlices, slices_.length - first);
        for (size_t l = 0; l < slices_.width(first); l++) {
            const size_t row = l * slices_.length + first, there = std::min(n, slices_.rows - row);
            int64_t* k = k_.data() + l;
            for (size_t j = 0; j < there; j++) f(row + j, k[j * stride_]);
        }
    }
    const Slices& slices_;
    size_t stride_;
    std::vector<int64_t> k_;
};

const uint8_t* slice_mask(const Column& column, size_t length, size_t t, size_t width, uint8_t* room) {
    if (column.mask.empty()) return nullptr;
    for (size_t l = 0; l < width; l++) room[l] = column.mask[l * length + t];
    return room;
}

// A column as the encoder sees it: masked cells hold the k of the row before, 0 where there is none.
class SlicedColumn {
  public:
    SlicedColumn(const Column& column, const Slices& slices) : k_(column.k.data()), bundle_(slices) {
        if (column.mask.empty()) return;
        held_ = column.k;
        for (size_t r = 0; r < held_.size(); r++)
            if (column.mask[r]) held_[r] = r % slices.length ? held_[r - 1] : 0;
        k_ = held_.data();
    }
    void get(size_t t, size_t width, int64_t* k) {
        bundle_.load(t, k_);
        std::copy_n(bundle_.slice(t), width, k);
    }

  private:
    const int64_t* k_;
    std::vector<int64_t> held_;
    Bundle bundle_;
};

std::vector<int32_t> own_latents(const Model& model, const Table& table) {
    std::vector<int32_t> latents(table.rows * model.table->latents);
    encode_latents(*model.table, *prepare(model, DType{'f', 4}, true), lattice_values(table), table.rows, latents.data());
    return latents;
}

// Rows that are coded: storage pads chunks at the end with rows that are all the same, and those are left out.
size_t coded_rows(const Table& table) {
    size_t n = table.rows;
    for (; n > 1; n--)
        for (const Column& column : table.columns)
            if (column.k[n - 1] != column.k[n - 2]) return n;
    return n;
}

Table first_rows(const Table& table, size_t rows) {
    Table head;
    head.rows = rows;
    head.shape = {rows, table.columns.size()};
    for (const Column& column : table.columns) {
        Column c;
        c.lattice = column.lattice;
        c.k.assign(column.k.begin(), column.k.begin() + static_cast<ptrdiff_t>(rows));
        if (!column.mask.empty()) c.mask.assign(column.mask.begin(), column.mask.begin() + static_cast<ptrdiff_t>(rows));
        head.columns.push_back(std::move(c));
    }
    return head;
}

void encode_rows(const Model& model, const Table& table, const int32_t* latents, ByteWriter& out) {
    const TableModel& trained = *model.table;
    const auto prepared = prepare(model, dtype_of_table(model, table), false);
    std::vector<int32_t> own;
    if (trained.latents && !latents) {
        own = own_latents(model, table);
        latents = own.data();
    }
    Steps steps(trained, *prepared, table.rows, false);
    TableEncoder coder(steps);
    const size_t length = steps.slices().length;
    std::vector<SlicedColumn> columns;
    columns.reserve(trained.columns);
    for (const Column& column : table.columns) columns.emplace_back(column, steps.slices());
    uint8_t mask[kSliceRows];
    for (size_t t = 0; t < length; t++) {
        steps.begin_slice(t);
        const size_t width = steps.width();
        for (uint16_t v : steps.order()) {
            if (v >= trained.columns) {
                const int32_t* at = latents + (v - trained.columns);
                for (size_t l = 0; l < width; l++) steps.k(v)[l] = at[(l * length + t) * trained.latents];
                coder.variable(v, nullptr);
                continue;
            }
            columns[v].get(t, width, steps.k(v));
            const uint8_t* masked = slice_mask(table.columns[v], length, t, width, mask);
            if (trained.variables[v].derived) coder.derived(v, masked);
            else coder.variable(v, masked);
        }
    }
    coder.finish(out);
}

void decode_rows(const Model& model, Table& table, ByteReader& in) {
    const TableModel& trained = *model.table;
    const auto prepared = prepare(model, dtype_of_table(model, table), false);
    Steps steps(trained, *prepared, table.rows, false);
    TableDecoder coder(steps, in);
    std::vector<Bundle> bundles(table.columns.size(), Bundle(steps.slices()));
    const size_t length = steps.slices().length;
    uint8_t mask[kSliceRows];
    for (size_t t = 0; t < length; t++) {
        steps.begin_slice(t);
        const size_t width = steps.width();
        for (uint16_t v : steps.order()) {
            if (v >= trained.columns) {
                coder.variable(v, nullptr);
                continue;
            }
            Column& column = table.columns[v];
            const uint8_t* masked = slice_mask(column, length, t, width, mask);
            if (trained.variables[v].derived) coder.derived(v, masked);
            else coder.variable(v, masked);
            std::copy_n(steps.k(v), width, bundles[v].slice(t));
            bundles[v].store(t, column.k.data());
        }
    }
    coder.finish();
}

}  // namespace

std::vector<std::vector<double>> lattice_values(const Table& table) {
    std::vector<std::vector<double>> columns(table.columns.size());
    for (size_t c = 0; c < columns.size(); c++) {
        const Column& column = table.columns[c];
        columns[c].resize(table.rows);
        for (size_t r = 0; r < table.rows; r++)
            columns[c][r] = column.masked(r) ? std::numeric_limits<double>::quiet_NaN() : column.lattice.value(column.k[r]);
    }
    return columns;
}

void model_encode(const Model& model, const Table& table, const int32_t* latents, ByteWriter& out) {
    const size_t rows = coded_rows(table);
    out.varint(rows);
    encode_rows(model, rows < table.rows ? first_rows(table, rows) : table, latents, out);
}

void model_decode(const Model& model, Table& table, ByteReader& in) {
    const uint64_t claimed = in.varint();
    if (claimed < 1 || claimed > table.rows) in.damaged("its number of coded rows is impossible");
    const auto rows = static_cast<size_t>(claimed);
    if (rows == table.rows) return decode_rows(model, table, in);
    Table head = first_rows(table, rows);
    decode_rows(model, head, in);
    for (size_t c = 0; c < table.columns.size(); c++) {
        std::vector<int64_t>& k = table.columns[c].k;
        std::copy(head.columns[c].k.begin(), head.columns[c].k.end(), k.begin());
        std::fill(k.begin() + static_cast<ptrdiff_t>(rows), k.end(), k[rows - 1]);
    }
}

}  // namespace baler
