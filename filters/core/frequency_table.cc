#include "frequency_table.h"

#include <algorithm>
#include <cmath>

namespace baler::builtin {

void FrequencyTable::build() {
    uint32_t weight[kMaxTokens], share[kMaxTokens];
    const uint32_t steps = 1u << precision;
    for (size_t t = 0; t < level.size(); t++) {
        const uint32_t l = level[t];
        weight[t] = l ? (steps + (l - 1) % steps) << ((l - 1) / steps) : 0;
    }
    normalise(weight, level.size(), kTableScale, share);
    start.resize(level.size());
    freq.resize(level.size());
    uint32_t at = 0;
    for (size_t t = 0; t < level.size(); t++) {
        start[t] = static_cast<uint16_t>(at);
        freq[t] = static_cast<uint16_t>(share[t]);
        at += share[t];
    }
}

FrequencyTable measured_table(const uint32_t* counts, size_t tokens) {
    FrequencyTable best, t;
    double least = 0;
    for (uint8_t precision = 0; precision < 4; precision++) {
        const double steps = 1 << precision;
        t.precision = precision;
        t.level.assign(tokens, 0);
        double cost = 0;
        for (size_t i = 0; i < tokens; i++) {
            if (!counts[i]) continue;
            int e = 0;
            const double m = std::frexp(static_cast<double>(counts[i]), &e) * 2 - 1;
            t.level[i] = static_cast<uint8_t>(std::min(1 + (e - 1) * (1 << precision) + std::lround(m * steps),
                                                       25L << precision));
            cost += 1.6 + 0.75 * precision;
        }
        t.build();
        for (size_t i = 0; i < tokens; i++)
            if (counts[i]) cost += counts[i] * (12 - std::log2(static_cast<double>(t.freq[i])));
        if (precision == 0 || cost < least) {
            least = cost;
            best = t;
        }
    }
    return best;
}


TableLookup::TableLookup(const std::vector<FrequencyTable>& tables)
    : token_(tables.size() * kTableScale + 3), packed_(tables.size() * kMaxTokens) {
    for (size_t t = 0; t < tables.size(); t++)
        for (size_t i = 0; i < tables[t].level.size(); i++) {
            const FrequencyTable& f = tables[t];
            if (!f.freq[i]) continue;
            std::fill_n(token_.begin() + static_cast<std::ptrdiff_t>(t * kTableScale + f.start[i]), f.freq[i],
                        static_cast<uint8_t>(i));
            packed_[t * kMaxTokens + i] = f.packed(i);
        }
}

}  // namespace baler::builtin
