// The row kernels for AVX-512.
#if defined(__x86_64__)

#include <immintrin.h>

#include "row_kernels.h"

#if defined(__clang__)
#define BALER_WIDE  // its name for it is another
#else
#define BALER_WIDE ",prefer-vector-width=512"
#endif
#define BALER_TARGET \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,bmi,bmi2,popcnt" BALER_WIDE)))

namespace baler {

namespace {
namespace avx512 {

// Lanes below 2^16 take a word each, in their order.
BALER_TARGET static inline const uint8_t* refill(uint32_t* state, const uint8_t* at) {
    for (size_t i = 0; i < kGroup; i += 16) {
        const __m512i x = _mm512_loadu_si512(state + i);
        const __mmask16 low = _mm512_cmplt_epu32_mask(x, _mm512_set1_epi32(65536));
        const __m512i words = _mm512_maskz_cvtepu16_epi32(0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
        const __m512i fed = _mm512_or_si512(_mm512_maskz_slli_epi32(0xffff, x, 16), _mm512_maskz_expand_epi32(low, words));
        _mm512_storeu_si512(state + i, _mm512_mask_mov_epi32(x, low, fed));
        at += 2 * __builtin_popcount(low);
    }
    return at;
}

// Words of lanes that are full, in their order, before `words`.
BALER_TARGET static inline uint16_t* push(const uint32_t* low, const uint32_t* full, uint16_t* words) {
    for (size_t i = kGroup; i > 0;) {
        i -= 16;
        const __mmask16 mask = _mm512_test_epi32_mask(_mm512_load_si512(full + i), _mm512_load_si512(full + i));
        const __m512i packed = _mm512_maskz_compress_epi32(mask, _mm512_load_si512(low + i));
        const auto count = static_cast<unsigned>(__builtin_popcount(mask));
        words -= count;
        const auto write = static_cast<__mmask16>((1u << count) - 1);
        _mm256_mask_storeu_epi16(words, write, _mm512_maskz_cvtepi32_epi16(0xffff, packed));
    }
    return words;
}

#include "row_kernels.inl"

}  // namespace avx512
}  // namespace

RowKernels row_kernels_avx512() {
    using namespace avx512;
    return {intervals, cumulative, decode, features, symbols, buckets, places, encode};
}

}  // namespace baler

#endif
