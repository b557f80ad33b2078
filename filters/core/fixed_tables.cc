#include "fixed_tables.h"

#include <algorithm>

#include "integer_power.h"

namespace baler {

namespace {

constexpr int64_t kOne = int64_t(1) << 30;

int64_t negative_half(const FixedTables& t, int64_t a) {
    if (a >= 24576) return 0;
    const int64_t j = a >> 4;
    return t.negative[j] - (((t.negative[j] - t.negative[j + 1]) * (a & 15)) >> 4);
}

int64_t logistic(const FixedTables& t, int64_t u) {
    return u < 0 ? negative_half(t, -u) : kOne - negative_half(t, u);
}

FixedTables build() {
    FixedTables t;
    constexpr uint64_t mask = (uint64_t(1) << 62) - 1;
    for (uint64_t j = 0; j <= 1536; j++) {
        const uint128 x = (static_cast<uint128>(j) * 6653256548920620560u) >> 6;  // j / 64 * log2(e)
        const auto n = static_cast<int>(x >> 62);
        const uint128 r = (static_cast<uint128>(1) << 124) / integer_power(static_cast<uint64_t>(x) & mask);
        const uint128 p = r >> n;
        t.negative[j] = static_cast<int64_t>((p << 30) / ((static_cast<uint128>(1) << 62) + p));
    }
    for (int i = 0; i < 4096; i++) {
        const int64_t p = (logistic(t, 4 * (int64_t(i) - 2048)) + (1 << 13)) >> 14;
        t.probability[i] = static_cast<uint32_t>(std::clamp<int64_t>(p, 1, 65472));
    }
    for (int s = 0; s < kScales; s++) {
        const int q = 200 - s, e = q >> 3;
        const auto f = static_cast<uint64_t>(q & 7);
        t.inverse[s] = static_cast<int32_t>((integer_power(f << 59) + (uint64_t(1) << (61 - e))) >> (62 - e));
        t.reach[s] = ((1 << 30) + t.inverse[s] - 1) / t.inverse[s];
    }
    return t;
}

}  // namespace

const FixedTables& fixed_tables() {
    static const FixedTables tables = build();
    return tables;
}

void shape_table(const ShapePart parts[3], uint32_t* table) {
    const FixedTables& fixed = fixed_tables();
    for (int i = 0; i < kShapeNodes; i++) {
        const int64_t t = 32 * (int64_t(i) - 512);
        int64_t sum = int64_t(1) << 29;
        for (int m = 0; m < 3; m++)
            sum += int64_t(parts[m].weight) * logistic(fixed, ((t - parts[m].offset) * int64_t(parts[m].inverse)) >> 12);
        table[i] = static_cast<uint32_t>(sum >> 30);
    }
    table[0] = 0;
    table[kShapeNodes - 1] = 65536;
}

}  // namespace baler
