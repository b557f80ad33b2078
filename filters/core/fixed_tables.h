// The tables every model shares: logistic function, scales, shapes. docs/format.md, section 7.2.
#pragma once

#include <cstdint>

namespace baler {

constexpr int kScales = 129;         // INV[s], s = 0 ... 128
constexpr int kShapeNodes = 1025;    // T[i], one every 32 units of t
constexpr int kShapeHalf = 16384;    // t runs over [-kShapeHalf, kShapeHalf]
constexpr int kZOne = 16384;         // Z = 1 sigma of the warped column
constexpr int kMeanLimit = 8 * kZOne;

struct FixedTables {
    int64_t negative[1537];     // N_j: 2^30 / (1 + e^(j / 64))
    uint32_t probability[4096]; // SIG: logit -> probability, unit 2^-16
    int32_t inverse[kScales];   // INV: 2^16 / (sigma in Z / 1024)
    int32_t reach[kScales];     // the least d with d * INV >= 2^30: from there on F is 0 or 1
};

const FixedTables& fixed_tables();

struct ShapePart {
    uint32_t weight;
    int32_t offset;
    uint32_t inverse;
};

// T of a mixture of three logistics: kShapeNodes values, 0 ... 65536, never falling.
void shape_table(const ShapePart parts[3], uint32_t* table);

}  // namespace baler
