// Writing the model into the file that is being written, from within set_local.
#pragma once

#include "lookup.h"

namespace baler::h5 {

// When exactly one HDF5 file is open for writing: puts the model there unless it is there already or BALER_EMBED=0,
// and tells where in the file its bytes lie (false: no such file, or not known).
bool embed_model(const Host& host, const ModelId& id, const baler_model* model, uint64_t* address, uint64_t* length);

}  // namespace baler::h5
