// The row kernels for any processor.

#include "row_kernels.h"

#define BALER_TARGET

namespace baler {

namespace {
namespace portable {

#include "row_kernels.inl"

}  // namespace portable
}  // namespace

RowKernels row_kernels_portable() { return {portable::intervals, portable::cumulative, portable::decode, portable::features}; }

}  // namespace baler
