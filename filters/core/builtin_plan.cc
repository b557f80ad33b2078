#include <algorithm>
#include <memory>
#include <numeric>

#include "builtin.h"
#include "builtin_side.h"

namespace baler::builtin {

std::vector<uint64_t> row_axes(const Table& table) {
    if (table.columns.size() == 1) {
        uint64_t cells = 1;
        for (uint64_t n : table.shape) cells = n && cells > table.rows / n ? 0 : cells * n;
        std::vector<uint64_t> axes;
        for (uint64_t n : table.shape)
            if (n > 1) axes.push_back(n);
        if (cells == table.rows && !axes.empty()) return axes;
    }
    return {table.rows};
}

namespace {

[[noreturn]] void damaged(const char* why) { fail(BALER_ERR_CORRUPT, "built-in model is damaged: %s", why); }

struct Models {
    Number order, method, value, flag, scale, base, stride, entries, entry, gap, axes, axis, terms, term, coefficient;
    Number origin, bits, factor, inputs, step, lag, weight, thresholds, threshold, spread, groups, group, z;
    Number tables, table;
    Bit split[65], leaf[65], as_left, as_above;
    TableModels table_levels;
};

template <class Side>
class PlanCoder {
  public:
    PlanCoder(Side& side, Plan& plan, const Table& table)
        : side_(side), plan_(plan), rows_(table.rows), n_axes_(row_axes(table).size()) {}

    void run(size_t n_columns) {
        if (reading) {
            plan_.order.resize(n_columns);
            plan_.columns.resize(n_columns);
        }
        std::vector<uint32_t> rest(n_columns);
        std::iota(rest.begin(), rest.end(), 0u);
        for (position_ = 0; position_ < n_columns; position_++) {
            const auto at = std::find(rest.begin(), rest.end(), plan_.order[position_]);
            uint64_t rank = reading ? 0 : static_cast<uint64_t>(at - rest.begin());
            field(side_, m_.order, rank, rest.size() - 1);
            plan_.order[position_] = rest[static_cast<size_t>(rank)];
            rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(rank));
            column(plan_.columns[position_]);
        }
    }

  private:
    static constexpr bool reading = Side::reading;

    template <class T>
    void sized(Number& model, std::vector<T>& v, uint64_t least, uint64_t most) {
        uint64_t n = v.size();
        field(side_, model, n, most);
        if (reading && n < least) damaged("a list is too short");
        if (reading) v.resize(static_cast<size_t>(n));
    }

    void column(ColumnPlan& c) {
        field(side_, m_.method, c.method, 1);
        if (c.method == ColumnPlan::constant) {
            signed_field(side_, m_.value, c.value);
            return;
        }
        transform(c);
        tree(c);
        for (Factor& f : c.factors) factor(f);
        sized(m_.groups, c.feature.first, 0, std::min<uint64_t>(kMaxGroups, c.n_tokens()));
        feature(c);
        contexts(c);
    }

