// The HDF5 filter: three callbacks and two exported functions. Nothing that is thrown leaves them.
#include <algorithm>
#include <exception>
#include <string>

#include "embed.h"
#include "failure.h"
#include "lookup.h"
#include "params.h"
#include "report.h"

namespace baler::h5 {

namespace {

// A bare number type whose bits are exactly those of a C type; anything else is bytes to us.
bool is_plain_integer(const Host& host, Id type, size_t size, char* kind) {
    int sign = host.H5Tget_sign(type);
    if ((size != 1 && size != 2 && size != 4 && size != 8) || sign < 0 || sign > 1) return false;
    if (host.H5Tget_precision(type) != 8 * size || host.H5Tget_offset(type) != 0) return false;
    *kind = sign ? 'i' : 'u';
    return true;
}

bool is_ieee_float(const Host& host, Id type, size_t size) {
    if (size != 2 && size != 4 && size != 8) return false;
    size_t sign, exponent, exponent_bits, mantissa, mantissa_bits;
    if (host.H5Tget_precision(type) != 8 * size || host.H5Tget_offset(type) != 0 || host.H5Tget_norm(type) != 0 ||
        host.H5Tget_fields(type, &sign, &exponent, &exponent_bits, &mantissa, &mantissa_bits) < 0) {
        return false;
    }
    size_t bits = size == 2 ? 10 : size == 4 ? 23 : 52;
    return mantissa == 0 && mantissa_bits == bits && exponent == bits && sign == 8 * size - 1 &&
           exponent_bits == sign - bits && host.H5Tget_ebias(type) == (size_t(1) << (exponent_bits - 1)) - 1;
}

void describe_type(const Host& host, Id type, Params& p) {
    int type_class = host.H5Tget_class(type);
    size_t size = host.H5Tget_size(type);
    int order = host.H5Tget_order(type);
    p.kind = 'V';
    p.big_endian = false;
    p.itemsize = static_cast<uint32_t>(size);
    char kind = 'V';
    bool number = (type_class == kClassInteger && is_plain_integer(host, type, size, &kind)) ||
                  (type_class == kClassFloat && is_ieee_float(host, type, size));
    if (number && (order == kOrderLittle || order == kOrderBig)) {
        p.kind = type_class == kClassFloat ? 'f' : kind;
        p.big_endian = order == kOrderBig && size > 1;
    } else if (size == 0 || size > 65535) {
        p.kind = 0;
        p.itemsize = 1;
    }
}

void forget_shape(Params& p) {
    p.kind = 0;
    p.itemsize = 1;
    p.ndim = 0;
    p.big_endian = false;
}

void describe_chunk(const Host& host, Id dcpl, Params& p) {
    Size dims[BALER_MAX_NDIM] = {};
    int ndim = host.H5Pget_chunk(dcpl, BALER_MAX_NDIM, dims);
    if (ndim < 0 || ndim > BALER_MAX_NDIM) fail(BALER_ERR_ARGUMENT, "the dataset is not chunked, which a filter needs");
    p.ndim = static_cast<uint32_t>(ndim);
    for (int i = 0; i < ndim; i++) {
        if (dims[i] > 0xffffffffu) return forget_shape(p);
        p.dims[i] = static_cast<uint32_t>(dims[i]);
    }
    if (p.chunk_bytes() == 0) forget_shape(p);
}

// Filters before this one hand us their bytes, not the numbers.
int filter_before(const Host& host, Id dcpl) {
    int n = host.H5Pget_nfilters(dcpl);
    int before = -1;
    for (int i = 0; i < n; i++) {
        unsigned flags = 0;
        size_t words = 0;
        int id = host.H5Pget_filter2(dcpl, static_cast<unsigned>(i), &flags, &words, nullptr, 0, nullptr, nullptr);
        if (id == BALER_FILTER_ID) return before;
        before = id;
    }
    return -1;
}

const char* filter_name(int id) {
    static const char* const names[] = {"", "gzip", "shuffle", "fletcher32", "szip", "nbit", "scaleoffset"};
    return id >= 1 && id <= 6 ? names[id] : "another filter";
}

bool is_variable_length(const Host& host, Id type) {
    int type_class = host.H5Tget_class(type);
    return type_class == kClassVlen || (type_class == kClassString && host.H5Tis_variable_str(type) > 0);
}

constexpr const char* kVariableLength =
    "variable-length data cannot be compressed by a filter: HDF5 keeps them outside the chunks; store them as "
    "fixed-length items or without compression";

void check_columns(const Params& p, const baler_model* model) {
    uint32_t columns = 0, latents = 0;
    baler_model_shape(model, &columns, &latents);
    if (!columns) return;
    uint64_t got = p.ndim == 2 ? p.dims[1] : 1;
    if (p.ndim < 1 || p.ndim > 2 || got != columns) {
        std::string chunk;
        for (uint32_t i = 0; i < p.ndim; i++) chunk += (i ? ", " : "") + std::to_string(p.dims[i]);
        fail(BALER_ERR_ARGUMENT,
             "the model is for tables of %u columns, but the chunks are (%s): they must be (rows, %u), with all "
             "columns in every chunk",
             columns, chunk.c_str(), columns);
    }
}

Failure missing(const ModelId& id, const std::string& why) {
    return {BALER_ERR_MODEL_MISSING, "the model sha256:" + hex(id) + " was not found: " + why + "; put " + hex(id) +
                                         ".baler into a folder of BALER_MODEL_PATH, or the model into the file with "
                                         "baler_codec.hdf5.embed()"};
}

// Reads what the user asked for, looks at the dataset and writes both back. Calling it twice changes nothing.
void localise(const Host& host, Id dcpl, Id type) {
    unsigned words[kMaxWords] = {};
    size_t n = kMaxWords;
    unsigned flags = 0;
    if (host.H5Pget_filter_by_id2(dcpl, BALER_FILTER_ID, &flags, &n, words, 0, nullptr, nullptr) < 0) {
        fail(BALER_ERR_ARGUMENT, "HDF5 does not give back the filter's parameters");
    }
    if (is_variable_length(host, type)) fail(BALER_ERR_UNSUPPORTED, "%s", kVariableLength);
    Params p = parse_params(words, n < kMaxWords ? n : kMaxWords);
    uint64_t old_address = p.model_address, old_length = p.model_length;
    p.local = true;
    p.model_address = 0;
    p.model_length = 0;
    describe_type(host, type, p);
    bool numbers = p.kind == 'f' || p.kind == 'i' || p.kind == 'u';
    describe_chunk(host, dcpl, p);
    int before = filter_before(host, dcpl);
    if (before >= 0) {
        if (numbers && p.lossy()) {
            fail(BALER_ERR_ARGUMENT,
                 "%s (filter %d) comes before baler and leaves it no numbers to which an error bound could apply: "
                 "create the dataset without it",
                 filter_name(before), before);
        }
        forget_shape(p);
    }
    if (p.has_model && numbers && before < 0) {
        std::string why;
        const baler_model* model = find_model(host, p.model, old_address, old_length, true, why);
        if (!model) throw missing(p.model, why);
        check_columns(p, model);
        embed_model(host, p.model, model, &p.model_address, &p.model_length);
    }
    n = write_params(p, words);
    if (host.H5Pmodify_filter(dcpl, BALER_FILTER_ID, flags, n, words) < 0) {
        fail(BALER_ERR_ARGUMENT, "HDF5 does not take the filter's parameters");
    }
}

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
    if (array.kind != 'V') {
        settings.bound_kind = p.bound_kind;
        settings.bound = p.bound;
        if (p.has_model) {
            std::string why;
            settings.model = find_model(host, p.model, p.model_address, p.model_length, false, why);
            // A failing filter would lose the data, or crash HDF5 when the file is closed.
            if (!settings.model) report(host, "chunks are stored exactly: " + missing(p.model, why).text);
        }
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
