// Finding the cells that a grid does not code: exceptions, fill values, what lies too far away. Looks at nothing but
// the indices, so that it decides the same when decoded values are encoded again.
#include <algorithm>

#include "grid.h"
#include "grid_units.h"

namespace baler::grid {
namespace {

constexpr size_t kSample = 16384;
constexpr size_t kMostItems = 192;     // dictionary items that get a class of their own
constexpr size_t kMostSpecial = 32;
constexpr size_t kLargestCluster = 3;  // fill values that lie side by side (254, 255)
constexpr double kGap = 1.0 / 8;       // of the others' spread: what is farther away than this lies apart
constexpr double kLeastGap = 8;
constexpr uint64_t kFew = 64;          // for one value near a fill value there are so many cells of the fill value

// a - b, also where int64 would overflow
double distance(int64_t a, int64_t b) { return static_cast<double>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b)); }

void add_exceptions(Classes& c, size_t cells, const ColumnExceptions& exceptions) {
    if (exceptions.runs.empty()) return;
    c.of.assign(cells, 0);
    std::vector<uint64_t> counts(exceptions.dictionary.size());
    for (const auto& run : exceptions.runs)
        if (run.item != kLiteral) counts[run.item] += run.length;
    std::vector<uint64_t> sorted = counts;
    std::sort(sorted.rbegin(), sorted.rend());
    const uint64_t least = sorted.size() > kMostItems ? sorted[kMostItems] + 1 : 1;
    std::vector<uint8_t> number(counts.size());
    for (size_t i = 0; i < counts.size(); i++) {
        if (counts[i] < least) continue;
        CellClass one;
        one.type = CellClass::item;
        one.bits = exceptions.dictionary[i];
        c.list.push_back(one);
        number[i] = static_cast<uint8_t>(c.list.size());
    }
    uint8_t literal = 0;
    size_t next = 0;
    for (const auto& run : exceptions.runs) {
        uint8_t kind = run.item == kLiteral ? uint8_t(0) : number[run.item];
        if (!kind) {
            if (!literal) {
                CellClass one;
                one.type = CellClass::literal;
                c.list.push_back(one);
                literal = static_cast<uint8_t>(c.list.size());
            }
            kind = literal;
            for (uint64_t i = 0; i < run.length; i++)
                c.literals.push_back(run.item == kLiteral ? exceptions.literals[next++] : exceptions.dictionary[run.item]);
        }
        std::fill_n(c.of.begin() + static_cast<ptrdiff_t>(run.begin), run.length, kind);
    }
}

struct Value {
    int64_t k;
    uint64_t count;
    bool special;
};

uint64_t scrambled(uint64_t x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

// Distinct indices of some cells, one from each of kSample stretches, ascending. *seen: how many cells those were.
std::vector<Value> sample(const std::vector<int64_t>& k, const std::vector<uint8_t>& of, size_t* seen) {
    std::vector<int64_t> some;
    const size_t n = k.size(), stretches = std::min(n, kSample);
    for (size_t s = 0; s < stretches; s++) {
        const size_t begin = n * s / stretches, end = n * (s + 1) / stretches;
        const size_t i = begin + static_cast<size_t>(scrambled(s + 1) % (end - begin));
        if (of.empty() || !of[i]) some.push_back(k[i]);
    }
    *seen = some.size();
    std::sort(some.begin(), some.end());
    std::vector<Value> values;
    for (int64_t x : some) {
        if (values.empty() || values.back().k != x) values.push_back({x, 0, false});
        values.back().count++;
    }
    return values;
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
            for (size_t i = groups[g].first; i <= groups[g].second; i++) all &= values[i].special || values[i].count >= frequent;
            if (!all) continue;
            for (size_t i = groups[g].first; i <= groups[g].second; i++) values[i].special = true;
            any = true;
        }
        if (!any) return;
    }
}

// The lowest and the highest value, where hardly any others come near: the fill value of data that use their whole dtype.
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

void add_class(Classes& c, const std::vector<int64_t>& k, const std::vector<int64_t>& special) {
    if (special.empty()) return;
    if (c.of.empty()) c.of.assign(k.size(), 0);
    const size_t first = c.list.size() + 1;
    for (int64_t x : special) {
        CellClass one;
        one.type = CellClass::index;
        one.k = x;
        c.list.push_back(one);
    }
    int64_t before = special[0];
    size_t kind = first;
    for (size_t i = 0; i < k.size(); i++) {
        if (c.of[i]) continue;
        if (k[i] != before) {
            const auto at = std::lower_bound(special.begin(), special.end(), k[i]);
            if (at == special.end() || *at != k[i]) continue;
            before = k[i];
            kind = first + static_cast<size_t>(at - special.begin());
        }
        c.of[i] = static_cast<uint8_t>(kind);
    }
}

