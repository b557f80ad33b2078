#include "frame.h"

#include <cmath>

#include "crc32.h"

namespace baler {
namespace {

constexpr uint8_t kMagic[4] = {'B', 'L', 'R', 'C'};
constexpr uint8_t kVersion = 1;
constexpr uint64_t kMaxBytes = uint64_t(1) << 47;
enum Flags : uint8_t { kBigEndian = 1, kFortran = 2, kHasModel = 4, kStable = 8 };

bool itemsize_fits(char kind, uint32_t n) {
    switch (kind) {
        case 'f': return n == 2 || n == 4 || n == 8;
        case 'i':
        case 'u': return n == 1 || n == 2 || n == 4 || n == 8;
        case 'V': return n >= 1 && n <= 65535;
        default: return false;
    }
}

bool bits_not_zero(double x) {
    uint64_t u;
    std::memcpy(&u, &x, 8);
    return u != 0;
}

}  // namespace

void check_array(const baler_array& a, const char* what, int code) {
    if (a.kind != 'f' && a.kind != 'i' && a.kind != 'u' && a.kind != 'V')
        fail(code, "%s: kind %d is none of 'f', 'i', 'u', 'V'", what, a.kind);
    if (!itemsize_fits(a.kind, a.itemsize))
        fail(code, "%s: no dtype of kind '%c' has items of %u bytes", what, a.kind, a.itemsize);
    if (a.ndim > BALER_MAX_NDIM) fail(code, "%s: %u axes, at most %d are possible", what, a.ndim, BALER_MAX_NDIM);
    if (a.big_endian > 1 || a.fortran > 1) fail(code, "%s: byte order and memory order are 0 or 1", what);
    if (a.big_endian && (a.kind == 'V' || a.itemsize == 1))
        fail(code, "%s: items of kind '%c' and %u bytes have no byte order", what, a.kind, a.itemsize);
    uint64_t n = a.itemsize;
    bool empty = false;
    for (int i = 0; i < a.ndim; i++) empty |= a.shape[i] == 0;
    for (int i = 0; i < a.ndim; i++) {
        if (a.shape[i] >= kMaxBytes) fail(code, "%s: axis %d is too long", what, i);
        if (empty) continue;
        if (a.shape[i] > (kMaxBytes - 1) / n) fail(code, "%s: 2^47 bytes or more", what);
        n *= a.shape[i];
    }
}

uint64_t value_count(const baler_array& a) {
    uint64_t n = 1;
    for (int i = 0; i < a.ndim; i++)
        if (a.shape[i] == 0) return 0;
    for (int i = 0; i < a.ndim; i++) n *= a.shape[i];
    return n;
}

uint64_t byte_count(const baler_array& a) { return value_count(a) * a.itemsize; }

size_t header_size(const baler_array& a, bool has_model) {
    // ten fixed bytes, the bound, and numbers below 2^47, but the size of items
    constexpr size_t number = 7;
    return 10 + 3 + 8 + 2 * number + number * size_t(a.ndim) + (has_model ? 32 : 0);
}

std::vector<uint8_t> write_frame(const Header& h, const uint8_t* payload, size_t size) {
    ByteWriter w;
    w.bytes.reserve(header_size(h.array, h.has_model) + size + 4);
    w.raw(kMagic, 4);
    w.u8(kVersion);
    w.u8(h.mode);
    w.u8(static_cast<uint8_t>(h.array.kind));
    w.u8(static_cast<uint8_t>((h.array.big_endian ? kBigEndian : 0) | (h.array.fortran ? kFortran : 0) |
                              (h.has_model ? kHasModel : 0) | (h.stable ? kStable : 0)));
    w.varint(h.array.itemsize);
    w.u8(h.array.ndim);
    const bool bounded = !h.has_model && h.bound.kind != BALER_BOUND_EXACT;
    w.u8(bounded ? static_cast<uint8_t>(h.bound.kind) : 0);
    if (bounded) w.f64(h.bound.value);
    w.varint(size);
    w.varint(h.n_exceptions);
    for (int i = 0; i < h.array.ndim; i++) w.varint(h.array.shape[i]);
    if (h.has_model) w.raw(h.model_id.data(), 32);
    if (size) w.raw(payload, size);
    w.u32(crc32(w.bytes.data(), w.bytes.size()));
    return std::move(w.bytes);
}

size_t store_bytes(const void* bytes, size_t size, uint8_t* out, size_t capacity) {
    uint8_t head[64] = {kMagic[0], kMagic[1], kMagic[2], kMagic[3], kVersion, BALER_MODE_STORED, 'V', kStable, 1, 1, 0};
    size_t n = 11;
    const auto varint = [&](uint64_t v) {
        for (; v >= 128; v >>= 7) head[n++] = static_cast<uint8_t>(v | 128);
        head[n++] = static_cast<uint8_t>(v);
    };
    varint(size);  // of the payload
    varint(0);     // exceptions
    varint(size);  // the one axis
    if (capacity < n + 4 || capacity - n - 4 < size) return 0;
    std::memcpy(out, head, n);
    if (size) std::memcpy(out + n, bytes, size);
    n += size;
    const uint32_t crc = crc32(out, n);
    for (int i = 0; i < 4; i++) out[n++] = static_cast<uint8_t>(crc >> (8 * i));
    return n;
}

Header read_frame(const uint8_t* frame, size_t size, bool verify, const uint8_t** payload) {
    ByteReader r(frame, size, "frame header");
    if (std::memcmp(r.raw(4), kMagic, 4) != 0) r.damaged("it does not begin with BLRC, so this is no baler frame");
    const uint8_t version = r.u8();
    if (version != kVersion)
        fail(BALER_ERR_VERSION, "frame has format version %u, this library knows version %u: a newer one is needed",
             version, kVersion);
    Header h;
    h.mode = r.u8();
    h.array.kind = static_cast<char>(r.u8());
    const uint8_t flags = r.u8();
    const uint64_t itemsize = r.varint();
    if (itemsize > 65535) r.damaged("items are too large");
    h.array.itemsize = static_cast<uint32_t>(itemsize);
    h.array.ndim = r.u8();
    h.bound.kind = r.u8();
    if (h.bound.kind > BALER_BOUND_PW_REL) r.damaged("unknown kind of bound");
    h.bound.value = h.bound.kind == BALER_BOUND_EXACT ? 0 : r.f64();
    h.payload = r.varint();
    h.n_exceptions = r.varint();
    if (flags & ~(kBigEndian | kFortran | kHasModel | kStable)) r.damaged("unknown flags");
    h.array.big_endian = (flags & kBigEndian) != 0;
    h.array.fortran = (flags & kFortran) != 0;
    h.has_model = (flags & kHasModel) != 0;
    h.stable = (flags & kStable) != 0;
    if (h.array.ndim > BALER_MAX_NDIM) r.damaged("too many axes");
    for (int i = 0; i < h.array.ndim; i++) h.array.shape[i] = r.varint();
    if (h.has_model) std::memcpy(h.model_id.data(), r.raw(32), 32);
    if (r.left() < 4 || h.payload != r.left() - 4)
        r.damaged("its payload size does not fit the number of bytes (cut off, or bytes too many)");
    if (verify) {
        const uint8_t* end = frame + size - 4;
        const uint32_t stored = static_cast<uint32_t>(end[0]) | static_cast<uint32_t>(end[1]) << 8 |
                                static_cast<uint32_t>(end[2]) << 16 | static_cast<uint32_t>(end[3]) << 24;
        const uint32_t found = crc32(frame, size - 4);
        if (stored != found) fail(BALER_ERR_CORRUPT, "frame is damaged: CRC-32 %08x, should be %08x", found, stored);
    }
    check_array(h.array, "frame header", BALER_ERR_CORRUPT);
    if (h.mode > BALER_MODE_FIELDS)
        fail(BALER_ERR_VERSION, "frame has mode %u, which this library does not know: a newer one is needed", h.mode);
    const uint32_t kind = h.bound.kind;
    const double value = h.bound.value;
    if (kind > BALER_BOUND_PW_REL) r.damaged("unknown kind of bound");
    const bool measured = kind == BALER_BOUND_ABS || kind == BALER_BOUND_PW_REL;
    if (h.has_model ? kind != 0 || bits_not_zero(value)
                    : measured ? !(value > 0 && std::isfinite(value)) || (kind == BALER_BOUND_PW_REL && value >= 1)
                               : bits_not_zero(value))
        r.damaged("the bound is not a possible one");
    const bool lossless = h.mode == BALER_MODE_STORED || h.mode == BALER_MODE_BYTES;
    if (h.array.kind == 'V' && (kind || h.has_model || !(lossless || h.mode == BALER_MODE_FIELDS)))
        r.damaged("items of kind 'V' have no bound, no model, and modes 0, 4 and 6 only");
    if (h.array.kind != 'V' && h.mode == BALER_MODE_FIELDS) r.damaged("mode 6 is for items of kind 'V'");
    if ((h.mode == BALER_MODE_MODEL || h.mode == BALER_MODE_LATENT) && !h.has_model)
        r.damaged("its mode wants a model id");
    if (h.mode != BALER_MODE_GRID && (h.mode == BALER_MODE_LATENT) == h.stable)
        r.damaged("its mode and its stable flag disagree");
    if (h.n_exceptions > (h.mode == BALER_MODE_FIELDS ? byte_count(h.array) : value_count(h.array)))
        r.damaged("more exceptions than values");
    if (h.n_exceptions && lossless)
        r.damaged("its mode has no exceptions");
    if (value_count(h.array) == 0 && (h.mode != BALER_MODE_STORED || h.payload))
        r.damaged("an empty chunk with a payload");
    *payload = frame + (size - 4 - static_cast<size_t>(h.payload));
    return h;
}

}  // namespace baler
