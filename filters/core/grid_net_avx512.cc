// A grid's network for AVX-512 with VNNI. Nothing but plain pointers in here, so that no inline library function gets
// compiled for a processor that others may not have.
#if defined(__x86_64__)

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"  // GCC 12 warns inside its own header (bug 105593)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <immintrin.h>

#include "grid_net_kernels.h"

#define BALER_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))

namespace baler {

namespace {
namespace avx512 {

struct Lanes {
    static constexpr size_t size = 16;
    __m512i v;
    BALER_TARGET static inline Lanes load(const void* p) { return {_mm512_loadu_si512(p)}; }
    BALER_TARGET static inline Lanes all(int32_t x) { return {_mm512_set1_epi32(x)}; }
    BALER_TARGET inline void store(int16_t* p) const { _mm512_storeu_si512(p, v); }
    BALER_TARGET inline Lanes least(Lanes x) const { return {_mm512_min_epi32(v, x.v)}; }
    BALER_TARGET inline Lanes most(Lanes x) const { return {_mm512_max_epi32(v, x.v)}; }
    BALER_TARGET inline Lanes times(Lanes x) const { return {_mm512_mullo_epi32(v, x.v)}; }
    BALER_TARGET inline Lanes plus(Lanes x) const { return {_mm512_add_epi32(v, x.v)}; }
    BALER_TARGET inline Lanes right(int n) const { return {_mm512_sra_epi32(v, _mm_cvtsi32_si128(n))}; }
    BALER_TARGET inline Lanes right_each(Lanes n) const { return {_mm512_srav_epi32(v, n.v)}; }
    BALER_TARGET inline Lanes dot(Lanes a, Lanes b) const { return {_mm512_dpwssd_epi32(v, a.v, b.v)}; }
    // int16 lanes, saturated, in order
    BALER_TARGET static inline Lanes narrow(Lanes low, Lanes high) {
        const __m512i order = _mm512_set_epi64(7, 5, 3, 1, 6, 4, 2, 0);
        return {_mm512_permutexvar_epi64(order, _mm512_packs_epi32(low.v, high.v))};
    }
    BALER_TARGET inline Lanes clipped(int16_t most) const {
        return {_mm512_max_epi16(_mm512_min_epi16(v, _mm512_set1_epi16(most)), _mm512_set1_epi16(static_cast<int16_t>(-most)))};
    }
    BALER_TARGET inline Lanes leaky(int n) const { return {_mm512_max_epi16(v, _mm512_sra_epi16(v, _mm_cvtsi32_si128(n)))}; }
    BALER_TARGET inline int32_t total() const { return _mm512_reduce_add_epi32(v); }
};

#include "grid_net.inl"

}  // namespace avx512
}  // namespace

void grid_net_avx512(const GridNetShape& shape, GridNetCell* const* cell, size_t cells) {
    cells == 2 ? avx512::run<2>(shape, cell) : avx512::run<1>(shape, cell);
}

}  // namespace baler

#endif
