// The filter's cd_values: what the user asked for, and what set_local found out about the dataset.
// docs/format.md, section 10.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "number_type.h"

namespace baler::h5 {

constexpr size_t kUserWords = 13;
constexpr size_t kMaxWords = 64;
constexpr uint32_t kHasModel = 1, kStable = 2;

using ModelId = std::array<uint8_t, 32>;

struct Params {
    bool has_model = false;
    bool stable = true;
    uint32_t bound_kind = BALER_BOUND_EXACT;
    double bound = 0;
    ModelId model{};

    // Written by set_local; kind 0: plain bytes, shape unknown (ndim 0)
    bool local = false;
    char kind = 0;
    bool big_endian = false;
    uint32_t itemsize = 1;
    uint32_t ndim = 0;
    uint32_t dims[BALER_MAX_NDIM]{};
    uint64_t model_address = 0;  // in the file, 0: unknown
    uint64_t model_length = 0;
    std::vector<baler_field> fields{};  // of records without a model; empty when they are not known

    bool lossy() const { return has_model || bound_kind != BALER_BOUND_EXACT; }
    // Bytes of a chunk, 0 when not known.
    uint64_t chunk_bytes() const;
    // The chunk as the codec sees it: as set_local described it, or plain bytes. Throws Failure when it described
    // other chunks than these of nbytes.
    baler_array array(uint64_t nbytes) const;
};

// Throws Failure when a word has no known meaning.
Params parse_params(const unsigned* words, size_t n);
// All words, user part first. Returns how many.
size_t write_params(const Params& params, unsigned words[kMaxWords]);

}  // namespace baler::h5
