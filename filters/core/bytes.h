// Little-endian bytes: a growing writer and a reader that checks every length before it looks.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "baler.h"
#include "failure.h"

namespace baler {

// Eight bytes as a little-endian number, on every machine.
inline uint64_t eight_bytes(const uint8_t* p) {
    uint64_t v;
    std::memcpy(&v, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

class ByteWriter {
  public:
    std::vector<uint8_t> bytes;

    void raw(const void* p, size_t n) {
        const auto* b = static_cast<const uint8_t*>(p);
        bytes.insert(bytes.end(), b, b + n);
    }
    void u8(uint8_t v) { bytes.push_back(v); }
    void u16(uint16_t v) { little(v, 2); }
    void u32(uint32_t v) { little(v, 4); }
    void u64(uint64_t v) { little(v, 8); }
    void i16(int16_t v) { u16(static_cast<uint16_t>(v)); }
    void i32(int32_t v) { u32(static_cast<uint32_t>(v)); }
    void f64(double v) {
        uint64_t u;
        std::memcpy(&u, &v, 8);
        u64(u);
    }
    // LEB128: seven bits a byte, low bits first
    void varint(uint64_t v) {
        for (; v >= 0x80; v >>= 7) u8(static_cast<uint8_t>(v | 0x80));
        u8(static_cast<uint8_t>(v));
    }
    void zigzag(int64_t v) { varint((static_cast<uint64_t>(v) << 1) ^ static_cast<uint64_t>(v >> 63)); }

  private:
    void little(uint64_t v, int n) {
        for (int i = 0; i < n; i++) u8(static_cast<uint8_t>(v >> (8 * i)));
    }
};

class ByteReader {
  public:
    ByteReader(const uint8_t* p, size_t n, const char* what, int code = BALER_ERR_CORRUPT)
        : p_(p), end_(p + n), what_(what), code_(code) {}

    size_t left() const { return static_cast<size_t>(end_ - p_); }
    const uint8_t* raw(size_t n) {
        if (n > left()) fail(code_, "%s ends early: %zu bytes wanted, %zu left", what_, n, left());
        const uint8_t* r = p_;
        p_ += n;
        return r;
    }
    ByteReader sub(uint64_t n, const char* what) {
        if (n > left()) fail(code_, "%s ends early: %s wants %llu bytes, %zu left", what_, what,
                             static_cast<unsigned long long>(n), left());
        return ByteReader(raw(static_cast<size_t>(n)), static_cast<size_t>(n), what, code_);
    }
    uint8_t u8() { return *raw(1); }
    uint16_t u16() { return static_cast<uint16_t>(little(2)); }
    uint32_t u32() { return static_cast<uint32_t>(little(4)); }
    uint64_t u64() { return little(8); }
    int16_t i16() { return static_cast<int16_t>(u16()); }
    int32_t i32() { return static_cast<int32_t>(u32()); }
    int64_t i64() { return static_cast<int64_t>(u64()); }
    double f64() {
        uint64_t u = u64();
        double v;
        std::memcpy(&v, &u, 8);
        return v;
    }
    float f32() {
        uint32_t u = u32();
        float v;
        std::memcpy(&v, &u, 4);
        return v;
    }
    uint64_t varint() {
        uint64_t v = 0;
        for (int s = 0; s < 64; s += 7) {
            uint8_t b = u8();
            if (s == 63 && b > 1) break;
            v |= static_cast<uint64_t>(b & 0x7f) << s;
            if (!(b & 0x80)) return v;
        }
        fail(code_, "%s holds an overlong integer", what_);
    }
    int64_t zigzag() {
        uint64_t v = varint();
        return static_cast<int64_t>(v >> 1) ^ -static_cast<int64_t>(v & 1);
    }
    void finish() const {
        if (left()) fail(code_, "%s has %zu bytes too many", what_, left());
    }
    [[noreturn]] void damaged(const char* why) const { fail(code_, "%s is damaged: %s", what_, why); }

  private:
    uint64_t little(int n) {
        const uint8_t* b = raw(static_cast<size_t>(n));
        uint64_t v = 0;
        for (int i = 0; i < n; i++) v |= static_cast<uint64_t>(b[i]) << (8 * i);
        return v;
    }
    const uint8_t* p_;
    const uint8_t* end_;
    const char* what_;
    int code_;
};

}  // namespace baler
