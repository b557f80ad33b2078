// The loops of the decoder of grids for AVX-512. Nothing but plain pointers in here, so that no inline library function
// gets compiled for a processor that others may not have.
#if defined(__x86_64__)

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"  // GCC 12 warns inside its own header (bug 105593)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <immintrin.h>

#include "grid_rows.h"

#define BALER_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,bmi,bmi2,lzcnt,popcnt")))

namespace baler {

namespace {
namespace avx512 {

#include "grid_rows_eight.inl"

struct Long {
    __m512i v;
    BALER_TARGET static inline Long all(int64_t x) { return {_mm512_set1_epi64(x)}; }
    BALER_TARGET inline void store(int64_t* p) const { _mm512_storeu_si512(p, v); }
    // + x * w
    BALER_TARGET inline Long plus(const Eight& x, int64_t w) const {
        return {_mm512_add_epi64(v, _mm512_mul_epi32(_mm512_cvtepi32_epi64(x.v), _mm512_set1_epi64(w)))};
    }
    BALER_TARGET inline Long shifted(int n) const { return {_mm512_sra_epi64(v, _mm_cvtsi32_si128(n))}; }
    BALER_TARGET inline Eight clipped(int64_t low, int64_t high) const {
        const __m512i x = _mm512_min_epi64(_mm512_max_epi64(v, _mm512_set1_epi64(low)), _mm512_set1_epi64(high));
        return {_mm512_cvtepi64_epi32(x)};
    }
};

// Sum of min(|near - P| >> down, 2^24), scaled; u, v, w: of the cells just before.
BALER_TARGET static inline int64_t distances(const int32_t* near, const GridTaps& taps, int32_t P, int down, int32_t u, int32_t v, int32_t w) {
    __m512i x = _mm512_mask_set1_epi32(_mm512_load_si512(near), 1 << 15, w * 256);
    x = _mm512_mask_set1_epi32(_mm512_mask_set1_epi32(x, 1 << 14, v * 256), 1 << 13, u * 256);
    x = _mm512_abs_epi32(_mm512_sub_epi32(x, _mm512_set1_epi32(P)));
    x = _mm512_min_epu32(_mm512_srl_epi32(x, _mm_cvtsi32_si128(down)), _mm512_set1_epi32(1 << 24));
    return _mm512_reduce_add_epi64(_mm512_add_epi64(_mm512_mul_epu32(x, _mm512_load_si512(taps.even)),
                                                    _mm512_mul_epu32(_mm512_srli_epi64(x, 32), _mm512_load_si512(taps.odd))));
}

#include "grid_rows.inl"

}  // namespace avx512
}  // namespace

GridRowKernels grid_rows_avx512() { return {avx512::prepare, avx512::run, avx512::row, avx512::cell}; }

}  // namespace baler

#endif
