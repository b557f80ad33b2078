// Encoder only: which contexts pay for a column.
#include <algorithm>
#include <cmath>

#include "builtin_encoder.h"
#include "instruction_set.h"

namespace baler::builtin {

namespace {

constexpr size_t kColumnsBack = 64, kPartners = 3, kCandidates = 8, kGlance = 512;
constexpr size_t kScoreGroups = 24;

struct Candidate {
    Source source;
    const uint8_t* group;   // by row of the sample
    const int16_t* number;  // of the group, by row of the sample
    size_t groups;
    double cost = 0;
    size_t place = 0;       // among those collected
};

class Chooser {
  public:
    Chooser(const Work& work, size_t position)
        : work_(work), position_(position), column_(work.column(position)), own_(work.columns[position].coarse),
          n_(work.sample.size()), nothing_(n_) {
        for (size_t row : work.sample) live_.push_back(!column_.masked(row));
    }

    Contexts run() {
        Contexts chosen;
        chosen.cell.assign(n_, 0);
        const double alone = bits(nothing_.data(), 1, nothing_.data(), 1);
        if (own_.groups < 2 || alone < 100) return chosen;
        collect();
        // A glance at all, a close look at the best.
        const size_t step = candidates_.size() > kCandidates ? std::max<size_t>(n_ / kGlance, 1) : 1;
        const double from = step > 1 ? bits(nothing_.data(), 1, nothing_.data(), 1, step) : alone;
        for (Candidate& c : candidates_) c.cost = bits(c.group, c.groups, nothing_.data(), 1, step) * alone / from;
        order();
        if (step > 1) {
            for (size_t i = 0; i < std::min(kPartners + 2, candidates_.size()); i++)
                candidates_[i].cost = bits(candidates_[i].group, candidates_[i].groups, nothing_.data(), 1);
            order();
        }
        while (!candidates_.empty() && candidates_.back().cost > alone * 0.9995 - 4) candidates_.pop_back();
        if (candidates_.empty()) return chosen;
        const Candidate* x = &candidates_[0];
        const Candidate* y = nullptr;
        bool scored = false;
        double best = x->cost;
        const size_t partners = std::min(kPartners, candidates_.size());
        for (size_t b = 1; b < partners; b++)
            for (size_t a = 0; a < std::min<size_t>(b, 2); a++) {
                const Candidate &p = candidates_[a], &q = candidates_[b];
                const double cost = bits(p.group, p.groups, q.group, q.groups);
                if (cost >= best * 0.998 - 16) continue;
                best = cost;
                x = &p;
                y = &q;
            }
        Factor score;
        std::vector<uint8_t> sums;
        if (candidates_.size() > 1 && fit_score(score, sums)) {
            const size_t groups = score.thresholds.size() + 1;
            const double score_bits = 10.0 * static_cast<double>(score.inputs.size() + score.thresholds.size());
            double cost = bits(nothing_.data(), 1, sums.data(), groups) + score_bits;
            if (cost < best * 0.998 - 16) {
                best = cost;
                scored = true;
                x = nullptr;
            }
            for (size_t a = 0; a < partners; a++) {
                cost = bits(candidates_[a].group, candidates_[a].groups, sums.data(), groups) + score_bits;
                if (cost >= best * 0.998 - 16) continue;
                best = cost;
                scored = true;
                x = &candidates_[a];
            }
        }
        const auto use = [&](size_t which, const Candidate& c) {
            chosen.factors[which].kind = Factor::source;
            chosen.factors[which].inputs = {c.source};
        };
        if (x) use(0, *x);
        if (scored) chosen.factors[1] = score;
        else if (y) use(1, *y);
        const uint8_t* inner = scored ? sums.data() : y ? y->group : nothing_.data();
        chosen.across = scored ? score.thresholds.size() + 1 : y ? y->groups : 1;
        chosen.cells = (x ? x->groups : 1) * chosen.across;
        for (size_t s = 0; s < n_; s++)
            chosen.cell[s] = static_cast<uint16_t>((x ? x->group[s] : 0) * chosen.across + inner[s]);
        return chosen;
    }

  private:
    // Numbers are of 8 bits and a sample has at most 2^13 rows.
    double dot(const int16_t* a, const int16_t* b) const { return instruction_set().tables.dot(a, b, n_); }

    void order() {
        std::stable_sort(candidates_.begin(), candidates_.end(),
                         [](const Candidate& a, const Candidate& b) { return a.cost < b.cost; });
    }

