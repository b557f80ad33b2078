// Layers of integer networks as model files hold them, with the proof that no sum overflows. docs/format.md, section 7.
#pragma once

#include "bytes.h"
#include "table_model.h"

namespace baler {

// Reads one layer; `weights` counts those of the model, which may have `most`.
NetLayer read_net_layer(ByteReader& in, uint32_t inputs, bool last, uint32_t most_outputs, size_t& weights, size_t most);

}  // namespace baler
