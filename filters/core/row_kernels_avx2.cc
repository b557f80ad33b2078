// The row kernels for AVX2.
#if defined(__x86_64__)

#include <immintrin.h>

#include "refill_avx2.h"
#include "row_kernels.h"

#define BALER_TARGET __attribute__((target("avx2,bmi,bmi2,popcnt")))

namespace baler {

namespace {
namespace avx2 {

// Lanes below 2^16 take a word each, in their order.
BALER_TARGET static inline const uint8_t* refill(uint32_t* state, const uint8_t* at) {
    for (size_t i = 0; i < kGroup; i += 8) {
        auto* lanes = reinterpret_cast<__m256i*>(state + i);
        _mm256_storeu_si256(lanes, refilled(_mm256_loadu_si256(lanes), at));
    }
    return at;
}

// Words of lanes that are full, in their order, before `words`.
BALER_TARGET static inline uint16_t* push(const uint32_t* low, const uint32_t* full, uint16_t* words) {
    for (size_t i = kGroup; i-- > 0;) {
        words[-1] = static_cast<uint16_t>(low[i]);
        words -= full[i];
    }
    return words;
}

#include "row_kernels.inl"

}  // namespace avx2
}  // namespace

RowKernels row_kernels_avx2() {
    using namespace avx2;
    return {intervals, cumulative, decode, features, symbols, buckets, places, encode};
}

}  // namespace baler

#endif
