// The layer kernel for AVX-512, with and without VNNI.
#if defined(__x86_64__)

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"  // GCC 12 warns inside its own header (bug 105593)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <immintrin.h>

#include "network.h"

#define BALER_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))
#define BALER_INLINE __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"), always_inline)) static inline

namespace baler {

namespace {

// Rows come out of the interleaving as quarters of four, lanes 0 2 4 6 | 1 3 5 7; packing undoes it.
struct Wide {
    using Sum = __m512i;
    struct Pair {
        __m512i low, high;
    };
    static constexpr size_t kRows = 32;

    BALER_INLINE Sum all(int32_t v) { return _mm512_set1_epi32(v); }
    BALER_INLINE Pair load(const int16_t* a, const int16_t* b) {
        const __m512i x = _mm512_loadu_si512(a), y = _mm512_loadu_si512(b);
        return {_mm512_unpacklo_epi16(x, y), _mm512_unpackhi_epi16(x, y)};
    }
    BALER_INLINE void last(Sum low, Sum high, int shift, int32_t* to) {
        const __m128i by = _mm_cvtsi32_si128(shift);
        low = _mm512_sra_epi32(low, by);
        high = _mm512_sra_epi32(high, by);
        const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
        _mm512_storeu_si512(to, _mm512_permutex2var_epi64(low, first, high));
        _mm512_storeu_si512(to + 16, _mm512_permutex2var_epi64(low, second, high));
    }
    BALER_INLINE void hidden(Sum low, Sum high, int shift, int slope, int16_t* to) {
        const __m128i by = _mm_cvtsi32_si128(shift);
        __m512i v = _mm512_packs_epi32(_mm512_sra_epi32(low, by), _mm512_sra_epi32(high, by));
        if (slope) v = _mm512_max_epi16(v, _mm512_sra_epi16(v, _mm_cvtsi32_si128(slope)));
        _mm512_storeu_si512(to, v);
    }
};

namespace avx512 {

struct Vector : Wide {
    static constexpr int kOutputs = 12;
    BALER_INLINE void multiply_add(Sum& low, Sum& high, const Pair& x, const int32_t* w) {
        __m512i t, u;
        asm("vpbroadcastd %6, %2\n\tvpmaddwd %2, %4, %3\n\tvpmaddwd %2, %5, %2\n\tvpaddd %3, %0, %0\n\tvpaddd %2, %1, %1"
            : "+v"(low), "+v"(high), "=&v"(t), "=&v"(u)
            : "v"(x.low), "v"(x.high), "m"(*w));
    }
};

#include "layer_kernel.inl"

}  // namespace avx512

namespace avx512vnni {

struct Vector : Wide {
    static constexpr int kOutputs = 12;
    // Written out because GCC 12 spills sums around the intrinsic.
    BALER_INLINE void multiply_add(Sum& low, Sum& high, const Pair& x, const int32_t* w) {
        __m512i t;
        asm("vpbroadcastd %5, %2\n\tvpdpwssd %2, %3, %0\n\tvpdpwssd %2, %4, %1"
            : "+v"(low), "+v"(high), "=&v"(t)
            : "v"(x.low), "v"(x.high), "m"(*w));
    }
};

#include "layer_kernel.inl"

}  // namespace avx512vnni
}  // namespace

void layer_avx512(const LayerCall& call) { avx512::layer(call); }
void layer_avx512vnni(const LayerCall& call) { avx512vnni::layer(call); }

}  // namespace baler

#endif
