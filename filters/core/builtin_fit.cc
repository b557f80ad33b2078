#include <algorithm>
#include <cmath>

#include "builtin_encoder.h"
#include "builtin_measure.h"
#include "instruction_set.h"

namespace baler::builtin {

namespace {

constexpr size_t kQuick = 1024;

// In small chunks fewer contexts pay.
size_t told_groups(size_t rows) { return rows < kSmallChunk ? 16 : kMaxGroups; }
size_t telling_groups(size_t rows) { return rows < kSmallChunk ? 8 : 16; }

// The normal score of rank p (0 to 1), by Tukey's lambda, in 40ths.
int8_t normal_score(double p) {
    const double z = (std::pow(p, 0.135) - std::pow(1 - p, 0.135)) / 0.1975;
    return static_cast<int8_t>(std::clamp(std::lround(z * 40), -127L, 127L));
}

// Cuts counts (of values in their order, given one by one) into groups of about equal weight.
class Grouping {
  public:
    Grouping(double sum, size_t most, bool first_alone) : sum_(sum), share_(sum / static_cast<double>(most)), alone_(first_alone) {}

    // The group of the next value.
    uint8_t next(double count) {
        const bool full = held_ > 0 && (held_ + count / 2.0 > share_ || (alone_ && seen_ == 1));
        if (seen_++ > 0 && full && z.size() + 1 < kMaxGroups) close();
        held_ += count;
        return static_cast<uint8_t>(z.size());
    }
    void close() {
        z.push_back(normal_score((done_ + held_ / 2) / sum_));
        done_ += held_;
        held_ = 0;
    }
    std::vector<int8_t> z;

  private:
    double sum_, share_, done_ = 0, held_ = 0;
    bool alone_;
    size_t seen_ = 0;
};

class Fitter {
  public:
    Fitter(Work& work, size_t position)
        : work_(work), position_(position), c_(work.plan.columns[position]), column_(work.column(position)),
          own_(work.columns[position]), r_(work.residuals(position)), n_(work.table.rows) {}

    void survey() {
        Range range;
        if (column_.mask.empty() && own_.same.empty()) {
            instruction_set().tables.range(r_, n_, &range.low, &range.high);
        } else {
            for (size_t i = 0; i < n_; i++) {
                if (!coded(i)) continue;
                range.low = std::min(range.low, r_[i]);
                range.high = std::max(range.high, r_[i]);
            }
        }
        choose_root(range.low, range.high, c_.origin, c_.bits);
        std::vector<uint64_t> values;
        std::vector<uint16_t> places;
        for (size_t s = 0; s < work_.sample.size(); s++) {
            const size_t row = work_.sample[s];
            if (!coded(row)) continue;
            values.push_back(offset(row));
            places.push_back(static_cast<uint16_t>(s));
        }
        if (values.empty()) {
            values.push_back(static_cast<uint64_t>(range.low) - static_cast<uint64_t>(c_.origin));
            places.push_back(0);
        }
        own_.sample.assign(values, places, c_.bits);
        if (work_.table.columns.size() == 1) return;
        Coarse& coarse = own_.coarse;
        coarse.groups = group(told_groups(n_), coarse.group).size();
        coarse.z = group(telling_groups(n_), coarse.source);
        if (!has_bins()) coarse.z.clear();
        coarse.number.assign(work_.sample.size(), 0);
        for (size_t s = 0; s < coarse.number.size() && !coarse.z.empty(); s++)
            if (!column_.masked(work_.sample[s])) coarse.number[s] = coarse.z[coarse.source[s]];
    }

