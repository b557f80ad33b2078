#include <algorithm>
#include <cmath>

#include "builtin_encoder.h"

namespace baler::builtin {

namespace {

constexpr size_t kColumnsBack = 64, kPartners = 5, kScoreGroups = 24, kScoreRows = 4096;
constexpr size_t kCandidates = 24, kGlance = 1024;  // more than so many are thinned out on so many rows

struct Candidate {
    Source source;
    std::vector<uint8_t> group;  // by row of the sample
    std::vector<int8_t> z;       // by group
    double cost = 0;
};

class Chooser {
  public:
    Chooser(const Work& work, size_t position, const std::vector<uint8_t>& group, size_t n_groups)
        : work_(work), position_(position), column_(work.column(position)), group_(group), n_groups_(n_groups) {
        for (size_t row : work.sample) live_.push_back(!column_.masked(row));
    }

    void run(Factor (&factors)[2]) {
        const std::vector<uint8_t> nothing(group_.size());
        double best = bits(nothing, 1, nothing, 1);
        if (n_groups_ < 2 || best < 100) return;
        const double alone = best;
        collect();
        const auto order = [&](size_t step) {
            for (Candidate& c : candidates_) c.cost = bits(c.group, c.z.size(), nothing, 1, step);
            std::stable_sort(candidates_.begin(), candidates_.end(),
                             [](const Candidate& a, const Candidate& b) { return a.cost < b.cost; });
        };
        const size_t glance = candidates_.size() > kCandidates ? std::max<size_t>(group_.size() / kGlance, 1) : 1;
        for (Candidate& c : candidates_) look(c, glance);
        if (candidates_.size() > kCandidates) {
            order(glance);
            candidates_.resize(kCandidates);
            for (Candidate& c : candidates_) look(c, 1);
        }
        order(1);
        while (!candidates_.empty() && candidates_.back().cost > alone * 0.9995 - 4) candidates_.pop_back();
        if (candidates_.empty()) return;
        const auto use = [&](size_t which, const Candidate& c) {
            factors[which] = Factor{};
            factors[which].kind = Factor::source;
            factors[which].inputs = {c.source};
        };
        if (candidates_[0].cost < best) {
            best = candidates_[0].cost;
            use(0, candidates_[0]);
        }
        const size_t partners = std::min(kPartners, candidates_.size());
        for (size_t a = 0; a < partners; a++)
            for (size_t b = a + 1; b < partners; b++) {
                const Candidate &x = candidates_[a], &y = candidates_[b];
                const double cost = bits(x.group, x.z.size(), y.group, y.z.size());
                if (cost < best * 0.998 - 16) {
                    best = cost;
                    use(0, x);
                    use(1, y);
                }
            }
        Factor score;
        std::vector<uint8_t> sums;
        if (candidates_.size() < 2 || !fit_score(score, sums)) return;
        const size_t n = score.thresholds.size() + 1;
        const double score_bits = 10.0 * static_cast<double>(score.inputs.size() + score.thresholds.size());
        double cost = bits(nothing, 1, sums, n) + score_bits;
        if (cost < best * 0.998 - 16) {
            best = cost;
            factors[0] = Factor{};
            factors[1] = score;
        }
        for (size_t a = 0; a < partners; a++) {
            const Candidate& x = candidates_[a];
            cost = bits(x.group, x.z.size(), sums, n) + score_bits;
            if (cost < best * 0.998 - 16) {
                best = cost;
                use(0, x);
                factors[1] = score;
            }
        }
    }

  private:
    void collect() {
        const size_t begin = position_ > kColumnsBack ? position_ - kColumnsBack : 0;
        for (size_t q = begin; q < position_; q++) add(Source{static_cast<uint32_t>(q), 0});
        if (work_.plan.columns[position_].feature.first.empty()) return;
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
        for (uint64_t lag : lags)
            if (lag > 0 && lag < work_.table.rows) add(Source{static_cast<uint32_t>(position_), lag});
    }

