// CRC-32 as in zlib: polynomial 0xEDB88320, initial and final xor 0xFFFFFFFF.
#pragma once

#include <cstddef>
#include <cstdint>

namespace baler {

uint32_t crc32(const uint8_t* p, size_t n);

}  // namespace baler
