// SHA-256 by the instructions of AArch64, which are an extension there: Apple's processors have it, Linux says.
#if defined(__aarch64__)

// clang before 16 has the intrinsics only where the whole build may use them
#if defined(__ARM_FEATURE_SHA2) || !defined(__clang_major__) || __clang_major__ >= 16
#define BALER_SHA256_INTRINSICS 1
#endif

#include <arm_neon.h>
#if defined(__linux__)
#include <sys/auxv.h>
#endif

#include "sha256_blocks.h"

namespace baler {

#if defined(BALER_SHA256_INTRINSICS)
namespace {

__attribute__((target("+crypto"))) void blocks(uint32_t state[8], const uint8_t* p, size_t n) {
    uint32x4_t abcd = vld1q_u32(state), efgh = vld1q_u32(state + 4);
    for (; n; n--, p += 64) {
        const uint32x4_t abcd_before = abcd, efgh_before = efgh;
        uint32x4_t w[16];  // four words each
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            if (i < 4) w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(p + 16 * i)));
            else w[i] = vsha256su1q_u32(vsha256su0q_u32(w[i - 4], w[i - 3]), w[i - 2], w[i - 1]);
            const uint32x4_t wk = vaddq_u32(w[i], vld1q_u32(kSha256Round + 4 * i)), before = abcd;
            abcd = vsha256hq_u32(abcd, efgh, wk);
            efgh = vsha256h2q_u32(efgh, before, wk);
        }
        abcd = vaddq_u32(abcd, abcd_before);
        efgh = vaddq_u32(efgh, efgh_before);
    }
    vst1q_u32(state, abcd);
    vst1q_u32(state + 4, efgh);
}

}  // namespace
#endif

Sha256Blocks sha256_instructions() {
#if !defined(BALER_SHA256_INTRINSICS)
    return nullptr;
#elif defined(__APPLE__)
    return blocks;
#elif defined(__linux__)
    constexpr unsigned long sha2 = 1ul << 6;  // HWCAP_SHA2
    return getauxval(AT_HWCAP) & sha2 ? blocks : nullptr;
#else
    return nullptr;
#endif
}

}  // namespace baler

#endif
