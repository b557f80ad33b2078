// Which units a chunk gets: what its own indices look like decides. docs/format.md, section 12.3. For the writer alone.
#include <array>
#include <cmath>

#include "grid_survey.h"

namespace baler::grid {
namespace {

// Bits that the differences of neighbours take, as numbers of a smooth distribution: their lengths by entropy, the
// rest plain.
class Roughness {
  public:
    void add(int64_t d) {
        const uint64_t a = d < 0 ? ~static_cast<uint64_t>(d) + 1 : static_cast<uint64_t>(d);
        const int length = a ? 64 - __builtin_clzll(a) : 0;
        count_[static_cast<size_t>(length)]++;
        n_++;
        rest_ += length;  // the sign and all bits below the first
    }
    double bits() const {
        double sum = rest_;
        for (double c : count_)
            if (c > 0) sum += c * std::log2(n_ / c);
        return n_ > 0 ? sum / n_ : 0;
    }

  private:
    std::array<double, 65> count_{};
    double n_ = 0, rest_ = 0;
};

uint64_t scrambled(uint64_t x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    return x ^ x >> 27;
}

// Bits a cell of units given by unit(cell), on some stretches of cells.
template <class F>
double roughness(size_t n, const Classes& c, F&& unit) {
    constexpr size_t kStretch = 64, kStretches = 512;
    Roughness first, second;
    const size_t stretches = std::min(kStretches, (n + kStretch - 1) / kStretch);
    for (size_t s = 0; s < stretches; s++) {
        const size_t room = n > kStretch ? n - kStretch : 0;
        const size_t begin = stretches < kStretches ? s * kStretch : static_cast<size_t>(scrambled(s + 1) % (room + 1));
        int64_t a = 0, b = 0;  // the two before
        size_t known = 0;
        for (size_t i = begin; i < std::min(n, begin + kStretch); i++) {
            if (!is_coded(c, i)) continue;
            const int64_t u = unit(i);
            if (known >= 1) first.add(u - a);
            if (known >= 2) second.add(u - 2 * a + b);
            b = a;
            a = u;
            known++;
        }
    }
    return std::min(first.bits(), second.bits());
}

// u of some distinct indices, with the fixes they need; false: they are not multiples of one quantum after all.
bool to_source(const Lattice& lattice, const std::vector<int64_t>& distinct, Units& units, std::vector<int32_t>& u) {
    u.resize(distinct.size());
    int64_t last = INT64_MIN;
    for (size_t i = 0; i < distinct.size(); i++) {
        const int64_t x = source_unit(units, lattice.value(distinct[i]));
        if (x <= last) return false;
        u[i] = static_cast<int32_t>(last = x);
    }
    std::vector<int64_t> back(u.size());
    source_indices(units, lattice, u.data(), 0, u.size(), back.data());
    for (size_t i = 0; i < u.size(); i++)
        if (back[i] != distinct[i]) units.fixes.emplace_back(u[i], distinct[i] - back[i]);
    return units.fixes.size() <= distinct.size() / 4;
}

// Every cell on its own, where there are too many distinct indices: then no fixes.
bool to_source(const Lattice& lattice, const std::vector<int64_t>& k, const Classes& c, const Units& units,
               std::vector<int32_t>& u) {
    constexpr size_t kSome = 256;
    std::vector<int64_t> back(kSome);
    u.assign(k.size(), 0);
    for (size_t begin = 0; begin < k.size(); begin += kSome) {
        const size_t end = std::min(k.size(), begin + kSome);
        for (size_t i = begin; i < end; i++) {
            if (!is_coded(c, i)) continue;
            const int64_t x = source_unit(units, lattice.value(k[i]));
            if (x == INT64_MIN) return false;
            u[i] = static_cast<int32_t>(x);
        }
        source_indices(units, lattice, u.data() + begin, begin, end - begin, back.data());
        for (size_t i = begin; i < end; i++)
            if (is_coded(c, i) && back[i - begin] != k[i]) return false;
    }
    return true;
}

Units affine_units(const Survey& s) {
    Units units;
    units.stride = s.stride;
    const auto stride = static_cast<__int128>(s.stride);
    // multiples of the stride count from 0 if that is not too far away
    const __int128 rest = ((s.low % stride) + stride) % stride;
    units.base = static_cast<int64_t>(rest);
    if ((s.low - rest) / stride < -kMostUnits || (s.high - rest) / stride > kMostUnits)
        units.base = static_cast<int64_t>(s.low + static_cast<__int128>(s.span() / s.stride / 2) * stride);
    return units;
}

// The quotient has no rest and fits an int64; differences are taken where they cannot overflow.
int64_t affine_unit(const Units& units, int64_t k) {
    const bool up = k >= units.base;
    const uint64_t d = up ? static_cast<uint64_t>(k) - static_cast<uint64_t>(units.base)
                          : static_cast<uint64_t>(units.base) - static_cast<uint64_t>(k);
    const auto u = static_cast<int64_t>(units.stride == 1 ? d : d / units.stride);
    return up ? u : -u;
}

struct Choice {
    bool possible = false;
    Units units;
    std::vector<int32_t> u;  // by rank of the distinct indices; empty: by affine_unit(), or by cell
    bool by_cell = false;
};

// Bits a cell that the list of entries or fixes takes.
double list_bits(size_t n, double span, size_t cells) {
    if (n == 0) return 0;
    return static_cast<double>(n) * (std::log2(1 + span / static_cast<double>(n)) + 2.5) / static_cast<double>(cells);
}

Choice choose(const Lattice& lattice, const std::vector<int64_t>& k, const Classes& c, const Survey& s,
              const Extents* extents) {
    Choice best;
    if (s.cells == 0) {
        best.possible = true;
        return best;
    }
    double least = INFINITY;
    const double slots = static_cast<double>(s.span() / s.stride) + 1;
    const auto distinct = static_cast<double>(s.distinct.size());
    if (s.affine_possible()) {
        best.possible = true;
        best.units = affine_units(s);
        if (s.all_distinct && distinct >= 0.95 * slots) return best;
        size_t next = 0;  // neighbours that are both there
        for (size_t i = 1; i < s.distinct.size(); i++)
            next += static_cast<uint64_t>(s.distinct[i]) - static_cast<uint64_t>(s.distinct[i - 1]) == s.stride;
        if (static_cast<double>(next) > 0.9 * distinct) return best;
        least = 0.98 * roughness(k.size(), c, [&](size_t i) { return affine_unit(best.units, k[i]); });
    }
    Ranks ranks(s);
    {
        Choice source;
        if (find_source(lattice, s.distinct, source.units)) {
            double bits = INFINITY;
            if (s.all_distinct && to_source(lattice, s.distinct, source.units, source.u)) {
                bits = roughness(k.size(), c, [&](size_t i) { return int64_t(source.u[ranks(k[i])]); }) +
                       list_bits(source.units.fixes.size(), distinct, s.cells);
            } else if (!s.all_distinct && to_source(lattice, k, c, source.units, source.u)) {
                source.by_cell = true;
                bits = roughness(k.size(), c, [&](size_t i) { return int64_t(source.u[i]); });
            }
            if (bits < least) {
                least = bits;
                source.possible = true;
                best = std::move(source);
            }
        }
    }
    if (s.dictionary_possible()) {
        const double bits = roughness(k.size(), c, [&](size_t i) { return static_cast<int64_t>(ranks(k[i])); }) +
                            list_bits(s.distinct.size(), slots, s.cells);
        if (bits < least) {
            least = bits;
            best = Choice();
            best.possible = true;
            best.units.kind = Units::dictionary;
            best.units.entries = s.distinct;
            for (size_t i = 0; i < s.distinct.size(); i++) best.u.push_back(static_cast<int32_t>(i));
        }
    }
    Choice fields;
    if (extents && find_fields(lattice, k, c, extents->n[2] * extents->n[3], fields.units, fields.u)) {
        const double bits = roughness(k.size(), c, [&](size_t i) { return int64_t(fields.u[i]); }) +
                            list_bits(fields.units.phases.size(), std::ldexp(1.0, fields.units.digits), s.cells);
        if (bits < least) {
            best = std::move(fields);
            best.possible = best.by_cell = true;
        }
    }
    return best;
}

}  // namespace

bool affine_possible(const std::vector<int64_t>& k, const Classes& c) {
    const Survey s(k, c, false);
    return s.cells == 0 || s.affine_possible();
}

bool find_units(const Lattice& lattice, const std::vector<int64_t>& k, const Classes& classes, Units& units,
                std::vector<int32_t>& u, const Extents* extents) {
    const Survey survey(k, classes, true);
    Choice best = choose(lattice, k, classes, survey, extents);
    if (!best.possible) return false;
    units = best.units;
    if (best.by_cell) {
        u = std::move(best.u);
        return true;
    }
    u.assign(k.size(), 0);
    Ranks ranks(survey);
    for (size_t i = 0; i < k.size(); i++) {
        if (!is_coded(classes, i)) continue;
        u[i] = units.kind == Units::affine ? static_cast<int32_t>(affine_unit(units, k[i])) : best.u[ranks(k[i])];
    }
    return true;
}

}  // namespace baler::grid
