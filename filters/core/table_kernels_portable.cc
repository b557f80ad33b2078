// The table kernels for any processor.

#include "table_kernels.h"

#define BALER_TARGET

namespace baler {

namespace {
namespace portable {

struct Scores {
    static constexpr size_t kRows = 16;
    int16_t sum[kRows] = {};
    uint8_t group[kRows] = {};

    void add(const uint8_t* groups, const int16_t* value) {
        for (size_t i = 0; i < kRows; i++) sum[i] = static_cast<int16_t>(sum[i] + value[groups[i]]);
    }
    void count(int16_t threshold) {
        for (size_t i = 0; i < kRows; i++) group[i] = static_cast<uint8_t>(group[i] + (threshold <= sum[i]));
    }
    void store(uint8_t* out) const {
        for (size_t i = 0; i < kRows; i++) out[i] = group[i];
    }
};

struct Lanes {
    uint32_t* x;

    explicit Lanes(uint32_t* state) : x(state) {}
    void store(const uint32_t*) const {}
    const uint8_t* round(const TokenCall& c, const uint8_t* at, const uint8_t* table, uint8_t* token) {
        for (size_t l = 0; l < kTokenLanes; l++) {
            const uint32_t slot = x[l] & 0xffff;
            const uint8_t t = c.slots[static_cast<size_t>(table[l]) << 12 | slot >> 4];
            const uint32_t p = c.packed[static_cast<size_t>(table[l]) << 8 | t];
            token[l] = t;
            const uint32_t y = ((p >> 16) + 1) * (x[l] >> 16) + slot - (p & 0xffff);
            const uint32_t word = static_cast<uint32_t>(at[0]) | static_cast<uint32_t>(at[1]) << 8;
            const uint32_t low = y < 65536 ? 1 : 0;
            x[l] = y << (16 * low) | (word & (0 - low));
            at += 2 * low;
        }
        return at;
    }
};

#include "table_kernels.inl"

}  // namespace portable
}  // namespace

TableKernels table_kernels_portable() {
    return {portable::scores, portable::tokens, portable::range, portable::dot};
}

}  // namespace baler
