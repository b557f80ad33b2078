// The C interface (include/baler.h): every exception ends here.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <new>

#include "codec.h"
#include "float_state.h"
#include "model_cache.h"
#include "parallel.h"
#include "sha256.h"

struct baler_model {
    std::shared_ptr<const baler::Model> model;
    std::atomic<long> references{1};
};

namespace {

// plain bytes: nothing to destroy when a thread ends after the library was unloaded
thread_local char last_error[4096];

int report(int code, const char* text) {
    std::snprintf(last_error, sizeof last_error, "%s", text);
    return code;
}

template <class F>
int guarded(F&& work) {
    last_error[0] = 0;
    baler::FloatState state;
    try {
        work();
        return BALER_OK;
    } catch (const baler::Failure& f) {
        return report(f.code, f.text.c_str());
    } catch (const std::bad_alloc&) {
        return report(BALER_ERR_MEMORY, "out of memory");
    } catch (const std::exception& e) {
        return report(BALER_ERR_CORRUPT, e.what());
    } catch (...) {
        return report(BALER_ERR_CORRUPT, "unknown failure");
    }
}

void want(bool there, const char* name) {
    if (!there) baler::fail(BALER_ERR_ARGUMENT, "%s must not be NULL", name);
}

baler_model* open_model(const void* bytes, size_t size) {
    want(bytes != nullptr || size == 0, "bytes");
    return new baler_model{baler::parse_model(static_cast<const uint8_t*>(bytes), size)};
}

void list_fields(const baler::Record* record, baler_field* fields, size_t capacity, size_t* n) {
    *n = record ? record->fields.size() : 0;
    for (size_t i = 0; i < std::min(capacity, *n); i++) {
        const baler::Field& f = record->fields[i];
        fields[i] = baler_field{f.dtype.kind, f.big_endian, 0, f.dtype.size, f.offset, f.elements,
                                f.bound.kind, f.bound.value};
    }
}

}  // namespace

void baler::set_last_error(const char* text) noexcept { std::snprintf(last_error, sizeof last_error, "%s", text); }

const char* baler_version(void) { return "0.1.0"; }

const char* baler_last_error(void) { return last_error; }

int baler_set_threads(int n) {
    return guarded([&] { baler::set_threads(n); });
}

int baler_threads(void) { return baler::threads(); }

int baler_model_open(const void* bytes, size_t size, baler_model** out) {
    return guarded([&] {
        want(out != nullptr, "out");
        *out = nullptr;
        *out = open_model(bytes, size);
    });
}

void baler_model_retain(baler_model* m) {
    if (m) m->references.fetch_add(1, std::memory_order_relaxed);
}

