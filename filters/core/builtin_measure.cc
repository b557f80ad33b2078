#include "builtin_measure.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "instruction_set.h"

namespace baler::builtin {

Range range_of(const int64_t* v, const Column& c) {
    // a masked cell repeats the row before, so only those in front count for nothing
    size_t begin = 0;
    while (begin < c.k.size() && c.masked(begin)) begin++;
    Range r;
    if (begin < c.k.size()) instruction_set().tables.range(v + begin, c.k.size() - begin, &r.low, &r.high);
    return r;
}

uint64_t stride_of(const int64_t* v, const Column& c, const Range& range, int64_t& base) {
    base = range.span() >> 62 ? 0 : range.low;
    uint64_t g = 0;
    for (size_t i = 0; i < c.k.size() && g != 1; i++) {
        if (c.masked(i)) continue;
        const uint64_t d = static_cast<uint64_t>(v[i]) - static_cast<uint64_t>(base);
        g = std::gcd(g, static_cast<int64_t>(d) < 0 ? uint64_t(0) - d : d);
    }
    return g >> 62 ? 1 : std::max<uint64_t>(g, 1);
}

bool integers(const Work& work, const Column& c, int& scale, std::vector<int64_t>& v) {
    int need = -900;
    for (size_t row : work.sample) {
        if (c.masked(row)) continue;
        const double x = c.lattice.value(c.k[row]);
        if (x == 0) continue;
        int e = 0;
        const double m = std::frexp(std::fabs(x), &e);
        const auto whole = static_cast<uint64_t>(std::ldexp(m, 53));
        int zeros = 0;
        while (!(whole >> zeros & 1)) zeros++;
        need = std::max(need, 53 - zeros - e);
        if (need + e > 50) return false;
    }
    scale = std::max(need, -60);
    return scale <= 900 && to_values(c, scale, v);
}

bool distinct_values(const int64_t* v, const Column& c, size_t most, std::vector<int64_t>& out) {
    out.clear();
    const Range range = range_of(v, c);
    if (range.low <= range.high && range.span() < std::max<size_t>(4 * most, 4096)) {
        std::vector<uint8_t> there(static_cast<size_t>(range.span()) + 1);
        uint8_t* at = there.data();
        const auto low = static_cast<uint64_t>(range.low);
        // a masked cell repeats the row before; those in front repeat nothing
        size_t begin = 0;
        while (c.masked(begin)) begin++;
        for (size_t i = begin; i < c.k.size(); i++) at[static_cast<uint64_t>(v[i]) - low] = 1;
        for (size_t i = 0; i < there.size(); i++)
            if (there[i]) out.push_back(static_cast<int64_t>(low + i));
        return out.size() <= most;
    }
    const size_t size = size_t(1) << length_of(2 * most);
    std::vector<int64_t> slot(size);
    std::vector<uint8_t> used(size);
    for (size_t i = 0; i < c.k.size(); i++) {
        if (c.masked(i)) continue;
        size_t h = static_cast<size_t>(static_cast<uint64_t>(v[i]) * 0x9E3779B97F4A7C15u >> 20) & (size - 1);
        while (used[h] && slot[h] != v[i]) h = (h + 1) & (size - 1);
        if (used[h]) continue;
        if (out.size() == most) return false;
        used[h] = 1;
        slot[h] = v[i];
        out.push_back(v[i]);
    }
    std::sort(out.begin(), out.end());
    return true;
}

constexpr size_t kSample = 8192;

Work::Work(const Table& t) : table(t), axes(row_axes(t)) {
    const size_t n = t.rows, C = t.columns.size();
    plan.order.resize(C);
    std::iota(plan.order.begin(), plan.order.end(), 0u);
    plan.columns.resize(C);
    columns.resize(C);
    groups.resize(C);
    const size_t runs = std::min((n + kSampleRun - 1) / kSampleRun, kSample / kSampleRun);
    for (size_t i = 0; i < runs; i++) {
        const size_t begin = n <= kSample ? i * kSampleRun : (n - kSampleRun) / (runs - 1) * i;
        for (size_t j = begin; j < std::min(n, begin + kSampleRun); j++) sample.push_back(j);
    }
    rows_each = static_cast<double>(n) / static_cast<double>(std::max<size_t>(sample.size(), 1));
}

double bits_each(const std::vector<int64_t>& sample, double rows_each) {
    if (sample.empty()) return 0;
    const auto [low, high] = std::minmax_element(sample.begin(), sample.end());
    int64_t origin = 0;
    uint8_t bits = 0;
    choose_root(*low, *high, origin, bits);
    std::vector<uint64_t> x;
    x.reserve(sample.size());
    for (int64_t v : sample) x.push_back(static_cast<uint64_t>(v) - static_cast<uint64_t>(origin));
    SortedSample sorted;
    sorted.assign(x, std::vector<uint16_t>(x.size()), bits);
    double cost = 0;
    choose_bins({sorted, nullptr, rows_each}, bits, kMaxTokens, &cost);
    return cost / static_cast<double>(sample.size());
}

}  // namespace baler::builtin