    void fit() {
        const bool alone = work_.table.columns.size() == 1;
        if (alone) {
            tokenise({own_.sample, nullptr, work_.rows_each});
            c_.feature = activity();
            groups();
            by_feature(own_.coarse);
        }
        Contexts contexts = choose_contexts(work_, position_);
        for (size_t f = 0; f < 2; f++) c_.factors[f] = std::move(contexts.factors[f]);
        if (alone) return;
        std::vector<uint8_t> context;
        if (contexts.cells > 1) {
            // Bins for the contexts, their cells joined to at most 16 classes on the sample.
            const Coarse& coarse = own_.coarse;
            std::vector<uint32_t> joint(contexts.cells * coarse.groups);
            for (size_t s = 0; s < work_.sample.size(); s++)
                if (!column_.masked(work_.sample[s])) joint[contexts.cell[s] * coarse.groups + coarse.group[s]]++;
            size_t classes = 0;
            const auto to = join_cells(joint, contexts.cells, coarse.groups, contexts.across, 16, work_.rows_each, classes);
            for (uint16_t cell : contexts.cell) context.push_back(to[cell]);
        }
        tokenise({own_.sample, context.empty() ? nullptr : context.data(), work_.rows_each});
        c_.feature = make_feature(own_.counts, telling_groups(n_), c_.same != 0);
        groups();
    }

  private:
    bool coded(size_t i) const { return !column_.masked(i) && (own_.same.empty() || !own_.same[i]); }
    uint64_t offset(size_t row) const { return static_cast<uint64_t>(r_[row]) - static_cast<uint64_t>(c_.origin); }

    // Groups of the sample's rows; returns their numbers. Cells "same" are in group 0, masked ones, too.
    std::vector<int8_t> group(size_t most, std::vector<uint8_t>& out) const {
        const SortedSample& sorted = own_.sample;
        out.assign(work_.sample.size(), 0);
        size_t same = 0;
        for (size_t row : work_.sample) same += !column_.masked(row) && !own_.same.empty() && own_.same[row];
        Grouping grouping(static_cast<double>(sorted.value.size() + same), most, c_.same != 0);
        if (c_.same) grouping.next(static_cast<double>(same));
        for (size_t i = 0; i < sorted.value.size();) {
            size_t j = i + 1;
            while (j < sorted.value.size() && sorted.value[j] == sorted.value[i]) j++;
            const uint8_t g = grouping.next(static_cast<double>(j - i));
            for (; i < j; i++) out[sorted.from[i]] = g;
        }
        grouping.close();
        return grouping.z;
    }

    // Will there be more than one bin, so that the column can be a context?
    bool has_bins() const {
        if (c_.same) return true;
        const SortedSample& all = own_.sample;
        const size_t step = std::max<size_t>(all.value.size() / kQuick, 1);
        SortedSample some;
        for (size_t i = 0; i < all.value.size(); i += step) some.value.push_back(all.value[i]);
        const double each = work_.rows_each * static_cast<double>(step);
        const auto bins = choose_bins({some, nullptr, each}, c_.bits, kMaxTokens);
        size_t used = 0;
        for (const Bin& b : bins) {
            const auto at = std::lower_bound(some.value.begin(), some.value.end(), b.start);
            used += at != some.value.end() && (b.bits == 64 || *at - b.start < uint64_t(1) << b.bits);
        }
        return used > 1;
    }

