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

// Nothing branches on what is read, for half of that would be guessed wrongly: whether a state wants a word is a mask.
// That needs a word that can be read at every token; the last ones go the plain way.
void TableLookup::read_chain(RansDecoder& coder, const uint8_t table[16], size_t n, int& lane, uint8_t& last,
                             uint8_t* token) const {
    const int lanes = coder.lanes();
    size_t i = 0;
    for (size_t left; i < n && (left = static_cast<size_t>(coder.end() - coder.at()) / 2) > 0;) {
        uint32_t* const states = coder.states();
        const uint8_t* at = coder.at();
        for (const size_t end = i + std::min(n - i, left); i < end; i++) {
            const uint32_t state = states[lane], slot = state & (kScale - 1);
            const size_t of = table[last >> 4];
            last = token[i] = token_[of * kTableScale + (slot >> 4)];
            const uint32_t p = packed_[of * kMaxTokens + last];
            const uint32_t x = ((p >> 16) + 1) * (state >> kScaleBits) + slot - (p & 0xffff);
            const uint32_t wants = x < kRansLow ? ~0u : 0;
            const uint32_t word = static_cast<uint32_t>(at[0]) | static_cast<uint32_t>(at[1]) << 8;
            states[lane] = x << (16 & wants) | (word & wants);
            at += 2 & wants;
            if (++lane == lanes) lane = 0;
        }
        coder.move_to(at);
    }
    for (; i < n; i++) {
        last = token[i] = read(coder, lane, table[last >> 4]);
        if (++lane == lanes) lane = 0;
    }
}

}  // namespace baler::builtin
