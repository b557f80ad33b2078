// Lattice indices as small integers: the bytes, and the way back. docs/format.md, section 12.3.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "grid_units.h"
#include "scalar.h"

namespace baler::grid {

using builtin::Number;

namespace {

struct UnitModels {
    Number kind, base, stride, entries, entry, gap, form, fixes, at, step, field, digits, phase;
};

template <class Side>
void code_double(Side& side, double& value) {
    uint64_t bits = 0, read = 0;
    std::memcpy(&bits, &value, 8);
    for (int shift = 48; shift >= 0; shift -= 16) {
        uint64_t word = bits >> shift & 0xffff;
        side.word(word);
        read = read << 16 | word;
    }
    std::memcpy(&value, &read, 8);
}

template <class Side>
void code_units(Side& side, Units& units, bool closed, size_t cells) {
    const auto damaged = [](const char* what) { fail(BALER_ERR_CORRUPT, "grid: %s", what); };
    auto m = std::make_unique<UnitModels>();
    if (closed) units.kind = Units::direct;
    else builtin::field(side, m->kind, units.kind, Units::fields);
    if (units.kind == Units::affine) {
        builtin::signed_field(side, m->base, units.base);
        uint64_t more = units.stride - 1;
        builtin::field(side, m->stride, more, UINT64_MAX - 1);
        units.stride = more + 1;
        return;
    }
    if (units.kind == Units::dictionary) {
        size_t more = units.entries.size() - 1;
        if (Side::reading && cells == 0) damaged("a dictionary for no cells");
        builtin::field(side, m->entries, more, cells - 1);
        if (Side::reading) units.entries.clear();
        int64_t last = 0;
        for (size_t i = 0; i <= more; i++) {
            int64_t entry = Side::reading ? 0 : units.entries[i];
            if (i == 0) {
                builtin::signed_field(side, m->entry, entry);
            } else {
                uint64_t gap = static_cast<uint64_t>(entry) - static_cast<uint64_t>(last) - 1;
                builtin::field(side, m->gap, gap, static_cast<uint64_t>(INT64_MAX) - static_cast<uint64_t>(last) - 1);
                if (Side::reading && last == INT64_MAX) damaged("a dictionary beyond all integers");
                entry = static_cast<int64_t>(static_cast<uint64_t>(last) + 1 + gap);
            }
            if (Side::reading) units.entries.push_back(entry);
            last = entry;
        }
        return;
    }
    if (units.kind == Units::source) {
        uint8_t form = units.divides;
        builtin::field(side, m->form, form, 1);
        units.divides = form != 0;
    }
    code_double(side, units.offset);
    code_double(side, units.quantum);
    if (!std::isfinite(units.offset) || !std::isfinite(units.quantum) || !(units.quantum > 0))
        damaged("units without a size");
    if (units.kind == Units::direct) return;
    if (units.kind == Units::fields) {
        if (Side::reading && cells == 0) damaged("fields of no cells");
        size_t more = units.field - 1;
        builtin::field(side, m->field, more, cells - 1);
        units.field = more + 1;
        builtin::field(side, m->digits, units.digits, kMostDigits);
        const size_t fields = Side::reading ? (cells - 1) / units.field + 1 : units.phases.size();
        if (Side::reading) units.phases.clear();
        for (size_t f = 0; f < fields; f++) {
            uint64_t phase = Side::reading ? 0 : units.phases[f];
            builtin::field(side, m->phase, phase, (uint64_t(1) << units.digits) - 1);
            if (Side::reading) units.phases.push_back(phase);
        }
        return;
    }
    size_t fixes = units.fixes.size();
    builtin::field(side, m->fixes, fixes, cells);
    if (Side::reading) units.fixes.clear();
    int64_t last = -int64_t(kMostUnits) - 1;
    for (size_t i = 0; i < fixes; i++) {
        std::pair<int64_t, int64_t> fix = Side::reading ? std::pair<int64_t, int64_t>() : units.fixes[i];
        uint64_t gap = static_cast<uint64_t>(fix.first - last - 1);
        builtin::field(side, m->at, gap, static_cast<uint64_t>(2 * int64_t(kMostUnits)));
        fix.first = last + 1 + static_cast<int64_t>(gap);
        if (Side::reading && fix.first > kMostUnits) damaged("a fix of a unit that does not exist");
        builtin::signed_field(side, m->step, fix.second);
        if (Side::reading) units.fixes.push_back(fix);
        last = fix.first;
    }
}

double cast(const Lattice& lattice, double x) {
    const DType d = lattice.dtype();
    return with_dtype(d.kind, d.size, [&](auto zero) {
        using T = decltype(zero);
        if constexpr (is_float<T>) return to_double(nearest_value<T>(x));
        else return x;
    });
}

}  // namespace

void write_units(SideWriter& side, const Units& units) {
    Units same = units;
    code_units(side, same, units.kind == Units::direct, SIZE_MAX);  // what a writer writes needs no check
}

Units read_units(SideReader& side, bool closed, size_t cells) {
    Units units;
    code_units(side, units, closed, cells);
    return units;
}

int64_t source_unit(const Units& units, double value) {
    const double u = (value - units.offset) * (units.divides ? units.quantum : 1 / units.quantum);
    if (!(std::fabs(u) <= kMostUnits)) return INT64_MIN;
    return static_cast<int64_t>(std::nearbyint(u));
}

void source_indices(const Units& units, const Lattice& lattice, const int32_t* u, size_t begin, size_t n, int64_t* k) {
    const bool fields = units.kind == Units::fields;
    const double fine = std::ldexp(units.quantum, -units.digits);
    double x[256];
    for (size_t at = 0; at < n; at += 256) {
        const size_t some = std::min<size_t>(256, n - at);
        for (size_t i = 0; i < some; i++) {
            if (fields) {
                const auto phase = static_cast<int64_t>(units.phases[(begin + at + i) / units.field]);
                const int64_t t = u[at + i] * (int64_t(1) << units.digits) + phase;
                x[i] = units.offset + fine * static_cast<double>(t);
            } else {
                const double v = u[at + i];
                x[i] = units.offset + (units.divides ? v / units.quantum : v * units.quantum);
            }
            if (!std::isfinite(x[i])) fail(BALER_ERR_CORRUPT, "grid: a value that is not finite");
            x[i] = cast(lattice, x[i]);
        }
        lattice.indices(x, some, k + at);
    }
}

void from_units(const Units& units, const Lattice& lattice, const Classes& classes, const int32_t* u, size_t begin,
                size_t n, int64_t* k) {
    const uint8_t* of = classes.of.empty() ? nullptr : classes.of.data() + begin;
    const int64_t lowest = lattice.lowest(), highest = lattice.highest();
    const auto place = [&](size_t i, __int128 x) {
        if (x < lowest || x > highest) fail(BALER_ERR_CORRUPT, "grid: an index outside the lattice");
        k[i] = static_cast<int64_t>(x);
    };
    if (units.kind == Units::affine && n) {
        // base + stride * u can leave 64 bits only in a damaged stream
        int32_t least = u[0], most = u[0];
        for (size_t i = 1; i < n; i++) {
            least = std::min(least, u[i]);
            most = std::max(most, u[i]);
        }
        const auto index = [&](int32_t x) { return static_cast<__int128>(units.base) + static_cast<__int128>(units.stride) * x; };
        if (index(least) >= lowest && index(most) <= highest) {
            const uint64_t base = static_cast<uint64_t>(units.base), stride = units.stride;
            for (size_t i = 0; i < n; i++) k[i] = static_cast<int64_t>(base + stride * static_cast<uint64_t>(int64_t(u[i])));
            for (size_t i = 0; of && i < n; i++) k[i] = of[i] ? 0 : k[i];
            return;
        }
    }
    if (units.kind == Units::source || units.kind == Units::fields) source_indices(units, lattice, u, begin, n, k);
    for (size_t i = 0; i < n; i++) {
        if (of && of[i]) {
            k[i] = 0;
        } else if (units.kind == Units::affine) {
            place(i, static_cast<__int128>(units.base) + static_cast<__int128>(units.stride) * u[i]);
        } else if (units.kind == Units::dictionary) {
            if (u[i] < 0 || static_cast<size_t>(u[i]) >= units.entries.size())
                fail(BALER_ERR_CORRUPT, "grid: a unit that the dictionary has not");
            place(i, units.entries[static_cast<size_t>(u[i])]);
        } else {
            int64_t fix = 0;
            if (!units.fixes.empty()) {
                const auto at = std::lower_bound(units.fixes.begin(), units.fixes.end(),
                                                 std::make_pair(int64_t(u[i]), INT64_MIN));
                if (at != units.fixes.end() && at->first == u[i]) fix = at->second;
            }
            place(i, static_cast<__int128>(k[i]) + fix);
        }
    }
}

}  // namespace baler::grid
