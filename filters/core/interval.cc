#include "interval.h"

namespace baler {

void make_intervals(const Variable& variable, const int32_t* outputs, size_t stride, const int32_t* hint, size_t rows,
                    Intervals& out) {
    const FixedTables& tables = fixed_tables();
    const int32_t* y = outputs;
    constexpr int32_t far = 1 << 20;  // clipping twice keeps the sum in 32 bits and changes nothing
    for (size_t r = 0; r < rows; r++) {
        const int32_t m = std::clamp(y[r], -far, far) + (hint ? hint[r] : 0);
        out.mean[r] = std::clamp(m, -kMeanLimit, kMeanLimit);
    }
    y += stride;
    for (size_t r = 0; r < rows; r++) out.inverse[r] = tables.inverse[std::clamp(y[r], -104, 24) + 104];
    const auto probability = [&](int32_t logit) { return tables.probability[std::clamp(logit, -2048, 2047) + 2048]; };
    const uint32_t escape = variable.escape, left = 65536 - escape;
    out.escape = escape;
    const int32_t* spike = variable.spike ? y += stride : nullptr;
    const int32_t* repeat = variable.repeat ? y += stride : nullptr;
    for (size_t r = 0; r < rows; r++) {
        const uint32_t repeated = repeat ? (left * probability(repeat[r])) >> 16 : 0;
        const uint32_t zero = spike ? ((left - repeated) * probability(spike[r])) >> 16 : 0;
        out.base[r] = escape + repeated;
        out.zero[r] = zero;
        out.rest[r] = left - repeated - zero;
    }
}

}  // namespace baler
