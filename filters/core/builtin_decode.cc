#include <algorithm>

#include "builtin_transform.h"
#include "coders.h"

namespace baler {

namespace {

using namespace builtin;

class Decoder {
  public:
    Decoder(Table& table, Plan plan, RansDecoder coder, BitReader bits)
        : table_(table), plan_(std::move(plan)), coder_(coder), bits_(bits), tokens_(plan_.columns.size()) {}

    void run() {
        const size_t C = plan_.columns.size(), n = table_.rows;
        for (size_t p = 0; p < C; p++) {
            column(p).k.assign(n, plan_.columns[p].value);
            if (coded(p)) tokens_[p].resize(n);
        }
        if (n <= kBlock) {
            // one column's lookups at a time: those of all could be far more than a small chunk
            for (size_t p = 0; p < C; p++) {
                if (!coded(p)) continue;
                RowTables rows(plan_, static_cast<uint32_t>(p));
                block(p, rows, TableLookup(plan_.columns[p].tables), 0, n);
            }
        } else {
            std::vector<RowTables> rows;
            std::vector<TableLookup> lookups;
            for (size_t p = 0; p < C; p++) {
                rows.emplace_back(plan_, static_cast<uint32_t>(p));
                lookups.emplace_back(plan_.columns[p].tables);
            }
            for (size_t begin = 0; begin < n; begin += kBlock)
                for (size_t p = 0; p < C; p++)
                    if (coded(p)) block(p, rows[p], lookups[p], begin, std::min(n, begin + kBlock));
        }
        coder_.finish();
        bits_.finish();
        const std::vector<uint64_t> axes = row_axes(table_);
        for (size_t p = 0; p < C; p++) restore(p, axes);
    }

  private:
    Column& column(size_t position) { return table_.columns[plan_.order[position]]; }
    bool coded(size_t position) const { return plan_.columns[position].method == ColumnPlan::coded; }

    void block(size_t p, RowTables& rows, const TableLookup& lookup, size_t begin, size_t end) {
        const ColumnPlan& c = plan_.columns[p];
        Column& to = column(p);
        uint8_t* token = tokens_[p].data();
        const int lanes = coder_.lanes();
        int lane = 0;
        if (rows.serial(end - begin)) {
            rows.start(tokens_, begin, end);
            for (size_t i = begin; i < end; i++) {
                if (!to.masked(i)) token[i] = lookup.read(coder_, lane, rows.row(token, i));
                if (++lane == lanes) lane = 0;
            }
        } else {
            uint8_t which[kBlock];
            rows.block(tokens_, begin, end, which);
            for (size_t i = begin; i < end; i++) {
                if (!to.masked(i)) token[i] = lookup.read(coder_, lane, which[i - begin]);
                if (++lane == lanes) lane = 0;
            }
        }
        for (size_t i = begin; i < end; i++) {
            if (to.masked(i) || token[i] < c.same) continue;
            const Bin& b = c.bins[token[i] - c.same];
            const uint64_t inside = b.bits ? bits_.get(b.bits) : 0;
            to.k[i] = static_cast<int64_t>(static_cast<uint64_t>(c.origin) + b.start + inside);
        }
    }

    // r -> u -> k
    void restore(size_t p, const std::vector<uint64_t>& axes) {
        const ColumnPlan& c = plan_.columns[p];
        Column& to = column(p);
        const uint8_t* mask = to.mask.empty() ? nullptr : to.mask.data();
        if (c.method == ColumnPlan::coded) {
            std::vector<uint8_t> same;
            if (c.same) {
                same.resize(to.k.size());
                for (size_t i = 0; i < same.size(); i++) same[i] = tokens_[p][i] == 0;
            }
            if (c.predictor == ColumnPlan::relation) {
                std::vector<int64_t> expected;
                relation(c, plan_, table_, to.lattice, expected);
                for (size_t i = 0; i < expected.size(); i++)
                    to.k[i] = static_cast<int64_t>(static_cast<uint64_t>(to.k[i]) + static_cast<uint64_t>(expected[i]));
            }
            add_prediction(c, axes, c.same ? same.data() : nullptr, mask, to.k);
        }
        from_units(c, to);
    }

    Table& table_;
    Plan plan_;
    RansDecoder coder_;
    BitReader bits_;
    std::vector<std::vector<uint8_t>> tokens_;
};

}  // namespace

void builtin_decode(Table& table, ByteReader& in) {
    ByteReader side = in.sub(in.varint(), "built-in model");
    const size_t n_side = side.left();
    Plan plan = read_plan(side.raw(n_side), n_side, table);
    ByteReader symbols = in.sub(in.varint(), "built-in model's symbols");
    size_t n_symbols = symbols.left();
    const uint8_t* stream = symbols.raw(n_symbols);
    const int lanes = lanes_for(table.rows);
    // Nothing at all stands for lanes that start and end in the same state.
    std::vector<uint8_t> idle;
    if (n_symbols == 0) {
        for (int l = 0; l < lanes; l++) idle.insert(idle.end(), {0, 0, 1, 0});
        stream = idle.data();
        n_symbols = idle.size();
    }
    ByteReader bits = in.sub(in.varint(), "built-in model's bits");
    const size_t n_bits = bits.left();
    Decoder(table, std::move(plan), RansDecoder(stream, n_symbols, lanes), BitReader(bits.raw(n_bits), n_bits)).run();
}

}  // namespace baler
