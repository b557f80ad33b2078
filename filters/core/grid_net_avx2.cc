// A grid's network for AVX2. Nothing but plain pointers in here, so that no inline library function gets compiled for a
// processor that others may not have.
#if defined(__x86_64__)

#include <immintrin.h>

#include "grid_net_kernels.h"

#define BALER_TARGET __attribute__((target("avx2")))

namespace baler {

namespace {
namespace avx2 {

struct Lanes {
    static constexpr size_t size = 8;
    __m256i v;
    BALER_TARGET static inline Lanes load(const void* p) { return {_mm256_loadu_si256(static_cast<const __m256i*>(p))}; }
    BALER_TARGET static inline Lanes all(int32_t x) { return {_mm256_set1_epi32(x)}; }
    BALER_TARGET inline void store(int16_t* p) const { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
    BALER_TARGET inline Lanes least(Lanes x) const { return {_mm256_min_epi32(v, x.v)}; }
    BALER_TARGET inline Lanes most(Lanes x) const { return {_mm256_max_epi32(v, x.v)}; }
    BALER_TARGET inline Lanes times(Lanes x) const { return {_mm256_mullo_epi32(v, x.v)}; }
    BALER_TARGET inline Lanes plus(Lanes x) const { return {_mm256_add_epi32(v, x.v)}; }
    BALER_TARGET inline Lanes right(int n) const { return {_mm256_sra_epi32(v, _mm_cvtsi32_si128(n))}; }
    BALER_TARGET inline Lanes right_each(Lanes n) const { return {_mm256_srav_epi32(v, n.v)}; }
    BALER_TARGET inline Lanes dot(Lanes a, Lanes b) const { return {_mm256_add_epi32(v, _mm256_madd_epi16(a.v, b.v))}; }
    // int16 lanes, saturated, in order
    BALER_TARGET static inline Lanes narrow(Lanes low, Lanes high) {
        return {_mm256_permute4x64_epi64(_mm256_packs_epi32(low.v, high.v), 0xd8)};
    }
    BALER_TARGET inline Lanes clipped(int16_t most) const {
        return {_mm256_max_epi16(_mm256_min_epi16(v, _mm256_set1_epi16(most)), _mm256_set1_epi16(static_cast<int16_t>(-most)))};
    }
    BALER_TARGET inline Lanes leaky(int n) const { return {_mm256_max_epi16(v, _mm256_sra_epi16(v, _mm_cvtsi32_si128(n)))}; }
    BALER_TARGET inline int32_t total() const {
        __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
        s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
        return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
    }
};

#include "grid_net.inl"

}  // namespace avx2
}  // namespace

void grid_net_avx2(const GridNetShape& shape, GridNetCell* const* cell, size_t cells) {
    cells == 2 ? avx2::run<2>(shape, cell) : avx2::run<1>(shape, cell);
}

}  // namespace baler

#endif
