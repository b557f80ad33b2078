// What a side stream would cost, without writing it: the third Side beside SideWriter and SideReader.
#pragma once

#include <array>
#include <cmath>

#include "builtin_side.h"

namespace baler::builtin {

class SideCost {
  public:
    static constexpr bool reading = false;

    void bit(Bit& model, uint8_t& value) {
        bits_ += table()[(value ? model.one : kScale - model.one) >> 6];
        model.learn(value != 0);
    }
    void plain(uint64_t&, int bits) { bits_ += bits; }
    void word(uint64_t&) { bits_ += 16; }
    void number(Number& model, uint64_t& value) {
        int length = 0;
        while (length < 64 && value >> length) length++;
        for (int i = 0; i < 64 && i <= length; i++) {
            uint8_t more = i < length;
            bit(model.length[i], more);
        }
        uint32_t node = 1;
        int b = length - 1;
        for (; b > 0 && node < 4; b--) {
            uint8_t one = value >> (b - 1) & 1;
            bit(model.high[length][node], one);
            node = node << 1 | one;
        }
        bits_ += b > 0 ? b : 0;
    }
    double bits() const { return bits_; }

  private:
    static const std::array<float, 1024>& table() {
        static const std::array<float, 1024> bits = [] {
            std::array<float, 1024> t{};
            for (size_t i = 0; i < t.size(); i++)
                t[i] = static_cast<float>(10 - std::log2(static_cast<double>(i) + 0.5));
            return t;
        }();
        return bits;
    }
    double bits_ = 0;
};

}  // namespace baler::builtin
