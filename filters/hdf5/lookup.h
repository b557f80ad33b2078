// Where a chunk's model comes from: what this thread used last, the process's cache, or a search. Never the network.
#pragma once

#include <string>

#include "baler.h"
#include "failure.h"
#include "host.h"
#include "params.h"

namespace baler::h5 {

// Retained for the calling thread until its next call: do not release. Null when it is nowhere; then `why` lists where
// it was looked for. Address and length: where the model lies in the file, 0 when not known. With `again`, a recent
// search that found nothing is repeated.
const baler_model* find_model(const Host& host, const ModelId& id, uint64_t address, uint64_t length, bool again,
                              std::string& why);

// The error that says so, and what to do.
Failure missing(const ModelId& id, const std::string& why);

}  // namespace baler::h5
