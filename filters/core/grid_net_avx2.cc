// A grid's network for AVX2: outputs in lanes, pairs of inputs broadcast; the two last outputs with inputs in lanes.
// Nothing but plain pointers in here, so that no inline library function gets compiled for a processor that others may
// not have.
#if defined(__x86_64__)

#include <immintrin.h>

#include "grid_net_kernels.h"

#define BALER_AVX2 __attribute__((target("avx2")))

namespace baler {
namespace grid_avx2 {

BALER_AVX2 inline __m256i load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

BALER_AVX2 inline __m256i ratio(const GridNetCall& call, size_t i) {
    const __m256i bound = _mm256_set1_epi32(call.bound);
    __m256i z = _mm256_min_epi32(load(call.z + i), bound);
    z = _mm256_max_epi32(z, _mm256_sub_epi32(_mm256_setzero_si256(), bound));
    z = _mm256_sra_epi32(z, _mm_cvtsi32_si128(call.down));
    return _mm256_sra_epi32(_mm256_mullo_epi32(z, _mm256_set1_epi32(call.reciprocal)), _mm_cvtsi32_si128(call.up));
}

// 8 sums of a layer: shifted.
BALER_AVX2 inline __m256i finish(__m256i sum, const int32_t* shift) { return _mm256_srav_epi32(sum, load(shift)); }

BALER_AVX2 inline int32_t total(__m256i v) {
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

// 16 int16 from two vectors of 8 int32 in order.
BALER_AVX2 inline __m256i narrow(__m256i low, __m256i high) {
    return _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
}

BALER_AVX2 inline void store(const GridNetLayer& layer, size_t o, __m256i low, __m256i high, int16_t* out) {
    __m256i v = narrow(finish(low, layer.shift + o), finish(high, layer.shift + o + 8));
    if (layer.activation) v = _mm256_max_epi16(v, _mm256_sra_epi16(v, _mm_cvtsi32_si128(layer.activation)));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + o), v);
}

// 32 outputs of a layer.
BALER_AVX2 inline void tile(const GridNetLayer& layer, size_t o, const int16_t* in, int16_t* out) {
    __m256i sum[4];
    for (size_t i = 0; i < 4; i++) sum[i] = load(layer.bias + o + 8 * i);
    const int16_t* w = layer.weights + 2 * o;
    for (size_t p = 0; p < layer.pairs; p++, w += 2 * layer.outputs) {
        int32_t pair;
        __builtin_memcpy(&pair, in + 2 * p, 4);
        const __m256i x = _mm256_set1_epi32(pair);
        for (size_t i = 0; i < 4; i++) sum[i] = _mm256_add_epi32(sum[i], _mm256_madd_epi16(x, load(w + 16 * i)));
    }
    store(layer, o, sum[0], sum[1], out);
    store(layer, o + 16, sum[2], sum[3], out);
}

}  // namespace grid_avx2

BALER_AVX2 void grid_net_avx2(GridNetCall& call) {
    using namespace grid_avx2;
    const __m256i most = _mm256_set1_epi16(8192), least = _mm256_set1_epi16(-8192);
    for (size_t i = 0; i < call.ratios; i += 16) {
        const __m256i v = narrow(ratio(call, i), ratio(call, i + 8));  // saturates at 2^15 first
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(call.x + i), _mm256_max_epi16(_mm256_min_epi16(v, most), least));
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
        __m256i sum = _mm256_setzero_si256();
        for (size_t i = 0; i < call.of_hidden; i += 16) sum = _mm256_add_epi32(sum, _mm256_madd_epi16(load(w + i), load(in + i)));
        w += call.of_hidden;
        for (size_t i = 0; i < call.of_x; i += 16) sum = _mm256_add_epi32(sum, _mm256_madd_epi16(load(w + i), load(call.x + i)));
        call.y[o] = (call.bias[o] + total(sum)) >> call.shift[o];
    }
}

}  // namespace baler

#endif
