// A grid's network for AVX-512 with VNNI: 32 outputs in two registers, pairs of inputs broadcast. Nothing but plain
// pointers in here, so that no inline library function gets compiled for a processor that others may not have.
#if defined(__x86_64__)

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"  // GCC 12 warns inside its own header (bug 105593)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <immintrin.h>

#include "grid_net_kernels.h"

#define BALER_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))

namespace baler {
namespace grid_avx512 {

BALER_AVX512 inline __m512i load(const void* p) { return _mm512_loadu_si512(p); }

// 32 outputs of a layer; two sums each, so that additions need not wait for each other.
BALER_AVX512 inline void tile(const GridNetLayer& layer, size_t o, const int16_t* in, int16_t* out) {
    __m512i a = load(layer.bias + o), b = load(layer.bias + o + 16);
    __m512i c = _mm512_setzero_si512(), d = _mm512_setzero_si512();
    const int16_t* w = layer.weights + 2 * o;
    const size_t step = 2 * layer.outputs;
    for (size_t p = 0; p < layer.pairs; p += 2, w += 2 * step) {
        int32_t first, second;
        __builtin_memcpy(&first, in + 2 * p, 4);
        __builtin_memcpy(&second, in + 2 * p + 2, 4);
        const __m512i x = _mm512_set1_epi32(first), y = _mm512_set1_epi32(second);
        a = _mm512_dpwssd_epi32(a, x, load(w));
        b = _mm512_dpwssd_epi32(b, x, load(w + 32));
        c = _mm512_dpwssd_epi32(c, y, load(w + step));
        d = _mm512_dpwssd_epi32(d, y, load(w + step + 32));
    }
    a = _mm512_srav_epi32(_mm512_add_epi32(a, c), load(layer.shift + o));
    b = _mm512_srav_epi32(_mm512_add_epi32(b, d), load(layer.shift + o + 16));
    const __m256i low = _mm512_cvtsepi32_epi16(a), high = _mm512_cvtsepi32_epi16(b);
    __m512i v = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
    if (layer.activation) v = _mm512_max_epi16(v, _mm512_sra_epi16(v, _mm_cvtsi32_si128(layer.activation)));
    _mm512_storeu_si512(out + o, v);
}

}  // namespace grid_avx512

BALER_AVX512 void grid_net_avx512(GridNetCall& call) {
    using namespace grid_avx512;
    const __m512i bound = _mm512_set1_epi32(call.bound), reciprocal = _mm512_set1_epi32(call.reciprocal);
    const __m512i below = _mm512_set1_epi32(-call.bound);
    const __m512i most = _mm512_set1_epi32(8192), least = _mm512_set1_epi32(-8192);
    const __m128i down = _mm_cvtsi32_si128(call.down), up = _mm_cvtsi32_si128(call.up);
    for (size_t i = 0; i < call.ratios; i += 16) {
        __m512i z = _mm512_max_epi32(_mm512_min_epi32(load(call.z + i), bound), below);
        z = _mm512_sra_epi32(_mm512_mullo_epi32(_mm512_sra_epi32(z, down), reciprocal), up);
        z = _mm512_max_epi32(_mm512_min_epi32(z, most), least);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(call.x + i), _mm512_cvtepi32_epi16(z));
    }
    for (size_t i = 0; i < call.others; i++) call.x[call.ratios + i] = call.other[i];
    const int16_t* in = call.x;
    int16_t* out = call.hidden;
    for (size_t l = 0; l < call.n_layers; l++) {
        const GridNetLayer& layer = call.layers[l];
        for (size_t o = 0; o < layer.outputs; o += kGridLanes) tile(layer, o, in, out);
        in = out;
        out = out == call.hidden ? call.hidden + call.widest : call.hidden;
    }
    for (size_t o = 0; o < 2; o++) {
        const int16_t* w = call.last + o * (call.of_hidden + call.of_x);
        __m512i sum = _mm512_setzero_si512();
        for (size_t i = 0; i < call.of_hidden; i += 32) sum = _mm512_dpwssd_epi32(sum, load(w + i), load(in + i));
        w += call.of_hidden;
        for (size_t i = 0; i < call.of_x; i += 32) sum = _mm512_dpwssd_epi32(sum, load(w + i), load(call.x + i));
        call.y[o] = (call.bias[o] + _mm512_reduce_add_epi32(sum)) >> call.shift[o];
    }
}

}  // namespace baler

#endif
