#include "builtin_bins.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace baler::builtin {

constexpr size_t kSmall = 65537;

const float* n_log_n_table() {
    static const std::vector<float> table = [] {
        std::vector<float> t(kSmall, 0.0f);
        for (size_t i = 2; i < t.size(); i++)
            t[i] = static_cast<float>(static_cast<double>(i) * std::log2(static_cast<double>(i)));
        return t;
    }();
    return table.data();
}

float n_log_n_of_many(uint64_t n) { return static_cast<float>(static_cast<double>(n) * std::log2(static_cast<double>(n))); }

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

// Keys hold a value and where it came from, and are sorted by digits of the value, from the lowest up.
void SortedSample::assign(const std::vector<uint64_t>& values, const std::vector<uint16_t>& places, int bits) {
    constexpr int kFrom = 16, kDigit = 11;
    const size_t n = values.size();
    value.resize(n);
    from.resize(n);
    if (bits + kFrom > 64 || n < 128) {
        std::vector<std::pair<uint64_t, uint16_t>> x(n);
        for (size_t i = 0; i < n; i++) x[i] = {values[i], places[i]};
        std::sort(x.begin(), x.end());
        for (size_t i = 0; i < n; i++) std::tie(value[i], from[i]) = x[i];
        return;
    }
    std::vector<uint64_t> keys(n), other(n);
    for (size_t i = 0; i < n; i++) keys[i] = values[i] << kFrom | places[i];
    const int passes = std::max((bits + kDigit - 1) / kDigit, 1), digit = (bits + passes - 1) / passes;
    const uint64_t mask = (uint64_t(1) << digit) - 1;
    for (int shift = kFrom; shift < kFrom + bits; shift += digit) {
        uint32_t at[1 << kDigit] = {};
        for (uint64_t k : keys) at[k >> shift & mask]++;
        uint32_t sum = 0;
        for (size_t d = 0; d <= mask; d++) {
            const uint32_t count = at[d];
            at[d] = sum;
            sum += count;
        }
        for (uint64_t k : keys) other[at[k >> shift & mask]++] = k;
        keys.swap(other);
    }
    for (size_t i = 0; i < n; i++) {
        value[i] = keys[i] >> kFrom;
        from[i] = static_cast<uint16_t>(keys[i]);
    }
}

namespace {

constexpr size_t kContexts = 16;
constexpr size_t kManyBins = 4096;

int length_of(uint64_t v) { return v ? 64 - __builtin_clzll(v) : 0; }

// contexts: how many, 1 or up to kContexts
template <size_t N>
class Optimiser {
  public:
    Optimiser(const uint64_t* points, const uint8_t* its_context, double bin, double empty, size_t few)
        : x(points), context(its_context), per_bin(static_cast<float>(bin)), per_empty(static_cast<float>(empty)),
          least(few), log_of(n_log_n_table()) {}

    std::vector<Bin> bins;

    struct Cost {
        float bits;
        uint16_t count[N];
    };

    Cost solve(size_t low, size_t high, uint64_t start, int bits) {
        const size_t n = high - low;
        if (n == 0) {
            bins.push_back(Bin{start, static_cast<uint8_t>(bits)});
            return Cost{per_empty, {}};
        }
        // Where all are in one half, each level down saves n bits and costs an empty bin: down at once.
        const int shared = n > 1 ? length_of(x[low] ^ x[high - 1]) : bits;
        if (shared < bits && static_cast<float>(n) > per_empty) {
            const uint64_t inner = start + ((x[low] - start) >> shared << shared);
            descend(inner, shared, start, bits, true);
            Cost below = branch(low, high, inner, shared);
            descend(inner, shared, start, bits, false);
            below.bits += per_empty * static_cast<float>(bits - shared);
            return below;
        }
        return branch(low, high, start, bits);
    }

  private:
    float leaf(const uint16_t* count, size_t n, int bits) const {
        const float cost = static_cast<float>(n) * static_cast<float>(bits);
        if (N == 1) return cost - log_of[n] + per_bin;
        float used = 0, saved = 0;
        for (size_t c = 0; c < N; c++) {
            saved += log_of[count[c]];
            used += count[c] != 0 ? 1.0f : 0.0f;
        }
        return cost - saved + per_bin * std::min(used, 6.0f);
    }

    // The empty halves beside the way from [start, 2^bits) down to [inner, 2^shared): those before it, or behind it.
    void descend(uint64_t inner, int shared, uint64_t start, int bits, bool before) {
        Bin behind[64];
        size_t n = 0;
        for (; bits > shared; bits--) {
            const uint64_t half = uint64_t(1) << (bits - 1);
            const auto b = static_cast<uint8_t>(bits - 1);
            if (inner - start >= half) {
                if (before) bins.push_back(Bin{start, b});
                start += half;
            } else if (!before) {
                behind[n++] = Bin{start + half, b};
            }
        }
        while (n > 0) bins.push_back(behind[--n]);
    }

