// Runs of symbols of one column, whose tables change from row to row.
#include <algorithm>

#include "frequency_table.h"
#include "instruction_set.h"

namespace baler::builtin {

void TableLookup::read(RansDecoder& coder, const uint8_t* table, const uint8_t* mask, size_t n, uint8_t* token) const {
    constexpr size_t round = 2 * kTokenLanes, spare = 16;  // bytes that a round may take; that are read beyond
    size_t i = 0;
    while (!mask && coder.lanes() == static_cast<int>(kTokenLanes)) {
        const auto left = static_cast<size_t>(coder.end() - coder.at());
        const size_t rounds = std::min((n - i) / kTokenLanes, left > spare ? (left - spare) / round : 0);
        if (rounds == 0) break;
        coder.move_to(instruction_set().tables.tokens(
            {coder.states(), coder.at(), table + i, token_.data(), packed_.data(), rounds, token + i}));
        i += rounds * kTokenLanes;
    }
    int lane = 0;
    for (; i < n; i++) {
        token[i] = mask && mask[i] ? uint8_t(0) : read(coder, lane, table[i]);
        if (++lane == coder.lanes()) lane = 0;
    }
}

}  // namespace baler::builtin
