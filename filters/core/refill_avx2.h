// How eight lanes of rANS below 2^16 take a word each, in their order: both SIMD decoders of AVX2 do it so.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace baler {

// For a mask of eight lanes, the word that each set lane takes.
struct RefillOrder {
    uint32_t word[256][8];
    constexpr RefillOrder() : word() {
        for (int mask = 0; mask < 256; mask++) {
            uint32_t next = 0;
            for (int lane = 0; lane < 8; lane++) word[mask][lane] = mask >> lane & 1 ? next++ : 0;
        }
    }
};
inline constexpr RefillOrder kRefillOrder;

__attribute__((target("avx2"), always_inline)) static inline __m256i refilled(__m256i x, const uint8_t*& at) {
    const __m256i low = _mm256_cmpeq_epi32(_mm256_srli_epi32(x, 16), _mm256_setzero_si256());
    const int mask = _mm256_movemask_ps(_mm256_castsi256_ps(low));
    const __m256i words = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
    const __m256i places = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kRefillOrder.word[mask]));
    const __m256i fed = _mm256_or_si256(_mm256_slli_epi32(x, 16), _mm256_permutevar8x32_epi32(words, places));
    at += 2 * __builtin_popcount(static_cast<unsigned>(mask));
    return _mm256_blendv_epi8(x, fed, low);
}

}  // namespace baler
