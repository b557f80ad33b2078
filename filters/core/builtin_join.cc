#include <algorithm>
#include <cmath>

#include "builtin_encoder.h"

namespace baler::builtin {

namespace {

constexpr size_t kFewCells = 32;
constexpr uint64_t kLogs = 65536;  // n log n in a table
constexpr double kTableBits = 4, kEntryBits = 3.2;  // about what a stored table and one of its entries cost

// Clusters of cells and what each costs. Clusters are named by their rows of counts, joined ones by the first's.
class Clusters {
  public:
    Clusters(const std::vector<uint32_t>& counts, size_t cells, size_t tokens, double rows_each)
        : tokens_(tokens), rows_each_(rows_each), n_(counts), sum_(cells), bits_(cells) {
        for (size_t c = 0; c < cells; c++) {
            for (size_t t = 0; t < tokens; t++) sum_[c] += n_[c * tokens + t];
            total_ += sum_[c];
        }
        none_.resize(tokens);
        for (size_t c = 0; c < cells; c++)
            if (sum_[c]) bits_[c] = cost(&n_[c * tokens], none_.data(), sum_[c]);
    }

    bool empty(size_t c) const { return sum_[c] == 0; }
    double bits(size_t c) const { return bits_[c]; }
    double joined(size_t a, size_t b) const { return cost(&n_[a * tokens_], &n_[b * tokens_], sum_[a] + sum_[b]); }
    void join(size_t a, size_t b, double bits) {
        for (size_t t = 0; t < tokens_; t++) n_[a * tokens_ + t] += n_[b * tokens_ + t];
        sum_[a] += sum_[b];
        bits_[a] = bits;
    }

  private:
    double cost(const uint32_t* a, const uint32_t* b, uint64_t sum) const {
        float saved = 0;
        uint32_t used = 0;
        if (total_ <= kLogs) {
            // several sums, so that one addition need not wait for the other
            const float* log_of = n_log_n_table();
            float part[4] = {};
            uint32_t any[4] = {};
            size_t t = 0;
            for (; t + 4 <= tokens_; t += 4)
                for (size_t i = 0; i < 4; i++) {
                    const uint32_t n = a[t + i] + b[t + i];
                    part[i] += log_of[n];
                    any[i] += n != 0;
                }
            for (; t < tokens_; t++) {
                part[0] += log_of[a[t] + b[t]];
                any[0] += a[t] + b[t] != 0;
            }
            saved = (part[0] + part[1]) + (part[2] + part[3]);
            used = any[0] + any[1] + any[2] + any[3];
        } else {
            double all = 0;
            for (size_t t = 0; t < tokens_; t++) {
                all += n_log_n(uint64_t(a[t]) + b[t]);
                used += a[t] + b[t] != 0;
            }
            saved = static_cast<float>(all);
        }
        const double symbols = n_log_n(sum) - saved, entries = kEntryBits * used;
        // a sample's table is paid for once, its symbols rows_each times
        if (rows_each_ <= 1) return symbols + kTableBits + entries;
        return symbols + (kTableBits + entries) / rows_each_ + entries * 0.3;
    }

    size_t tokens_;
    double rows_each_;
    std::vector<uint32_t> n_, none_;
    std::vector<uint64_t> sum_;
    std::vector<double> bits_;
    uint64_t total_ = 0;
};

}  // namespace

std::vector<uint8_t> join_cells(const std::vector<uint32_t>& counts, size_t cells, size_t tokens, size_t across,
                                size_t most, double rows_each, size_t& tables) {
    // First neighbours (across is the inner factor), then whatever is alike.
    Clusters all(counts, cells, tokens, rows_each);
    constexpr uint32_t kNone = UINT32_MAX;
    std::vector<uint32_t> of(cells, kNone);  // the cluster that a cell, or a cluster, was joined to
    std::vector<uint32_t> left;              // those that are left
    const auto join = [&](size_t a, size_t b, double bits) {
        all.join(left[a], left[b], bits);
        of[left[b]] = left[a];
        left.erase(left.begin() + static_cast<std::ptrdiff_t>(b));
    };
    size_t last = 0;  // cell of the last cluster
    for (size_t c = 0; c < cells; c++) {
        if (all.empty(c)) continue;
        of[c] = static_cast<uint32_t>(c);
        left.push_back(of[c]);
        if (left.size() > 1 && c / across == last / across) {
            const size_t b = left.size() - 1;
            const double joined = all.joined(left[b - 1], left[b]);
            if (joined <= all.bits(left[b - 1]) + all.bits(left[b])) join(b - 1, b, joined);
        }
        last = c;
    }
    // Neighbours in the list, cheapest first, until few enough are left to look at every pair.
    std::vector<double> cost;
    const auto gain = [&](size_t a, size_t b) {
        return all.bits(left[a]) + all.bits(left[b]) - all.joined(left[a], left[b]);
    };
    for (size_t i = 0; left.size() > kFewCells && i + 1 < left.size(); i++) cost.push_back(-gain(i, i + 1));
    while (left.size() > kFewCells) {
        const auto i = static_cast<size_t>(std::min_element(cost.begin(), cost.end()) - cost.begin());
        join(i, i + 1, all.bits(left[i]) + all.bits(left[i + 1]) + cost[i]);
        cost.erase(cost.begin() + static_cast<std::ptrdiff_t>(i));
        if (i < cost.size()) cost[i] = -gain(i, i + 1);
        if (i > 0) cost[i - 1] = -gain(i - 1, i);
    }
    std::vector<std::vector<double>> pair(left.size(), std::vector<double>(left.size()));
    for (size_t a = 0; a < left.size(); a++)
        for (size_t b = a + 1; b < left.size(); b++) pair[a][b] = gain(a, b);
    while (left.size() > 1) {
        size_t x = 0, y = 1;
        for (size_t a = 0; a < left.size(); a++)
            for (size_t b = a + 1; b < left.size(); b++)
                if (pair[a][b] > pair[x][y]) {
                    x = a;
                    y = b;
                }
        if (pair[x][y] <= 0 && left.size() <= most) break;
        join(x, y, all.bits(left[x]) + all.bits(left[y]) - pair[x][y]);
        pair.erase(pair.begin() + static_cast<std::ptrdiff_t>(y));
        for (auto& p : pair) p.erase(p.begin() + static_cast<std::ptrdiff_t>(y));
        for (size_t b = 0; b < left.size(); b++) {
            if (b < x) pair[b][x] = gain(b, x);
            if (b > x) pair[x][b] = gain(x, b);
        }
    }
    // Tables in the order of their first cells, so that neighbours are alike.
    std::vector<uint8_t> map(cells), number(cells);
    tables = 0;
    for (size_t c = 0; c < cells; c++) {
        if (of[c] == kNone) {
            map[c] = c ? map[c - 1] : uint8_t(0);
            continue;
        }
        // the first cell of a cluster names it
        if (of[c] == c) number[c] = static_cast<uint8_t>(tables++);
        else of[c] = of[of[c]];
        map[c] = number[of[c]];
    }
    return map;
}

}  // namespace baler::builtin
