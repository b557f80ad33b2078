#include <algorithm>

#include "builtin_transform.h"
#include "coders.h"
#include "instruction_set.h"

namespace baler {

namespace {

using namespace builtin;

uint64_t load64(const uint8_t* p) {
    uint64_t v = 0;
    for (int i = 0; i < 8; i++) v |= static_cast<uint64_t>(p[i]) << (8 * i);
    return v;
}

// The plain bits, with room behind them for eight bytes to be read anywhere.
class Bits {
  public:
    Bits(const uint8_t* p, size_t n) : bytes_(n + 16), size_(uint64_t(8) * n) { std::copy_n(p, n, bytes_.begin()); }

    void need(uint64_t bits) const {
        if (bits > size_ - at_) fail(BALER_ERR_CORRUPT, "bit stream ends early");
    }
    // n <= 64; only after need()
    uint64_t get(int n) {
        const uint8_t* p = bytes_.data() + (at_ >> 3);
        const auto shift = static_cast<int>(at_ & 7);
        at_ += static_cast<uint64_t>(n);
        uint64_t v = load64(p) >> shift;
        if (n > 56 && shift) v |= static_cast<uint64_t>(p[8]) << (64 - shift);
        return n < 64 ? v & ((uint64_t(1) << n) - 1) : v;
    }
    void finish() {
        const uint64_t left = size_ - at_;
        if (left >= 8) fail(BALER_ERR_CORRUPT, "bit stream is longer than what is read from it");
        if (get(static_cast<int>(left))) fail(BALER_ERR_CORRUPT, "bit stream does not end in zero bits");
    }

  private:
    std::vector<uint8_t> bytes_;
    uint64_t size_, at_ = 0;
};

// A column's tokens as the decoder wants them.
struct Tokens {
    explicit Tokens(const ColumnPlan& c) {
        for (size_t t = c.same; t < c.n_tokens(); t++) {
            const Bin& b = c.bins[t - c.same];
            start[t] = static_cast<uint64_t>(c.origin) + b.start;
            bits[t] = b.bits;
            any_bits |= b.bits != 0;
        }
        c.feature.groups(group);
    }
    uint64_t start[kMaxTokens] = {};
    uint8_t bits[kMaxTokens] = {};
    uint8_t group[kMaxTokens] = {};
    bool any_bits = false;
};

class Decoder {
  public:
    Decoder(Table& table, Plan plan, RansDecoder coder, Bits bits)
        : table_(table), plan_(std::move(plan)), coder_(coder), bits_(std::move(bits)), groups_(plan_.columns.size()),
          same_(plan_.columns.size()) {}

    void run() {
        const size_t C = plan_.columns.size(), n = table_.rows;
        for (size_t p = 0; p < C; p++) {
            const ColumnPlan& c = plan_.columns[p];
            if (!coded(p)) column(p).k.assign(n, c.value);
            else if (!c.feature.first.empty()) groups_[p].resize(n);
            if (c.same) same_[p].resize(n);
        }
        if (n <= kBlock) {
            // one column's lookups at a time: those of all could be far more than a small chunk
            for (size_t p = 0; p < C; p++) {
                if (!coded(p)) continue;
                RowTables rows(plan_, static_cast<uint32_t>(p));
                block(p, rows, TableLookup(plan_.columns[p].tables), Tokens(plan_.columns[p]), 0, n);
            }
        } else {
            std::vector<RowTables> rows;
            std::vector<TableLookup> lookups;
            std::vector<Tokens> tokens;
            for (size_t p = 0; p < C; p++) {
                rows.emplace_back(plan_, static_cast<uint32_t>(p));
                lookups.emplace_back(plan_.columns[p].tables);
                tokens.emplace_back(plan_.columns[p]);
            }
            for (size_t begin = 0; begin < n; begin += kBlock)
                for (size_t p = 0; p < C; p++)
                    if (coded(p)) block(p, rows[p], lookups[p], tokens[p], begin, std::min(n, begin + kBlock));
        }
        coder_.finish();
        bits_.finish();
        const std::vector<uint64_t> axes = row_axes(table_);
        for (size_t p = 0; p < C; p++) restore(p, axes);
    }

