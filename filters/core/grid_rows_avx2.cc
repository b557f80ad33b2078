// The loops of the decoder of grids for AVX2. Nothing but plain pointers in here, so that no inline library function
// gets compiled for a processor that others may not have.
#if defined(__x86_64__)

#include <immintrin.h>

#include "grid_rows.h"

#define BALER_TARGET __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))

namespace baler {

namespace {
namespace avx2 {

#include "grid_rows_eight.inl"

struct Long {
    __m256i a, b;
    BALER_TARGET static inline Long all(int64_t x) { return {_mm256_set1_epi64x(x), _mm256_set1_epi64x(x)}; }
    BALER_TARGET inline void store(int64_t* p) const {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), a);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 4), b);
    }
    // + x * w
    BALER_TARGET inline Long plus(const Eight& x, int64_t w) const {
        const __m256i by = _mm256_set1_epi64x(w);
        return {_mm256_add_epi64(a, _mm256_mul_epi32(_mm256_cvtepi32_epi64(_mm256_castsi256_si128(x.v)), by)),
                _mm256_add_epi64(b, _mm256_mul_epi32(_mm256_cvtepi32_epi64(_mm256_extracti128_si256(x.v, 1)), by))};
    }
    // |lanes| < 2^60
    BALER_TARGET static inline __m256i shift(__m256i x, int n) {
        const __m256i up = _mm256_set1_epi64x(int64_t(1) << 60);
        return _mm256_sub_epi64(_mm256_srl_epi64(_mm256_add_epi64(x, up), _mm_cvtsi32_si128(n)),
                                _mm256_srl_epi64(up, _mm_cvtsi32_si128(n)));
    }
    BALER_TARGET inline Long shifted(int n) const { return {shift(a, n), shift(b, n)}; }
    BALER_TARGET static inline __m256i clip(__m256i x, int64_t low, int64_t high) {
        const __m256i l = _mm256_set1_epi64x(low), h = _mm256_set1_epi64x(high);
        x = _mm256_blendv_epi8(x, l, _mm256_cmpgt_epi64(l, x));
        return _mm256_blendv_epi8(x, h, _mm256_cmpgt_epi64(x, h));
    }
    BALER_TARGET inline Eight clipped(int64_t low, int64_t high) const {
        const __m256i x = _mm256_shuffle_epi32(clip(a, low, high), 0x08), y = _mm256_shuffle_epi32(clip(b, low, high), 0x08);
        return {_mm256_permute4x64_epi64(_mm256_unpacklo_epi64(x, y), 0xd8)};
    }
};

// Sum of min(|near - P| >> down, 2^24), scaled; u, v, w: of the cells just before.
BALER_TARGET static inline int64_t distances(const int32_t* near, const GridTaps& taps, int32_t P, int down, int32_t u, int32_t v, int32_t w) {
    const __m256i row = _mm256_slli_epi32(_mm256_castsi128_si256(_mm_insert_epi32(_mm_set_epi32(w, v, 0, 0), u, 1)), 8);
    const __m256i most = _mm256_set1_epi32(1 << 24), at = _mm256_set1_epi32(P);
    const __m128i by = _mm_cvtsi32_si128(down);
    const __m256i x = _mm256_min_epu32(_mm256_srl_epi32(_mm256_abs_epi32(_mm256_sub_epi32(Eight::whole(near), at)), by), most);
    const __m256i y = _mm256_min_epu32(_mm256_srl_epi32(_mm256_abs_epi32(_mm256_sub_epi32(_mm256_blend_epi32(Eight::whole(near + 8), _mm256_permute4x64_epi64(row, 0x44), 0xe0), at)), by), most);
    __m256i sum = _mm256_add_epi64(_mm256_mul_epu32(x, Eight::whole(taps.even)), _mm256_mul_epu32(_mm256_srli_epi64(x, 32), Eight::whole(taps.odd)));
    sum = _mm256_add_epi64(sum, _mm256_mul_epu32(y, Eight::whole(taps.even + 8)));
    sum = _mm256_add_epi64(sum, _mm256_mul_epu32(_mm256_srli_epi64(y, 32), Eight::whole(taps.odd + 8)));
    const __m128i half = _mm_add_epi64(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    return _mm_cvtsi128_si64(_mm_add_epi64(half, _mm_unpackhi_epi64(half, half)));
}

#include "grid_rows.inl"

}  // namespace avx2
}  // namespace

GridRowKernels grid_rows_avx2() { return {avx2::prepare, avx2::run, avx2::row, avx2::cell}; }

}  // namespace baler

#endif
