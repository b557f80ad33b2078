// The distributions of the grid coder: constants of the format, made by integers when first asked for.
// docs/format.md, section 12.6.
#pragma once

#include <cstdint>

#include "entropy.h"

namespace baler::grid {

constexpr int kShapes = 4;
constexpr int kTableScales = 36;  // quarter octaves of mean absolute deviation, 2^-5 ... 2^3.75 steps
constexpr int kPhases = 9;        // eighths of a step below the prediction, and the centred one
constexpr int kCentred = 8;
constexpr int kContexts = 96;
constexpr int kMostReach = 128;
constexpr int kMostSymbols = 2 * kMostReach + 2;

struct SymbolTable {
    int32_t reach;    // symbols 0 ... 2 * reach are numbers from -reach on, the next is the escape
    uint32_t n;       // 2 * reach + 2
    uint16_t start[kMostSymbols + 1];  // of 65536; start[n] would be 65536 and is 65535 here, for the search alone
    uint16_t first[257];               // the symbol that holds slot 256 * i

    uint32_t freq(uint32_t symbol) const {
        return (symbol + 1 < n ? static_cast<uint32_t>(start[symbol + 1]) : kScale) - start[symbol];
    }
    uint32_t escape() const { return n - 1; }
    uint32_t packed(uint32_t symbol) const { return RansEncoder::pack(start[symbol], freq(symbol)); }
    uint32_t find(uint32_t slot) const {
        uint32_t s = first[slot >> 8];
        while (s + 1 < n && start[s + 1] <= slot) s++;
        return s;
    }
};

// The tables of all phases for a shape and a scale index below kTableScales.
const SymbolTable* symbol_tables(int shape, int scale);

// How a map entry J is coded: by table of `scale`, with `shift` plain low bits.
struct ScaleIndex {
    int scale, shift;
    explicit ScaleIndex(int J) : scale(J), shift(0) {
        if (J < kTableScales) return;
        shift = ((J - kTableScales) >> 2) + 1;
        scale = kTableScales - 4 + ((J - kTableScales) & 3);
    }
};
constexpr int kMostJ = 159;

// Nominal map entry of a context.
inline int nominal(int context) { return context ? context + 3 : 0; }

}  // namespace baler::grid
