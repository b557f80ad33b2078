// Encoder only: finds repetitions in a chunk of bytes.
#pragma once

#include "bytes_format.h"

namespace baler::lz {

// segment: bytes of about one nature, whose literals share a price.
std::vector<Sequence> find_matches(const uint8_t* data, size_t n, size_t segment);

}  // namespace baler::lz