    void add(Source source) {
        const Feature& f = work_.plan.columns[source.position].feature;
        if (f.first.size() < 2) return;
        candidates_.push_back(Candidate{source, {}, f.z, 0});
    }

    // The candidate's groups in every step-th row of the sample.
    void look(Candidate& c, size_t step) const {
        const Feature& f = work_.plan.columns[c.source.position].feature;
        uint8_t of[kMaxTokens] = {};
        for (size_t g = 0; g < f.first.size(); g++)
            std::fill(of + f.first[g], of + kMaxTokens, static_cast<uint8_t>(g));
        c.group.resize(group_.size());
        const auto& tokens = work_.tokens[c.source.position];
        for (size_t s = 0; s < group_.size(); s += step) {
            const size_t row = work_.sample[s];
            c.group[s] = c.source.lag > row ? uint8_t(0) : of[tokens[row - static_cast<size_t>(c.source.lag)]];
        }
    }

    // Bits of the whole column in cells x (nx) times y (ny), tables included, as the sample foretells them.
    double bits(const std::vector<uint8_t>& x, size_t nx, const std::vector<uint8_t>& y, size_t ny, size_t step = 1) {
        counts_.assign(nx * ny * n_groups_, 0);
        const double rows_each = work_.rows_each * static_cast<double>(step);
        for (size_t s = 0; s < group_.size(); s += step)
            if (live_[s]) counts_[(x[s] * ny + y[s]) * n_groups_ + group_[s]]++;
        double cost = 0, entries = 0;
        for (size_t cell = 0; cell < nx * ny; cell++) {
            uint64_t sum = 0;
            const uint32_t* n = &counts_[cell * n_groups_];
            for (size_t g = 0; g < n_groups_; g++) {
                if (!n[g]) continue;
                sum += n[g];
                cost -= n_log_n(n[g]);
                entries++;
            }
            if (sum) entries--;
            cost += n_log_n(sum);
        }
        // What is measured looks better than it is by 1/2 nat an entry; cells that are alike will share a table.
        return cost * rows_each + entries * (0.72 * 0.6 * (rows_each - 1) + 2);
    }

