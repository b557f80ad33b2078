// The strip kernels of the grid encoder for AVX2.
#if defined(__x86_64__)

#include "grid_strips.h"

#define BALER_TARGET __attribute__((target("avx2")))

namespace baler {

namespace {
namespace avx2 {

#include "grid_strips.inl"

}  // namespace avx2
}  // namespace

GridStripKernels grid_strips_avx2() { return avx2::kernels; }

}  // namespace baler

#endif
