#include "interval.h"

#include <algorithm>

#include "fixed_tables.h"

namespace baler {

namespace {

uint32_t cumulative(const BucketTables& t, const Intervals& in, size_t row, uint32_t b) {
    const int64_t scaled = (int64_t(t.bound[b] - in.mean[row]) * in.inverse[row]) >> 16;
    const auto u = static_cast<uint32_t>(std::clamp<int64_t>(scaled + kShapeHalf, 0, 2 * kShapeHalf));
    const uint32_t* node = t.shape + (u >> 5);
    const uint32_t f = node[0] + (((node[1] - node[0]) * (u & 31)) >> 5);
    return in.base[row] + ((in.rest[row] * f) >> 16) + (b > t.spike_bucket ? in.zero[row] : 0);
}

}  // namespace

void make_intervals(const RowKernels& kernels, const Variable& variable, const int32_t* outputs, size_t stride,
                    const int32_t* hint, size_t rows, Intervals& out) {
    const FixedTables& tables = fixed_tables();
    const int32_t* logit = outputs + 2 * stride;
    const int32_t* spike = variable.spike ? logit : nullptr;
    const int32_t* repeat = variable.repeat ? logit + (variable.spike ? stride : 0) : nullptr;
    kernels.intervals({outputs, outputs + stride, spike, repeat, hint, tables.probability, tables.inverse, tables.reach,
                       variable.escape, rows, &out});
}

Found find_bucket(const BucketTables& tables, const Intervals& in, size_t row, uint32_t slot) {
    uint32_t low = 0;
    for (uint32_t high = tables.buckets; high - low > 1;) {
        const uint32_t middle = (low + high) / 2;
        if (cumulative(tables, in, row, middle) <= slot) low = middle;
        else high = middle;
    }
    return {low, cumulative(tables, in, row, low), cumulative(tables, in, row, low + 1)};
}

}  // namespace baler
