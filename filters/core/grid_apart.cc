#include "grid_apart.h"

#include <algorithm>

namespace baler::grid {
namespace {

constexpr size_t kSample = 16384;
constexpr size_t kLargestCluster = 3;  // fill values that lie side by side (254, 255)
constexpr double kGap = 1.0 / 8;       // of the others' spread: what is farther away than this lies apart
constexpr double kLeastGap = 8;
constexpr uint64_t kFew = 64;          // for one value near a fill value there are so many cells of the fill value

uint64_t scrambled(uint64_t x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

// Where the bulk of the values that are not special lies, without the outermost hundredths.
double bulk(const std::vector<Value>& values) {
    uint64_t total = 0, before = 0;
    for (const Value& v : values) total += v.special ? 0 : v.count;
    int64_t low = 0, high = 0;
    bool any = false;
    for (const Value& v : values) {
        if (v.special) continue;
        if (!any && before + v.count > total / 100) {
            low = v.k;
            any = true;
        }
        if (before < total - total / 100) high = v.k;
        before += v.count;
    }
    return any ? distance(high, low) : 0;
}

// Marks small groups of frequent values that lie far from all others, the farthest first.
void mark_apart(std::vector<Value>& values, uint64_t frequent) {
    for (;;) {
        const double gap = std::max(kLeastGap, bulk(values) * kGap);
        // groups between the gaps; the one of most values is the data
        std::vector<std::pair<size_t, size_t>> groups;
        size_t last = SIZE_MAX;
        for (size_t i = 0; i < values.size(); i++) {
            if (values[i].special) continue;
            if (last == SIZE_MAX || distance(values[i].k, values[last].k) >= gap) groups.emplace_back(i, i);
            groups.back().second = i;
            last = i;
        }
        size_t data = 0, most = 0;
        uint64_t heaviest = 0;
        std::vector<size_t> sizes;
        for (size_t g = 0; g < groups.size(); g++) {
            size_t size = 0;
            uint64_t weight = 0;
            for (size_t i = groups[g].first; i <= groups[g].second; i++) {
                if (values[i].special) continue;
                size++;
                weight += values[i].count;
            }
            sizes.push_back(size);
            if (size > most || (size == most && weight > heaviest)) {
                data = g;
                most = size;
                heaviest = weight;
            }
        }
        bool any = false;
        for (size_t g = 0; g < groups.size(); g++) {
            if (g == data || sizes[g] > kLargestCluster) continue;
            bool all = true;
            for (size_t i = groups[g].first; i <= groups[g].second; i++)
                all &= values[i].special || values[i].count >= frequent;
            if (!all) continue;
            for (size_t i = groups[g].first; i <= groups[g].second; i++) values[i].special = true;
            any = true;
        }
        if (!any) return;
    }
}

// The lowest and the highest value, where hardly any others come near: the fill value of data that use all of their
// dtype.
void mark_ends(std::vector<Value>& values, uint64_t frequent) {
    for (bool any = true; any;) {
        any = false;
        const double gap = std::max(kLeastGap, bulk(values) * kGap);
        for (const bool top : {false, true}) {
            size_t end = SIZE_MAX;
            uint64_t near = 0;
            for (size_t n = 0; n < values.size(); n++) {
                const size_t i = top ? values.size() - 1 - n : n;
                if (values[i].special) continue;
                if (end == SIZE_MAX) end = i;
                else if (top ? distance(values[end].k, values[i].k) < gap : distance(values[i].k, values[end].k) < gap)
                    near += values[i].count;
                else break;
            }
            if (end == SIZE_MAX || values[end].count < frequent || near * kFew > values[end].count) continue;
            values[end].special = any = true;
        }
    }
}

// Counts of the marked values in all cells, and how many others come near each.
struct Census {
    std::vector<int64_t> special;
    std::vector<uint64_t> count, near;
    double gap;

    Census(const std::vector<int64_t>& k, const std::vector<uint8_t>& of, std::vector<int64_t> ascending, double apart)
        : special(std::move(ascending)), count(special.size()), near(special.size()), gap(apart) {
        const size_t n = special.size();
        const auto width = static_cast<uint64_t>(std::min(gap, 0x1p62));
        size_t g = 0;  // special values below the cell's
        uint64_t clear_from = 1, clear = 0;  // indices clear_from … clear_from + clear - 1 are near none
        bool any_clear = false;
        for (size_t i = 0; i < k.size(); i++) {
            if (!of.empty() && of[i]) continue;
            const int64_t x = k[i];
            if (any_clear && static_cast<uint64_t>(x) - clear_from < clear) continue;
            g = static_cast<size_t>(std::lower_bound(special.begin(), special.end(), x) - special.begin());
            if (g < n && special[g] == x) {
                count[g]++;
                continue;
            }
            bool close = false;
            if (g > 0 && distance(x, special[g - 1]) < gap) {
                near[g - 1]++;
                close = true;
            }
            if (g < n && distance(special[g], x) < gap) {
                near[g]++;
                close = true;
            }
            if (close) continue;
            clear_from = g > 0 ? static_cast<uint64_t>(special[g - 1]) + width + 1 : static_cast<uint64_t>(INT64_MIN);
            const uint64_t end = g < n ? static_cast<uint64_t>(special[g]) - width : static_cast<uint64_t>(INT64_MAX);
            any_clear = static_cast<int64_t>(clear_from) <= x && x < static_cast<int64_t>(end);
            clear = end - clear_from;
        }
    }
    bool stands(size_t j, uint64_t least) const { return count[j] >= least && near[j] * kFew <= count[j]; }
    // Special value j is one of the others after all.
    void take_back(size_t j) {
        if (j > 0 && distance(special[j], special[j - 1]) < gap) near[j - 1] += count[j];
        if (j + 1 < special.size() && distance(special[j + 1], special[j]) < gap) near[j + 1] += count[j];
        const auto at = static_cast<ptrdiff_t>(j);
        special.erase(special.begin() + at);
        count.erase(count.begin() + at);
        near.erase(near.begin() + at);
    }
};

}  // namespace

std::vector<Value> sample(const std::vector<int64_t>& k, const std::vector<uint8_t>& of, size_t* seen) {
    std::vector<int64_t> some;
    const size_t n = k.size(), stretches = std::min(n, kSample);
    for (size_t s = 0; s < stretches; s++) {
        const size_t begin = n * s / stretches, end = n * (s + 1) / stretches;
        const size_t i = begin + static_cast<size_t>(scrambled(s + 1) % (end - begin));
        if (of.empty() || !of[i]) some.push_back(k[i]);
    }
    *seen = some.size();
    // fill values in few cells are the outermost ones
    int64_t low = INT64_MAX, high = INT64_MIN;
    for (size_t i = 0; i < n; i++) {
        if (!of.empty() && of[i]) continue;
        low = std::min(low, k[i]);
        high = std::max(high, k[i]);
    }
    if (low < high && n > kSample) some.insert(some.end(), {low, high});
    std::sort(some.begin(), some.end());
    std::vector<Value> values;
    for (int64_t x : some) {
        if (values.empty() || values.back().k != x) values.push_back({x, 0, false});
        values.back().count++;
    }
    return values;
}

std::vector<int64_t> values_apart(const std::vector<int64_t>& k, const std::vector<uint8_t>& of) {
    size_t seen = 0;
    std::vector<Value> values = sample(k, of, &seen);
    if (values.size() < 2) return {};
    // A fill value in a few cells costs like any escape there, and spoils the predictions around them.
    const uint64_t least = std::max<uint64_t>(8, k.size() / 50000);
    const uint64_t frequent = k.size() <= kSample ? least : std::max<uint64_t>(1, least * kSample / k.size() / 2);
    mark_apart(values, frequent);
    mark_ends(values, frequent);
    std::vector<Value*> marked;
    for (Value& v : values)
        if (v.special) marked.push_back(&v);
    std::stable_sort(marked.begin(), marked.end(), [](const Value* a, const Value* b) { return a->count > b->count; });
    for (size_t i = kMostSpecial; i < marked.size(); i++) marked[i]->special = false;
    std::vector<int64_t> special;
    for (const Value& v : values)
        if (v.special) special.push_back(v.k);
    // a handful of values all over the place is no data with fill values
    if (special.empty() || values.size() - special.size() < 2 * special.size() + 2) return {};
    Census census(k, of, special, std::max(kLeastGap, bulk(values) * kGap));
    for (size_t j = 0; j < census.special.size();) {
        if (census.stands(j, least)) {
            j++;
        } else {
            census.take_back(j);
            j = 0;
        }
    }
    return census.special;
}

}  // namespace baler::grid
