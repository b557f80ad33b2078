// For tests: the first two stations of the grid coder alone (classes and units), there and back, and on damaged streams.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <ctime>

#include "grid.h"
#include "split.h"

using namespace baler;

namespace {

thread_local std::string said;

// Seconds of this thread.
double now() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// Bits a cell of the differences along memory order, as a coder with a distribution for every size would need.
double rough(const std::vector<int64_t>& u, const std::vector<uint8_t>& of) {
    double count[65] = {}, n = 0, rest = 0;
    int64_t last = 0;
    for (size_t i = 0; i < u.size(); i++) {
        if (!of.empty() && of[i]) continue;
        const bool up = u[i] >= last;
        const uint64_t d = up ? static_cast<uint64_t>(u[i]) - static_cast<uint64_t>(last) : static_cast<uint64_t>(last) - static_cast<uint64_t>(u[i]);
        last = u[i];
        const int length = d ? 64 - __builtin_clzll(d) : 0;
        count[length]++;
        rest += length;
        n++;
    }
    for (double c : count) rest += c > 0 ? c * std::log2(n / c) : 0;
    return n > 0 ? rest / n : 0;
}

bool same_class(const grid::CellClass& a, const grid::CellClass& b) {
    return a.type == b.type && a.k == b.k && a.bits == b.bits;
}

}  // namespace

struct GridReport {
    uint64_t cells, masked, classes, special, literals, far;
    uint64_t class_bytes, unit_bytes, kind, entries, fixes, impossible;
    double offset, quantum, bits_k, bits_u, seconds_find, seconds_write, seconds_read, seconds_units, seconds_back;
    uint64_t divides, stride;
};

extern "C" BALER_API const char* grid_said() { return said.c_str(); }

