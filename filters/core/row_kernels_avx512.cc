// The row kernels for AVX-512.
#if defined(__x86_64__)

#include "row_kernels.h"

#define BALER_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi2,bmi,bmi2,prefer-vector-width=512")))

namespace baler {

namespace {
namespace avx512 {

#include "row_kernels.inl"

}  // namespace avx512
}  // namespace

RowKernels row_kernels_avx512() { return {avx512::intervals, avx512::cumulative, avx512::decode, avx512::features}; }

}  // namespace baler

#endif
