#include <algorithm>
#include <cmath>

#include "builtin_encoder.h"

namespace baler::builtin {

namespace {

class Fitter {
  public:
    Fitter(Work& work, size_t position)
        : work_(work), position_(position), c_(work.plan.columns[position]), column_(work.column(position)),
          r_(work.r[position]), same_(work.same[position]), n_(work.table.rows) {}

    void run() {
        int64_t low = INT64_MAX, high = INT64_MIN;
        for (size_t i = 0; i < n_; i++) {
            if (!coded(i)) continue;
            low = std::min(low, r_[i]);
            high = std::max(high, r_[i]);
        }
        choose_root(low, high, c_.origin, c_.bits);
        BinSample sample;
        sample.rows_each = work_.rows_each;
        for (size_t row : work_.sample)
            if (coded(row)) sample.r.push_back(r_[row]);
        if (sample.r.empty()) sample.r.push_back(low);
        tokenise(sample);

        // Which contexts tell something, seen through the tokens without contexts, in up to 32 groups.
        const Feature coarse = make_feature(work_.counts[position_], kMaxGroups, c_.same != 0);
        std::vector<uint8_t> group(work_.sample.size());
        uint8_t group_of[kMaxTokens] = {};
        for (size_t g = 0; g < coarse.first.size(); g++)
            std::fill(group_of + coarse.first[g], group_of + kMaxTokens, static_cast<uint8_t>(g));
        for (size_t s = 0; s < group.size(); s++) group[s] = group_of[work_.tokens[position_][work_.sample[s]]];
        const bool own = work_.table.columns.size() == 1;
        c_.feature = own ? activity() : Feature{};
        const size_t groups = std::max<size_t>(coarse.first.size(), 1);
        choose_factors(work_, position_, group, groups, c_.factors);

        cell_.assign(n_, 0);
        across_ = groups_of(c_.factors[1], work_.plan);
        cells_ = groups_of(c_.factors[0], work_.plan) * across_;
        if (cells_ > 1) {
            RowTables rows(work_.plan, static_cast<uint32_t>(position_));
            for (size_t begin = 0; begin < n_; begin += kBlock)
                rows.cells(work_.tokens, begin, std::min(n_, begin + kBlock), &cell_[begin]);
            if (!own) {
                // Bins again, for the contexts: their cells joined to at most 16 classes on the sample.
                std::vector<uint32_t> joint(cells_ * groups);
                for (size_t s = 0; s < group.size(); s++)
                    if (!column_.masked(work_.sample[s])) joint[cell_[work_.sample[s]] * groups + group[s]]++;
                size_t classes = 0;
                const auto to = join_cells(joint, cells_, groups, across_, 16, work_.rows_each, classes);
                for (size_t row : work_.sample)
                    if (coded(row)) sample.context.push_back(to[cell_[row]]);
                if (sample.context.size() == sample.r.size()) tokenise(sample);
            }
        }
        tables();
        if (!own) c_.feature = make_feature(work_.counts[position_], 16, c_.same != 0);
    }

  private:
    bool coded(size_t i) const { return !column_.masked(i) && (same_.empty() || !same_[i]); }

    // Bins for the sample, tokens of all rows; bins that hold nothing go.
    void tokenise(const BinSample& sample) {
        std::vector<uint16_t> token(n_);
        std::vector<uint32_t> total;
        std::vector<size_t> kept;
        for (size_t most = kMaxTokens - c_.same;; most = most * 3 / 4) {
            c_.bins = choose_bins(sample, c_.origin, c_.bits, most);
            const BinSearch search(c_.bins, c_.origin, c_.bits);
            total.assign(c_.bins.size() + c_.same, 0);
            for (size_t i = 0; i < n_; i++) {
                if (column_.masked(i)) continue;
                token[i] = static_cast<uint16_t>(coded(i) ? search(r_[i]) + c_.same : 0);
                total[token[i]]++;
            }
            kept.clear();
            for (size_t t = 0; t < total.size(); t++)
                if (total[t] || (c_.same && t == 0)) kept.push_back(t);
            if (kept.size() <= kMaxTokens) break;
        }
        std::vector<uint8_t> renumbered(total.size());
        std::vector<Bin> bins;
        auto& counts = work_.counts[position_];
        counts.clear();
        for (size_t t : kept) {
            renumbered[t] = static_cast<uint8_t>(counts.size());
            if (t >= c_.same) bins.push_back(c_.bins[t - c_.same]);
            counts.push_back(total[t]);
        }
        c_.bins = std::move(bins);
        auto& tokens = work_.tokens[position_];
        tokens.resize(n_);
        for (size_t i = 0; i < n_; i++) tokens[i] = column_.masked(i) ? uint8_t(0) : renumbered[token[i]];
    }