    // Bins for the sample, tokens of all rows; bins that hold nothing go.
    void tokenise(const BinSample& sample) {
        std::vector<uint16_t> token(n_);
        std::vector<uint32_t> total;
        std::vector<size_t> kept;
        for (size_t most = kMaxTokens - c_.same;; most = most * 3 / 4) {
            c_.bins = choose_bins(sample, c_.bits, most);
            const BinSearch search(c_.bins, c_.bits, n_);
            const uint8_t same = c_.same;
            total.assign(c_.bins.size() + same, 0);
            if (column_.mask.empty() && !same) {
                // locals: bytes written could be anything for all the compiler knows
                const auto origin = static_cast<uint64_t>(c_.origin);
                uint16_t* to = token.data();
                uint32_t* count = total.data();
                for (size_t i = 0; i < n_; i++) {
                    const uint16_t t = search(static_cast<uint64_t>(r_[i]) - origin);
                    to[i] = t;
                    count[t]++;
                }
            } else {
                for (size_t i = 0; i < n_; i++) {
                    if (column_.masked(i)) continue;
                    token[i] = static_cast<uint16_t>(coded(i) ? search(offset(i)) + same : 0);
                    total[token[i]]++;
                }
            }
            kept.clear();
            for (size_t t = 0; t < total.size(); t++)
                if (total[t] || (same && t == 0)) kept.push_back(t);
            if (kept.size() <= kMaxTokens) break;
        }
        std::vector<uint8_t> renumbered(total.size());
        std::vector<Bin> bins;
        own_.counts.clear();
        for (size_t t : kept) {
            renumbered[t] = static_cast<uint8_t>(own_.counts.size());
            if (t >= c_.same) bins.push_back(c_.bins[t - c_.same]);
            own_.counts.push_back(total[t]);
        }
        c_.bins = std::move(bins);
        own_.tokens.resize(n_);
        uint8_t* to = own_.tokens.data();
        const uint8_t* number = renumbered.data();
        for (size_t i = 0; i < n_; i++) to[i] = number[token[i]];
        for (size_t i = 0; i < column_.mask.size(); i++)
            if (column_.mask[i]) own_.tokens[i] = 0;
    }

    // Groups for the column as its own context: the number of a group is how large its residuals are.
    Feature activity() const {
        Feature f = make_feature(own_.counts, kMaxGroups, c_.same != 0);
        f.z.clear();
        for (size_t g = 0; g < f.first.size(); g++) {
            const size_t last = g + 1 < f.first.size() ? f.first[g + 1] - size_t(1) : c_.n_tokens() - 1;
            double weight = 0, sum = 0;
            for (size_t t = f.first[g]; t <= last; t++) {
                const double n = own_.counts[t];
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

    void groups() {
        std::vector<uint8_t>& to = work_.groups[position_];
        if (c_.feature.first.empty()) return;
        uint8_t of[kMaxTokens];
        c_.feature.groups(of);
        to.resize(n_);
        uint8_t* group = to.data();
        const uint8_t* token = own_.tokens.data();
        for (size_t i = 0; i < n_; i++) group[i] = of[token[i]];
    }

    void by_feature(Coarse& coarse) const {
        const size_t rows = work_.sample.size();
        coarse.groups = std::max<size_t>(c_.feature.first.size(), 1);
        coarse.group.assign(rows, 0);
        coarse.number.assign(rows, 0);
        for (size_t s = 0; s < rows && !c_.feature.first.empty(); s++) {
            coarse.group[s] = work_.groups[position_][work_.sample[s]];
            if (!column_.masked(work_.sample[s])) coarse.number[s] = c_.feature.z[coarse.group[s]];
        }
    }

    Work& work_;
    size_t position_;
    ColumnPlan& c_;
    const Column& column_;
    ColumnWork& own_;
    const int64_t* r_;
    size_t n_;
};

}  // namespace

Feature make_feature(const std::vector<uint32_t>& counts, size_t most, bool first_alone) {
    Feature f;
    double sum = 0;
    for (uint32_t n : counts) sum += n;
    if (counts.size() < 2 || sum == 0) return f;
    Grouping grouping(sum, most, first_alone);
    for (size_t t = 0; t < counts.size(); t++)
        if (grouping.next(counts[t]) == f.first.size()) f.first.push_back(static_cast<uint8_t>(t));
    grouping.close();
    f.z = std::move(grouping.z);
    return f;
}

void survey_column(Work& work, size_t position) {
    if (work.plan.columns[position].method == ColumnPlan::coded) Fitter(work, position).survey();
}

void fit_column(Work& work, size_t position) {
    if (work.plan.columns[position].method == ColumnPlan::coded) Fitter(work, position).fit();
}

}  // namespace baler::builtin
