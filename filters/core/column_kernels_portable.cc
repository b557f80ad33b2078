// The column kernels for any processor.

#include "column_kernels.h"

#define BALER_TARGET

namespace baler {

namespace {
namespace portable {

#include "column_kernels.inl"

}  // namespace portable
}  // namespace

ColumnKernels column_kernels_portable() {
    using namespace portable;
    return {place_f4, place_f8, place_log, restore_f4, restore_f8, restore_far, values_far, restore_log, indices};
}

}  // namespace baler
