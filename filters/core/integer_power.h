// E(f) = about 2^62 * 2^(f / 2^62) by integers alone: log lattices and the tables of the model come from it.
// docs/format.md, section 2, "Integer powers".
#pragma once

#include <cmath>
#include <cstdint>

namespace baler {

__extension__ using uint128 = unsigned __int128;
__extension__ using int128 = __int128;

// floor of the root; the double only starts the search
inline uint64_t integer_root(uint128 v) {
    if (v == 0) return 0;
    auto x = static_cast<uint128>(std::sqrt(static_cast<double>(v))) + 1;
    x = (x + v / x) / 2;
    while (x * x > v) x--;
    while ((x + 1) * (x + 1) <= v) x++;
    return static_cast<uint64_t>(x);
}

// 0 <= f < 2^62
inline uint64_t integer_power(uint64_t f) {
    struct Roots {
        uint64_t c[63];
        Roots() {
            c[0] = 0;
            c[1] = integer_root(static_cast<uint128>(1) << 125);
            for (int i = 1; i < 62; i++) c[i + 1] = integer_root(static_cast<uint128>(c[i]) << 62);
        }
    };
    static const Roots roots;
    uint64_t a = uint64_t(1) << 62;
    // from bit to bit that is set: asking every one is a guess that fails half the time
    while (f) {
        const int top = 63 - __builtin_clzll(f);
        f ^= uint64_t(1) << top;
        a = static_cast<uint64_t>((static_cast<uint128>(a) * roots.c[62 - top]) >> 62);
    }
    return a;
}

}  // namespace baler
