// The envelope of a chunk: header, payload, CRC. docs/format.md, "Chunk frame".
#pragma once

#include <array>
#include <vector>

#include "bytes.h"
#include "lattice.h"

namespace baler {

struct Header {
    baler_array array{};
    uint8_t mode = BALER_MODE_STORED;
    bool stable = true;
    Bound bound;
    bool has_model = false;
    std::array<uint8_t, 32> model_id{};
    uint64_t n_exceptions = 0;
    uint64_t payload = 0;  // set by read_frame()
};

// Checks an array description; what: where it comes from, code: whose fault a bad one is.
void check_array(const baler_array& array, const char* what, int code);
uint64_t value_count(const baler_array& array);  // of a checked array
uint64_t byte_count(const baler_array& array);

// At most so many bytes come before the payload.
size_t header_size(const baler_array& array, bool has_model);

std::vector<uint8_t> write_frame(const Header& header, const uint8_t* payload, size_t size);
// Plain bytes as a stored frame, into memory that is there already: never fails for want of memory. 0: no room.
size_t store_bytes(const void* bytes, size_t size, uint8_t* out, size_t capacity);
// Header of a frame; `payload` is left at the payload's bytes. The CRC is looked at when verify is set.
Header read_frame(const uint8_t* frame, size_t size, bool verify, const uint8_t** payload);

}  // namespace baler
