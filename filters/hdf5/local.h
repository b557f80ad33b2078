// What the filter finds out about a dataset when it is created.
#pragma once

#include "host.h"

namespace baler::h5 {

inline constexpr const char* kVariableLength =
    "variable-length data cannot be compressed by a filter: HDF5 keeps them outside the chunks; store them as "
    "fixed-length items or without compression";

bool is_variable_length(const Host& host, Id type);

// Reads what the user asked for, looks at the dataset and writes both into its filter's parameters; sees to the model.
// Calling it twice changes nothing. Throws Failure when the dataset cannot be written as asked.
void localise(const Host& host, Id dcpl, Id type);

}  // namespace baler::h5
