// The row kernels for AVX2.
#if defined(__x86_64__)

#include "row_kernels.h"

#define BALER_TARGET __attribute__((target("avx2,bmi,bmi2")))

namespace baler {

namespace {
namespace avx2 {

#include "row_kernels.inl"

}  // namespace avx2
}  // namespace

RowKernels row_kernels_avx2() { return {avx2::intervals, avx2::cumulative, avx2::decode, avx2::features}; }

}  // namespace baler

#endif
