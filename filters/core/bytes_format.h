// Shared by both sides of the byte coder. docs/format.md, section 6.
#pragma once

#include <vector>

#include "builtin_side.h"

namespace baler::lz {

using builtin::FrequencyTable;

constexpr uint8_t kPlain = 0, kSequences = 1;
constexpr uint64_t kShortest = 3;      // of a match
constexpr size_t kMaxSegments = 64;
constexpr size_t kPrevious = 16;       // groups of the literal before
constexpr size_t kMaxTables = 64;
constexpr size_t kCodes = 128;         // of lengths; offsets have kRepeats more
constexpr size_t kRepeats = 3;

// Lengths and offsets: small numbers have codes of their own, larger ones two codes an octave and plain bits.
struct Bucket {
    uint32_t code;
    int bits;
    uint64_t rest;
};
inline Bucket bucket(uint64_t v) {
    if (v < 16) return {static_cast<uint32_t>(v), 0, 0};
    int e = 4;
    while (v >> (e + 1)) e++;
    return {static_cast<uint32_t>(16 + 2 * (e - 4)) + static_cast<uint32_t>(v >> (e - 1) & 1), e - 1,
            v & ((uint64_t(1) << (e - 1)) - 1)};
}
inline int bucket_bits(uint32_t code) { return code < 16 ? 0 : static_cast<int>(3 + (code - 16) / 2); }
inline uint64_t bucket_start(uint32_t code) {
    if (code < 16) return code;
    const uint32_t e = 4 + (code - 16) / 2;
    return (uint64_t(2) + (code & 1)) << (e - 1);
}

struct Sequence {
    uint64_t literals, length, offset;  // so many literals, then `length` bytes from `offset` back
};

// A stream of no symbols but such as cost nothing: its lanes start and end in the same state.
inline std::vector<uint8_t> idle_stream(int lanes) {
    std::vector<uint8_t> s;
    for (int l = 0; l < lanes; l++) s.insert(s.end(), {0, 0, 1, 0});
    return s;
}

// The last three different offsets, latest first.
struct Repeats {
    uint64_t offset[kRepeats] = {1, 4, 8};
    void use(uint64_t v) {
        if (v == offset[0]) return;
        if (v != offset[1]) offset[2] = offset[1];
        offset[1] = offset[0];
        offset[0] = v;
    }
};

// Everything about a piece that is not symbols: tables of literals, lengths and offsets, and which is used where.
struct Layout {
    std::vector<uint8_t> map;  // segment x group of the literal before -> table
    std::vector<FrequencyTable> literals, runs, lengths, offsets;  // the last three hold one table, or none
    // A literal's table depends on the literal before it.
    bool chained() const {
        for (size_t i = 0; i < map.size(); i++)
            if (map[i] != map[i / kPrevious * kPrevious]) return true;
        return false;
    }
};

template <class Side>
void code_layout(Side& side, Layout& l, size_t segments, bool any_literals, bool any_matches) {
    builtin::Number tables, table;
    builtin::Bit left, above;
    builtin::TableModels models, others;
    const auto set = [&](std::vector<FrequencyTable>& t, bool any, size_t tokens) {
        if (Side::reading) t.resize(any);
        for (FrequencyTable& f : t) code_table(side, others, f, nullptr, tokens);
    };
    set(l.runs, any_matches, kCodes);
    set(l.lengths, any_matches, kCodes);
    set(l.offsets, any_matches, kCodes + kRepeats);
    uint64_t n = l.literals.size();
    if (!any_literals) return;
    field(side, tables, n, kMaxTables);
    if (Side::reading) {
        if (n == 0) fail(BALER_ERR_CORRUPT, "coded bytes are damaged: literals without tables");
        l.literals.resize(static_cast<size_t>(n));
        l.map.resize(segments * kPrevious);
    }
    for (size_t i = 0; n > 1 && i < l.map.size(); i++) {
        uint8_t as_left = i > 0 && l.map[i] == l.map[i - 1];
        uint8_t as_above = i >= kPrevious && l.map[i] == l.map[i - kPrevious];
        if (i > 0) side.bit(left, as_left);
        if (i > 0 && as_left) {
            l.map[i] = l.map[i - 1];
            continue;
        }
        if (i >= kPrevious) side.bit(above, as_above);
        if (i >= kPrevious && as_above) l.map[i] = l.map[i - kPrevious];
        else field(side, table, l.map[i], n - 1);
    }
    for (size_t t = 0; t < l.literals.size(); t++)
        code_table(side, models, l.literals[t], t ? &l.literals[t - 1] : nullptr, 256);
}

// Planes of bytes: all first bytes of the items, all second ones ...; what is left over stays behind them.
inline void to_planes(const uint8_t* from, size_t n, size_t width, uint8_t* to) {
    const size_t items = n / width;
    for (size_t b = 0; b < width; b++)
        for (size_t i = 0; i < items; i++) to[b * items + i] = from[i * width + b];
    for (size_t i = items * width; i < n; i++) to[i] = from[i];
}
inline void from_planes(const uint8_t* from, size_t n, size_t width, uint8_t* to) {
    const size_t items = n / width;
    for (size_t b = 0; b < width; b++)
        for (size_t i = 0; i < items; i++) to[i * width + b] = from[b * items + i];
    for (size_t i = items * width; i < n; i++) to[i] = from[i];
}

}  // namespace baler::lz
