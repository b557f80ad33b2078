// The built-in model's encoder: measures a chunk, chooses a plan for each column, and keeps what will be coded.
//
// Every choice is made on a sample of the rows. Columns go through three phases, one after the other; inside a phase a
// column needs nothing from another one but what the phase before left: (1) transform and coarse groups of the sample,
// (2) contexts, bins, tokens and groups of all rows, (3) tables, symbols and plain bits.
#pragma once

#include <array>

#include "builtin_bins.h"
#include "builtin_transform.h"
#include "entropy.h"

namespace baler::builtin {

// The column on the sample, by row of the sample.
struct Coarse {
    std::vector<uint8_t> group;   // as something to be told: up to kMaxGroups groups of about equal weight
    size_t groups = 0;
    std::vector<uint8_t> source;  // as something that tells: up to 16 groups ...
    std::vector<int8_t> z;        // ... their numbers ...
    std::vector<int16_t> number;  // ... and the number of each row; masked: 0
};

constexpr size_t kSmallChunk = 3000;  // rows

struct ColumnWork {
    std::vector<int64_t> u;       // residuals to be coded, of all rows; empty: they are the column's indices
    std::vector<uint8_t> same;    // by row, empty: no such token
    std::vector<uint8_t> tokens;
    std::vector<uint32_t> counts;  // of the tokens, whole chunk
    SortedSample sample;          // of what is coded
    Coarse coarse;
};

struct Work {
    explicit Work(const Table& t);
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;
    ~Work() {
        for (ColumnWork& c : columns) give_rows(std::move(c.u));
    }

    const Table& table;
    Plan plan;
    std::vector<uint64_t> axes;
    std::vector<size_t> sample;    // rows looked at for choices: runs of neighbours all over the chunk
    double rows_each = 1;          // rows of the chunk for each row of the sample
    std::vector<ColumnWork> columns;  // by position
    Groups groups;                 // of all rows

    const Column& column(size_t position) const { return table.columns[plan.order[position]]; }
    const int64_t* residuals(size_t position) const {
        return columns[position].u.empty() ? column(position).k.data() : columns[position].u.data();
    }
};

// Bits that a sample of integers costs each, with bins of their own and no contexts.
double bits_each(const std::vector<int64_t>& sample, double rows_each);

// Columns that are whole-number combinations of earlier ones, by column (empty: none): candidates, to be weighed.
std::vector<std::vector<Term>> find_relations(const Work& work);

// Phase 1. prepare_column sets map, reduction, predictor, u and same of a column (`terms`: a relation to be tried);
// survey_column root, sorted sample and coarse groups.
void prepare_column(Work& work, size_t position, const std::vector<Term>& terms);
void survey_column(Work& work, size_t position);
// Phase 2. Sets the kinds of contexts, bins, tokens, feature and groups.
void fit_column(Work& work, size_t position);
// Phase 3. Sets contexts' thresholds and tables and codes the rows: their symbols go to `symbols`, block b's from
// kBlock * b * runs + run * (rows of the block) on, where `runs` columns are coded and this is the run-th of them.
// False: no symbol says anything.
struct BlockBits {
    std::vector<uint64_t> words;
    std::vector<size_t> begin, bits;  // of each block: its first word, how many bits
};
bool finish_column(Work& work, size_t position, uint32_t* symbols, size_t run, size_t runs, BlockBits& bits);

// Joins cells with similar counts (cells x tokens) where a table costs more than it saves; returns each cell's table.
std::vector<uint8_t> join_cells(const std::vector<uint32_t>& counts, size_t cells, size_t tokens, size_t across,
                                size_t most, double rows_each, size_t& tables);

// Contexts that pay for a column on the sample; earlier columns count by their coarse groups, the column itself (when
// it has a feature) by its rows before. `cell`: the cell of each row of the sample, of `cells`.
struct Contexts {
    Factor factors[2];
    std::vector<uint16_t> cell;
    size_t across = 1, cells = 1;
};
Contexts choose_contexts(const Work& work, size_t position);

// Groups of about equal weight, and their numbers: normal scores of the middle rank.
Feature make_feature(const std::vector<uint32_t>& counts, size_t most, bool first_alone);
// About kScoreGroups groups of equal weight for sums (of the rows that are live).
std::vector<int32_t> make_thresholds(const std::vector<int32_t>& sums, const std::vector<uint8_t>& live);

}  // namespace baler::builtin
