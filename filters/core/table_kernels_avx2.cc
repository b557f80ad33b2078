// The table kernels for AVX2.
#if defined(__x86_64__)

#include <immintrin.h>

#include "refill_avx2.h"
#include "table_kernels.h"

#define BALER_TARGET __attribute__((target("avx2,bmi,bmi2,popcnt")))

namespace baler {

namespace {
namespace avx2 {

struct Scores {
    static constexpr size_t kRows = 32;
    __m256i sum[2], group[2];  // rows in the order that unpacking bytes gives; packing undoes it

    BALER_TARGET Scores() {
        for (int h = 0; h < 2; h++) sum[h] = group[h] = _mm256_setzero_si256();
    }
    BALER_TARGET void add(const uint8_t* groups, const int16_t* value) {
        // 32 values as four tables of 16 bytes: low and high bytes of either half
        const __m256i ones = _mm256_set1_epi16(0xff);
        const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(value));
        const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(value + 16));
        const __m256i low = _mm256_permute4x64_epi64(
            _mm256_packus_epi16(_mm256_and_si256(a, ones), _mm256_and_si256(b, ones)), 0xd8);
        const __m256i high = _mm256_permute4x64_epi64(
            _mm256_packus_epi16(_mm256_srli_epi16(a, 8), _mm256_srli_epi16(b, 8)), 0xd8);
        const __m256i g = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(groups));
        const __m256i upper = _mm256_slli_epi16(g, 3);  // bit 4 of a group becomes its byte's sign
        const __m256i l = _mm256_blendv_epi8(_mm256_shuffle_epi8(_mm256_permute2x128_si256(low, low, 0x00), g),
                                             _mm256_shuffle_epi8(_mm256_permute2x128_si256(low, low, 0x11), g), upper);
        const __m256i h = _mm256_blendv_epi8(_mm256_shuffle_epi8(_mm256_permute2x128_si256(high, high, 0x00), g),
                                             _mm256_shuffle_epi8(_mm256_permute2x128_si256(high, high, 0x11), g), upper);
        sum[0] = _mm256_add_epi16(sum[0], _mm256_unpacklo_epi8(l, h));
        sum[1] = _mm256_add_epi16(sum[1], _mm256_unpackhi_epi8(l, h));
    }
    BALER_TARGET void count(int16_t threshold) {
        const __m256i t = _mm256_set1_epi16(threshold), one = _mm256_set1_epi16(1);
        for (int h = 0; h < 2; h++)
            group[h] = _mm256_add_epi16(group[h], _mm256_add_epi16(one, _mm256_cmpgt_epi16(t, sum[h])));
    }
    BALER_TARGET void store(uint8_t* out) const {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm256_packus_epi16(group[0], group[1]));
    }
};

// All lanes stay in registers; what is looked up for one of them does not wait for another's stores.
struct Lanes {
    static constexpr size_t kParts = kTokenLanes / 8;
    __m256i x[kParts];

    BALER_TARGET explicit Lanes(const uint32_t* state) {
        for (size_t l = 0; l < kParts; l++) x[l] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(state) + l);
    }
    BALER_TARGET void store(uint32_t* state) const {
        for (size_t l = 0; l < kParts; l++) _mm256_storeu_si256(reinterpret_cast<__m256i*>(state) + l, x[l]);
    }
    BALER_TARGET const uint8_t* round(const TokenCall& c, const uint8_t* at, const uint8_t* table, uint8_t* token) {
        const __m256i all = _mm256_set1_epi32(0xffff);
        __m256i which[kParts], slot[kParts], t[kParts], p[kParts];
        for (size_t l = 0; l < kParts; l++) {
            which[l] = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(table + 8 * l)));
            slot[l] = _mm256_and_si256(x[l], all);
            const __m256i place = _mm256_or_si256(_mm256_slli_epi32(which[l], 12), _mm256_srli_epi32(slot[l], 4));
            t[l] = _mm256_and_si256(_mm256_i32gather_epi32(reinterpret_cast<const int*>(c.slots), place, 1),
                                    _mm256_set1_epi32(0xff));
        }
        for (size_t l = 0; l < kParts; l++)
            p[l] = _mm256_i32gather_epi32(reinterpret_cast<const int*>(c.packed),
                                          _mm256_or_si256(_mm256_slli_epi32(which[l], 8), t[l]), 4);
        for (size_t l = 0; l < kParts; l++) {
            const __m256i freq = _mm256_add_epi32(_mm256_srli_epi32(p[l], 16), _mm256_set1_epi32(1));
            const __m256i scaled = _mm256_mullo_epi32(freq, _mm256_srli_epi32(x[l], 16));
            x[l] = refilled(_mm256_sub_epi32(_mm256_add_epi32(scaled, slot[l]), _mm256_and_si256(p[l], all)), at);
        }
        static_assert(kParts == 4);
        const __m256i bytes = _mm256_packus_epi16(_mm256_packus_epi32(t[0], t[1]), _mm256_packus_epi32(t[2], t[3]));
        const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(token), _mm256_permutevar8x32_epi32(bytes, order));
        return at;
    }
};

#include "table_kernels.inl"

}  // namespace avx2
}  // namespace

TableKernels table_kernels_avx2() { return {avx2::scores, avx2::tokens, avx2::range, avx2::dot}; }

}  // namespace baler

#endif