    void collect() {
        const size_t begin = position_ > kColumnsBack ? position_ - kColumnsBack : 0;
        for (size_t q = begin; q < position_; q++) {
            const Coarse& c = work_.columns[q].coarse;
            if (c.z.size() < 2) continue;
            candidates_.push_back({Source{static_cast<uint32_t>(q), 0}, c.source.data(), c.number.data(), c.z.size()});
        }
        const Feature& f = work_.plan.columns[position_].feature;
        if (f.first.size() < 2) return;
        std::vector<uint64_t> lags;
        uint64_t stride = 1;
        for (size_t a = work_.axes.size(); a-- > 0; stride *= work_.axes[a]) {
            if (stride > 1) {
                lags.push_back(stride - 1);
                lags.push_back(stride + 1);
            } else {
                lags.push_back(2);
            }
            lags.push_back(stride);
        }
        std::sort(lags.begin(), lags.end());
        lags.erase(std::unique(lags.begin(), lags.end()), lags.end());
        lagged_.reserve(lags.size());
        for (uint64_t lag : lags) {
            if (lag == 0 || lag >= work_.table.rows) continue;
            lagged_.emplace_back();
            Lagged& l = lagged_.back();
            l.group.resize(n_);
            l.number.resize(n_);
            for (size_t s = 0; s < n_; s++) {
                const size_t row = work_.sample[s];
                l.group[s] = lag > row ? uint8_t(0) : work_.groups[position_][row - static_cast<size_t>(lag)];
                l.number[s] = live_[s] ? f.z[l.group[s]] : int16_t(0);
            }
            candidates_.push_back({Source{static_cast<uint32_t>(position_), lag}, l.group.data(), l.number.data(),
                                   f.z.size()});
        }
    }

    // Bits of the whole column in cells x (nx) times y (ny), tables included, as the sample foretells them.
    double bits(const uint8_t* x, size_t nx, const uint8_t* y, size_t ny, size_t step = 1) {
        const size_t G = own_.groups;
        counts_.assign(nx * ny * G, 0);
        const double rows_each = work_.rows_each * static_cast<double>(step);
        // locals: the compiler need not think that counting changes them
        uint16_t* const counts = counts_.data();
        const uint8_t *const told = own_.group.data(), *const live = live_.data();
        // whole runs of neighbours, every step-th of them
        constexpr size_t run = 64;
        for (size_t begin = 0; begin < n_; begin += run * step)
            for (size_t s = begin; s < std::min(n_, begin + run); s++) counts[(x[s] * ny + y[s]) * G + told[s]] += live[s];
        const float* log_of = n_log_n_table();
        double cost = 0;
        size_t entries = 0;
        for (size_t cell = 0; cell < nx * ny; cell++) {
            const uint16_t* n = &counts_[cell * G];
            // no branches, and several sums, so that one addition need not wait for the other
            size_t sum = 0, used = 0, g = 0;
            float part[4] = {};
            for (; g + 4 <= G; g += 4)
                for (size_t i = 0; i < 4; i++) {
                    sum += n[g + i];
                    part[i] += log_of[n[g + i]];
                    used += n[g + i] != 0;
                }
            for (; g < G; g++) {
                sum += n[g];
                part[0] += log_of[n[g]];
                used += n[g] != 0;
            }
            const float each = (part[0] + part[1]) + (part[2] + part[3]);
            if (!used) continue;
            cost += log_of[sum] - each;
            entries += used - 1;
        }
        // What is measured looks better than it is by 1/2 nat an entry; cells that are alike will share a table.
        return cost * rows_each + static_cast<double>(entries) * (0.72 * 0.6 * (rows_each - 1) + (work_.table.rows < kSmallChunk ? 3 : 2));
    }

