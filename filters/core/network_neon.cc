// The layer kernel for NEON, which every AArch64 processor has.
#if defined(__aarch64__)

#include <arm_neon.h>

#include "network.h"

#define BALER_TARGET
#define BALER_INLINE __attribute__((always_inline)) static inline

namespace baler {

namespace {
namespace neon {

struct Vector {
    using Sum = int32x4_t;
    struct Pair {
        int16x8_t a, b;
    };
    static constexpr size_t kRows = 8;
    static constexpr int kOutputs = 12;

    BALER_INLINE Sum all(int32_t v) { return vdupq_n_s32(v); }
    BALER_INLINE Pair load(const int16_t* a, const int16_t* b) { return {vld1q_s16(a), vld1q_s16(b)}; }
    BALER_INLINE void multiply_add(Sum& low, Sum& high, const Pair& x, const int32_t* w) {
        const int16x4_t both = vreinterpret_s16_s32(vdup_n_s32(*w));
        low = vmlal_lane_s16(low, vget_low_s16(x.a), both, 0);
        high = vmlal_lane_s16(high, vget_high_s16(x.a), both, 0);
        low = vmlal_lane_s16(low, vget_low_s16(x.b), both, 1);
        high = vmlal_lane_s16(high, vget_high_s16(x.b), both, 1);
    }
    BALER_INLINE void last(Sum low, Sum high, int shift, int32_t* to) {
        const int32x4_t by = vdupq_n_s32(-shift);
        vst1q_s32(to, vshlq_s32(low, by));
        vst1q_s32(to + 4, vshlq_s32(high, by));
    }
    BALER_INLINE void hidden(Sum low, Sum high, int shift, int slope, int16_t* to) {
        const int32x4_t by = vdupq_n_s32(-shift);
        int16x8_t v = vcombine_s16(vqmovn_s32(vshlq_s32(low, by)), vqmovn_s32(vshlq_s32(high, by)));
        if (slope) v = vmaxq_s16(v, vshlq_s16(v, vdupq_n_s16(static_cast<int16_t>(-slope))));
        vst1q_s16(to, v);
    }
};

#include "layer_kernel.inl"

}  // namespace neon
}  // namespace

void layer_neon(const LayerCall& call) { neon::layer(call); }

}  // namespace baler

#endif
