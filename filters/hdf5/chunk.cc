#include "chunk.h"

#include <algorithm>
#include <string>

#include "failure.h"
#include "frame.h"
#include "lookup.h"
#include "report.h"

namespace baler::h5 {

namespace {

// A model that only this call knows.
struct OwnModel {
    OwnModel() = default;
    ~OwnModel() { baler_model_release(model); }
    OwnModel(const OwnModel&) = delete;
    OwnModel& operator=(const OwnModel&) = delete;
    baler_model* model = nullptr;
};

[[noreturn]] void fail_as_core(int code) { fail(code, "%s", std::string(baler_last_error()).c_str()); }

}  // namespace

baler_frame frame_of_chunk(const Params& p, const void* bytes, size_t nbytes) {
    baler_frame frame;
    if (int code = baler_frame_info(bytes, nbytes, 0, &frame)) fail_as_core(code);
    uint64_t expected = p.chunk_bytes();
    const baler_array& a = frame.array;
    if (expected) {
        baler_array wanted = p.array(expected);
        bool same = a.kind == wanted.kind && a.itemsize == wanted.itemsize && a.big_endian == wanted.big_endian &&
                    a.ndim == wanted.ndim && (!a.fortran || a.ndim < 2);
        for (int i = 0; same && i < a.ndim; i++) same = a.shape[i] == wanted.shape[i];
        // Plain bytes of the right number are always the chunk's memory.
        if (frame.nbytes != expected || (a.kind != 'V' && !same)) {
            fail(BALER_ERR_CORRUPT,
                 "the chunk's frame (%llu bytes, type %c%u, %u axes) is not for this dataset, whose chunks have %llu "
                 "bytes, type %c%u, %u axes: wrong shape, type, byte order or memory order",
                 static_cast<unsigned long long>(frame.nbytes), a.kind, a.itemsize, a.ndim,
                 static_cast<unsigned long long>(expected), wanted.kind, wanted.itemsize, wanted.ndim);
        }
    } else if (frame.nbytes > 0xffffffffu) {
        fail(BALER_ERR_CORRUPT,
             "the chunk's frame claims %llu bytes, more than an HDF5 chunk of unknown shape can have",
             static_cast<unsigned long long>(frame.nbytes));
    }
    return frame;
}

void decode_chunk(const Host& host, const Params& p, const baler_frame& frame, const void* bytes, void* out) {
    const baler_model* model = nullptr;
    if (frame.has_model) {
        ModelId id;
        std::copy(frame.model_id, frame.model_id + id.size(), id.begin());
        std::string why;
        bool here = p.has_model && p.model == id;
        model = find_model(host, id, here ? p.model_address : 0, here ? p.model_length : 0, false, why);
        if (!model) throw missing(id, why);
    }
    int code = baler_decode(bytes, static_cast<size_t>(frame.frame_bytes), model, out,
                            static_cast<size_t>(frame.nbytes));
    if (code) fail_as_core(code);
}

size_t encoded_capacity(const Params& p, size_t nbytes) {
    const baler_array array = p.array(nbytes), bytes = Params{}.array(nbytes);
    return std::max(baler_encode_bound(&array), baler_encode_bound(&bytes));
}

namespace {

// 0 when it cannot be coded as asked; the report says why.
size_t code_chunk(const Host& host, const Params& p, const baler_array& array, const void* chunk, void* out,
                  size_t capacity) {
    baler_settings settings{};
    settings.stable = p.stable;
    OwnModel record;
    if (array.kind != 'V') {
        settings.bound_kind = p.bound_kind;
        settings.bound = p.bound;
    } else if (!p.fields.empty() && array.itemsize == p.itemsize) {
        if (baler_model_of_fields(p.fields.data(), p.fields.size(), array.itemsize, &record.model) == BALER_OK)
            settings.model = record.model;
    }
    if (p.has_model && p.kind != 0) {
        std::string why;
        settings.model = find_model(host, p.model, p.model_address, p.model_length, false, why);
        if (!settings.model) report(host, "chunks are stored exactly: " + missing(p.model, why).text);
    }
    size_t written = 0;
    if (baler_encode(&array, chunk, &settings, out, capacity, &written) == BALER_OK) return written;
    report(host, std::string("a chunk is stored exactly: ") + baler_last_error());
    return 0;
}

}  // namespace

// A failing filter would lose the data, or crash HDF5 when the file is closed.
size_t encode_chunk(const Host& host, const Params& p, const void* chunk, size_t nbytes, void* out, size_t capacity) {
    const baler_array array = p.array(nbytes);  // throws when what is written could not be read
    const size_t room = encoded_capacity(p, nbytes);
    if (capacity < room)
        fail(BALER_ERR_BUFFER, "a chunk of %zu bytes takes up to %zu, the output buffer has %zu: see baler_chunk_bound",
             nbytes, room, capacity);
    size_t written = 0;
    try {
        written = code_chunk(host, p, array, chunk, out, capacity);
        if (written == 0) {
            const baler_array bytes = Params{}.array(nbytes);
            baler_settings exact{};
            exact.stable = 1;
            if (baler_encode(&bytes, chunk, &exact, out, capacity, &written) != BALER_OK) written = 0;
        }
    } catch (...) {  // out of memory, even for a text
        written = 0;
    }
    if (written == 0) written = store_bytes(chunk, nbytes, static_cast<uint8_t*>(out), capacity);
    if (written == 0) fail(BALER_ERR_BUFFER, "%zu bytes have no room for a chunk of %zu", capacity, nbytes);
    return written;
}

namespace {

// There is no HDF5 here: models come from the process's cache, recorded places and folders.
const Host& nobody() {
    static const Host none;
    return none;
}

void want(bool there, const char* name) {
    if (!there) fail(BALER_ERR_ARGUMENT, "%s must not be NULL", name);
}

template <typename Body>
int guarded(Body body) noexcept {
    set_last_error("");
    try {
        body();
        return BALER_OK;
    } catch (const Failure& failure) {
        set_last_error(failure.text.c_str());
        return failure.code;
    } catch (const std::exception& error) {
        set_last_error(error.what());
        return BALER_ERR_MEMORY;
    }
}

}  // namespace

}  // namespace baler::h5

