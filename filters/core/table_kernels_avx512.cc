// The table kernels for AVX-512.
#if defined(__x86_64__)

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"  // GCC 12 warns inside its own header (bug 105593)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <immintrin.h>

#include "table_kernels.h"

#define BALER_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,bmi,bmi2,popcnt")))

namespace baler {

namespace {
namespace avx512 {

struct Scores {
    static constexpr size_t kRows = 64;
    __m512i sum[2], group[2];

    BALER_TARGET Scores() {
        for (int h = 0; h < 2; h++) sum[h] = group[h] = _mm512_setzero_si512();
    }
    BALER_TARGET void add(const uint8_t* groups, const int16_t* value) {
        const __m512i values = _mm512_loadu_si512(value);
        for (int h = 0; h < 2; h++) {
            const __m256i g = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(groups + 32 * h));
            sum[h] = _mm512_add_epi16(sum[h], _mm512_permutexvar_epi16(_mm512_cvtepu8_epi16(g), values));
        }
    }
    BALER_TARGET void count(int16_t threshold) {
        const __m512i t = _mm512_set1_epi16(threshold), one = _mm512_set1_epi16(1);
        for (int h = 0; h < 2; h++)
            group[h] = _mm512_mask_add_epi16(group[h], _mm512_cmple_epi16_mask(t, sum[h]), group[h], one);
    }
    BALER_TARGET void store(uint8_t* out) const {
        for (int h = 0; h < 2; h++)
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 32 * h), _mm512_cvtepi16_epi8(group[h]));
    }
};

// All lanes stay in registers; what is looked up for one of them does not wait for another's stores.
struct Lanes {
    static constexpr size_t kParts = kTokenLanes / 16;
    __m512i x[kParts];

    BALER_TARGET explicit Lanes(const uint32_t* state) {
        for (size_t l = 0; l < kParts; l++) x[l] = _mm512_loadu_si512(state + 16 * l);
    }
    BALER_TARGET void store(uint32_t* state) const {
        for (size_t l = 0; l < kParts; l++) _mm512_storeu_si512(state + 16 * l, x[l]);
    }
    BALER_TARGET const uint8_t* round(const TokenCall& c, const uint8_t* at, const uint8_t* table, uint8_t* token) {
        const __m512i all = _mm512_set1_epi32(0xffff);
        __m512i which[kParts], slot[kParts], t[kParts], p[kParts];
        for (size_t l = 0; l < kParts; l++) {
            which[l] = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table) + l));
            slot[l] = _mm512_and_si512(x[l], all);
            const __m512i place = _mm512_or_si512(_mm512_slli_epi32(which[l], 12), _mm512_srli_epi32(slot[l], 4));
            t[l] = _mm512_and_si512(_mm512_i32gather_epi32(place, c.slots, 1), _mm512_set1_epi32(0xff));
        }
        for (size_t l = 0; l < kParts; l++) {
            p[l] = _mm512_i32gather_epi32(_mm512_or_si512(_mm512_slli_epi32(which[l], 8), t[l]), c.packed, 4);
            _mm_storeu_si128(reinterpret_cast<__m128i*>(token) + l, _mm512_cvtepi32_epi8(t[l]));
        }
        for (size_t l = 0; l < kParts; l++) {
            const __m512i freq = _mm512_add_epi32(_mm512_srli_epi32(p[l], 16), _mm512_set1_epi32(1));
            const __m512i scaled = _mm512_mullo_epi32(freq, _mm512_srli_epi32(x[l], 16));
            const __m512i y = _mm512_sub_epi32(_mm512_add_epi32(scaled, slot[l]), _mm512_and_si512(p[l], all));
            // lanes below 2^16 take a word each, in their order
            const __mmask16 low = _mm512_cmplt_epu32_mask(y, _mm512_set1_epi32(65536));
            const __m512i words = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
            const __m512i fed = _mm512_or_si512(_mm512_slli_epi32(y, 16), _mm512_maskz_expand_epi32(low, words));
            x[l] = _mm512_mask_mov_epi32(y, low, fed);
            at += 2 * __builtin_popcount(low);
        }
        return at;
    }
};

#include "table_kernels.inl"

}  // namespace avx512
}  // namespace

TableKernels table_kernels_avx512() { return {avx512::scores, avx512::tokens, avx512::range, avx512::dot}; }

}  // namespace baler

#endif
