// Latent-only payloads: the latents' variables coded like any other, and nothing else. docs/format.md, section 9.
#include <algorithm>
#include <cmath>

#include "coders.h"
#include "latents.h"
#include "table_stream.h"

namespace baler {

namespace {

// Rows that are coded: not those at the end which are all the same (padding), nor are their latents when given.
size_t coded_rows(const std::vector<std::vector<double>>& columns, const int32_t* latents, size_t n_latents) {
    const auto same = [](double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); };
    size_t n = columns[0].size();
    for (; n > 1; n--) {
        for (const std::vector<double>& x : columns)
            if (!same(x[n - 1], x[n - 2])) return n;
        if (latents && !std::equal(latents + (n - 1) * n_latents, latents + n * n_latents, latents + (n - 2) * n_latents)) return n;
    }
    return n;
}

}  // namespace

void encoder_latents(const Model& model, const std::vector<std::vector<double>>& columns, int32_t* out) {
    const auto prepared = prepare(model, DType{'f', 4}, true);
    encode_latents(*model.table, *prepared, columns, columns[0].size(), out);
}

void latent_encode(const Model& model, const std::vector<std::vector<double>>& columns, const int32_t* latents,
                   ByteWriter& out) {
    const TableModel& table = *model.table;
    const auto prepared = prepare(model, DType{'f', 4}, true);
    const size_t n = table.latents, rows = coded_rows(columns, latents, n);
    std::vector<int32_t> own;
    if (!latents) {
        own.resize(rows * n);
        encode_latents(table, *prepared, columns, rows, own.data());
        latents = own.data();
    }
    write_latents(model, rows, latents, out);
}

void write_latents(const Model& model, size_t rows, const int32_t* latents, ByteWriter& out) {
    const TableModel& table = *model.table;
    const auto prepared = prepare(model, DType{'f', 4}, true);
    const size_t n = table.latents;
    out.varint(rows);
    Steps steps(table, *prepared, rows, true);
    TableEncoder coder(steps);
    const size_t length = steps.slices().length;
    for (size_t t = 0; t < length; t++) {
        steps.begin_slice(t);
        for (uint16_t v : steps.order()) {
            for (size_t l = 0; l < steps.width(); l++) steps.k(v)[l] = latents[(l * length + t) * n + v - table.columns];
            coder.variable(v, nullptr);
        }
    }
    coder.finish(out);
}

std::vector<std::vector<int64_t>> read_latents(const Model& model, size_t all_rows, ByteReader& in) {
    const uint64_t claimed = in.varint();
    if (claimed < 1 || claimed > all_rows) in.damaged("its number of coded rows is impossible");
    const auto rows = static_cast<size_t>(claimed);
    const TableModel& table = *model.table;
    const auto prepared = prepare(model, DType{'f', 4}, true);
    std::vector<std::vector<int64_t>> latents(table.latents, std::vector<int64_t>(rows));
    Steps steps(table, *prepared, rows, true);
    TableDecoder coder(steps, in);
    const size_t length = steps.slices().length;
    for (size_t t = 0; t < length; t++) {
        steps.begin_slice(t);
        for (uint16_t v : steps.order()) {
            coder.variable(v, nullptr);
            for (size_t l = 0; l < steps.width(); l++) latents[v - table.columns][l * length + t] = steps.k(v)[l];
        }
    }
    coder.finish();
    return latents;
}

void latent_decode(const Model& model, size_t all_rows, std::vector<std::vector<double>>& columns, ByteReader& in) {
    const TableModel& table = *model.table;
    const auto prepared = prepare(model, DType{'f', 4}, true);
    const std::vector<std::vector<int64_t>> latents = read_latents(model, all_rows, in);
    const size_t rows = latents[0].size();
    decode_latents(table, *prepared, latents.data(), rows, columns);
    for (std::vector<double>& x : columns) std::fill(x.begin() + static_cast<ptrdiff_t>(rows), x.end(), x[rows - 1]);
}

}  // namespace baler