size_t baler_chunk_bound(const unsigned* words, size_t n_words, size_t nbytes) {
    size_t room = 0;
    baler::h5::guarded([&] {
        baler::h5::want(words || !n_words, "words");
        room = baler::h5::encoded_capacity(baler::h5::parse_params(words, n_words), nbytes);
    });
    return room;
}

int baler_chunk_encode(const unsigned* words, size_t n_words, const void* chunk, size_t nbytes, void* out,
                       size_t capacity, size_t* written) {
    return baler::h5::guarded([&] {
        baler::h5::want(words || !n_words, "words");
        baler::h5::want(chunk || !nbytes, "chunk");
        baler::h5::want(out || !capacity, "out");
        baler::h5::want(written, "written");
        *written = 0;
        *written = baler::h5::encode_chunk(baler::h5::nobody(), baler::h5::parse_params(words, n_words), chunk, nbytes,
                                           out, capacity);
    });
}

int baler_chunk_decode(const unsigned* words, size_t n_words, const void* frame, size_t size, void* out,
                       size_t out_size) {
    return baler::h5::guarded([&] {
        baler::h5::want(words || !n_words, "words");
        baler::h5::want(frame || !size, "frame");
        baler::h5::want(out || !out_size, "out");
        const baler::h5::Params p = baler::h5::parse_params(words, n_words);
        const baler_frame found = baler::h5::frame_of_chunk(p, frame, size);
        if (found.nbytes != out_size)
            baler::fail(BALER_ERR_BUFFER, "the chunk's frame holds %llu bytes, the output buffer has %zu",
                        static_cast<unsigned long long>(found.nbytes), out_size);
        baler::h5::decode_chunk(baler::h5::nobody(), p, found, frame, out);
    });
}
