// The trained model on tables: docs/format.md, section 8.
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

// A column as this coder sees it: masked cells hold the k of the row before, 0 where there is none.
class SlicedColumn {
  public:
    SlicedColumn(const Column& column, size_t length) : k_(column.k.data()), mask_(column.mask.data()), length_(length) {
        if (column.mask.empty()) {
            mask_ = nullptr;
            return;
        }
        held_.assign(column.k.begin(), column.k.end());
        for (size_t r = 0; r < held_.size(); r++)
            if (mask_[r]) held_[r] = r % length ? held_[r - 1] : 0;
        k_ = held_.data();
    }
    void get(size_t t, size_t width, int64_t* k) const {
        for (size_t l = 0; l < width; l++) k[l] = k_[l * length_ + t];
    }
    const uint8_t* masked(size_t t, size_t width, uint8_t* room) const { return slice_mask(mask_, length_, t, width, room); }
    static const uint8_t* slice_mask(const uint8_t* mask, size_t length, size_t t, size_t width, uint8_t* room) {
        if (!mask) return nullptr;
        for (size_t l = 0; l < width; l++) room[l] = mask[l * length + t];
        return room;
    }
    const int64_t* k() const { return k_; }

  private:
    const int64_t* k_;
    const uint8_t* mask_;
    size_t length_;
    std::vector<int64_t> held_;
};

// The encoder network sees what the decoder of this frame will give.
std::vector<int32_t> own_latents(const Model& model, const Table& table) {
    std::vector<std::vector<double>> columns(table.columns.size());
    for (size_t c = 0; c < columns.size(); c++) {
        const Column& column = table.columns[c];
        columns[c].resize(table.rows);
        for (size_t r = 0; r < table.rows; r++)
            columns[c][r] = column.masked(r) ? std::numeric_limits<double>::quiet_NaN() : column.lattice.value(column.k[r]);
    }
    std::vector<int32_t> latents(table.rows * model.table->latents);
    encode_latents(*model.table, *prepare(model, DType{'f', 4}, true), columns, table.rows, latents.data());
    return latents;
}

}  // namespace

void model_encode(const Model& model, const Table& table, const int32_t* latents, ByteWriter& out) {
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
    for (const Column& column : table.columns) columns.emplace_back(column, length);
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
            const uint8_t* masked = columns[v].masked(t, width, mask);
            if (trained.variables[v].derived) coder.derived(v, masked);
            else coder.variable(v, masked);
        }
    }
    coder.finish(out);
}

void model_decode(const Model& model, Table& table, ByteReader& in) {
    const TableModel& trained = *model.table;
    const auto prepared = prepare(model, dtype_of_table(model, table), false);
    Steps steps(trained, *prepared, table.rows, false);
    TableDecoder coder(steps, in);
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
            const uint8_t* masked =
                SlicedColumn::slice_mask(column.mask.empty() ? nullptr : column.mask.data(), length, t, width, mask);
            if (trained.variables[v].derived) coder.derived(v, masked);
            else coder.variable(v, masked);
            const int64_t* k = steps.k(v);
            for (size_t l = 0; l < width; l++) column.k[l * length + t] = k[l];
        }
    }
    coder.finish();
}

}  // namespace baler
