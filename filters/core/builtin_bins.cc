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
    if (n < table.size()) return table[static_cast<size_t>(n)];
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

int length_of(uint64_t v) { return v ? 64 - __builtin_clzll(v) : 0; }

struct Point {
    uint64_t value;
    uint32_t context;
};

class Optimiser {
  public:
    Optimiser(const std::vector<Point>& points, size_t n_contexts, double bin, double empty)
        : x(points), contexts(n_contexts), per_bin(bin), per_empty(empty) {}

    const std::vector<Point>& x;
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
        const size_t n = high - low;
        if (n == 0) {
            bins.push_back(Bin{start, static_cast<uint8_t>(bits)});
            return Cost{per_empty, {}};
        }
        // Where all are in one half, each level down saves n bits and costs an empty bin: down at once.
        const int shared = n > 1 ? length_of(x[low].value ^ x[high - 1].value) : bits;
        if (shared < bits && static_cast<double>(n) > per_empty) {
            const uint64_t inner = start + (bits < 64 || shared < 64
                ? (x[low].value - start) >> shared << shared : 0);
            descend(inner, shared, start, bits, true);
            Cost below = branch(low, high, inner, shared);
            descend(inner, shared, start, bits, false);
            below.bits += per_empty * (bits - shared);
            return below;
        }
        return branch(low, high, start, bits);
    }

  private:
    // The empty halves beside the way from [start, 2^bits) down to [inner, 2^shared): those before it, or behind it.
    void descend(uint64_t inner, int shared, uint64_t start, int bits, bool before) {
        std::vector<Bin> behind;
        for (; bits > shared; bits--) {
            const uint64_t half = uint64_t(1) << (bits - 1);
            const auto b = static_cast<uint8_t>(bits - 1);
            if (inner - start >= half) {
                if (before) bins.push_back(Bin{start, b});
                start += half;
            } else if (!before) {
                behind.push_back(Bin{start + half, b});
            }
        }
        bins.insert(bins.end(), behind.rbegin(), behind.rend());
    }

    Cost branch(size_t low, size_t high, uint64_t start, int bits) {
        Cost whole{0, {}};
        const size_t mark = bins.size(), n = high - low;
        // Nothing to gain below: too few bits are left to save.
        if (bits == 0 || n < 3 || mark > kManyBins) {
            for (size_t i = low; i < high; i++) whole.count[x[i].context]++;
            whole.bits = leaf(whole.count, n, bits);
            bins.push_back(Bin{start, static_cast<uint8_t>(bits)});
            return whole;
        }
        const uint64_t half = uint64_t(1) << (bits - 1);
        const auto at = std::lower_bound(x.begin() + static_cast<std::ptrdiff_t>(low),
                                         x.begin() + static_cast<std::ptrdiff_t>(high), start + half,
                                         [](const Point& a, uint64_t v) { return a.value < v; });
        const auto middle = static_cast<size_t>(at - x.begin());
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

// By value, by bytes from the lowest up.
void sort_points(std::vector<Point>& x, int bits) {
    if (x.size() < 256) {
        std::sort(x.begin(), x.end(), [](const Point& a, const Point& b) { return a.value < b.value; });
        return;
    }
    constexpr int kDigit = 11;
    std::vector<Point> other(x.size());
    for (int shift = 0; shift < bits; shift += kDigit) {
        uint32_t at[1 << kDigit] = {};
        for (const Point& p : x) at[p.value >> shift & ((1 << kDigit) - 1)]++;
        uint32_t sum = 0;
        for (uint32_t& a : at) {
            const uint32_t n = a;
            a = sum;
            sum += n;
        }
        for (const Point& p : x) other[at[p.value >> shift & ((1 << kDigit) - 1)]++] = p;
        x.swap(other);
    }
}

}  // namespace

std::vector<Bin> choose_bins(const BinSample& sample, int64_t origin, int bits, size_t most, double* cost) {
    std::vector<Point> x(sample.r.size());
    size_t contexts = 1;
    for (size_t i = 0; i < x.size(); i++) {
        x[i].value = static_cast<uint64_t>(sample.r[i]) - static_cast<uint64_t>(origin);
        x[i].context = sample.context.empty() ? 0 : sample.context[i];
        contexts = std::max<size_t>(contexts, x[i].context + size_t(1));
    }
    sort_points(x, bits);
    const bool all = sample.rows_each < 1.5;
    double per_bin = 4.0 / sample.rows_each + (all ? 0.0 : 1.2), per_empty = 0.8 / sample.rows_each + (all ? 0.0 : 1.2);
    if (all) per_bin += 1.0;
    for (;;) {
        Optimiser o(x, contexts, per_bin, per_empty);
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
                const auto at = std::lower_bound(x.begin(), x.end(), b.start,
                                                 [](const Point& a, uint64_t v) { return a.value < v; });
                used += at != x.end() && (b.bits == 64 || at->value - b.start < uint64_t(1) << b.bits);
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
