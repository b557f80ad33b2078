#include "builtin_transform.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "baler.h"
#include "failure.h"
#include "spare_rows.h"

namespace baler::builtin {

namespace {

constexpr int64_t kExact = int64_t(1) << 53;

uint64_t bits(int64_t v) { return static_cast<uint64_t>(v); }
int64_t wrapped(uint64_t v) { return static_cast<int64_t>(v); }

double power_of_two(int e) {
    const uint64_t u = static_cast<uint64_t>(e + 1023) << 52;
    double d;
    std::memcpy(&d, &u, 8);
    return d;
}

[[noreturn]] void damaged(const char* why) { fail(BALER_ERR_CORRUPT, "built-in model is damaged: %s", why); }

// A neighbour of a difference operator: so many steps back along each axis.
struct Tap {
    int64_t coefficient = 1;  // of -u[neighbour] in the residual's polynomial, sign included
    size_t offset = 0;
    uint8_t back[kMaxAxes] = {};
};

struct Taps {
    std::vector<size_t> size, stride;  // of the distinct axes used, slowest first
    std::vector<Tap> taps;             // without the cell itself
};

Taps expand(const std::vector<uint8_t>& list, const std::vector<uint64_t>& axes) {
    Taps t;
    std::vector<uint8_t> used(list);
    std::sort(used.begin(), used.end());
    used.erase(std::unique(used.begin(), used.end()), used.end());
    for (uint8_t a : used) {
        size_t stride = 1;
        for (size_t b = a + size_t(1); b < axes.size(); b++) stride *= static_cast<size_t>(axes[b]);
        t.size.push_back(static_cast<size_t>(axes[a]));
        t.stride.push_back(stride);
    }
    t.taps.push_back(Tap{});
    for (uint8_t a : list) {
        const auto at = static_cast<size_t>(std::find(used.begin(), used.end(), a) - used.begin());
        const size_t n = t.taps.size();
        for (size_t i = 0; i < n; i++) {
            Tap shifted = t.taps[i];
            shifted.coefficient = -shifted.coefficient;
            shifted.offset += t.stride[at];
            shifted.back[at]++;
            t.taps.push_back(shifted);
        }
    }
    t.taps.erase(t.taps.begin());
    return t;
}

// Prediction of cell i; `place` is its coordinate along each axis used.
uint64_t predict(const Taps& t, const size_t* place, const int64_t* u, size_t i) {
    uint64_t sum = 0;
    for (const Tap& tap : t.taps) {
        bool inside = true;
        for (size_t a = 0; a < t.size.size(); a++) inside &= place[a] >= tap.back[a];
        if (inside) sum -= bits(tap.coefficient) * bits(u[i - tap.offset]);
    }
    return sum;
}

void places(const Taps& t, size_t i, size_t* place) {
    for (size_t a = 0; a < t.size.size(); a++) place[a] = i / t.stride[a] % t.size[a];
}

}  // namespace

bool to_values(const Column& column, int scale, std::vector<int64_t>& v) {
    const double up = power_of_two(scale), down = power_of_two(-scale);
    const size_t n = column.k.size();
    v.resize(n);
    int64_t last = 0;
    for (size_t i = 0; i < n; i++) {
        if (!column.masked(i)) {
            const double x = column.lattice.value(column.k[i]) * up;
            if (!(x > -static_cast<double>(kExact) && x < static_cast<double>(kExact))) return false;
            last = static_cast<int64_t>(x);
            if (static_cast<double>(last) != x) return false;
            if (column.lattice.index(static_cast<double>(last) * down) != column.k[i]) return false;
        }
        v[i] = last;
    }
    return true;
}

void to_units(const ColumnPlan& c, const Column& column, std::vector<int64_t>& u) {
    if (c.by_value) {
        if (!to_values(column, static_cast<int>(c.scale), u))
            fail(BALER_ERR_ARGUMENT, "a column planned as integers has other values");
    } else {
        if (u.empty()) u = take_rows(column.k.size());
        std::copy(column.k.begin(), column.k.end(), u.begin());
    }
    if (c.reduction == ColumnPlan::affine) {
        uint64_t odd = c.stride;
        int shift = 0;
        while (odd > 1 && !(odd & 1)) {
            odd >>= 1;
            shift++;
        }
        for (int64_t& x : u) x = wrapped(bits(x) - bits(c.base)) >> shift;
        // Whole multiples of an odd number: dividing is multiplying by its inverse modulo 2^64.
        uint64_t inverse = odd;
        for (int i = 0; i < 6; i++) inverse *= 2 - odd * inverse;
        if (odd > 1)
            for (int64_t& x : u) x = wrapped(bits(x) * inverse);
    } else if (c.reduction == ColumnPlan::dictionary) {
        const uint64_t span = bits(c.entries.back()) - bits(c.entries.front());
        if (span < 4 * u.size() && column.mask.empty()) {
            std::vector<uint32_t> place(static_cast<size_t>(span) + 1);
            for (size_t i = 0; i < c.entries.size(); i++)
                place[static_cast<size_t>(bits(c.entries[i]) - bits(c.entries[0]))] = static_cast<uint32_t>(i);
            for (int64_t& x : u) x = place[static_cast<size_t>(bits(x) - bits(c.entries[0]))];
            return;
        }
        size_t guess = 0;
        for (int64_t& x : u) {
            if (c.entries[guess] != x) {
                const auto at = std::lower_bound(c.entries.begin(), c.entries.end(), x);
                guess = std::min(static_cast<size_t>(at - c.entries.begin()), c.entries.size() - 1);
            }
            x = static_cast<int64_t>(guess);
        }
    }
    if (column.mask.empty()) return;
    int64_t last = 0;
    for (size_t i = 0; i < u.size(); i++) {
        if (column.mask[i]) u[i] = last;
        last = u[i];
    }
}

void from_units(const ColumnPlan& c, Column& column) {
    std::vector<int64_t>& u = column.k;
    if (c.reduction == ColumnPlan::affine) {
        for (int64_t& x : u) x = wrapped(bits(c.base) + c.stride * bits(x));
    } else if (c.reduction == ColumnPlan::dictionary) {
        const size_t n = c.entries.size();
        for (int64_t& x : u) {
            if (bits(x) >= n) damaged("an entry that a dictionary does not have");
            x = c.entries[static_cast<size_t>(x)];
        }
    }
    if (c.by_value) {
        const double down = power_of_two(static_cast<int>(-c.scale));
        for (int64_t& x : u) {
            if (x < -kExact || x > kExact) damaged("a value out of range");
            x = column.lattice.index(static_cast<double>(x) * down);
        }
    }
    if (!column.mask.empty()) {
        int64_t last = 0;
        for (size_t i = 0; i < u.size(); i++) {
            if (column.mask[i]) u[i] = last;
            last = u[i];
        }
    }
    const int64_t low = column.lattice.lowest(), high = column.lattice.highest();
    bool outside = false;
    for (size_t i = 0; i < u.size(); i++) outside |= (u[i] < low || u[i] > high) && !column.masked(i);
    if (outside) damaged("an index outside its lattice");
}

void subtract_prediction(const ColumnPlan& c, const std::vector<uint64_t>& axes, std::vector<int64_t>& u) {
    // One axis after the other; from the back, so that differences can be taken in place.
    for (uint8_t a : c.axes) {
        size_t stride = 1;
        for (size_t b = a + size_t(1); b < axes.size(); b++) stride *= static_cast<size_t>(axes[b]);
        const size_t plane = stride * static_cast<size_t>(axes[a]);
        for (size_t end = u.size(); end >= plane && plane > 0; end -= plane)
            for (size_t i = end; i-- > end - plane + stride;) u[i] = wrapped(bits(u[i]) - bits(u[i - stride]));
    }
}

void add_prediction(const ColumnPlan& c, const std::vector<uint64_t>& axes, const uint8_t* same, const uint8_t* mask,
                    std::vector<int64_t>& r) {
    const size_t n = r.size();
    if (!same && !mask) {
        for (uint8_t a : c.axes) {
            size_t stride = 1;
            for (size_t b = a + size_t(1); b < axes.size(); b++) stride *= static_cast<size_t>(axes[b]);
            const size_t plane = stride * static_cast<size_t>(axes[a]);
            for (size_t begin = 0; begin < n && plane > 0; begin += plane)
                for (size_t i = begin + stride; i < begin + plane; i++)
                    r[i] = wrapped(bits(r[i]) + bits(r[i - stride]));
        }
        return;
    }
    const Taps taps = expand(c.axes, axes);
    int64_t last = 0;
    for (size_t i = 0; i < n; i++) {
        if ((same && same[i]) || (mask && mask[i])) {
            r[i] = last;
        } else if (!taps.taps.empty()) {
            size_t place[kMaxAxes];
            places(taps, i, place);
            r[i] = wrapped(bits(r[i]) + predict(taps, place, r.data(), i));
        }
        last = r[i];
    }
}

namespace {

// Cells that a relation expects where the columns have the indices of from(term, i), in blocks.
template <class From>
void expect(const ColumnPlan& c, const Lattice& own, const Plan& plan, const Table& table, size_t n, const From& from,
            int64_t* k) {
    constexpr size_t kRows = 512;
    double sum[kRows], x[kRows];
    for (size_t begin = 0; begin < n; begin += kRows) {
        const size_t m = std::min(kRows, n - begin);
        std::fill_n(sum, m, 0.0);
        for (const Term& t : c.terms) {
            const Column& column = table.columns[plan.order[t.position]];
            const double coefficient = static_cast<double>(t.coefficient);
            column.lattice.values(from(column, begin, m), m, x);
            for (size_t i = 0; i < m; i++) sum[i] = sum[i] + coefficient * x[i];
        }
        bool finite = true;
        for (size_t i = 0; i < m; i++) finite &= std::isfinite(sum[i]);
        if (finite) {
            own.indices(sum, m, k + begin);
            continue;
        }
        for (size_t i = 0; i < m; i++) k[begin + i] = std::isfinite(sum[i]) ? own.index(sum[i]) : 0;
    }
}

}  // namespace

void relation(const ColumnPlan& c, const Plan& plan, const Table& table, const Lattice& own, std::vector<int64_t>& k) {
    k.resize(table.rows);
    expect(c, own, plan, table, table.rows,
           [](const Column& column, size_t begin, size_t) { return column.k.data() + begin; }, k.data());
}

void relation(const ColumnPlan& c, const Plan& plan, const Table& table, const Lattice& own,
              const std::vector<size_t>& rows, std::vector<int64_t>& k) {
    k.resize(rows.size());
    std::vector<int64_t> picked(rows.size());
    const auto pick = [&](const Column& column, size_t begin, size_t m) {
        for (size_t i = 0; i < m; i++) picked[i] = column.k[rows[begin + i]];
        return static_cast<const int64_t*>(picked.data());
    };
    expect(c, own, plan, table, rows.size(), pick, k.data());
}

}  // namespace baler::builtin
