// The column kernels for AVX2.
#if defined(__x86_64__)

#include "column_kernels.h"

#define BALER_TARGET __attribute__((target("avx2,bmi,bmi2,popcnt")))

namespace baler {

namespace {
namespace avx2 {

#include "column_kernels.inl"

}  // namespace avx2
}  // namespace

ColumnKernels column_kernels_avx2() {
    using namespace avx2;
    return {place_f4, place_f8, place_log, restore_f4, restore_f8, restore_far, values_far, restore_log, indices};
}

}  // namespace baler

#endif
