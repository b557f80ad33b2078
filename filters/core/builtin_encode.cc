#include <algorithm>

#include "builtin_encoder.h"
#include "coders.h"

namespace baler {

namespace {

using namespace builtin;

// Features that no later column looks at need not be stored.
void drop_unused_features(Plan& plan) {
    std::vector<bool> used(plan.columns.size());
    for (const ColumnPlan& c : plan.columns)
        for (const Factor& f : c.factors)
            for (const Source& s : f.inputs) used[s.position] = true;
    for (size_t p = 0; p < plan.columns.size(); p++)
        if (!used[p]) plan.columns[p].feature = Feature{};
}

}  // namespace

void builtin_encode(const Table& table, ByteWriter& out) {
    Work work(table);
    const size_t C = table.columns.size(), n = table.rows;
    const auto relations = find_relations(work);
    for (size_t p = 0; p < C; p++) {
        prepare_column(work, p, relations[p]);
        fit_column(work, p);
    }
    drop_unused_features(work.plan);

    const int lanes = lanes_for(n);
    RansEncoder coder(lanes);
    BitWriter plain;
    bool any = false;
    std::vector<RowTables> rows;
    for (size_t p = 0; p < C; p++) rows.emplace_back(work.plan, static_cast<uint32_t>(p));
    std::vector<uint32_t> packed;
    for (size_t begin = 0; begin < n; begin += kBlock) {
        const size_t end = std::min(n, begin + kBlock), m = end - begin;
        for (size_t p = 0; p < C; p++) {
            const ColumnPlan& c = work.plan.columns[p];
            if (c.method == ColumnPlan::constant) continue;
            const Column& column = work.column(p);
            uint8_t which[kBlock];
            rows[p].block(work.tokens, begin, end, which);
            const size_t T = c.n_tokens();
            packed.resize(c.tables.size() * T);
            for (size_t t = 0; t < c.tables.size(); t++)
                for (size_t i = 0; i < T; i++) packed[t * T + i] = c.tables[t].packed(i);
            const uint8_t* token = work.tokens[p].data() + begin;
            coder.begin_run();
            uint32_t* symbols = coder.append(m);
            for (size_t i = 0; i < m; i++) {
                // a masked cell has its place in the run but no symbol: an interval of everything costs nothing
                symbols[i] = column.masked(begin + i) ? RansEncoder::pack(0, kScale) : packed[which[i] * T + token[i]];
                any |= symbols[i] != RansEncoder::pack(0, kScale);
            }
            const std::vector<int64_t>& r = work.r[p];
            for (size_t i = 0; i < m; i++) {
                if (column.masked(begin + i) || token[i] < c.same) continue;
                const Bin& b = c.bins[token[i] - c.same];
                if (b.bits == 0) continue;
                plain.put(static_cast<uint64_t>(r[begin + i]) - static_cast<uint64_t>(c.origin) - b.start, b.bits);
            }
        }
    }
    const std::vector<uint8_t> side = write_plan(work.plan, table);
    std::vector<uint8_t> stream;
    if (any) coder.finish(stream);
    const std::vector<uint8_t> bits = plain.finish();
    for (const std::vector<uint8_t>* part : std::initializer_list<const std::vector<uint8_t>*>{&side, &stream, &bits}) {
        out.varint(part->size());
        out.raw(part->data(), part->size());
    }
}

}  // namespace baler