void baler_model_release(baler_model* m) {
    if (m && m->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete m;
}

void baler_model_id(const baler_model* m, uint8_t id[32]) {
    if (m && id) std::memcpy(id, m->model->id.data(), 32);
}

const void* baler_model_bytes(const baler_model* m, size_t* size) {
    if (size) *size = m ? m->model->bytes.size() : 0;
    return m ? m->model->bytes.data() : nullptr;
}

void baler_model_shape(const baler_model* m, uint32_t* columns, uint32_t* latents) {
    if (columns) *columns = m ? m->model->n_columns() : 0;
    if (latents) *latents = m ? m->model->n_latents() : 0;
}

uint32_t baler_model_record(const baler_model* m) { return m && m->model->record ? m->model->record->itemsize : 0; }

int baler_model_of_fields(const baler_field* fields, size_t n, uint32_t itemsize, baler_model** out) {
    return guarded([&] {
        want(out != nullptr, "out");
        *out = nullptr;
        want(fields != nullptr, "fields");
        baler::Record record;
        record.itemsize = itemsize;
        uint64_t end = 0;
        if (n < 1 || n > baler::kMaxFields || itemsize < 1 || itemsize > 65535)
            baler::fail(BALER_ERR_ARGUMENT, "%zu fields in records of %u bytes: both have limits", n, itemsize);
        for (size_t i = 0; i < n; i++) {
            const baler_field& f = fields[i];
            const uint64_t stop = f.offset + uint64_t(f.itemsize) * f.elements;
            if (f.offset < end || f.itemsize < 1 || f.itemsize > itemsize || f.elements < 1 || stop > itemsize)
                baler::fail(BALER_ERR_ARGUMENT, "field %zu does not fit: fields go by their places in the record", i);
            end = stop;
            baler_array one{};
            one.kind = f.kind;
            one.itemsize = f.itemsize;
            one.big_endian = f.big_endian;
            baler::check_array(one, "field", BALER_ERR_ARGUMENT);
            baler::Field field;
            field.offset = f.offset;
            field.dtype = {f.kind, f.itemsize};
            if (f.kind == 'V') field.dtype.size = f.itemsize * f.elements;
            field.big_endian = f.big_endian;
            if (f.kind != 'V') field.elements = f.elements;
            if (field.elements > 1) field.extents = {f.elements};
            field.bound = {f.bound_kind, f.bound_kind == BALER_BOUND_EXACT ? 0 : f.bound};
            record.fields.push_back(field);
        }
        const std::vector<uint8_t> file = baler::record_model(record);
        *out = open_model(file.data(), file.size());
    });
}

int baler_model_fields(const baler_model* m, baler_field* fields, size_t capacity, size_t* n) {
    return guarded([&] {
        want(m != nullptr, "model");
        want(n != nullptr, "n");
        want(fields != nullptr || capacity == 0, "fields");
        list_fields(m->model->record.get(), fields, capacity, n);
    });
}

int baler_model_latents(const baler_model* m, const baler_array* array, const void* data, int32_t* out, size_t n_out) {
    return guarded([&] {
        want(m != nullptr, "model");
        want(array != nullptr, "array");
        want(data != nullptr || n_out == 0, "data");
        want(out != nullptr || n_out == 0, "out");
        baler::latents_of(*m->model, *array, data, out, n_out);
    });
}

int baler_encoder_inputs(const baler_model* m, const baler_array* array, const void* data, int16_t* out, size_t n_out) {
    return guarded([&] {
        want(m != nullptr, "model");
        want(array != nullptr, "array");
        want(data != nullptr || n_out == 0, "data");
        want(out != nullptr || n_out == 0, "out");
        baler::encoder_inputs_of(*m->model, *array, data, out, n_out);
    });
}

int baler_encoder_run(const baler_model* m, const int16_t* inputs, size_t rows, int32_t* out, size_t n_out) {
    return guarded([&] {
        want(m != nullptr, "model");
        want(inputs != nullptr || rows == 0, "inputs");
        want(out != nullptr || n_out == 0, "out");
        baler::run_encoder_of(*m->model, inputs, rows, out, n_out);
    });
}

int baler_cache_add(const void* bytes, size_t size, uint8_t id[32]) {
    return guarded([&] {
        want(bytes != nullptr || size == 0, "bytes");
        auto model = baler::parse_model(static_cast<const uint8_t*>(bytes), size);
        if (id) std::memcpy(id, model->id.data(), 32);
        baler::model_cache().add(std::move(model));
    });
}

baler_model* baler_cache_get(const uint8_t id[32]) {
    if (!id) return nullptr;
    std::array<uint8_t, 32> name;
    std::memcpy(name.data(), id, 32);
    auto model = baler::model_cache().get(name);
    return model ? new (std::nothrow) baler_model{std::move(model)} : nullptr;
}

void baler_cache_clear(void) { baler::model_cache().clear(); }

size_t baler_encode_bound(const baler_array* array) {
    size_t bound = 0;
    guarded([&] {
        want(array != nullptr, "array");
        baler::check_array(*array, "array", BALER_ERR_ARGUMENT);
        bound = baler::header_size(*array, true) + static_cast<size_t>(baler::byte_count(*array)) + 4;
    });
    return bound;
}

int baler_encode(const baler_array* array, const void* data, const baler_settings* settings, void* out, size_t capacity,
                 size_t* written) {
    return guarded([&] {
        want(array != nullptr, "array");
        want(settings != nullptr, "settings");
        want(written != nullptr, "written");
        want(out != nullptr || capacity == 0, "out");
        *written = 0;
        baler::check_array(*array, "array", BALER_ERR_ARGUMENT);
        want(data != nullptr || baler::byte_count(*array) == 0, "data");
        const baler::Model* model = settings->model ? settings->model->model.get() : nullptr;
        const auto frame = baler::encode(*array, data, *settings, model);
        if (frame.size() > capacity)
            baler::fail(BALER_ERR_BUFFER, "the frame takes %zu bytes, the output buffer has %zu: see baler_encode_bound",
                        frame.size(), capacity);
        std::memcpy(out, frame.data(), frame.size());
        *written = frame.size();
    });
}

int baler_frame_info(const void* frame, size_t size, int verify, baler_frame* out) {
    return guarded([&] {
        want(frame != nullptr || size == 0, "frame");
        want(out != nullptr, "out");
        const uint8_t* payload;
        const auto h = baler::read_frame(static_cast<const uint8_t*>(frame), size, verify != 0, &payload);
        baler_frame f{};
        f.array = h.array;
        f.version = 0;
        f.mode = h.mode;
        f.bound_kind = h.bound.kind;
        f.stable = h.stable;
        f.bound = h.bound.value;
        f.has_model = h.has_model;
        std::memcpy(f.model_id, h.model_id.data(), 32);
        f.nbytes = baler::byte_count(h.array);
        f.n_exceptions = h.n_exceptions;
        f.frame_bytes = size;
        f.payload_bytes = h.payload;
        *out = f;
    });
}

int baler_frame_fields(const void* frame, size_t size, baler_field* fields, size_t capacity, size_t* n) {
    return guarded([&] {
        want(frame != nullptr || size == 0, "frame");
        want(n != nullptr, "n");
        want(fields != nullptr || capacity == 0, "fields");
        const uint8_t* payload;
        const auto h = baler::read_frame(static_cast<const uint8_t*>(frame), size, false, &payload);
        baler::Record record;
        if (h.mode == BALER_MODE_FIELDS) {
            baler::ByteReader in(payload, static_cast<size_t>(h.payload), "frame");
            record = baler::read_fields(in, h.array.itemsize, true);
        }
        list_fields(&record, fields, capacity, n);
    });
}

int baler_decode(const void* frame, size_t size, const baler_model* model, void* out, size_t out_size) {
    return guarded([&] {
        want(frame != nullptr || size == 0, "frame");
        want(out != nullptr || out_size == 0, "out");
        baler::decode(static_cast<const uint8_t*>(frame), size, model ? model->model.get() : nullptr, out, out_size);
    });
}

void baler_sha256(const void* bytes, size_t size, uint8_t digest[32]) {
    const auto d = baler::sha256(static_cast<const uint8_t*>(bytes), size);
    std::memcpy(digest, d.data(), 32);
}