    // The column's rank as a weighted sum of the candidates' numbers: least squares on the sample.
    bool fit_score(Factor& score, std::vector<uint8_t>& sums) {
        const size_t m = std::min<size_t>(candidates_.size(), kMaxInputs / 2), n = group_.size();
        const bool own = candidates_[0].source.position == position_;
        std::vector<uint32_t> counts(n_groups_);
        for (size_t s = 0; s < n; s++) counts[group_[s]] += live_[s];
        std::vector<double> rank(n_groups_);
        if (own) {
            const Feature& f = work_.plan.columns[position_].feature;
            for (size_t g = 0; g < n_groups_; g++) rank[g] = g < f.z.size() ? f.z[g] : 0;
        } else {
            double done = 0, all = 0;
            for (uint32_t c : counts) all += c;
            for (size_t g = 0; g < n_groups_; g++) {
                const double p = (done + counts[g] / 2.0 + 0.25) / (all + 0.5);
                rank[g] = (std::pow(p, 0.135) - std::pow(1 - p, 0.135)) / 0.1975 * 40;
                done += counts[g];
            }
        }
        // Normal equations of (numbers, 1) against the rank, a little ridge, Cholesky.
        const size_t k = m + 1, step = std::max<size_t>(n / kScoreRows, 1), rows = n / step;
        std::vector<std::vector<double>> a(k, std::vector<double>(k + 1));
        std::vector<std::vector<float>> z(m, std::vector<float>(rows));
        for (size_t i = 0; i < m; i++)
            for (size_t s = 0; s < rows; s++)
                z[i][s] = live_[s * step] ? candidates_[i].z[candidates_[i].group[s * step]] : 0.0f;
        std::vector<float> y(rows);
        for (size_t s = 0; s < rows; s++) y[s] = live_[s * step] ? static_cast<float>(rank[group_[s * step]]) : 0.0f;
        const auto dot = [rows](const std::vector<float>& p, const std::vector<float>& q) {
            float part[16] = {};
            size_t s = 0;
            for (; s + 16 <= rows; s += 16)
                for (size_t l = 0; l < 16; l++) part[l] += p[s + l] * q[s + l];
            double sum = 0;
            for (float v : part) sum += v;
            for (; s < rows; s++) sum += p[s] * q[s];
            return sum;
        };
        const std::vector<float> ones(rows, 1.0f);
        for (size_t i = 0; i < k; i++) {
            const auto& p = i < m ? z[i] : ones;
            for (size_t j = i; j < k; j++) a[i][j] = a[j][i] = dot(p, j < m ? z[j] : ones);
            a[i][k] = dot(p, y);
            a[i][i] += 1e-3 * a[i][i] + 1;
        }
        for (size_t i = 0; i < k; i++) {
            for (size_t j = i + 1; j < k; j++) {
                const double w = a[j][i] / a[i][i];
                for (size_t l = i; l <= k; l++) a[j][l] -= w * a[i][l];
            }
        }
        std::vector<double> w(k);
        for (size_t i = k; i-- > 0;) {
            double sum = a[i][k];
            for (size_t j = i + 1; j < k; j++) sum -= a[i][j] * w[j];
            w[i] = sum / a[i][i];
        }
        double largest = 0;
        for (size_t i = 0; i < m; i++) largest = std::max(largest, std::fabs(w[i]));
        if (!(largest > 1e-6) || !std::isfinite(largest)) return false;
        score.kind = Factor::score;
        std::vector<std::pair<Source, int8_t>> inputs;
        std::vector<int32_t> sum(n);
        for (size_t i = 0; i < m; i++) {
            const auto weight = static_cast<int8_t>(std::lround(w[i] / largest * 100));
            if (weight == 0) continue;
            inputs.emplace_back(candidates_[i].source, weight);
            for (size_t s = 0; s < n; s++) sum[s] += weight * candidates_[i].z[candidates_[i].group[s]];
        }
        std::sort(inputs.begin(), inputs.end(), [](const auto& p, const auto& q) {
            return std::make_pair(p.first.position, p.first.lag) < std::make_pair(q.first.position, q.first.lag);
        });
        for (const auto& [source, weight] : inputs) {
            score.inputs.push_back(source);
            score.weights.push_back(weight);
        }
        std::vector<int32_t> order;
        for (size_t s = 0; s < n; s++)
            if (live_[s]) order.push_back(sum[s]);
        std::sort(order.begin(), order.end());
        for (size_t t = 1; t < kScoreGroups; t++) {
            const int32_t at = order[t * order.size() / kScoreGroups];
            if (at > (score.thresholds.empty() ? order[0] : score.thresholds.back())) score.thresholds.push_back(at);
        }
        if (score.thresholds.empty()) return false;
        sums.resize(n);
        for (size_t s = 0; s < n; s++)
            sums[s] = static_cast<uint8_t>(std::upper_bound(score.thresholds.begin(), score.thresholds.end(), sum[s]) -
                                           score.thresholds.begin());
        return true;
    }

    const Work& work_;
    size_t position_;
    const Column& column_;
    const std::vector<uint8_t>& group_;
    size_t n_groups_;
    std::vector<uint8_t> live_;
    std::vector<Candidate> candidates_;
    std::vector<uint32_t> counts_;
};

}  // namespace

void choose_factors(const Work& work, size_t position, const std::vector<uint8_t>& group, size_t n_groups,
                    Factor (&factors)[2]) {
    Chooser(work, position, group, n_groups).run(factors);
}

}  // namespace baler::builtin
