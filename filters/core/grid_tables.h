// The distributions of the grid coder: constants of the format, made by integers when first asked for.
// docs/format.md, section 12.6.
#pragma once

#include <cstdint>

#include "entropy.h"
#include "grid_rows.h"

namespace baler::grid {

constexpr int kShapes = 4;
constexpr int kTableScales = 36;  // quarter octaves of mean absolute deviation, 2^-5 ... 2^3.75 steps
constexpr int kPhases = 9;        // eighths of a step below the prediction, and the centred one
constexpr int kCentred = 8;
constexpr int kContexts = 96;
constexpr int kMostReach = 128;
constexpr int kMostSymbols = 2 * kMostReach + 2;

// Symbols 0 ... 2 * reach are numbers from -reach on, the next is the escape: n = 2 * reach + 2.
struct SymbolTable : GridSymbols {
    uint32_t freq(uint32_t symbol) const { return start[symbol + 1] - start[symbol]; }
    uint32_t escape() const { return n - 1; }
    uint32_t packed(uint32_t symbol) const { return RansEncoder::pack(start[symbol], freq(symbol)); }
};
static_assert(sizeof(SymbolTable) == sizeof(GridSymbols) && kMostSymbols < sizeof GridSymbols::start / sizeof *GridSymbols::start, "");

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
