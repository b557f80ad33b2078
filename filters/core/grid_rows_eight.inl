// Eight int32 in a register of AVX2, for the sets that have it.

struct Eight {
    __m256i v;
    BALER_TARGET static inline Eight all(int32_t x) { return {_mm256_set1_epi32(x)}; }
    BALER_TARGET static inline Eight zero() { return {_mm256_setzero_si256()}; }
    BALER_TARGET static inline __m256i whole(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
    // Lanes behind `count` are anything; up to 16 elements from p on are there.
    BALER_TARGET static inline Eight load(const int32_t* p, size_t stride, size_t count) {
        if (stride == 1) return {whole(p)};
        if (stride == 2) {
            const __m256 x = _mm256_castsi256_ps(whole(p)), y = _mm256_castsi256_ps(whole(p + 8));
            return {_mm256_permute4x64_epi64(_mm256_castps_si256(_mm256_shuffle_ps(x, y, 0x88)), 0xd8)};
        }
        alignas(32) int32_t lane[8] = {};
        for (size_t i = 0; i < count; i++) lane[i] = p[i * stride];
        return {whole(lane)};
    }
    BALER_TARGET static inline Eight load(const uint16_t* p, size_t stride, size_t count) {
        if (stride == 1) return {_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
        if (stride == 2) return {_mm256_and_si256(whole(p), _mm256_set1_epi32(0xffff))};
        alignas(32) int32_t lane[8] = {};
        for (size_t i = 0; i < count; i++) lane[i] = p[i * stride];
        return {whole(lane)};
    }
    BALER_TARGET inline void store(int32_t* p) const { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
    BALER_TARGET inline Eight plus(const Eight& x) const { return {_mm256_add_epi32(v, x.v)}; }
    // + x * w
    BALER_TARGET inline Eight plus(const Eight& x, int32_t w) const {
        return {_mm256_add_epi32(v, _mm256_mullo_epi32(x.v, _mm256_set1_epi32(w)))};
    }
    BALER_TARGET inline Eight times256() const { return {_mm256_slli_epi32(v, 8)}; }
    // |this - x| >> down
    BALER_TARGET inline Eight away(const Eight& x, int down) const {
        return {_mm256_srl_epi32(_mm256_abs_epi32(_mm256_sub_epi32(v, x.v)), _mm_cvtsi32_si128(down))};
    }
    BALER_TARGET inline Eight least(const Eight& x) const { return {_mm256_min_epi32(v, x.v)}; }
};

BALER_TARGET static inline void transpose(Eight (&row)[8]) {
    __m256i x[8], y[8];
    for (int i = 0; i < 4; i++) {
        x[2 * i] = _mm256_unpacklo_epi32(row[2 * i].v, row[2 * i + 1].v);
        x[2 * i + 1] = _mm256_unpackhi_epi32(row[2 * i].v, row[2 * i + 1].v);
    }
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) {
            y[4 * i + 2 * j] = _mm256_unpacklo_epi64(x[4 * i + j], x[4 * i + j + 2]);
            y[4 * i + 2 * j + 1] = _mm256_unpackhi_epi64(x[4 * i + j], x[4 * i + j + 2]);
        }
    for (int i = 0; i < 4; i++) {
        row[i].v = _mm256_permute2x128_si256(y[i], y[i + 4], 0x20);
        row[i + 4].v = _mm256_permute2x128_si256(y[i], y[i + 4], 0x31);
    }
}
