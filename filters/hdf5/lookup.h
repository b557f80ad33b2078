// Where a chunk's model is found, given only its sha256. Nothing is believed: every hit is hashed before it is used,
// so it never matters which place supplies the bytes. Never the network.
#pragma once

#include <string>
#include <vector>

#include "baler.h"
#include "failure.h"
#include "host.h"
#include "params.h"

namespace baler::h5 {

constexpr uint64_t kMaxModelBytes = uint64_t(64) << 20;

std::string hex(const ModelId& id);

// The bytes of /.baler/models/<hex> in the file of `location`, unless they are not what the name says.
bool read_embedded(const Host& host, Id location, const ModelId& id, std::vector<uint8_t>& bytes, bool* altered);

// Retained for the calling thread until its next call: do not release. Null when it is nowhere; then `why` lists where
// it was looked for. Address and length: where the model lies in the file, 0 when not known. With `again`, a recent
// search that found nothing is repeated.
const baler_model* find_model(const Host& host, const ModelId& id, uint64_t address, uint64_t length, bool again,
                              std::string& why);

// The error that says so, and what to do.
Failure missing(const ModelId& id, const std::string& why);

}  // namespace baler::h5
