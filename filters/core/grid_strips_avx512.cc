// The strip kernels of the grid encoder for AVX-512.
#if defined(__x86_64__)

#include "grid_strips.h"

// clang takes whole vectors without being asked
#if defined(__clang__)
#define BALER_WIDE
#else
#define BALER_WIDE ",prefer-vector-width=512"
#endif
#define BALER_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq" BALER_WIDE)))

namespace baler {

namespace {
namespace avx512 {

#include "grid_strips.inl"

}  // namespace avx512
}  // namespace

GridStripKernels grid_strips_avx512() { return avx512::kernels; }

}  // namespace baler

#endif
