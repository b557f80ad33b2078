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

#include "row_kernels.inl"

}  // namespace avx512
}  // namespace

RowKernels row_kernels_avx512() { return {avx512::intervals, avx512::cumulative, avx512::decode, avx512::features, avx512::symbols}; }

}  // namespace baler

#endif
