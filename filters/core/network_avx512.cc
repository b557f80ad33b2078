// The layer kernel for AVX-512 with VNNI: 32 rows by up to 8 outputs in registers. Nothing but plain pointers in here,
// so that no inline library function gets compiled for a processor that others may not have.
#if defined(__x86_64__)

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"  // GCC 12 warns inside its own header (bug 105593)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <immintrin.h>

#include "network.h"

#define BALER_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))

namespace baler {

namespace avx512 {

constexpr size_t kRows = 32;

// sum + pairs of x times the pair w in every lane. Written out because GCC 12 spills accumulators around the intrinsic.
BALER_AVX512 inline void multiply_add(__m512i& sum, __m512i x, const int32_t* w) {
    asm("vpdpwssd %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(x), "m"(*w));
}

// Rows come out of the interleaving as quarters of four, lanes 0 2 4 6 | 1 3 5 7; packing undoes it.
BALER_AVX512 inline void store(const LayerCall& call, size_t o, size_t r, __m512i low, __m512i high) {
    const __m128i shift = _mm_cvtsi32_si128(call.shift[o]);
    low = _mm512_sra_epi32(low, shift);
    high = _mm512_sra_epi32(high, shift);
    if (call.last) {
        int32_t* y = call.last + o * call.stride + r;
        const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
        _mm512_storeu_si512(y, _mm512_permutex2var_epi64(low, first, high));
        _mm512_storeu_si512(y + 16, _mm512_permutex2var_epi64(low, second, high));
        return;
    }
    __m512i v = _mm512_packs_epi32(low, high);
    if (call.activation) v = _mm512_max_epi16(v, _mm512_sra_epi16(v, _mm_cvtsi32_si128(call.activation)));
    _mm512_storeu_si512(call.hidden + o * call.stride + r, v);
}

template <int N>
BALER_AVX512 inline void tile(const LayerCall& call, size_t o, size_t r) {
    __m512i low[N], high[N];
#pragma GCC unroll 8
    for (int i = 0; i < N; i++) low[i] = high[i] = _mm512_set1_epi32(call.bias[o + static_cast<size_t>(i)]);
    const int32_t* weights = call.weights + o * call.pairs;
    for (size_t p = 0; p < call.pairs; p++) {
        const __m512i a = _mm512_loadu_si512(call.in[2 * p] + r), b = _mm512_loadu_si512(call.in[2 * p + 1] + r);
        const __m512i x = _mm512_unpacklo_epi16(a, b), y = _mm512_unpackhi_epi16(a, b);
#pragma GCC unroll 8
        for (int i = 0; i < N; i++) {
            const int32_t* w = weights + static_cast<size_t>(i) * call.pairs + p;
            multiply_add(low[i], x, w);
            multiply_add(high[i], y, w);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < N; i++) store(call, o + static_cast<size_t>(i), r, low[i], high[i]);
}

template <int N>
BALER_AVX512 void tiles(const LayerCall& call, size_t o) {
    for (size_t r = 0; r < call.rows; r += kRows) tile<N>(call, o, r);
}

}  // namespace avx512

BALER_AVX512 void layer_avx512(const LayerCall& call) {
    for (size_t o = 0; o < call.outputs;) {
        switch (call.outputs - o) {
            case 1: avx512::tiles<1>(call, o); return;
            case 2: avx512::tiles<2>(call, o); return;
            case 3: avx512::tiles<3>(call, o); return;
            case 4: avx512::tiles<4>(call, o); return;
            case 5: avx512::tiles<5>(call, o); return;
            case 6: avx512::tiles<6>(call, o); return;
            case 7: avx512::tiles<7>(call, o); return;
            default: avx512::tiles<8>(call, o); o += 8; break;
        }
    }
}

}  // namespace baler

#endif
