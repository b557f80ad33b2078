// What went wrong, said where somebody may hear it: HDF5 from 2.0 on throws away what a filter puts on its error stack.
#pragma once

#include <string>

#include "host.h"

namespace baler::h5 {

// Leaves `text` in baler_last_error() of this thread, on the caller's HDF5 error stack and, once per text and
// process, on stderr (not with BALER_QUIET=1).
void report(const Host& host, const std::string& text) noexcept;

}  // namespace baler::h5
