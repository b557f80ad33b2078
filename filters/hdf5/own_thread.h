#pragma once

namespace baler::h5 {

// Whether this thread is one that the libhdf5 at `base` started for itself. Its callers wait for it with the library's
// lock in their hands, so it must not call HDF5. False where the stack cannot be read to its end.
bool thread_of_library(const void* base);

}  // namespace baler::h5
