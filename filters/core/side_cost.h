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
    void number(Number& model, uint64_t& value) { put_number(*this, model, value); }
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
