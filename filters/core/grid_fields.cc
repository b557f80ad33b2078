// Finding the steps of data in which every field (a plane of the grid) was packed for itself: one quantum for all, a
// phase for each. GRIB files are like that. docs/format.md, section 12.3, kind fields. For the writer alone.
#include <algorithm>
#include <cmath>

#include "grid_survey.h"

namespace baler::grid {
namespace {

constexpr size_t kLeastField = 64;  // cells
constexpr size_t kFieldsTried = 3;  // to find a quantum in

// Where the zero of a field's steps may lie.
struct Zero {
    double low, high;
};

// Places every coded cell of a field on steps of the quantum; false: they are on no such steps.
bool place(const Lattice& lattice, const int64_t* k, const Classes& c, size_t begin, size_t n, double offset,
           double quantum, int32_t* u, Zero& zero) {
    bool any = false;
    int64_t last = 0, last_u = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_coded(c, begin + i)) continue;
        if (any && k[i] == last) {
            u[i] = static_cast<int32_t>(last_u);
            continue;
        }
        last = k[i];
        const double low = lattice.edge(last) - offset;
        const double high = lattice.edge(std::min(last, lattice.highest()) + 1) - offset;
        const double middle = any ? (zero.low + zero.high) / 2 : (low + high) / 2;
        const double steps = std::nearbyint(((low + high) / 2 - middle) / quantum);
        if (!(std::fabs(steps) < kMostUnits / 2)) return false;
        last_u = static_cast<int64_t>(steps);
        u[i] = static_cast<int32_t>(last_u);
        const Zero here{low - quantum * steps, high - quantum * steps};
        zero = any ? Zero{std::max(zero.low, here.low), std::min(zero.high, here.high)} : here;
        any = true;
        if (!(zero.low < zero.high)) return false;
    }
    if (!any) zero = {-quantum / 2, quantum / 2};
    return true;
}

bool try_quantum(const Lattice& lattice, const std::vector<int64_t>& k, const Classes& c, size_t cells, double quantum,
                 Units& units, std::vector<int32_t>& u) {
    const size_t n = k.size(), fields = (n + cells - 1) / cells;
    std::vector<Zero> zeros(fields);
    u.assign(n, 0);
    for (size_t f = 0; f < fields; f++) {
        const size_t begin = f * cells, some = std::min(cells, n - begin);
        if (!place(lattice, &k[begin], c, begin, some, units.offset, quantum, &u[begin], zeros[f])) return false;
    }
    // as few digits as all phases can do with
    for (units.digits = 0; units.digits <= kMostDigits; units.digits++) {
        const double fine = std::ldexp(quantum, -units.digits);
        const bool all = std::all_of(zeros.begin(), zeros.end(), [&](const Zero& z) {
            const double x = std::nearbyint((z.low + z.high) / 2 / fine) * fine;
            return z.low < x && x < z.high;
        });
        if (all) break;
    }
    if (units.digits > kMostDigits) return false;
    units.quantum = quantum;
    units.field = cells;
    units.phases.clear();
    const double fine = std::ldexp(quantum, -units.digits);
    for (size_t f = 0; f < fields; f++) {
        const double steps = std::nearbyint((zeros[f].low + zeros[f].high) / 2 / fine);
        if (!(std::fabs(steps) < 0x1p51)) return false;
        const auto at = static_cast<int64_t>(steps);
        units.phases.push_back(static_cast<uint64_t>(at) & ((uint64_t(1) << units.digits) - 1));
        const int64_t whole = at >> units.digits;
        for (size_t i = f * cells; i < std::min(n, (f + 1) * cells); i++) {
            if (!is_coded(c, i)) continue;
            const int64_t x = u[i] + whole;
            if (x > kMostUnits || x < -kMostUnits) return false;
            u[i] = static_cast<int32_t>(x);
        }
    }
    // the last word has the way back
    int64_t back[256];
    for (size_t begin = 0; begin < n; begin += 256) {
        const size_t some = std::min<size_t>(256, n - begin);
        source_indices(units, lattice, &u[begin], begin, some, back);
        for (size_t i = 0; i < some; i++)
            if (is_coded(c, begin + i) && back[i] != k[begin + i]) return false;
    }
    return true;
}

}  // namespace

bool find_fields(const Lattice& lattice, const std::vector<int64_t>& k, const Classes& c, size_t cells, Units& units,
                 std::vector<int32_t>& u) {
    if (lattice.dtype().kind != 'f' || lattice.kind() == Lattice::Kind::log) return false;
    if (cells < kLeastField || cells >= k.size()) return false;
    units = Units{};
    units.kind = Units::fields;
    const size_t fields = (k.size() + cells - 1) / cells;
    std::vector<double> tried;
    for (size_t t = 0; t < std::min(kFieldsTried, fields); t++) {
        const size_t begin = t * fields / std::min(kFieldsTried, fields) * cells;
        std::vector<int64_t> distinct;
        for (size_t i = begin; i < std::min(k.size(), begin + std::min(cells, kMostEntries)); i++)
            if (is_coded(c, i)) distinct.push_back(k[i]);
        std::sort(distinct.begin(), distinct.end());
        distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
        for (double quantum : quanta(lattice, distinct)) {
            if (std::find(tried.begin(), tried.end(), quantum) != tried.end()) continue;
            tried.push_back(quantum);
            // steps count from zero unless that is too far
            const double middle = lattice.value(distinct[distinct.size() / 2]) / quantum;
            units.offset = std::fabs(middle) < kMostUnits / 4 ? 0 : std::nearbyint(middle) * quantum;
            if (try_quantum(lattice, k, c, cells, quantum, units, u)) return true;
        }
        if (t == 0 && tried.empty()) return false;  // most data have no steps at all
    }
    return false;
}

}  // namespace baler::grid
