// HDF5 datatypes as the numbers that the codec knows: a dataset's own type, and those inside a compound.
#pragma once

#include <vector>

#include "baler.h"
#include "host.h"

namespace baler::h5 {

// A bare number type whose bits are exactly those of a C type; anything else is bytes to us. Sets kind, big_endian,
// itemsize.
bool describe_number(const Host& host, Id type, baler_field& field);

// The numbers inside a compound type, by their places, all exact; structures in structures are flattened. Also those of
// enumerations and of array types. Empty for other types.
std::vector<baler_field> record_numbers(const Host& host, Id type);

}  // namespace baler::h5
