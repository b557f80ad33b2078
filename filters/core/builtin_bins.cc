#include "builtin_bins.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace baler::builtin {

double n_log_n(uint64_t n) {
    static const std::vector<double> table = [] {
        std::vector<double> t(65537, 0.0);
        for (size_t i = 2; i < t.size(); i++) t[i] = static_cast<double>(i) * std::log2(static_cast<double>(i));
        return t;
    }();
    if (n < table.size()) return table[n];
    return static_cast<double>(n) * std::log2(static_cast<double>(n));
}

void choose_root(int64_t low, int64_t high, int64_t& origin, uint8_t& bits) {
    const auto span = [](uint64_t range) {
        uint8_t b = 0;
        while (b < 64 && range >> b) b++;
        return b;
    };
    bits = span(static_cast<uint64_t>(high) - static_cast<uint64_t>(low));
    origin = low;
    // Aligned to zero where that is free: zero is then at the edge of bins of every width.
    if (low >= 0 && span(static_cast<uint64_t>(high)) <= bits) origin = 0;
    if (low < 0 && high >= 0) {
        const int half = std::max(span(static_cast<uint64_t>(-(low + 1))), span(static_cast<uint64_t>(high)));
        bits = static_cast<uint8_t>(half + 1);
        origin = static_cast<int64_t>(~uint64_t(0) << half);
    }
}

namespace {

constexpr size_t kContexts = 16;
constexpr size_t kManyBins = 4096;

struct Optimiser {
    const std::vector<std::pair<uint64_t, uint8_t>>& x;
    size_t contexts;
    double per_bin, per_empty;
    std::vector<Bin> bins;

    struct Cost {
        double bits;
        uint32_t count[kContexts];
    };

    double leaf(const uint32_t* count, size_t n, int bits) const {
        double cost = static_cast<double>(n) * bits;
        if (contexts == 1) return cost - n_log_n(n) + per_bin;
        double used = 0;
        for (size_t c = 0; c < contexts; c++) {
            cost -= n_log_n(count[c]);
            used += count[c] != 0;
        }
        return cost + per_bin * std::min(used, 6.0);
    }

    Cost solve(size_t low, size_t high, uint64_t start, int bits) {
        Cost whole{per_empty, {}};
        const size_t mark = bins.size();
        const size_t n = high - low;
        bins.push_back(Bin{start, static_cast<uint8_t>(bits)});
        if (n == 0) return whole;
        if (contexts == 1) whole.count[0] = static_cast<uint32_t>(n);
        const bool once = x[low].first == x[high - 1].first;
        // Nothing to gain below: too few bits are left to save.
        if (bits == 0 || mark > kManyBins || static_cast<double>(n) * bits <= per_empty ||
            (n < 4 && !once && contexts > 1)) {
            if (contexts > 1)
                for (size_t i = low; i < high; i++) whole.count[x[i].second]++;
            whole.bits = leaf(whole.count, n, bits);
            return whole;
        }
        bins.pop_back();
        const uint64_t half = uint64_t(1) << (bits - 1);
        size_t middle = low;
        if (bits == 64 || n > 0) {
            const auto at = std::lower_bound(x.begin() + static_cast<std::ptrdiff_t>(low),
                                             x.begin() + static_cast<std::ptrdiff_t>(high), start + half,
                                             [](const auto& a, uint64_t v) { return a.first < v; });
            middle = static_cast<size_t>(at - x.begin());
        }
        const Cost left = solve(low, middle, start, bits - 1);
        const Cost right = solve(middle, high, start + half, bits - 1);
        for (size_t c = 0; c < contexts; c++) whole.count[c] = left.count[c] + right.count[c];
        whole.bits = leaf(whole.count, n, bits);
        if (left.bits + right.bits < whole.bits) {
            whole.bits = left.bits + right.bits;
        } else {
            bins.resize(mark);
            bins.push_back(Bin{start, static_cast<uint8_t>(bits)});
        }
        return whole;
    }
};

}  // namespace

std::vector<Bin> choose_bins(const BinSample& sample, int64_t origin, int bits, size_t most, double* cost) {
    std::vector<std::pair<uint64_t, uint8_t>> x(sample.r.size());
    size_t contexts = 1;
    for (size_t i = 0; i < x.size(); i++) {
        x[i].first = static_cast<uint64_t>(sample.r[i]) - static_cast<uint64_t>(origin);
        x[i].second = sample.context.empty() ? uint8_t(0) : sample.context[i];
        contexts = std::max<size_t>(contexts, x[i].second + size_t(1));
    }
    std::sort(x.begin(), x.end());
    const bool all = sample.rows_each < 1.5;
    double per_bin = 4.0 / sample.rows_each + (all ? 0.0 : 1.2), per_empty = 0.8 / sample.rows_each + (all ? 0.0 : 1.2);
    if (all) per_bin += 1.0;
    for (;;) {
        Optimiser o{x, contexts, per_bin, per_empty, {}};
        const Optimiser::Cost total = o.solve(0, x.size(), 0, bits);
        if (cost) {
            *cost = total.bits;
            for (size_t c = 0; c < contexts; c++) *cost += n_log_n(total.count[c]);
        }
        // What the sample does not show may be there all the same, so empty bins count in part.
        if (o.bins.size() <= most) return o.bins;
        if (all || o.bins.size() <= kManyBins) {
            size_t used = 0;
            for (const Bin& b : o.bins) {
                const auto at = std::lower_bound(x.begin(), x.end(), std::make_pair(b.start, uint8_t(0)));
                used += at != x.end() && (b.bits == 64 || at->first - b.start < uint64_t(1) << b.bits);
            }
            if (used <= most && o.bins.size() <= kManyBins) return o.bins;
        }
        per_bin = per_bin * 1.5 + 1;
        per_empty = per_empty * 1.5 + 0.5;
    }
}

BinSearch::BinSearch(const std::vector<Bin>& bins, int64_t origin, int bits)
    : origin_(static_cast<uint64_t>(origin)), shift_(std::max(bits - 14, 0)) {
    for (const Bin& b : bins) start_.push_back(b.start);
    const size_t cells = size_t(1) << (bits - shift_);
    first_.resize(cells + 1);
    size_t at = 0;
    for (size_t c = 0; c < cells; c++) {
        while (at + 1 < start_.size() && start_[at + 1] <= static_cast<uint64_t>(c) << shift_) at++;
        first_[c] = static_cast<uint16_t>(at);
    }
    first_[cells] = static_cast<uint16_t>(start_.size() - 1);
}

}  // namespace baler::builtin
