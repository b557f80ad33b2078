// The HDF5 filter: three callbacks and two exported functions. Nothing that is thrown leaves them.
#include <algorithm>
#include <exception>
#include <string>

#include "failure.h"
#include "local.h"
#include "lookup.h"
#include "params.h"
#include "report.h"

namespace baler::h5 {

namespace {

// What every callback owes: no exception gets out, and every failure is reported.
template <typename Body>
bool guarded(const Host& host, Body body) noexcept {
    try {
        body();
        return true;
    } catch (const Failure& failure) {
        report(host, failure.text);
    } catch (const std::exception& error) {
        report(host, error.what());
    } catch (...) {
        report(host, "unknown failure");
    }
    return false;
}

// A buffer of the caller's library, given back unless it is kept.
class Buffer {
  public:
    Buffer(const Host& host, size_t n) : host_(host), data_(host.allocate(n ? n : 1)) {
        if (!data_) fail(BALER_ERR_MEMORY, "out of memory: %zu bytes for a chunk", n);
    }
    ~Buffer() {
        if (data_) host_.release(data_);
    }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    void* data() const { return data_; }
    void replace(void** other) {
        host_.release(*other);
        *other = data_;
        data_ = nullptr;
    }

  private:
    const Host& host_;
    void* data_;
};

// A model that only this call knows.
struct OwnModel {
    OwnModel() = default;
    ~OwnModel() { baler_model_release(model); }
    OwnModel(const OwnModel&) = delete;
    OwnModel& operator=(const OwnModel&) = delete;
    baler_model* model = nullptr;
};

[[noreturn]] void fail_as_core(int code) { fail(code, "%s", std::string(baler_last_error()).c_str()); }

size_t decode(const Host& host, const Params& p, size_t nbytes, size_t* buf_size, void** buf) {
    baler_frame frame;
    if (int code = baler_frame_info(*buf, nbytes, 0, &frame)) fail_as_core(code);
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
    const baler_model* model = nullptr;
    if (frame.has_model) {
        ModelId id;
        std::copy(frame.model_id, frame.model_id + id.size(), id.begin());
        std::string why;
        bool here = p.has_model && p.model == id;
        model = find_model(host, id, here ? p.model_address : 0, here ? p.model_length : 0, false, why);
        if (!model) throw missing(id, why);
    }
    size_t size = static_cast<size_t>(frame.nbytes);
    Buffer out(host, size);
    if (int code = baler_decode(*buf, nbytes, model, out.data(), size)) fail_as_core(code);
    out.replace(buf);
    *buf_size = size;
    return size;
}

size_t encode(const Host& host, const Params& p, size_t nbytes, size_t* buf_size, void** buf) {
    baler_array array = p.array(nbytes);
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
        // A failing filter would lose the data, or crash HDF5 when the file is closed.
        if (!settings.model) report(host, "chunks are stored exactly: " + missing(p.model, why).text);
    }
    baler_array bytes = Params{}.array(nbytes);
    size_t capacity = std::max(baler_encode_bound(&array), baler_encode_bound(&bytes));
    Buffer out(host, capacity);
    size_t written = 0;
    if (baler_encode(&array, *buf, &settings, out.data(), capacity, &written) != BALER_OK) {
        report(host, std::string("a chunk is stored exactly: ") + baler_last_error());
        baler_settings exact{};
        exact.stable = 1;
        int code = baler_encode(&bytes, *buf, &exact, out.data(), capacity, &written);
        if (code) fail_as_core(code);
    }
    out.replace(buf);
    *buf_size = capacity;
    return written;
}

#define BALER_CALLER __builtin_extract_return_addr(__builtin_return_address(0))

__attribute__((noinline)) Err can_apply(Id, Id type, Id) {
    const Host& host = host_of(0, BALER_CALLER);
    if (!host.complete || !is_variable_length(host, type)) return 1;
    report(host, kVariableLength);
    return 0;
}

__attribute__((noinline)) Err set_local(Id dcpl, Id type, Id) {
    const Host& host = host_of(1, BALER_CALLER);
    if (!host.complete) {
        report(host, "this program does not show its HDF5 functions; chunks are compressed exactly, as plain bytes");
        return 0;
    }
    return guarded(host, [&] { localise(host, dcpl, type); }) ? 0 : -1;
}

__attribute__((noinline)) size_t filter(unsigned flags, size_t n, const unsigned* values, size_t nbytes,
                                        size_t* buf_size, void** buf) {
    const Host& host = host_of(2, BALER_CALLER);
    size_t result = 0;
    bool ok = guarded(host, [&] {
        Params p = parse_params(values, n);
        result = flags & kReverse ? decode(host, p, nbytes, buf_size, buf) : encode(host, p, nbytes, buf_size, buf);
    });
    return ok ? result : 0;
}

const FilterClass kFilterClass = {
    kClassVersion, BALER_FILTER_ID, 1, 1, "baler: learned, error-bounded compression (pip install baler-codec)",
    can_apply,     set_local,       filter};

}  // namespace

}  // namespace baler::h5

extern "C" {
BALER_API int H5PLget_plugin_type(void) { return 0; }  // H5PL_TYPE_FILTER
BALER_API const void* H5PLget_plugin_info(void) { return &baler::h5::kFilterClass; }
}