    void transform(ColumnPlan& c) {
        field(side_, m_.flag, c.by_value, 1);
        if (c.by_value) {
            signed_field(side_, m_.scale, c.scale);
            if (c.scale < -900 || c.scale > 900) damaged("scale of values");
        }
        field(side_, m_.flag, c.reduction, 2);
        if (c.reduction == ColumnPlan::affine) {
            signed_field(side_, m_.base, c.base);
            field(side_, m_.stride, c.stride, UINT64_MAX);
        } else if (c.reduction == ColumnPlan::dictionary) {
            sized(m_.entries, c.entries, 1, rows_);
            for (size_t i = 0; i < c.entries.size(); i++) {
                if (i == 0) {
                    signed_field(side_, m_.entry, c.entries[0]);
                    continue;
                }
                const auto last = static_cast<uint64_t>(c.entries[i - 1]);
                uint64_t gap = reading ? 0 : static_cast<uint64_t>(c.entries[i]) - last - 1;
                field(side_, m_.gap, gap, UINT64_MAX);
                if (gap >= static_cast<uint64_t>(INT64_MAX) - last) damaged("a dictionary does not ascend");
                c.entries[i] = static_cast<int64_t>(last + gap + 1);
            }
        }
        field(side_, m_.flag, c.predictor, 2);
        if (c.predictor == ColumnPlan::differences) {
            sized(m_.axes, c.axes, 1, kMaxAxes);
            for (uint8_t& a : c.axes) field(side_, m_.axis, a, n_axes_ - 1);
        } else if (c.predictor == ColumnPlan::relation) {
            if (c.by_value || c.reduction != ColumnPlan::plain) damaged("a relation between reduced columns");
            if (position_ == 0) damaged("a relation in the first column");
            sized(m_.terms, c.terms, 1, kMaxTerms);
            for (Term& t : c.terms) {
                uint64_t back = reading ? 0 : position_ - t.position - 1;
                field(side_, m_.term, back, position_ - 1);
                t.position = static_cast<uint32_t>(position_ - 1 - back);
                signed_field(side_, m_.coefficient, t.coefficient);
                if (t.coefficient < -(1 << 20) || t.coefficient > (1 << 20)) damaged("a coefficient");
            }
        }
        field(side_, m_.flag, c.same, 1);
    }

    void tree(ColumnPlan& c) {
        signed_field(side_, m_.origin, c.origin);
        field(side_, m_.bits, c.bits, 64);
        nodes_ = 0;
        next_ = 0;
        node(c, 0, c.bits);
        if (c.bins.empty()) damaged("a column without bins");
    }

    void node(ColumnPlan& c, uint64_t start, int bits) {
        if (++nodes_ > 64 * 2 * kMaxTokens) damaged("a tree of bins without end");
        // Bins ascend, so when writing the next one tells what this node is.
        const Bin* next = !reading && next_ < c.bins.size() ? &c.bins[next_] : nullptr;
        const bool inside = next && (bits == 64 || next->start - start < uint64_t(1) << bits);
        uint8_t is_leaf = inside && next->bits == bits && next->start == start;
        uint8_t is_split = inside && !is_leaf;
        if (bits > 0) side_.bit(m_.split[bits], is_split);
        if (bits > 0 && is_split) {
            node(c, start, bits - 1);
            node(c, start + (uint64_t(1) << (bits - 1)), bits - 1);
            return;
        }
        side_.bit(m_.leaf[bits], is_leaf);
        if (!is_leaf) return;
        if (!reading) {
            next_++;
            return;
        }
        if (c.n_tokens() >= kMaxTokens) damaged("too many bins");
        c.bins.push_back(Bin{start, static_cast<uint8_t>(bits)});
    }

    void source(Source& s, uint32_t& expected) {
        int64_t step = reading ? 0 : static_cast<int64_t>(s.position) - expected;
        signed_field(side_, m_.step, step);
        field(side_, m_.lag, s.lag, UINT64_MAX);
        if (reading) {
            if (step < -static_cast<int64_t>(expected) || step > static_cast<int64_t>(position_) - expected)
                damaged("a context lies outside the columns");
            s.position = static_cast<uint32_t>(expected + step);
            if (s.position == position_ && s.lag == 0) damaged("a column is its own context");
            if (s.position != position_ && plan_.columns[s.position].feature.first.empty())
                damaged("a context without groups");
        }
        expected = s.position + 1 <= position_ ? s.position + 1 : static_cast<uint32_t>(position_);
    }

