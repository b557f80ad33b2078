// The layer kernel for AVX2: 16 rows by up to 6 outputs in registers. Nothing but plain pointers in here, so that no
// inline library function gets compiled for a processor that others may not have.
#if defined(__x86_64__)

#include <immintrin.h>

#include "network.h"

#define BALER_AVX2 __attribute__((target("avx2")))

namespace baler {

namespace avx2 {

constexpr size_t kRows = 16;

// Rows come out of the interleaving as 0-3, 8-11 | 4-7, 12-15; packing undoes it.
BALER_AVX2 inline void store(const LayerCall& call, size_t o, size_t r, __m256i low, __m256i high) {
    const __m128i shift = _mm_cvtsi32_si128(call.shift[o]);
    low = _mm256_sra_epi32(low, shift);
    high = _mm256_sra_epi32(high, shift);
    if (call.last) {
        int32_t* y = call.last + o * call.stride + r;
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(y), _mm256_permute2x128_si256(low, high, 0x20));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + 8), _mm256_permute2x128_si256(low, high, 0x31));
        return;
    }
    __m256i v = _mm256_packs_epi32(low, high);
    if (call.activation) v = _mm256_max_epi16(v, _mm256_sra_epi16(v, _mm_cvtsi32_si128(call.activation)));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(call.hidden + o * call.stride + r), v);
}

template <int N>
BALER_AVX2 inline void tile(const LayerCall& call, size_t o, size_t r) {
    __m256i low[N], high[N];
#pragma GCC unroll 8
    for (int i = 0; i < N; i++) low[i] = high[i] = _mm256_set1_epi32(call.bias[o + static_cast<size_t>(i)]);
    const int32_t* weights = call.weights + o * call.pairs;
    for (size_t p = 0; p < call.pairs; p++) {
        const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(call.in[2 * p] + r));
        const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(call.in[2 * p + 1] + r));
        const __m256i x = _mm256_unpacklo_epi16(a, b), y = _mm256_unpackhi_epi16(a, b);
#pragma GCC unroll 8
        for (int i = 0; i < N; i++) {
            const __m256i w = _mm256_set1_epi32(weights[static_cast<size_t>(i) * call.pairs + p]);
            low[i] = _mm256_add_epi32(low[i], _mm256_madd_epi16(x, w));
            high[i] = _mm256_add_epi32(high[i], _mm256_madd_epi16(y, w));
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < N; i++) store(call, o + static_cast<size_t>(i), r, low[i], high[i]);
}

template <int N>
BALER_AVX2 void tiles(const LayerCall& call, size_t o) {
    for (size_t r = 0; r < call.rows; r += kRows) tile<N>(call, o, r);
}

}  // namespace avx2

BALER_AVX2 void layer_avx2(const LayerCall& call) {
    for (size_t o = 0; o < call.outputs;) {
        switch (call.outputs - o) {
            case 1: avx2::tiles<1>(call, o); return;
            case 2: avx2::tiles<2>(call, o); return;
            case 3: avx2::tiles<3>(call, o); return;
            case 4: avx2::tiles<4>(call, o); return;
            case 5: avx2::tiles<5>(call, o); return;
            case 7:
            case 8: avx2::tiles<4>(call, o); o += 4; break;
            default: avx2::tiles<6>(call, o); o += 6; break;
        }
    }
}

}  // namespace baler

#endif
