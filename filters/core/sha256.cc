#include "sha256.h"

#include <cstdlib>
#include <cstring>

#include "sha256_blocks.h"

namespace baler {
namespace {

uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

void block(uint32_t state[8], const uint8_t* p) {
    uint32_t w[64];
    for (size_t i = 0; i < 16; i++)
        w[i] = static_cast<uint32_t>(p[4 * i]) << 24 | static_cast<uint32_t>(p[4 * i + 1]) << 16 |
               static_cast<uint32_t>(p[4 * i + 2]) << 8 | static_cast<uint32_t>(p[4 * i + 3]);
    for (size_t i = 16; i < 64; i++) {
        uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (size_t i = 0; i < 64; i++) {
        uint32_t t1 = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + kSha256Round[i] + w[i];
        uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

Sha256Blocks choose() {
    const char* wanted = std::getenv("BALER_ISA");
    const Sha256Blocks instructions = wanted && !std::strcmp(wanted, "portable") ? nullptr : sha256_instructions();
    return instructions ? instructions : sha256_portable;
}

}  // namespace

#if !defined(__x86_64__) && !defined(__aarch64__)
Sha256Blocks sha256_instructions() { return nullptr; }
#endif

void sha256_portable(uint32_t state[8], const uint8_t* p, size_t n) {
    for (; n; n--, p += 64) block(state, p);
}

std::array<uint8_t, 32> sha256(const uint8_t* p, size_t n) {
    static const Sha256Blocks blocks = choose();
    uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    const size_t left = n % 64;
    blocks(state, p, n / 64);
    // the rest, a one bit, zeros, and the length in bits fill one or two blocks
    uint8_t tail[128] = {};
    if (left) std::memcpy(tail, p + (n - left), left);
    tail[left] = 0x80;
    size_t end = left < 56 ? 64 : 128;
    uint64_t bits = static_cast<uint64_t>(n) * 8;
    for (size_t i = 0; i < 8; i++) tail[end - 1 - i] = static_cast<uint8_t>(bits >> (8 * i));
    blocks(state, tail, end / 64);
    std::array<uint8_t, 32> digest;
    for (size_t i = 0; i < 32; i++) digest[i] = static_cast<uint8_t>(state[i / 4] >> (24 - 8 * (i % 4)));
    return digest;
}

}  // namespace baler
