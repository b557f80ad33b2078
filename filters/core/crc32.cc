#include "crc32.h"

#include <array>

namespace baler {
namespace {

using Tables = std::array<std::array<uint32_t, 256>, 8>;

// tables[j][b]: what byte b does to the remainder when j more bytes follow ("slicing by 8")
Tables make_tables() {
    Tables t{};
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t r = b;
        for (int i = 0; i < 8; i++) r = (r >> 1) ^ (0xEDB88320u & (0u - (r & 1)));
        t[0][b] = r;
    }
    for (size_t j = 1; j < 8; j++)
        for (size_t b = 0; b < 256; b++) t[j][b] = (t[j - 1][b] >> 8) ^ t[0][t[j - 1][b] & 0xff];
    return t;
}

uint32_t little32(const uint8_t* p) {
    return static_cast<uint32_t>(p[0]) | static_cast<uint32_t>(p[1]) << 8 | static_cast<uint32_t>(p[2]) << 16 |
           static_cast<uint32_t>(p[3]) << 24;
}

}  // namespace

uint32_t crc32(const uint8_t* p, size_t n) {
    static const Tables t = make_tables();
    uint32_t r = 0xffffffffu;
    for (; n >= 8; n -= 8, p += 8) {
        uint32_t a = r ^ little32(p), b = little32(p + 4);
        r = t[7][a & 0xff] ^ t[6][a >> 8 & 0xff] ^ t[5][a >> 16 & 0xff] ^ t[4][a >> 24] ^ t[3][b & 0xff] ^
            t[2][b >> 8 & 0xff] ^ t[1][b >> 16 & 0xff] ^ t[0][b >> 24];
    }
    for (; n; n--, p++) r = (r >> 8) ^ t[0][(r ^ *p) & 0xff];
    return ~r;
}

}  // namespace baler