    // Groups for the column as its own context: the number of a group is how large its residuals are.
    Feature activity() const {
        Feature f = make_feature(work_.counts[position_], kMaxGroups, c_.same != 0);
        f.z.clear();
        for (size_t g = 0; g < f.first.size(); g++) {
            const size_t last = g + 1 < f.first.size() ? f.first[g + 1] - size_t(1) : c_.n_tokens() - 1;
            double weight = 0, sum = 0;
            for (size_t t = f.first[g]; t <= last; t++) {
                const double n = work_.counts[position_][t];
                weight += n;
                if (t < c_.same) continue;
                const Bin& b = c_.bins[t - c_.same];
                const auto low = static_cast<int64_t>(static_cast<uint64_t>(c_.origin) + b.start);
                const double middle = static_cast<double>(low) + std::ldexp(0.5, b.bits) - 0.5;
                sum += n * std::log2(1 + std::fabs(middle));
            }
            const long z = std::lround(sum / std::max(weight, 1.0) * 8) - 60;
            f.z.push_back(static_cast<int8_t>(std::clamp(z, -127L, 127L)));
        }
        return f;
    }

    void tables() {
        const size_t T = c_.n_tokens();
        std::vector<uint32_t> joint(cells_ * T);
        for (size_t i = 0; i < n_; i++)
            if (!column_.masked(i)) joint[cell_[i] * T + work_.tokens[position_][i]]++;
        size_t tables = 1;
        c_.map = join_cells(joint, cells_, T, across_, max_tables(n_), 1, tables);
        std::vector<uint32_t> counts(tables * T);
        for (size_t x = 0; x < cells_; x++)
            for (size_t t = 0; t < T; t++) counts[c_.map[x] * T + t] += joint[x * T + t];
        for (size_t i = 0; i < tables; i++) c_.tables.push_back(measured_table(&counts[i * T], T));
    }

    Work& work_;
    size_t position_;
    ColumnPlan& c_;
    const Column& column_;
    const std::vector<int64_t>& r_;
    const std::vector<uint8_t>& same_;
    size_t n_;
    std::vector<uint16_t> cell_;
    size_t across_ = 1, cells_ = 1;
};

}  // namespace

Feature make_feature(const std::vector<uint32_t>& counts, size_t most, bool first_alone) {
    Feature f;
    uint64_t sum = 0;
    for (uint32_t n : counts) sum += n;
    if (counts.size() < 2 || sum == 0) return f;
    const double share = static_cast<double>(sum) / static_cast<double>(most);
    double done = 0, held = 0;
    const auto close = [&] {
        // normal score of the middle of the group's ranks, by Tukey's lambda
        const double p = (done + held / 2) / static_cast<double>(sum);
        const double z = (std::pow(p, 0.135) - std::pow(1 - p, 0.135)) / 0.1975;
        f.z.push_back(static_cast<int8_t>(std::clamp(std::lround(z * 40), -127L, 127L)));
        done += held;
        held = 0;
    };
    for (size_t t = 0; t < counts.size(); t++) {
        const bool full = held > 0 && (held + counts[t] / 2.0 > share || (first_alone && t == 1));
        if (t > 0 && full && f.first.size() < kMaxGroups) {
            close();
            f.first.push_back(static_cast<uint8_t>(t));
        } else if (t == 0) {
            f.first.push_back(0);
        }
        held += counts[t];
    }
    close();
    return f;
}

void fit_column(Work& work, size_t position) {
    if (work.plan.columns[position].method == ColumnPlan::coded) Fitter(work, position).run();
}

}  // namespace baler::builtin
