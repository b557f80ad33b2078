// A quick look at what columns of lattice indices cost: for deciding what is worth trying.
#pragma once

#include "table.h"

namespace baler {

// Bits a row of all columns, each coded by itself with the distribution that its values or their differences have, as
// seen in about `rows` rows of the table.
double simple_bits(const Table& table, size_t rows);

}  // namespace baler
