// The row kernels for any processor.

#include "row_kernels.h"

#define BALER_TARGET

namespace baler {

namespace {
namespace portable {

// Lanes below 2^16 take a word each, in their order.
static inline const uint8_t* refill(uint32_t* state, const uint8_t* at) {
    for (size_t i = 0; i < kGroup; i++) {
        const uint32_t word = static_cast<uint32_t>(at[0]) | static_cast<uint32_t>(at[1]) << 8;
        const uint32_t low = state[i] < 65536 ? 1 : 0;
        state[i] = state[i] << (16 * low) | (word & (0 - low));
        at += 2 * low;
    }
    return at;
}

// Words of lanes that are full, in their order, before `words`.
static inline uint16_t* push(const uint32_t* low, const uint32_t* full, uint16_t* words) {
    for (size_t i = kGroup; i-- > 0;) {
        words[-1] = static_cast<uint16_t>(low[i]);
        words -= full[i];
    }
    return words;
}

#include "row_kernels.inl"

}  // namespace portable
}  // namespace

RowKernels row_kernels_portable() {
    using namespace portable;
    return {intervals, cumulative, decode, features, symbols, buckets, places, encode};
}

}  // namespace baler
