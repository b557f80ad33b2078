// Tables of symbol frequencies in 4096ths, stored as rounded logarithms ("levels"), and their decoder.
// docs/format.md, section 5.1.
#pragma once

#include <cstdint>
#include <vector>

#include "entropy.h"

namespace baler::builtin {

constexpr uint32_t kTableScale = 4096;  // frequencies are multiples of 16 of 65536
constexpr uint32_t kMaxTokens = 256;

struct FrequencyTable {
    uint8_t precision = 0;        // 2^precision levels an octave
    std::vector<uint8_t> level;   // per token; 0: does not occur
    std::vector<uint16_t> start;  // these two follow from the levels
    std::vector<uint16_t> freq;
    void build();
    uint32_t packed(size_t token) const {
        return freq[token] ? RansEncoder::pack(start[token] * 16u, freq[token] * 16u) : 0;
    }
};

// For the encoder: the precision and levels that code these counts, table included, in the fewest bits.
FrequencyTable measured_table(const uint32_t* counts, size_t tokens);

// Some tables as a decoder wants them: token by the upper 12 bits of a slot.
class TableLookup {
  public:
    explicit TableLookup(const std::vector<FrequencyTable>& tables);
    uint8_t read(RansDecoder& coder, int lane, size_t table) const {
        const uint8_t t = token_[table * kTableScale + (coder.slot(lane) >> 4)];
        const uint32_t p = packed_[table * kMaxTokens + t];
        coder.advance(lane, p & 0xffff, (p >> 16) + 1);
        return t;
    }
    // A run of n tokens whose tables depend on the token before: table[last >> 4]. `lane` and `last` go on behind it.
    void read_chain(RansDecoder& coder, const uint8_t table[16], size_t n, int& lane, uint8_t& last, uint8_t* token) const;
    // A run of n rows; masked ones (mask may be null) get token 0.
    void read(RansDecoder& coder, const uint8_t* table, const uint8_t* mask, size_t n, uint8_t* token) const;

  private:
    std::vector<uint8_t> token_;
    std::vector<uint32_t> packed_;
};

}  // namespace baler::builtin
