// SHA-256 (FIPS 180-4): the name of a model is the digest of its file.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace baler {

std::array<uint8_t, 32> sha256(const uint8_t* p, size_t n);

}  // namespace baler
