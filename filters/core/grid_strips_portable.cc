// The strip kernels of the grid encoder for every processor.
#include "grid_strips.h"

#define BALER_TARGET

namespace baler {

namespace {
namespace portable {

#include "grid_strips.inl"

}  // namespace portable
}  // namespace

GridStripKernels grid_strips_portable() { return portable::kernels; }

}  // namespace baler

