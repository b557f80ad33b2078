// One variable's symbols, one row at a time: what row_kernels.h does for many rows. docs/format.md, section 8.
#pragma once

#include "cells.h"
#include "instruction_set.h"

namespace baler {

// outputs: [2 + spike + repeat][stride]; hint: Zh or null
void make_intervals(const RowKernels& kernels, const Variable& variable, const int32_t* outputs, size_t stride,
                    const int32_t* hint, size_t rows, Intervals& out);

// Finds the bucket b with C(b) <= slot < C(b + 1) by halving.
struct Found {
    uint32_t bucket, start, end;
};
Found find_bucket(const BucketTables& tables, const Intervals& in, size_t row, uint32_t slot);

}  // namespace baler