    // The column's number as a weighted sum of the candidates': least squares on the sample.
    bool fit_score(Factor& score, std::vector<uint8_t>& sums) {
        const size_t m = std::min<size_t>(candidates_.size(), kMaxInputs / 2), k = m + 1;
        std::vector<int16_t> ones(n_);
        for (size_t s = 0; s < n_; s++) ones[s] = live_[s];
        const auto number = [&](size_t i) { return i < m ? candidates_[i].number : ones.data(); };
        // Normal equations of (numbers, 1), a little ridge, elimination.
        std::vector<std::vector<double>> a(k, std::vector<double>(k + 1));
        for (size_t i = 0; i < k; i++) {
            for (size_t j = i; j < k; j++) a[i][j] = a[j][i] = dot(number(i), number(j));
            a[i][k] = dot(number(i), own_.number.data());
            a[i][i] += 1e-3 * a[i][i] + 1;
        }
        for (size_t i = 0; i < k; i++)
            for (size_t j = i + 1; j < k; j++) {
                const double w = a[j][i] / a[i][i];
                for (size_t l = i; l <= k; l++) a[j][l] -= w * a[i][l];
            }
        std::vector<double> w(k);
        for (size_t i = k; i-- > 0;) {
            double sum = a[i][k];
            for (size_t j = i + 1; j < k; j++) sum -= a[i][j] * w[j];
            w[i] = sum / a[i][i];
        }
        double largest = 0, all = 0;
        for (size_t i = 0; i < m; i++) {
            largest = std::max(largest, std::fabs(w[i]));
            all += std::fabs(w[i]);
        }
        if (!(largest > 1e-6) || !std::isfinite(largest)) return false;
        // as fine as sums of numbers up to 127 fit 16 bits
        const double scale = std::min(100 / largest, 240 / all);
        score.kind = Factor::score;
        std::vector<std::pair<Source, int8_t>> inputs;
        std::vector<int32_t> sum(n_);
        for (size_t i = 0; i < m; i++) {
            const auto weight = static_cast<int8_t>(std::lround(w[i] * scale));
            if (weight == 0) continue;
            inputs.emplace_back(candidates_[i].source, weight);
            const int16_t* z = candidates_[i].number;
            for (size_t s = 0; s < n_; s++) sum[s] += weight * z[s];
        }
        if (inputs.empty()) return false;
        std::sort(inputs.begin(), inputs.end(), [](const auto& p, const auto& q) {
            return std::make_pair(p.first.position, p.first.lag) < std::make_pair(q.first.position, q.first.lag);
        });
        for (const auto& [source, weight] : inputs) {
            score.inputs.push_back(source);
            score.weights.push_back(weight);
        }
        score.thresholds = make_thresholds(sum, live_);
        if (score.thresholds.empty()) return false;
        sums.resize(n_);
        for (size_t s = 0; s < n_; s++) {
            uint8_t group = 0;
            for (int32_t t : score.thresholds) group = static_cast<uint8_t>(group + (t <= sum[s]));
            sums[s] = group;
        }
        return true;
    }

    struct Lagged {
        std::vector<uint8_t> group;
        std::vector<int16_t> number;
    };

    const Work& work_;
    size_t position_;
    const Column& column_;
    const Coarse& own_;
    size_t n_;
    std::vector<uint8_t> nothing_, live_;
    std::vector<Candidate> candidates_;
    std::vector<Lagged> lagged_;
    std::vector<uint16_t> counts_;
};

}  // namespace

std::vector<int32_t> make_thresholds(const std::vector<int32_t>& sums, const std::vector<uint8_t>& live) {
    // Steps of a fine histogram are good enough places.
    constexpr size_t kSteps = 1024;
    std::vector<int32_t> thresholds;
    int32_t low = INT32_MAX, high = INT32_MIN;
    size_t n = 0;
    for (size_t s = 0; s < sums.size(); s++) {
        if (!live[s]) continue;
        low = std::min(low, sums[s]);
        high = std::max(high, sums[s]);
        n++;
    }
    if (n == 0 || low == high) return thresholds;
    int shift = 0;
    while ((high - low) >> shift >= static_cast<int32_t>(kSteps)) shift++;
    uint32_t counts[kSteps] = {};
    for (size_t s = 0; s < sums.size(); s++)
        if (live[s]) counts[(sums[s] - low) >> shift]++;
    size_t before = 0, wanted = 1;
    for (size_t i = 0; i < kSteps && wanted < kScoreGroups; i++) {
        if (i > 0 && before * kScoreGroups >= wanted * n) {
            thresholds.push_back(low + (static_cast<int32_t>(i) << shift));
            while (wanted < kScoreGroups && before * kScoreGroups >= wanted * n) wanted++;
        }
        before += counts[i];
    }
    if (!thresholds.empty() && thresholds.back() > high) thresholds.pop_back();
    return thresholds;
}

Contexts choose_contexts(const Work& work, size_t position) { return Chooser(work, position).run(); }

}  // namespace baler::builtin
