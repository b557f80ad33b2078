// Side information of the built-in model: adaptive binary decisions in a one-lane rANS stream, so that small chunks
// need no tables about tables. docs/format.md, section 5.1. One template writes and reads every field.
#pragma once

#include <algorithm>

#include "frequency_table.h"

namespace baler::builtin {

// Probability that a decision is 1, in 65536ths. Learns fast at first.
struct Bit {
    uint16_t one = 0x8000;
    uint8_t seen = 0;

    void learn(bool bit) {
        const int rate = 2 + (seen >= 2) + (seen >= 6) + (seen >= 14);
        if (seen < 14) seen++;
        const int target = bit ? 65536 - 256 : 256;
        one = static_cast<uint16_t>(one + ((target - one) >> rate));
    }
};

// An unsigned number of up to 64 bits: its length in unary, two bits after the leading one adaptive, the others plain.
struct Number {
    Bit length[64];
    Bit high[65][4];
};

// A number into anything that takes bits and plain bits.
template <class Side>
void put_number(Side& side, Number& model, uint64_t& value) {
    int length = 0;
    while (length < 64 && value >> length) length++;
    for (int i = 0; i < 64 && i <= length; i++) {
        uint8_t more = i < length;
        side.bit(model.length[i], more);
    }
    uint32_t node = 1;
    int b = length - 1;
    for (; b > 0 && node < 4; b--) {
        uint8_t one = value >> (b - 1) & 1;
        side.bit(model.high[length][node], one);
        node = node << 1 | one;
    }
    if (b > 0) side.plain(value, b);
}

class SideWriter {
  public:
    static constexpr bool reading = false;

    void bit(Bit& model, uint8_t& value) {
        const uint32_t one = model.one;
        if (value) coder_.put(kScale - one, one);
        else coder_.put(0, kScale - one);
        model.learn(value != 0);
    }
    void plain(uint64_t& value, int bits) {
        for (int b = bits; b-- > 0;) coder_.put(static_cast<uint32_t>(value >> b & 1) << 15, 1u << 15);
    }
    void word(uint64_t& value) { coder_.put(static_cast<uint32_t>(value & 0xffff), 1); }  // 16 plain bits at once
    void number(Number& model, uint64_t& value) { put_number(*this, model, value); }
    std::vector<uint8_t> finish() {
        std::vector<uint8_t> bytes;
        coder_.finish(bytes);
        return bytes;
    }

  private:
    RansEncoder coder_{1};
};

class SideReader {
  public:
    static constexpr bool reading = true;
    SideReader(const uint8_t* p, size_t n) : coder_(p, n, 1) {}

    void bit(Bit& model, uint8_t& value) {
        const uint32_t one = model.one;
        value = coder_.slot(0) >= kScale - one;
        if (value) coder_.advance(0, kScale - one, one);
        else coder_.advance(0, 0, kScale - one);
        model.learn(value != 0);
    }
    void plain(uint64_t& value, int bits) {
        for (int b = 0; b < bits; b++) {
            const uint32_t one = coder_.slot(0) >> 15;
            coder_.advance(0, one << 15, 1u << 15);
            value = value << 1 | one;
        }
    }
    void word(uint64_t& value) {
        const uint32_t slot = coder_.slot(0);
        coder_.advance(0, slot, 1);
        value = slot;
    }
    void number(Number& model, uint64_t& value) {
        int length = 0;
        for (uint8_t more = 1; length < 64; length++) {
            bit(model.length[length], more);
            if (!more) break;
        }
        value = length > 0;
        uint32_t node = 1;
        int b = length - 1;
        for (; b > 0 && node < 4; b--) {
            uint8_t one = 0;
            bit(model.high[length][node], one);
            value = value << 1 | one;
            node = node << 1 | one;
        }
        if (b > 0) plain(value, b);
    }
    void finish() const { coder_.finish(); }

  private:
    RansDecoder coder_;
};

// A field of any integer type, checked against its largest value when it is read.
template <class Side, class T>
void field(Side& side, Number& model, T& value, uint64_t most) {
    uint64_t v = static_cast<uint64_t>(value);
    side.number(model, v);
    if (Side::reading) {
        if (v > most) fail(BALER_ERR_CORRUPT, "built-in model: a field holds %llu, more than %llu",
                           static_cast<unsigned long long>(v), static_cast<unsigned long long>(most));
        value = static_cast<T>(v);
    }
}

template <class Side>
void signed_field(Side& side, Number& model, int64_t& value) {
    uint64_t v = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
    side.number(model, v);
    if (Side::reading) value = static_cast<int64_t>(v >> 1) ^ -static_cast<int64_t>(v & 1);
}

struct TableModels {
    Number precision, level[4][2];
    Bit absent[2][3];
};

// Levels are foretold by the token before and by the table before (`above`), as in a picture.
template <class Side>
void code_table(Side& side, TableModels& m, FrequencyTable& t, const FrequencyTable* above, size_t tokens) {
    constexpr bool reading = Side::reading;
    field(side, m.precision, t.precision, 3);
    if (reading) t.level.resize(tokens);
    const int unit = 8 >> t.precision;  // of a level, in eighths of an octave
    const int most = 25 << t.precision;
    int west = -1, northwest = -1;
    bool any = false;
    for (size_t i = 0; i < tokens; i++) {
        const int north = above && above->level[i] ? (above->level[i] - 1) * (8 >> above->precision) : -1;
        uint8_t absent = t.level[i] == 0;
        side.bit(m.absent[west < 0][above ? 1 + (north < 0) : 0], absent);
        if (absent) {
            t.level[i] = 0;
            west = -1;
        } else {
            int guess = north >= 0 ? north : west >= 0 ? west : 0;
            if (north >= 0 && west >= 0 && northwest >= 0)
                guess = std::max(std::min(std::max(north, west), north + west - northwest), std::min(north, west));
            guess /= unit;
            int64_t d = reading ? 0 : t.level[i] - 1 - guess;
            signed_field(side, m.level[t.precision][north >= 0], d);
            if (d < -guess || d >= most - guess) fail(BALER_ERR_CORRUPT, "a table of frequencies is damaged");
            t.level[i] = static_cast<uint8_t>(1 + guess + d);
            west = (t.level[i] - 1) * unit;
            any = true;
        }
        northwest = north;
    }
    if (!any) fail(BALER_ERR_CORRUPT, "a table of frequencies is empty");
    if (reading) t.build();
}

}  // namespace baler::builtin
