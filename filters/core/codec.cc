#include "codec.h"

#include <algorithm>
#include <cmath>

#include "coders.h"
#include "grid_coder.h"
#include "latents.h"
#include "patches.h"
#include "probe.h"
#include "split.h"

namespace baler {
namespace {

std::string id_text(const std::array<uint8_t, 32>& id) {
    std::string s = "sha256:";
    for (uint8_t b : id) {
        s += "0123456789abcdef"[b >> 4];
        s += "0123456789abcdef"[b & 15];
    }
    return s;
}

void check_bound(const Bound& b) {
    if (b.kind == BALER_BOUND_EXACT) return;
    if (b.kind == BALER_BOUND_LATENT) fail(BALER_ERR_ARGUMENT, "bound \"latent\" needs a model with an autoencoder");
    if (b.kind != BALER_BOUND_ABS && b.kind != BALER_BOUND_PW_REL)
        fail(BALER_ERR_ARGUMENT, "unknown kind of bound %u", b.kind);
    if (!(b.value >= 0) || !std::isfinite(b.value))
        fail(BALER_ERR_ARGUMENT, "a bound must be finite and not negative, not %g", b.value);
    if (b.kind == BALER_BOUND_PW_REL && b.value >= 1)
        fail(BALER_ERR_ARGUMENT, "a relative bound must be below 1, not %g", b.value);
}

// A model is for tables of its columns; one without columns is for anything.
bool model_fits(const Model& model, const Layout& layout) {
    if (model.record) return false;
    if (model.patch) return layout.axes >= model.patch->extents.size();
    return model.n_columns() == 0 ? !model.latent_only() : layout.is_table && model.n_columns() == layout.columns;
}

// The bound of a chunk that the model does not fit: the one bound of all its columns, or none.
Bound common_bound(const Model& model) {
    for (const Bound& b : model.bounds)
        if (b.kind != model.bounds[0].kind || b.value != model.bounds[0].value) return Bound{};
    return model.bounds.empty() || model.latent_only() ? Bound{} : model.bounds[0];
}

// What latent-only coding sees as a table's columns; of patches the chunk as it is.
Layout latent_layout(const Model& model, const baler_array& array) {
    return model.patch ? Layout::flat(array) : Layout(array);
}

size_t latent_rows(const Model& model, const baler_array& array) {
    return model.patch ? patch_rows(*model.patch, array) : Layout(array).rows;
}

std::vector<Lattice> lattices_for(const baler_array& array, const Layout& layout, const Bound& bound,
                                  const Model* model) {
    const DType dtype = dtype_of(array);
    if (!model) return std::vector<Lattice>(layout.columns, Lattice(dtype, bound));
    if (!model_fits(*model, layout)) return std::vector<Lattice>(layout.columns, Lattice(dtype, common_bound(*model)));
    if (model->n_columns() == 0) return std::vector<Lattice>(layout.columns, model->lattice(dtype, 0));
    std::vector<Lattice> lattices;
    for (size_t c = 0; c < layout.columns; c++) lattices.push_back(model->lattice(dtype, c));
    return lattices;
}

// Can all values stand on one lattice, in whatever order? (Format, section 12.)
bool has_one_lattice(const Model* model, const Layout& layout) {
    if (!model || !model_fits(*model, layout) || model->n_columns() == 0) return true;
    const auto differs = [&](const Bound& b) { return b.kind != model->bounds[0].kind || b.value != model->bounds[0].value; };
    return !model->table && std::none_of(model->bounds.begin(), model->bounds.end(), differs);
}

// The smallest candidate so far, the first among equals.
struct Best {
    Header header;
    std::vector<uint8_t> payload;
    size_t size;  // of header and payload
};

// A table whose memory is kept when it is done with.
struct RowsKept {
    Table& table;
    ~RowsKept() { keep_rows(std::move(table)); }
};

uint64_t total(const std::vector<ColumnExceptions>& exceptions) {
    uint64_t n = 0;
    for (const auto& e : exceptions) n += e.count;
    return n;
}

void offer(Best& best, Header header, std::vector<uint8_t>&& payload) {
    const size_t size = header_size(header.array, header.has_model) + payload.size();
    if (size >= best.size) return;
    header.payload = payload.size();
    best = Best{header, std::move(payload), size};
}

// Kind V: records when the fields are known, plain bytes else; `image` as below.
void encode_items(const baler_array& array, const uint8_t* data, const Record* record, Header header, Best& best,
                  std::vector<uint8_t>& image) {
    const auto n = static_cast<size_t>(byte_count(array));
    if (record) {
        ByteWriter out;
        Header fields = header;
        fields.mode = BALER_MODE_FIELDS;
        fields.n_exceptions = record_encode(*record, data, n / array.itemsize, image, out);
        offer(best, fields, std::move(out.bytes));
        if (!bytes_could_win(image.data(), n, array.itemsize, best.size)) return;
        data = image.data();
    }
    ByteWriter out;
    bytes_encode(data, n, array.itemsize, out);
    header.mode = BALER_MODE_BYTES;
    offer(best, header, std::move(out.bytes));
}

// The grid coder's frame; two when it is not clear that the model's network pays.
void offer_grids(GridChunk chunk, std::vector<int64_t>&& k, const ColumnExceptions& exceptions, const Model* for_grids,
                 const Header& header, Best& best) {
    std::vector<int64_t> again;
    if (chunk.net) again = k;
    for (bool more = true; more;) {
        GridPayload grid;
        if (!grid_encode(chunk, std::move(k), exceptions, grid)) return;
        Header framed = header;
        framed.n_exceptions = grid.n_exceptions;
        framed.mode = BALER_MODE_GRID;
        framed.stable = !grid.closed;
        if (grid.net) {
            framed.has_model = true;
            framed.model_id = for_grids->id;
            framed.bound = Bound{};
        }
        offer(best, framed, std::move(grid.bytes));
        more = grid.close && chunk.net;
        chunk.net = nullptr;
        k = std::move(again);
    }
}

// Leaves in `image` what a stored frame would hold when that is not the data itself.
void encode_numbers(const baler_array& array, const Layout& layout, const void* data, const baler_settings& settings,
                    const Model* model, const Model* for_grids, Header header, Best& best, std::vector<uint8_t>& image) {
    std::vector<uint8_t> copy;
    const void* native = native_values(array, data, copy);
    std::vector<ColumnExceptions> exceptions;
    ByteWriter section;
    const bool fits = model && model_fits(*model, layout);
    const Bound bound = !model ? header.bound : fits && model->n_columns() ? model->bounds[0] : common_bound(*model);
    if (fits && model->latent_only()) {
        const auto columns = split_doubles(latent_layout(*model, array), dtype_of(array), native, &exceptions);
        write_exceptions(exceptions, array.itemsize, section);
        if (model->patch) patch_encode(*model, array, columns[0], settings.latents, section);
        else latent_encode(*model, columns, settings.latents, section);
        header.n_exceptions = total(exceptions);
        header.mode = BALER_MODE_LATENT;
        header.stable = false;
        offer(best, header, std::move(section.bytes));
        return;
    }
    Table table = split(layout, lattices_for(array, layout, header.bound, model), array.itemsize, native, &exceptions);
    const RowsKept kept{table};
    write_exceptions(exceptions, array.itemsize, section);
    Header coded = header;
    coded.n_exceptions = total(exceptions);
    size_t trained = 0;
    if (fits && model->table) {
        ByteWriter out = section;
        try {
            model_encode(*model, table, settings.latents, out);
            coded.mode = BALER_MODE_MODEL;
            trained = out.bytes.size() - section.bytes.size();
            offer(best, coded, std::move(out.bytes));
        } catch (const Failure& f) {
            // a model may be sound and still have too many cells for this dtype; the built-in mode has no such limit
            if (f.code != BALER_ERR_MODEL_INVALID && f.code != BALER_ERR_UNSUPPORTED) throw;
        }
    }
    const Lattice lattice = table.columns[0].lattice;
    const Prospects could = has_one_lattice(model, layout) ? prospects(array, native, lattice, table) : Prospects{true, false};
    if (could.table && (coded.mode != BALER_MODE_MODEL || builtin_could_win(*model, table, trained))) {
        ByteWriter out = section;
        builtin_encode(table, out);
        coded.mode = BALER_MODE_BUILTIN;
        offer(best, coded, std::move(out.bytes));
    }
    // the memory image of the values after the lattice, so that what is read does not depend on the mode
    const auto make_image = [&] {
        image.resize(static_cast<size_t>(byte_count(array)));
        join(layout, table, exceptions, array.itemsize, image.data());
        swap_to_array(array, image.data());
    };
    const bool grids = could.grid || for_grids, rows = layout.column_stride == 1 && layout.columns >= 4 && !grids;
    if (rows && best.header.mode != BALER_MODE_STORED &&
        !bytes_could_win(layout, table, exceptions, array.itemsize, best.size))
        return;
    make_image();
    if (grids) {
        const Layout flat = Layout::flat(array);
        if (table.columns.size() > 1) {
            exceptions.clear();
            table = split(flat, {lattice}, array.itemsize, native, &exceptions);
        }
        const bool loose = !settings.stable && bound.kind == BALER_BOUND_ABS;
        const GridChunk chunk{dtype_of(array), flat.shape, &lattice, native, loose ? bound.value : 0,
                              for_grids ? for_grids->grid.get() : nullptr};
        offer_grids(chunk, std::move(table.columns[0].k), exceptions[0], for_grids, header, best);
    }
    if (!rows && !bytes_could_win(image.data(), image.size(), array.itemsize, best.size)) return;
    ByteWriter out;
    bytes_encode(image.data(), image.size(), array.itemsize, out);
    header.mode = BALER_MODE_BYTES;
    offer(best, header, std::move(out.bytes));
}

void require_encoder(const Model& model) {
    if (model.n_latents() == 0) fail(BALER_ERR_ARGUMENT, "this model has no autoencoder");
    if (model.patch) fail(BALER_ERR_ARGUMENT, "this model's encoder reads patches, no rows: latents alone can be had of it");
}

}  // namespace

std::vector<uint8_t> encode(const baler_array& array, const void* data, const baler_settings& settings,
                            const Model* model) {
    check_array(array, "array", BALER_ERR_ARGUMENT);
    Header header;
    header.array = array;
    std::fill(header.array.shape + array.ndim, header.array.shape + BALER_MAX_NDIM, uint64_t(0));
    const Layout layout(array);
    // a model for grids is named only in the frames that its network codes; the others are those of its bound
    const Model* for_grids = model && model->grid ? model : nullptr;
    if (for_grids) {
        header.bound = model->bounds[0];
        model = nullptr;
    } else if (!model) {
        header.bound = Bound{settings.bound_kind, settings.bound};
        check_bound(header.bound);
    }
    const Record* record = nullptr;
    if (array.kind == 'V') {
        if (model && model->record && model->record->itemsize == array.itemsize) record = model->record.get();
        model = nullptr;
    }
    if (array.kind == 'V' || header.bound.kind == BALER_BOUND_EXACT || header.bound.value == 0) header.bound = Bound{};
    if (model) {
        header.has_model = true;
        header.model_id = model->id;
        const bool fits = settings.latents && model_fits(*model, layout);
        const uint64_t wanted = fits ? static_cast<uint64_t>(latent_rows(*model, array)) * model->n_latents() : 0;
        if (fits && settings.n_latents != wanted)
            fail(BALER_ERR_ARGUMENT, "%llu latents given, this chunk and model need %llu",
                 static_cast<unsigned long long>(settings.n_latents), static_cast<unsigned long long>(wanted));
    }
    const auto* bytes = static_cast<const uint8_t*>(data);
    const auto n = static_cast<size_t>(byte_count(array));
    Best best{header, {}, header_size(array, header.has_model) + n};
    if (n) {
        std::vector<uint8_t> image;
        if (array.kind == 'V') encode_items(array, bytes, record, header, best, image);
        else encode_numbers(array, layout, data, settings, model, for_grids, header, best, image);
        if (best.header.mode == BALER_MODE_STORED && !image.empty()) return write_frame(best.header, image.data(), n);
    }
    if (best.header.mode == BALER_MODE_STORED) return write_frame(best.header, bytes, n);
    return write_frame(best.header, best.payload.data(), best.payload.size());
}

void decode(const uint8_t* frame, size_t size, const Model* model, void* out, size_t out_size) {
    const uint8_t* payload;
    const Header header = read_frame(frame, size, true, &payload);
    const baler_array& array = header.array;
    if (byte_count(array) != out_size)
        fail(BALER_ERR_BUFFER, "the frame holds %llu bytes, the output buffer has %zu",
             static_cast<unsigned long long>(byte_count(array)), out_size);
    ByteReader in(payload, static_cast<size_t>(header.payload), "frame");
    if (header.mode == BALER_MODE_STORED) {
        if (in.left() != out_size) in.damaged("stored values of another size than the shape's");
        if (out_size) std::memcpy(out, in.raw(out_size), out_size);
        return;
    }
    if (header.mode == BALER_MODE_BYTES) {
        bytes_decode(in, static_cast<uint8_t*>(out), out_size, array.itemsize);
        in.finish();
        return;
    }
    if (header.mode == BALER_MODE_FIELDS) {
        const size_t n = out_size / array.itemsize;
        if (record_decode(in, array.itemsize, n, static_cast<uint8_t*>(out)) != header.n_exceptions)
            in.damaged("the number of exceptions is not the header's");
        in.finish();
        return;
    }
    const Layout layout(array);
    if (!header.has_model) {
        model = nullptr;
    } else {
        if (!model) fail(BALER_ERR_MODEL_MISSING, "the frame needs model %s", id_text(header.model_id).c_str());
        if (model->id != header.model_id)
            fail(BALER_ERR_MODEL_MISSING, "the frame needs model %s, but was given %s",
                 id_text(header.model_id).c_str(), id_text(model->id).c_str());
    }
    const bool fits = model && model_fits(*model, layout);
    std::vector<ColumnExceptions> exceptions;
    if (header.mode == BALER_MODE_LATENT) {
        if (!fits || !model->latent_only()) in.damaged("its mode does not fit its model");
        const Layout seen = latent_layout(*model, array);
        Table masks = make_table(seen, std::vector<Lattice>(seen.columns));
        exceptions = read_exceptions(masks, array.itemsize, in);
        if (total(exceptions) != header.n_exceptions) in.damaged("the number of exceptions is not the header's");
        std::vector<std::vector<double>> columns(seen.columns, std::vector<double>(seen.rows));
        if (model->patch) patch_decode(*model, array, columns[0], in);
        else latent_decode(*model, layout.rows, columns, in);
        in.finish();
        join_doubles(seen, dtype_of(array), columns, out);
        put_exceptions(seen, exceptions, array.itemsize, out);
        swap_to_array(array, out);
        return;
    }
    if (header.mode == BALER_MODE_GRID) {
        if (!has_one_lattice(model, layout)) in.damaged("its mode does not fit its model");
        const std::vector<Lattice> lattices = lattices_for(array, layout, header.bound, model);
        grid_decode({dtype_of(array), Layout::flat(array).shape, &lattices[0], nullptr, 0,
                     model ? model->grid.get() : nullptr}, header.stable,
                    header.n_exceptions, in, out);
        in.finish();
        swap_to_array(array, out);
        return;
    }
    if (header.mode == BALER_MODE_MODEL && (!fits || !model->table || model->latent_only()))
        in.damaged("its mode does not fit its model");
    Table table = make_table(layout, lattices_for(array, layout, header.bound, model));
    const RowsKept kept{table};
    if (header.mode != BALER_MODE_MODEL)
        for (Column& column : table.columns) std::fill(column.k.begin(), column.k.end(), int64_t(0));
    exceptions = read_exceptions(table, array.itemsize, in);
    if (total(exceptions) != header.n_exceptions) in.damaged("the number of exceptions is not the header's");
    if (header.mode == BALER_MODE_MODEL) model_decode(*model, table, in);
    else builtin_decode(table, in);
    in.finish();
    join(layout, table, exceptions, array.itemsize, out);
    swap_to_array(array, out);
}

void latents_of(const Model& model, const baler_array& array, const void* data, int32_t* out, size_t n_out) {
    check_array(array, "array", BALER_ERR_ARGUMENT);
    const Layout layout(array);
    if (model.n_latents() == 0) fail(BALER_ERR_ARGUMENT, "this model has no autoencoder");
    if (array.kind == 'V' || !model_fits(model, layout))
        fail(BALER_ERR_ARGUMENT, "the model is for tables of %u columns", model.n_columns());
    const size_t rows = latent_rows(model, array);
    if (n_out != rows * model.n_latents())
        fail(BALER_ERR_BUFFER, "room for %zu latents, %zu rows give %zu", n_out, rows, rows * model.n_latents());
    std::vector<uint8_t> copy;
    const void* native = native_values(array, data, copy);
    std::vector<ColumnExceptions> ignored;
    const auto columns = split_doubles(latent_layout(model, array), dtype_of(array), native, &ignored);
    if (model.patch) patch_latents(model, array, columns[0], out);
    else encoder_latents(model, columns, out);
}

void encoder_inputs_of(const Model& model, const baler_array& array, const void* data, int16_t* out, size_t n_out) {
    check_array(array, "array", BALER_ERR_ARGUMENT);
    const Layout layout(array);
    require_encoder(model);
    if (array.kind == 'V' || !model_fits(model, layout))
        fail(BALER_ERR_ARGUMENT, "the model is for tables of %u columns", model.n_columns());
    const size_t rows = latent_rows(model, array), width = model.table->encoder.inputs.size();
    if (n_out != rows * width) fail(BALER_ERR_BUFFER, "room for %zu inputs, %zu rows have %zu", n_out, rows, rows * width);
    std::vector<uint8_t> copy;
    const void* native = native_values(array, data, copy);
    std::vector<ColumnExceptions> ignored;
    if (model.latent_only()) {
        encoder_inputs(*model.table, split_doubles(latent_layout(model, array), dtype_of(array), native, &ignored), rows, out);
        return;
    }
    const Table table = split(layout, lattices_for(array, layout, Bound{}, &model), array.itemsize, native, &ignored);
    encoder_inputs(*model.table, lattice_values(table), rows, out);
}

void run_encoder_of(const Model& model, const int16_t* inputs, size_t rows, int32_t* out, size_t n_out) {
    require_encoder(model);
    const size_t n = model.n_latents();
    if (n_out % n || n_out / n != rows) fail(BALER_ERR_BUFFER, "room for %zu latents, %zu rows have %zu each", n_out, rows, n);
    run_encoder(*model.table, *prepare(model, DType{'f', 4}, true), inputs, rows, out);
}

}  // namespace baler
