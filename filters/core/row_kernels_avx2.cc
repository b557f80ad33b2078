// The row kernels for AVX2.
#if defined(__x86_64__)

#include <immintrin.h>

#include "row_kernels.h"

#define BALER_TARGET __attribute__((target("avx2,bmi,bmi2,popcnt")))

namespace baler {

namespace {
namespace avx2 {

// For a mask of eight lanes, the word that each set lane takes.
struct Order {
    uint32_t word[256][8];
    constexpr Order() : word() {
        for (int mask = 0; mask < 256; mask++) {
            uint32_t next = 0;
            for (int lane = 0; lane < 8; lane++) word[mask][lane] = mask >> lane & 1 ? next++ : 0;
        }
    }
};
static constexpr Order order;

// Lanes below 2^16 take a word each, in their order.
BALER_TARGET static inline const uint8_t* refill(uint32_t* state, const uint8_t* at) {
    for (size_t i = 0; i < kGroup; i += 8) {
        auto* lanes = reinterpret_cast<__m256i*>(state + i);
        const __m256i x = _mm256_loadu_si256(lanes);
        const __m256i low = _mm256_cmpeq_epi32(_mm256_srli_epi32(x, 16), _mm256_setzero_si256());
        const int mask = _mm256_movemask_ps(_mm256_castsi256_ps(low));
        const __m256i words = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
        const __m256i places = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(order.word[mask]));
        const __m256i fed = _mm256_or_si256(_mm256_slli_epi32(x, 16), _mm256_permutevar8x32_epi32(words, places));
        _mm256_storeu_si256(lanes, _mm256_blendv_epi8(x, fed, low));
        at += 2 * __builtin_popcount(static_cast<unsigned>(mask));
    }
    return at;
}

// Words of lanes that are full, in their order, before `words`.
BALER_TARGET static inline uint16_t* push(const uint32_t* low, const uint32_t* full, uint16_t* words) {
    for (size_t i = kGroup; i-- > 0;) {
        words[-1] = static_cast<uint16_t>(low[i]);
        words -= full[i];
    }
    return words;
}

#include "row_kernels.inl"

}  // namespace avx2
}  // namespace

RowKernels row_kernels_avx2() {
    using namespace avx2;
    return {intervals, cumulative, decode, features, symbols, buckets, places, encode};
}

}  // namespace baler

#endif