void find_special(Classes& c, const std::vector<int64_t>& k) {
    size_t seen = 0;
    std::vector<Value> values = sample(k, c.of, &seen);
    if (values.size() < 2) return;
    const uint64_t least = std::max<uint64_t>(8, k.size() / 2000);
    const uint64_t frequent = k.size() <= kSample ? least : std::max<uint64_t>(3, least * kSample / k.size() / 2);
    mark_apart(values, frequent);
    mark_ends(values, frequent);
    std::vector<int64_t> special;
    size_t others = 0;
    for (const Value& v : values) {
        if (v.special) special.push_back(v.k);
        else others++;
    }
    // a handful of values all over the place is no data with fill values
    if (special.empty() || special.size() > kMostSpecial || others < 2 * special.size() + 2) return;
    Census census(k, c.of, special, std::max(kLeastGap, bulk(values) * kGap));
    for (size_t j = 0; j < census.special.size();) {
        if (census.stands(j, least)) {
            j++;
        } else {
            census.take_back(j);
            j = 0;
        }
    }
    add_class(c, k, census.special);
}

// Cells so far from most others that their units do not fit: each is stored, or has a class if its index is frequent.
void find_far(Classes& c, const std::vector<int64_t>& k) {
    if (affine_possible(k, c)) return;
    size_t seen = 0;
    const std::vector<Value> values = sample(k, c.of, &seen);
    // the stretch that holds most of the sample
    constexpr double kReach = 1 << 29;
    uint64_t best = 0, inside = 0;
    int64_t low = 0, high = 0;
    for (size_t i = 0, j = 0; j < values.size(); j++) {
        inside += values[j].count;
        while (distance(values[j].k, values[i].k) > kReach) inside -= values[i++].count;
        if (inside <= best) continue;
        best = inside;
        low = values[i].k;
        high = values[j].k;
    }
    if (best < seen - seen / 8) return;  // no grid
    // room on both sides for what the sample did not see
    const auto spare = static_cast<int64_t>((kReach - distance(high, low)) / 2 + kReach / 4);
    low = low < INT64_MIN + spare ? INT64_MIN : low - spare;
    high = high > INT64_MAX - spare ? INT64_MAX : high + spare;
    std::vector<int64_t> outside;
    for (size_t i = 0; i < k.size(); i++)
        if ((c.of.empty() || !c.of[i]) && (k[i] < low || k[i] > high)) outside.push_back(k[i]);
    std::vector<int64_t> sorted = outside;
    std::sort(sorted.begin(), sorted.end());
    std::vector<std::pair<size_t, int64_t>> often;
    for (size_t i = 0, j; i < sorted.size(); i = j) {
        for (j = i; j < sorted.size() && sorted[j] == sorted[i]; j++) continue;
        if (j - i >= 8) often.emplace_back(j - i, sorted[i]);
    }
    std::sort(often.rbegin(), often.rend());
    if (often.size() > kMostSpecial) often.resize(kMostSpecial);
    size_t with_class = 0;
    std::vector<int64_t> special;
    for (const auto& o : often) {
        with_class += o.first;
        special.push_back(o.second);
    }
    if (outside.size() - with_class > k.size() / 8) return;
    std::sort(special.begin(), special.end());
    add_class(c, k, special);
    if (outside.size() == with_class) return;
    if (c.of.empty()) c.of.assign(k.size(), 0);
    CellClass one;
    one.type = CellClass::far;
    c.list.push_back(one);
    for (size_t i = 0; i < k.size(); i++) {
        if (c.of[i] || (k[i] >= low && k[i] <= high)) continue;
        c.of[i] = static_cast<uint8_t>(c.list.size());
        c.far.push_back(k[i]);
    }
}

}  // namespace

Classes find_classes(const Extents& extents, const std::vector<int64_t>& k, const ColumnExceptions& exceptions) {
    Classes c;
    add_exceptions(c, extents.cells(), exceptions);
    find_special(c, k);
    find_far(c, k);
    return c;
}

}  // namespace baler::grid
