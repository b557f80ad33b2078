// The layer kernel for SSE2, which every x86-64 processor has.
#if defined(__x86_64__)

#include <emmintrin.h>

#include "network.h"

#define BALER_TARGET
#define BALER_INLINE __attribute__((always_inline)) static inline

namespace baler {

namespace {
namespace sse2 {

struct Vector {
    using Sum = __m128i;
    struct Pair {
        __m128i low, high;
    };
    static constexpr size_t kRows = 8;
    static constexpr int kOutputs = 5;

    BALER_INLINE Sum all(int32_t v) { return _mm_set1_epi32(v); }
    BALER_INLINE Pair load(const int16_t* a, const int16_t* b) {
        const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(a));
        const __m128i y = _mm_loadu_si128(reinterpret_cast<const __m128i*>(b));
        return {_mm_unpacklo_epi16(x, y), _mm_unpackhi_epi16(x, y)};
    }
    // Written out because compilers load all weights of a tile first and then have no registers left for the sums.
    BALER_INLINE void multiply_add(Sum& low, Sum& high, const Pair& x, const int32_t* w) {
        __m128i t, u;
        asm("movd %6, %2\n\tpshufd $0, %2, %2\n\tmovdqa %2, %3\n\tpmaddwd %4, %3\n\tpmaddwd %5, %2\n\tpaddd %3, %0\n\tpaddd %2, %1"
            : "+x"(low), "+x"(high), "=&x"(t), "=&x"(u)
            : "x"(x.low), "x"(x.high), "m"(*w));
    }
    BALER_INLINE void last(Sum low, Sum high, int shift, int32_t* to) {
        const __m128i by = _mm_cvtsi32_si128(shift);
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm_sra_epi32(low, by));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 4), _mm_sra_epi32(high, by));
    }
    BALER_INLINE void hidden(Sum low, Sum high, int shift, int slope, int16_t* to) {
        const __m128i by = _mm_cvtsi32_si128(shift);
        __m128i v = _mm_packs_epi32(_mm_sra_epi32(low, by), _mm_sra_epi32(high, by));
        if (slope) v = _mm_max_epi16(v, _mm_sra_epi16(v, _mm_cvtsi32_si128(slope)));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to), v);
    }
};

#include "layer_kernel.inl"

}  // namespace sse2
}  // namespace

void layer_sse2(const LayerCall& call) { sse2::layer(call); }

}  // namespace baler

#endif