    Cost branch(size_t low, size_t high, uint64_t start, int bits) {
        Cost whole{0, {}};
        const size_t mark = bins.size(), n = high - low;
        // Nothing to gain below: too few bits are left to save.
        if (bits == 0 || n < least || mark > kManyBins) {
            for (size_t i = low; i < high; i++) whole.count[N == 1 ? 0 : context[i]]++;
            whole.bits = leaf(whole.count, n, bits);
            bins.push_back(Bin{start, static_cast<uint8_t>(bits)});
            return whole;
        }
        const uint64_t half = uint64_t(1) << (bits - 1);
        const auto middle = static_cast<size_t>(std::lower_bound(x + low, x + high, start + half) - x);
        const Cost left = solve(low, middle, start, bits - 1);
        const Cost right = solve(middle, high, start + half, bits - 1);
        for (size_t c = 0; c < N; c++) whole.count[c] = static_cast<uint16_t>(left.count[c] + right.count[c]);
        whole.bits = leaf(whole.count, n, bits);
        if (left.bits + right.bits < whole.bits) {
            whole.bits = left.bits + right.bits;
        } else {
            bins.resize(mark);
            bins.push_back(Bin{start, static_cast<uint8_t>(bits)});
        }
        return whole;
    }

    const uint64_t* x;
    const uint8_t* context;
    float per_bin, per_empty;
    size_t least;
    const float* log_of;
};

template <size_t N>
std::vector<Bin> choose(const BinSample& sample, int bits, size_t most, double* cost) {
    const std::vector<uint64_t>& x = sample.sorted.value;
    std::vector<uint8_t> context;
    if (N > 1)
        for (uint16_t i : sample.sorted.from) context.push_back(sample.context[i]);
    const bool all = sample.rows_each < 1.5;
    double per_bin = 4.0 / sample.rows_each + (all ? 0.0 : 1.2), per_empty = 0.8 / sample.rows_each + (all ? 0.0 : 1.2);
    if (all) per_bin += 1.0;
    for (;;) {
        Optimiser<N> o(x.data(), context.data(), per_bin, per_empty, all || x.size() < 1024 ? 3 : 5);
        const auto total = o.solve(0, x.size(), 0, bits);
        if (cost) {
            *cost = total.bits;
            for (size_t c = 0; c < N; c++) *cost += n_log_n(total.count[c]);
        }
        // What the sample does not show may be there all the same, so empty bins count in part.
        if (o.bins.size() <= most) return o.bins;
        if (all || o.bins.size() <= kManyBins) {
            size_t used = 0;
            for (const Bin& b : o.bins) {
                const auto at = std::lower_bound(x.begin(), x.end(), b.start);
                used += at != x.end() && (b.bits == 64 || *at - b.start < uint64_t(1) << b.bits);
            }
            if (used <= most && o.bins.size() <= kManyBins) return o.bins;
        }
        per_bin = per_bin * 1.5 + 1;
        per_empty = per_empty * 1.5 + 0.5;
    }
}

}  // namespace

std::vector<Bin> choose_bins(const BinSample& sample, int bits, size_t most, double* cost) {
    return sample.context ? choose<kContexts>(sample, bits, most, cost) : choose<1>(sample, bits, most, cost);
}

BinSearch::BinSearch(const std::vector<Bin>& bins, int bits, size_t values) {
    constexpr int kParts = 9;
    const int fine = std::clamp(length_of(values) - 1, 8, 12);
    shift_ = std::max(bits - fine, 0);
    inside_ = (uint64_t(1) << shift_) - 1;
    for (const Bin& b : bins) start_.push_back(b.start);
    cell_of_.resize(size_t(1) << (bits - shift_));
    size_t at = 0;
    const auto bin_of = [&](uint64_t begin, int width) {
        while (at + 1 < start_.size() && start_[at + 1] <= begin) at++;
        const bool many = at + 1 < start_.size() && start_[at + 1] - begin < uint64_t(1) << width;
        return static_cast<uint16_t>(at | (many ? kMany : 0));
    };
    uint32_t last = kMany;
    for (size_t c = 0; c < cell_of_.size(); c++) {
        const uint64_t begin = static_cast<uint64_t>(c) << shift_;
        const uint16_t bin = bin_of(begin, shift_);
        if (bin != last || (bin & kMany)) {
            // bins are aligned to their widths, so the narrowest tells how finely to cut
            int width = shift_;
            if (bin & kMany)
                for (size_t b = bin & ~kMany; b < bins.size() && bins[b].start - begin <= inside_; b++)
                    width = std::min<int>(width, bins[b].bits);
            width = bin & kMany ? std::max(width, shift_ - kParts) : shift_;
            cells_.push_back({static_cast<uint32_t>(bins_.size()), bin & kMany ? width : 63});
            if (bin & kMany)
                for (uint64_t part = 0; part < uint64_t(1) << (shift_ - width); part++)
                    bins_.push_back(bin_of(begin + (part << width), width));
            else
                bins_.push_back(bin);
        }
        cell_of_[c] = static_cast<uint16_t>(cells_.size() - 1);
        last = bin;
    }
}

}  // namespace baler::builtin
