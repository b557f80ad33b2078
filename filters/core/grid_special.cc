// Finding the cells that a grid does not code: exceptions, fill values, what lies too far away. Looks at nothing but
// the indices, so that it decides the same when decoded values are encoded again.
#include <algorithm>

#include "grid_apart.h"
#include "grid_units.h"

namespace baler::grid {
namespace {

constexpr size_t kMostItems = 192;     // dictionary items that get a class of their own

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
                c.literals.push_back(run.item == kLiteral ? exceptions.literals[next++]
                                                          : exceptions.dictionary[run.item]);
        }
        std::fill_n(c.of.begin() + static_cast<ptrdiff_t>(run.begin), run.length, kind);
    }
}

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
    add_class(c, k, values_apart(k, c.of));
    find_far(c, k);
    return c;
}

}  // namespace baler::grid