// Indices, classes and units of a chunk written, read and compared. The class part's bytes go to out.
extern "C" BALER_API int grid_stations(const baler_array* array, const void* data, uint32_t bound_kind, double bound, int with_units,
                                       GridReport* report, void* out, size_t capacity, size_t* written) {
    try {
        const Lattice lattice(dtype_of(*array), Bound{bound_kind, bound});
        std::vector<uint64_t> shape(array->shape, array->shape + array->ndim);
        const grid::Extents extents(shape);
        const size_t n = extents.cells();
        std::vector<int64_t> k(n);
        std::vector<uint8_t> mask(n);
        lattice.quantise(data, 1, n, k.data(), mask.data());
        std::vector<uint64_t> rows, items;
        for (size_t i = 0; i < n; i++) {
            if (!mask[i]) continue;
            uint64_t item = 0;
            std::memcpy(&item, static_cast<const uint8_t*>(data) + i * array->itemsize, array->itemsize);
            rows.push_back(i);
            items.push_back(item);
            k[i] = i ? k[i - 1] : 0;
        }
        GridReport r{};
        r.cells = n;
        const ColumnExceptions exceptions = collect(rows, items);
        double t = now();
        const grid::Classes classes = grid::find_classes(extents, k, exceptions);
        r.seconds_find = now() - t;
        t = now();
        builtin::SideWriter side;
        grid::write_classes(side, extents, array->itemsize, classes);
        const std::vector<uint8_t> bytes = side.finish();
        r.seconds_write = now() - t;
        t = now();
        builtin::SideReader reader(bytes.data(), bytes.size());
        const grid::Classes back = grid::read_classes(reader, extents, array->itemsize);
        reader.finish();
        r.seconds_read = now() - t;
        r.class_bytes = bytes.size();
        r.classes = classes.list.size();
        r.literals = classes.literals.size();
        r.far = classes.far.size();
        if (back.of != classes.of || back.literals != classes.literals || back.far != classes.far ||
            !std::equal(back.list.begin(), back.list.end(), classes.list.begin(), classes.list.end(), same_class))
            fail(BALER_ERR_ARGUMENT, "classes do not come back");
        for (const auto& c : classes.list) r.special += c.type == grid::CellClass::index;
        // what stands in the cells that are not coded, from the classes alone
        size_t literal = 0, far = 0, item = 0;
        for (size_t i = 0; i < n; i++) {
            const uint8_t of = back.of.empty() ? uint8_t(0) : back.of[i];
            r.masked += of != 0;
            if (mask[i] && !of) fail(BALER_ERR_ARGUMENT, "an exception is coded");
            if (!of) continue;
            const grid::CellClass& c = back.list[of - 1u];
            const bool exact = c.type == grid::CellClass::item || c.type == grid::CellClass::literal;
            if (exact != (mask[i] != 0)) fail(BALER_ERR_ARGUMENT, "a cell's class is not its own");
            if (exact && (c.type == grid::CellClass::item ? c.bits : back.literals[literal++]) != items[item++])
                fail(BALER_ERR_ARGUMENT, "an exact value is not its own");
            if (!exact && (c.type == grid::CellClass::index ? c.k : back.far[far++]) != k[i])
                fail(BALER_ERR_ARGUMENT, "an index is not its own");
        }
        if (with_units) {
            grid::Units units;
            std::vector<int32_t> u;
            t = now();
            r.impossible = !grid::find_units(lattice, k, classes, units, u, &extents);
            r.seconds_units = now() - t;
            if (!r.impossible) {
                builtin::SideWriter unit_side;
                grid::write_units(unit_side, units);
                const auto unit_bytes = unit_side.finish();
                builtin::SideReader unit_reader(unit_bytes.data(), unit_bytes.size());
                const grid::Units read = grid::read_units(unit_reader, false, n);
                unit_reader.finish();
                std::vector<int64_t> again(n);
                t = now();
                for (size_t at = 0; at < n; at += 100) {
                    const size_t some = std::min<size_t>(100, n - at);
                    grid::from_units(read, lattice, back, u.data() + at, at, some, again.data() + at);
                }
                r.seconds_back = now() - t;
                for (size_t i = 0; i < n; i++) {
                    if (std::abs(int64_t(u[i])) > grid::kMostUnits) fail(BALER_ERR_ARGUMENT, "a unit is too large");
                    const bool coded = back.of.empty() || !back.of[i];
                    if (again[i] != (coded ? k[i] : 0)) fail(BALER_ERR_ARGUMENT, "index %zu does not come back", i);
                }
                r.unit_bytes = unit_bytes.size();
                r.kind = units.kind;
                r.entries = units.entries.size();
                r.fixes = units.fixes.size();
                r.offset = units.offset;
                r.quantum = units.quantum;
                r.divides = units.divides;
                r.stride = units.stride;
                std::vector<int64_t> wide(u.begin(), u.end());
                r.bits_k = rough(k, classes.of);
                r.bits_u = rough(wide, classes.of);
            }
        }
        *report = r;
        *written = std::min(capacity, bytes.size());
        std::memcpy(out, bytes.data(), *written);
        return 0;
    } catch (const Failure& f) {
        said = f.text;
        return f.code;
    }
}

// Reads classes and units from any bytes and turns some units back; 0 if nothing was found wrong.
extern "C" BALER_API int grid_stations_read(const baler_array* array, uint32_t bound_kind, double bound, int closed, int units_first,
                                            const void* bytes, size_t size) {
    try {
        const Lattice lattice(dtype_of(*array), Bound{bound_kind, bound});
        const grid::Extents extents(std::vector<uint64_t>(array->shape, array->shape + array->ndim));
        builtin::SideReader side(static_cast<const uint8_t*>(bytes), size);
        grid::Classes classes;
        if (!units_first) classes = grid::read_classes(side, extents, array->itemsize);
        const grid::Units units = grid::read_units(side, closed != 0, extents.cells());
        if (units_first) classes = grid::read_classes(side, extents, array->itemsize);
        grid::check_classes(classes, lattice);
        std::vector<int32_t> u(extents.cells());
        for (size_t i = 0; i < u.size(); i++) u[i] = static_cast<int32_t>((i * 2654435761u) % (2 * grid::kMostUnits)) - grid::kMostUnits;
        for (size_t i = 0; i < u.size(); i += 2) u[i] = static_cast<int32_t>(i % 7);
        std::vector<int64_t> k(u.size());
        if (!closed) grid::from_units(units, lattice, classes, u.data(), 0, u.size(), k.data());
        for (int64_t x : k)
            if (x < lattice.lowest() || x > lattice.highest()) fail(BALER_ERR_ARGUMENT, "an index outside the lattice got through");
        side.finish();
        return 0;
    } catch (const Failure& f) {
        said = f.text;
        return f.code;
    }
}
