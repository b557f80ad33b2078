// The column kernels for AVX-512.
#if defined(__x86_64__)

#include "column_kernels.h"

#if defined(__clang__)
#define BALER_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,bmi,bmi2,popcnt")))
#else
#define BALER_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,bmi,bmi2,popcnt,prefer-vector-width=512")))
#endif

namespace baler {

namespace {
namespace avx512 {

#include "column_kernels.inl"

}  // namespace avx512
}  // namespace

ColumnKernels column_kernels_avx512() {
    using namespace avx512;
    return {place_f4, place_f8, place_log, restore_f4, restore_f8, restore_far, values_far, restore_log, indices};
}

}  // namespace baler

#endif
