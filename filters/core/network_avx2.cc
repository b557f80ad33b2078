// The layer kernel for AVX2.
#if defined(__x86_64__)

#include <immintrin.h>

#include "network.h"

#define BALER_TARGET __attribute__((target("avx2")))
#define BALER_INLINE __attribute__((target("avx2"), always_inline)) static inline

namespace baler {

namespace {
namespace avx2 {

// Rows come out of the interleaving as 0-3, 8-11 | 4-7, 12-15; packing undoes it.
struct Vector {
    using Sum = __m256i;
    struct Pair {
        __m256i low, high;
    };
    static constexpr size_t kRows = 16;
    static constexpr int kOutputs = 6;

    BALER_INLINE Sum all(int32_t v) { return _mm256_set1_epi32(v); }
    BALER_INLINE Pair load(const int16_t* a, const int16_t* b) {
        const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(a));
        const __m256i y = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b));
        return {_mm256_unpacklo_epi16(x, y), _mm256_unpackhi_epi16(x, y)};
    }
    // Written out because compilers load all weights of a tile first and then have no registers left for the sums.
    BALER_INLINE void multiply_add(Sum& low, Sum& high, const Pair& x, const int32_t* w) {
        __m256i t, u;
        asm("vpbroadcastd %6, %2\n\tvpmaddwd %2, %4, %3\n\tvpmaddwd %2, %5, %2\n\tvpaddd %3, %0, %0\n\tvpaddd %2, %1, %1"
            : "+x"(low), "+x"(high), "=&x"(t), "=&x"(u)
            : "x"(x.low), "x"(x.high), "m"(*w));
    }
    BALER_INLINE void last(Sum low, Sum high, int shift, int32_t* to) {
        const __m128i by = _mm_cvtsi32_si128(shift);
        low = _mm256_sra_epi32(low, by);
        high = _mm256_sra_epi32(high, by);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_permute2x128_si256(low, high, 0x20));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 8), _mm256_permute2x128_si256(low, high, 0x31));
    }
    BALER_INLINE void hidden(Sum low, Sum high, int shift, int slope, int16_t* to) {
        const __m128i by = _mm_cvtsi32_si128(shift);
        __m256i v = _mm256_packs_epi32(_mm256_sra_epi32(low, by), _mm256_sra_epi32(high, by));
        if (slope) v = _mm256_max_epi16(v, _mm256_sra_epi16(v, _mm_cvtsi32_si128(slope)));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), v);
    }
};

#include "layer_kernel.inl"

}  // namespace avx2
}  // namespace

void layer_avx2(const LayerCall& call) { avx2::layer(call); }

}  // namespace baler

#endif
