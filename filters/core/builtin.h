// The built-in model's plan for a chunk: what the encoder measured and chose, and all that the decoder needs to know.
// docs/format.md, section 5, describes every field under the same name.
#pragma once

#include <cstdint>
#include <vector>

#include "frequency_table.h"
#include "table.h"

namespace baler::builtin {

constexpr size_t kBlock = 4096;
constexpr uint32_t kMaxGroups = 32;
constexpr uint32_t kMaxCells = 1024;    // groups of factor 0 x groups of factor 1
constexpr uint32_t kMaxTables = 64;
constexpr uint32_t kMaxTerms = 16;
constexpr uint32_t kMaxInputs = 64;
constexpr uint32_t kMaxAxes = 4;        // differences taken one after the other

// Tables that a column of so many rows may have: keeps the decoder's memory proportional to the chunk.
inline uint32_t max_tables(size_t rows) {
    return static_cast<uint32_t>(rows / 256 + 1 < kMaxTables ? rows / 256 + 1 : kMaxTables);
}

struct Bin {
    uint64_t start = 0;  // relative to the column's origin, modulo 2^64
    uint8_t bits = 0;    // 2^bits wide, `bits` plain bits choose inside; up to 64
};

// What later columns see of a column: its tokens in groups, every group with a number for scores.
struct Feature {
    std::vector<uint8_t> first;  // first token of each group, ascending, first[0] = 0; empty: not used by anybody
    std::vector<int8_t> z;
    // of each of kMaxTokens tokens
    void groups(uint8_t* of) const {
        for (size_t t = 0, g = 0; t < kMaxTokens; t++) {
            while (g + 1 < first.size() && first[g + 1] <= t) g++;
            of[t] = static_cast<uint8_t>(g);
        }
    }
};

struct Source {
    uint32_t position = 0;  // of a column in coding order; own position only with lag >= 1
    uint64_t lag = 0;       // so many rows back; rows before the first are group 0
};

struct Factor {
    enum Kind : uint8_t { none, source, score } kind = none;
    std::vector<Source> inputs;       // one for `source`
    std::vector<int8_t> weights;      // score = sum of weight * z
    std::vector<int32_t> thresholds;  // group = number of thresholds <= score
};

struct Term {
    uint32_t position = 0;
    int64_t coefficient = 0;
};

struct ColumnPlan {
    enum Method : uint8_t { constant, coded } method = coded;
    int64_t value = 0;  // constant: the index of all cells
    // k -> v: the index itself, or the column's value times 2^scale where all are integers
    uint8_t by_value = 0;
    int64_t scale = 0;
    // v -> u
    enum Reduction : uint8_t { plain, affine, dictionary } reduction = plain;
    int64_t base = 0;     // affine: v = base + stride * u
    uint64_t stride = 1;
    std::vector<int64_t> entries;  // dictionary: ascending v
    // u -> r
    enum Predictor : uint8_t { none, differences, relation } predictor = none;
    std::vector<uint8_t> axes;
    std::vector<Term> terms;
    uint8_t same = 0;  // token 0 says: u as in the row before
    // r -> tokens
    int64_t origin = 0;
    uint8_t bits = 0;
    std::vector<Bin> bins;
    // contexts
    Factor factors[2];
    std::vector<uint8_t> map;  // cell of the two factors' groups -> table
    std::vector<FrequencyTable> tables;
    Feature feature;

    size_t n_tokens() const { return bins.size() + same; }
};

struct Plan {
    std::vector<uint32_t> order;      // column at each position
    std::vector<ColumnPlan> columns;  // by position
};

// Axes of the rows of a column, slowest first: those of a raster, or the rows alone.
std::vector<uint64_t> row_axes(const Table& table);
inline uint32_t groups_of(const Factor& f, const Plan& plan) {
    if (f.kind == Factor::none) return 1;
    if (f.kind == Factor::score) return static_cast<uint32_t>(f.thresholds.size() + 1);
    return static_cast<uint32_t>(plan.columns[f.inputs[0].position].feature.first.size());
}

std::vector<uint8_t> write_plan(Plan& plan, const Table& table);
Plan read_plan(const uint8_t* p, size_t n, const Table& table);

// By position and row: the group of the row's token in its column's feature; columns without one have none.
using Groups = std::vector<std::vector<uint8_t>>;

// Which table codes each row of a column: from groups known before, of all columns by position, whole chunks long.
class RowTables {
  public:
    RowTables(const Plan& plan, uint32_t position);
    // Some row of a block of n rows has the column's own token in that block as a context.
    bool serial(size_t n) const;
    void block(const Groups& groups, size_t begin, size_t end, uint8_t* out);
    // The cell of both factors' groups, before the map. [begin, end) is at most a block.
    void cells(const Groups& groups, size_t begin, size_t end, uint16_t* cell);
    // Row by row: start() for the block, then row() for each in turn when all groups before it are there.
    void start(const Groups& groups, size_t begin, size_t end);
    uint8_t row(const uint8_t* own_groups, size_t row) const;

  private:
    struct Input {
        uint32_t position;
        uint64_t lag;
        int32_t value[kMaxGroups];  // by group: itself (source) or weight x z (score); rows before the first: value[0]
    };
    struct Quick {  // a score of this row's groups in 16 bits, for the kernel
        std::vector<int16_t> values, thresholds;
        std::vector<const uint8_t*> at;
    };
    void sum(const Groups& groups, size_t which, size_t begin, size_t end, bool own_too);
    const uint8_t* factor(const Groups& groups, size_t which, size_t begin, size_t end);

    const ColumnPlan& column_;
    uint32_t position_;
    std::vector<Input> inputs_[2];
    uint32_t across_;
    size_t begin_ = 0;
    std::vector<int32_t> sums_[2];
    std::vector<uint8_t> groups_[2];
    Quick quick_[2];
};
}  // namespace baler::builtin