    void factor(Factor& f) {
        field(side_, m_.factor, f.kind, 2);
        if (f.kind == Factor::none) return;
        uint32_t expected = 0;
        if (f.kind == Factor::source) {
            f.inputs.resize(1);
            source(f.inputs[0], expected);
            return;
        }
        sized(m_.inputs, f.inputs, 1, kMaxInputs);
        f.weights.resize(f.inputs.size());
        for (size_t i = 0; i < f.inputs.size(); i++) {
            source(f.inputs[i], expected);
            small(m_.weight, f.weights[i]);
        }
        sized(m_.thresholds, f.thresholds, 1, 63);
        int64_t last = 0;
        for (size_t i = 0; i < f.thresholds.size(); i++) {
            int64_t v = f.thresholds[i];
            if (i == 0) {
                signed_field(side_, m_.threshold, v);
            } else {
                uint64_t gap = static_cast<uint64_t>(v - last);
                field(side_, m_.spread, gap, UINT32_MAX);
                v = last + static_cast<int64_t>(gap);
            }
            if (v < INT32_MIN || v > INT32_MAX) damaged("a threshold");
            f.thresholds[i] = static_cast<int32_t>(v);
            last = v;
        }
    }

    void small(Number& model, int8_t& value) {
        int64_t v = value;
        signed_field(side_, model, v);
        if (v < -128 || v > 127) damaged("a weight");
        value = static_cast<int8_t>(v);
    }

    void feature(ColumnPlan& c) {
        auto& first = c.feature.first;
        if (reading) c.feature.z.resize(first.size());
        int last = 0;
        for (size_t g = 0; g < first.size(); g++) {
            if (g == 0) {
                first[0] = 0;
            } else {
                uint64_t gap = reading ? 0 : static_cast<uint64_t>(first[g] - first[g - 1] - 1);
                field(side_, m_.group, gap, kMaxTokens);
                if (first[g - 1] + gap + 1 >= c.n_tokens()) damaged("groups beyond the tokens");
                first[g] = static_cast<uint8_t>(first[g - 1] + gap + 1);
            }
            int64_t dz = c.feature.z[g] - last;
            signed_field(side_, m_.z, dz);
            if (dz < -255 || dz > 255 || last + dz < -128 || last + dz > 127) damaged("a group's number");
            last += static_cast<int>(dz);
            c.feature.z[g] = static_cast<int8_t>(last);
        }
    }

    void contexts(ColumnPlan& c) {
        for (const Factor& f : c.factors)
            for (const Source& s : f.inputs)
                if (s.position == position_ && c.feature.first.empty()) damaged("a context without groups");
        const size_t across = groups_of(c.factors[1], plan_), cells = groups_of(c.factors[0], plan_) * across;
        if (cells > kMaxCells) damaged("too many contexts");
        sized(m_.tables, c.tables, 1, std::min<uint64_t>(cells, max_tables(rows_)));
        c.map.resize(cells);
        if (c.tables.size() > 1) {
            for (size_t i = 0; i < cells; i++) {
                uint8_t left = i > 0 && c.map[i] == c.map[i - 1];
                if (i > 0) side_.bit(m_.as_left, left);
                if (i > 0 && left) {
                    c.map[i] = c.map[i - 1];
                    continue;
                }
                uint8_t above = i >= across && c.map[i] == c.map[i - across];
                if (i >= across && across > 1) side_.bit(m_.as_above, above);
                if (i >= across && across > 1 && above) c.map[i] = c.map[i - across];
                else field(side_, m_.table, c.map[i], c.tables.size() - 1);
            }
        }
        const FrequencyTable* above = nullptr;
        for (FrequencyTable& t : c.tables) {
            code_table(side_, m_.table_levels, t, above, c.n_tokens());
            above = &t;
        }
    }

    Side& side_;
    Plan& plan_;
    size_t rows_, n_axes_;
    size_t position_ = 0;
    size_t nodes_ = 0, next_ = 0;
    std::unique_ptr<Models> models_ = std::make_unique<Models>();
    Models& m_ = *models_;
};

}  // namespace

std::vector<uint8_t> write_plan(Plan& plan, const Table& table) {
    SideWriter side;
    PlanCoder<SideWriter>(side, plan, table).run(table.columns.size());
    return side.finish();
}

Plan read_plan(const uint8_t* p, size_t n, const Table& table) {
    Plan plan;
    SideReader side(p, n);
    PlanCoder<SideReader>(side, plan, table).run(table.columns.size());
    side.finish();
    return plan;
}

}  // namespace baler::builtin