  private:
    Column& column(size_t position) { return table_.columns[plan_.order[position]]; }
    bool coded(size_t position) const { return plan_.columns[position].method == ColumnPlan::coded; }

    void block(size_t p, RowTables& rows, const TableLookup& lookup, const Tokens& tokens, size_t begin, size_t end) {
        const ColumnPlan& c = plan_.columns[p];
        Column& to = column(p);
        const size_t n = end - begin;
        const uint8_t* mask = to.mask.empty() ? nullptr : to.mask.data() + begin;
        uint8_t* group = groups_[p].empty() ? nullptr : groups_[p].data() + begin;
        uint8_t token[kBlock];
        const int lanes = coder_.lanes();
        if (rows.serial(n)) {
            rows.start(groups_, begin, end);
            int lane = 0;
            for (size_t i = 0; i < n; i++) {
                token[i] = 0;
                if (!mask || !mask[i]) token[i] = lookup.read(coder_, lane, rows.row(groups_[p].data(), begin + i));
                group[i] = tokens.group[token[i]];
                if (++lane == lanes) lane = 0;
            }
        } else {
            uint8_t which[kBlock];
            rows.block(groups_, begin, end, which);
            lookup.read(coder_, which, mask, n, token);
            for (size_t i = 0; group && i < n; i++) group[i] = tokens.group[token[i]];
        }
        if (c.same)
            for (size_t i = 0; i < n; i++) same_[p][begin + i] = token[i] == 0;
        values(to.k.data() + begin, tokens, c.same, mask, token, n);
    }

    // r of the rows of a block
    void values(int64_t* k, const Tokens& tokens, uint8_t same, const uint8_t* mask, const uint8_t* token, size_t n) {
        if (mask || same) {
            for (size_t i = 0; i < n; i++) {
                if ((mask && mask[i]) || token[i] < same) continue;
                bits_.need(tokens.bits[token[i]]);
                k[i] = static_cast<int64_t>(tokens.start[token[i]] + bits_.get(tokens.bits[token[i]]));
            }
            return;
        }
        if (!tokens.any_bits) {
            for (size_t i = 0; i < n; i++) k[i] = static_cast<int64_t>(tokens.start[token[i]]);
            return;
        }
        uint64_t bits = 0;
        for (size_t i = 0; i < n; i++) bits += tokens.bits[token[i]];
        bits_.need(bits);
        for (size_t i = 0; i < n; i++)
            k[i] = static_cast<int64_t>(tokens.start[token[i]] + bits_.get(tokens.bits[token[i]]));
    }

    // r -> u -> k
    void restore(size_t p, const std::vector<uint64_t>& axes) {
        const ColumnPlan& c = plan_.columns[p];
        Column& to = column(p);
        const uint8_t* mask = to.mask.empty() ? nullptr : to.mask.data();
        if (c.method == ColumnPlan::coded) {
            if (c.predictor == ColumnPlan::relation) {
                std::vector<int64_t> expected;
                relation(c, plan_, table_, to.lattice, expected);
                for (size_t i = 0; i < expected.size(); i++)
                    to.k[i] = static_cast<int64_t>(static_cast<uint64_t>(to.k[i]) + static_cast<uint64_t>(expected[i]));
            }
            if (c.same || mask || !c.axes.empty())
                add_prediction(c, axes, c.same ? same_[p].data() : nullptr, mask, to.k);
        }
        from_units(c, to);
    }

    Table& table_;
    Plan plan_;
    RansDecoder coder_;
    Bits bits_;
    Groups groups_;
    std::vector<std::vector<uint8_t>> same_;  // empty: no such token
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
    Decoder(table, std::move(plan), RansDecoder(stream, n_symbols, lanes), Bits(bits.raw(n_bits), n_bits)).run();
}

}  // namespace baler
