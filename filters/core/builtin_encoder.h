// The built-in model's encoder: measures a chunk, chooses a plan for each column, and keeps what will be coded.
#pragma once

#include "builtin_bins.h"
#include "builtin_transform.h"

namespace baler::builtin {

struct Work {
    explicit Work(const Table& t);

    const Table& table;
    Plan plan;
    std::vector<uint64_t> axes;
    std::vector<size_t> sample;    // rows looked at for choices: runs of neighbours all over the chunk
    double rows_each = 1;          // rows of the chunk for each row of the sample
    // By position. r: what the tokens code; u: what is predicted from (dropped when the column is done).
    std::vector<std::vector<int64_t>> r;
    std::vector<std::vector<uint8_t>> same;    // empty: no such token
    std::vector<std::vector<uint8_t>> tokens;
    std::vector<std::vector<uint32_t>> counts;  // of the tokens, whole chunk

    const Column& column(size_t position) const { return table.columns[plan.order[position]]; }
};

// Bits that a sample of integers costs each, with bins of their own and no contexts.
double bits_each(const std::vector<int64_t>& sample, double rows_each);

// Columns that are whole-number combinations of earlier ones, by column (empty: none): candidates, to be weighed.
std::vector<std::vector<Term>> find_relations(const Work& work);

// Sets map, reduction, predictor, r and same of a column. `terms`: a relation to be tried.
void prepare_column(Work& work, size_t position, const std::vector<Term>& terms);

// Sets bins, contexts, tables, feature and tokens.
void fit_column(Work& work, size_t position);

// Joins cells with similar counts (cells x tokens) where a table costs more than it saves; returns each cell's table.
std::vector<uint8_t> join_cells(const std::vector<uint32_t>& counts, size_t cells, size_t tokens, size_t across,
                                size_t most, double rows_each, size_t& tables);

// Contexts that pay for a column whose sample falls into `group` (of n_groups). Earlier columns count by their features
// and tokens, the column itself (when it has a feature) by its rows before.
void choose_factors(const Work& work, size_t position, const std::vector<uint8_t>& group, size_t n_groups,
                    Factor (&factors)[2]);

// Groups of about equal weight, and their numbers: normal scores of the middle rank.
Feature make_feature(const std::vector<uint32_t>& counts, size_t most, bool first_alone);

}  // namespace baler::builtin
