// Encoder only: tables, symbols and plain bits of a column whose tokens and contexts are known.
#include <algorithm>

#include "builtin_encoder.h"

namespace baler::builtin {

namespace {

// Contexts again, now that the groups of all columns are final.
void settle_factors(Work& work, size_t position) {
    ColumnPlan& c = work.plan.columns[position];
    std::vector<uint8_t> live;
    for (size_t row : work.sample) live.push_back(!work.column(position).masked(row));
    for (Factor& f : c.factors) {
        Factor with;
        with.kind = f.kind;
        std::vector<int32_t> sums(work.sample.size());
        for (size_t i = 0; i < f.inputs.size(); i++) {
            const Source& s = f.inputs[i];
            const Feature& feature = work.plan.columns[s.position].feature;
            if (feature.first.size() < 2) continue;
            with.inputs.push_back(s);
            if (f.kind != Factor::score) continue;
            with.weights.push_back(f.weights[i]);
            const uint8_t* group = work.groups[s.position].data();
            for (size_t r = 0; r < sums.size(); r++)
                if (s.lag <= work.sample[r])
                    sums[r] += f.weights[i] * feature.z[group[work.sample[r] - static_cast<size_t>(s.lag)]];
        }
        if (f.kind == Factor::score) with.thresholds = make_thresholds(sums, live);
        if (with.inputs.empty() || (f.kind == Factor::score && with.thresholds.empty())) with = Factor{};
        f = std::move(with);
    }
}

void put_bits(const ColumnPlan& c, const Column& column, const int64_t* r, const uint8_t* token,
              const std::vector<uint32_t>& counts, size_t n, BlockBits& to) {
    uint64_t start[kMaxTokens] = {};
    uint8_t bits[kMaxTokens] = {};
    for (size_t t = c.same; t < c.n_tokens(); t++) {
        const Bin& b = c.bins[t - c.same];
        start[t] = static_cast<uint64_t>(c.origin) + b.start;
        bits[t] = b.bits;
    }
    size_t all = 0;
    bool wide = false;
    for (size_t t = 0; t < c.n_tokens(); t++) {
        all += static_cast<size_t>(counts[t]) * bits[t];
        wide |= bits[t] == 64;
    }
    const size_t blocks = (n + kBlock - 1) / kBlock;
    to.begin.assign(blocks, 0);
    to.bits.assign(blocks, 0);
    if (all == 0) return;
    to.words.resize(all / 64 + 2 * blocks);
    const uint8_t* mask = column.mask.empty() ? nullptr : column.mask.data();
    uint64_t* word = to.words.data();
    for (size_t block = 0; block < blocks; block++) {
        const size_t begin = block * kBlock, end = std::min(n, begin + kBlock);
        uint64_t* const first = word;
        uint64_t filling = 0;
        int fill = 0;
        const auto put = [&](size_t i) {
            const int b = bits[token[i]];
            const uint64_t v = static_cast<uint64_t>(r[i]) - start[token[i]];
            filling |= v << fill;
            fill += b;
            if (fill < 64) return;
            *word++ = filling;
            fill -= 64;
            filling = fill ? v >> (b - fill) : 0;
        };
        // a token without bits has its bin's one value, which is zero here
        if (mask || wide || c.same) {
            for (size_t i = begin; i < end; i++)
                if (bits[token[i]] && !(mask && mask[i])) put(i);
        } else {
            for (size_t i = begin; i < end; i++) put(i);
        }
        to.begin[block] = static_cast<size_t>(first - to.words.data());
        to.bits[block] = 64 * static_cast<size_t>(word - first) + static_cast<size_t>(fill);
        *word++ = filling;
    }
}

}  // namespace

bool finish_column(Work& work, size_t position, uint32_t* symbols, size_t run, size_t runs, BlockBits& bits) {
    ColumnPlan& c = work.plan.columns[position];
    const Column& column = work.column(position);
    const size_t n = work.table.rows, T = c.n_tokens();
    const uint8_t* token = work.columns[position].tokens.data();
    if (work.table.columns.size() > 1) settle_factors(work, position);
    const size_t across = groups_of(c.factors[1], work.plan), cells = groups_of(c.factors[0], work.plan) * across;
    std::vector<uint16_t> cell;
    std::vector<uint32_t> joint(cells * T);
    if (cells > 1) {
        cell.resize(n);
        RowTables rows(work.plan, static_cast<uint32_t>(position));
        for (size_t begin = 0; begin < n; begin += kBlock)
            rows.cells(work.groups, begin, std::min(n, begin + kBlock), &cell[begin]);
        if (column.mask.empty())
            for (size_t i = 0; i < n; i++) joint[cell[i] * T + token[i]]++;
        else
            for (size_t i = 0; i < n; i++) joint[cell[i] * T + token[i]] += !column.mask[i];
    } else {
        joint = work.columns[position].counts;
    }
    size_t tables = 1;
    c.map = join_cells(joint, cells, T, across, max_tables(n), 1, tables);
    std::vector<uint32_t> counts(tables * T);
    for (size_t x = 0; x < cells; x++)
        for (size_t t = 0; t < T; t++) counts[c.map[x] * T + t] += joint[x * T + t];
    for (size_t i = 0; i < tables; i++) c.tables.push_back(measured_table(&counts[i * T], T));

    // by cell, so that a row takes one step
    bool any = false;
    std::vector<uint32_t>& packed = joint;
    for (size_t x = 0; x < cells; x++)
        for (size_t t = 0; t < T; t++) {
            const bool there = joint[x * T + t] != 0;
            packed[x * T + t] = c.tables[c.map[x]].packed(t);
            any |= there && packed[x * T + t] != RansEncoder::pack(0, kScale);
        }
    for (size_t begin = 0; begin < n; begin += kBlock) {
        const size_t end = std::min(n, begin + kBlock), m = end - begin;
        uint32_t* to = symbols + begin * runs + run * m;
        if (cells > 1)
            for (size_t i = begin; i < end; i++) *to++ = packed[cell[i] * T + token[i]];
        else
            for (size_t i = begin; i < end; i++) *to++ = packed[token[i]];
        // a masked cell has its place in the run but no symbol: an interval of everything costs nothing
        for (size_t i = begin; i < end && !column.mask.empty(); i++)
            if (column.mask[i]) symbols[begin * runs + run * m + i - begin] = RansEncoder::pack(0, kScale);
    }
    put_bits(c, column, work.residuals(position), token, work.columns[position].counts, n, bits);
    return any;
}

}  // namespace baler::builtin
