// The HDF5 filter: three callbacks and two exported functions. Nothing that is thrown leaves them.
#include <exception>

#include "chunk.h"
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

size_t decode(const Host& host, const Params& p, size_t nbytes, size_t* buf_size, void** buf) {
    const baler_frame frame = frame_of_chunk(p, *buf, nbytes);
    size_t size = static_cast<size_t>(frame.nbytes);
    Buffer out(host, size);
    decode_chunk(host, p, frame, *buf, out.data());
    out.replace(buf);
    *buf_size = size;
    return size;
}

size_t encode(const Host& host, const Params& p, size_t nbytes, size_t* buf_size, void** buf) {
    size_t capacity = encoded_capacity(p, nbytes);
    Buffer out(host, capacity);
    size_t written = encode_chunk(host, p, *buf, nbytes, out.data(), capacity);
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
