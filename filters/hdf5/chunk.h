// What the filter does to one chunk, given its parameters: for HDF5's callback and for those who code chunks beside HDF5.
#pragma once

#include "baler.h"
#include "host.h"
#include "params.h"

namespace baler::h5 {

// Reads a frame's header and refuses frames of other chunks than the parameters describe.
baler_frame frame_of_chunk(const Params& p, const void* bytes, size_t nbytes);
// Decodes it into frame.nbytes bytes.
void decode_chunk(const Host& host, const Params& p, const baler_frame& frame, const void* bytes, void* out);

// Room that encoding a chunk of nbytes needs.
size_t encoded_capacity(const Params& p, size_t nbytes);
// Returns the bytes written. What cannot be coded as wished is stored exactly, and reported.
size_t encode_chunk(const Host& host, const Params& p, const void* chunk, size_t nbytes, void* out, size_t capacity);

}  // namespace baler::h5
