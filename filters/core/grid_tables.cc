#include "grid_tables.h"

#include <algorithm>
#include <mutex>

#include "integer_power.h"

namespace baler::grid {
namespace {

constexpr int kSteps = 2048;  // of a half distribution, 64 to a mean absolute deviation

// 2^30 * 2^(-x / 2^62)
uint64_t negative_power(uint128 x) {
    const auto n = static_cast<uint64_t>(x >> 62);
    if (n >= 30) return 0;
    const auto f = static_cast<uint64_t>(x & ((uint128(1) << 62) - 1));
    return static_cast<uint64_t>((uint128(1) << 124) / integer_power(f) >> (n + 32));
}

struct Halves {
    uint64_t sum[kShapes][kSteps + 1];
    Halves() {
        constexpr uint128 one = 1;
        for (auto& s : sum) s[0] = 0;
        for (size_t i = 0; i < kSteps; i++) {
            const uint128 b = 2 * i + 1;
            const uint64_t q = negative_power(b << 56);
            const uint128 w = (one << 30) + q, t = (one << 30) + 26561 * b * b;
            sum[0][i + 1] = sum[0][i] + negative_power(b * b * 129260091237730u);
            sum[1][i + 1] = sum[1][i] + static_cast<uint64_t>((uint128(q) << 60) / (w * w));
            sum[2][i + 1] = sum[2][i] + negative_power(b * 51978566788454385u);
            sum[3][i + 1] = sum[3][i] + static_cast<uint64_t>((one << 90) / (t * t));
        }
    }
    int64_t integral(int shape, int64_t t) const {
        const uint64_t a = static_cast<uint64_t>(t < 0 ? -t : t), i = a >> 16;
        const uint64_t* s = sum[shape];
        const uint64_t v = i >= kSteps ? s[kSteps] : s[i] + (((s[i + 1] - s[i]) * (a & 0xffff)) >> 16);
        return t < 0 ? -static_cast<int64_t>(v) : static_cast<int64_t>(v);
    }
};

const Halves& halves() {
    static const Halves h;
    return h;
}

// 2^(quarters / 4) times 2^-down
uint64_t quarter_power(int quarters, int down) {
    return integer_power(static_cast<uint64_t>(quarters & 3) << 60) >> (down - (quarters >> 2));
}

void fill(SymbolTable& table, int shape, int scale, int phase) {
    const Halves& h = halves();
    const auto inverse = static_cast<int64_t>(quarter_power(84 - scale, 62));
    const auto deviation = static_cast<int64_t>(quarter_power(scale, 61));
    table.reach = static_cast<int32_t>(std::min<int64_t>(kMostReach, 3 + (((shape == 3 ? 24 : 12) * deviation) >> 6)));
    table.n = static_cast<uint32_t>(2 * table.reach + 2);
    uint64_t mass[kMostSymbols], all = 0;
    for (int r = -table.reach; r <= table.reach; r++) {
        int64_t m = 0;
        for (int i = 0; i < 4; i++) {
            const int64_t x = phase == kCentred ? 0 : 8 * phase + 2 * i + 1;
            m += h.integral(shape, (64 * r + 32 - x) * inverse) - h.integral(shape, (64 * r - 32 - x) * inverse);
        }
        mass[r + table.reach] = static_cast<uint64_t>(m);
        all += static_cast<uint64_t>(m);
    }
    const uint64_t whole = 8 * h.sum[shape][kSteps];
    mass[table.escape()] = std::max(whole >> 17, whole - all);
    all += mass[table.escape()];
    uint32_t freq[kMostSymbols] = {}, used = 0;
    for (uint32_t i = 0; i < table.n; i++) {
        freq[i] = 1 + static_cast<uint32_t>(mass[i] * (kScale - table.n) / all);
        used += freq[i];
    }
    *std::max_element(freq, freq + table.n) += kScale - used;
    uint32_t at = 0;
    for (uint32_t i = 0; i < table.n; i++) {
        table.start[i] = at;
        at += freq[i];
    }
    std::fill(table.start + table.n, std::end(table.start), kScale);
    uint32_t s = 0;
    for (uint32_t i = 0; i < 256; i++) {
        while (s + 1 < table.n && table.start[s + 1] <= 256 * i) s++;
        table.first[i] = static_cast<uint8_t>(std::min(s, 255u));
    }
}

}  // namespace

const SymbolTable* symbol_tables(int shape, int scale) {
    struct Slot {
        std::once_flag made;
        SymbolTable* tables = nullptr;  // never freed: constants
    };
    static auto* slots = new Slot[kShapes * kTableScales];
    Slot& slot = slots[shape * kTableScales + scale];
    std::call_once(slot.made, [&] {
        auto* tables = new SymbolTable[kPhases];
        for (int p = 0; p < kPhases; p++) fill(tables[p], shape, scale, p);
        slot.tables = tables;
    });
    return slot.tables;
}

}  // namespace baler::grid
