// Which cells of a grid are coded, and what stands in the others. docs/format.md, section 12.2.
#include <algorithm>
#include <cstring>
#include <memory>

#include "grid.h"
#include "side_cost.h"

namespace baler::grid {

using builtin::Bit;
using builtin::Number;
using builtin::SideCost;

Extents::Extents(const std::vector<uint64_t>& shape) {
    size_t axis = 4;
    for (size_t i = shape.size(); i-- > 0;) {
        if (shape[i] == 1) continue;
        if (axis > 0) n[--axis] = static_cast<size_t>(shape[i]);
        else blocks *= static_cast<size_t>(shape[i]);
    }
}

namespace {

constexpr size_t kMostClasses = 255;
constexpr size_t kPiece = 32;
constexpr size_t kMostNeighbours = 12;

// ---- the bytes ------------------------------------------------------------------------------------------------

// How far back in memory a cell's neighbours are; 0: not there.
struct Reach {
    size_t row = 0, slice = 0, volume = 0, block = 0;
    std::vector<size_t> context;  // neighbours of the decision, lowest bit first
    std::vector<size_t> kinds;    // neighbours whose class is asked for

    explicit Reach(const Extents& e) {
        // an axis of extent 1 has no neighbours; the next slower one takes its place
        std::vector<size_t> strides;
        size_t stride = 1;
        for (int axis = 3; axis >= 0; axis--) {
            const size_t n = e.n[static_cast<size_t>(axis)];
            if (n > 1) strides.push_back(stride);
            stride *= n;
        }
        if (e.blocks > 1) strides.push_back(stride);
        strides.resize(std::max<size_t>(strides.size(), 1), 1);
        const size_t w = strides[0];
        row = strides.size() > 1 ? strides[1] : 0;
        slice = strides.size() > 2 ? strides[2] : 0;
        volume = strides.size() > 3 ? strides[3] : 0;
        block = strides.size() > 4 ? strides[4] : 0;
        const size_t y = row, t = slice, v = volume, b = block;
        switch (strides.size()) {
            case 1: context = {w, 2 * w, 3 * w, 4 * w, 5 * w, 6 * w}; break;
            case 2:
                context = {w, 2 * w, 3 * w, y, y + 1, y - 1, 2 * y, y - 2, y + 2, 2 * y - 1, 2 * y + 1, y - 3};
                break;
            case 3: context = {w, 2 * w, y, y + 1, y - 1, 2 * y, t, t - 1, t - y, t + 1, t + y, 2 * t}; break;
            case 4: context = {w, 2 * w, y, y + 1, y - 1, t, t - 1, t - y, v, v - 1, v - y, v - t}; break;
            default: context = {w, 2 * w, y, y + 1, y - 1, t, t - 1, v, v - 1, v - t, b, b - 1};
        }
        for (size_t& d : context)
            if (d == 0 || d > SIZE_MAX / 2) d = SIZE_MAX;  // y - 2, y - 3 of short rows: nowhere
        kinds = {w};
        for (size_t d : {row, slice, volume, block})
            if (d) kinds.push_back(d);
    }
    // What a piece is compared with: the axis of the chunk's choice, else the nearest below it that is there.
    size_t back(size_t axis, size_t at) const {
        for (size_t a = axis;; a--) {
            if (kinds[a] <= at) return kinds[a];
            if (a == 0) return 0;
        }
    }
};

struct MapModels {
    Number run, gap, kind;
    Bit sparse, same[16], masked[1 << kMostNeighbours], again[8];
};

// The class of a cell that is not coded: mostly that of a neighbour.
template <class Side>
void code_kind(Side& side, MapModels& m, const Reach& reach, const std::vector<uint8_t>& of, size_t i, size_t classes,
               uint8_t& last, uint8_t& value) {
    if (classes == 1) {
        value = 1;
        return;
    }
    uint8_t guess = 0;
    size_t context = 0;
    for (size_t a = 0; a < reach.kinds.size(); a++) {
        const size_t d = reach.kinds[a];
        const uint8_t c = d <= i ? of[i - d] : uint8_t(0);
        if (!guess) guess = c;
        if (a < 3 && c && c == guess) context |= size_t(1) << a;
    }
    if (!guess) guess = last;
    uint8_t again = value == guess;
    side.bit(m.again[context], again);
    if (again) {
        value = guess;
    } else {
        uint8_t number = static_cast<uint8_t>(value - 1);
        builtin::field(side, m.kind, number, classes - 1);
        value = static_cast<uint8_t>(number + 1);
    }
    last = value;
}

// Runs of cells that are not coded.
template <class Side>
void code_runs(Side& side, MapModels& m, const Reach& reach, std::vector<uint8_t>& of, size_t classes) {
    const size_t n = of.size();
    uint8_t last = 1;
    for (size_t at = 0; at < n;) {
        size_t begin = at;
        if (!Side::reading)
            while (begin < n && !of[begin]) begin++;
        size_t gap = begin - at;
        builtin::field(side, m.gap, gap, n - at);  // to the end of the cells: there are no more
        begin = at + gap;
        if (begin == n) return;
        uint8_t kind = of[begin];
        code_kind(side, m, reach, of, begin, classes, last, kind);
        size_t length = 0;
        if (!Side::reading)
            while (begin + length + 1 < n && of[begin + length + 1] == kind) length++;
        builtin::field(side, m.run, length, n - begin - 1);
        at = begin + length + 1;
        if (Side::reading) std::fill_n(of.begin() + static_cast<ptrdiff_t>(begin), length + 1, kind);
    }
}

// Pieces of 32 cells: the same as what lies before along one axis, or cell by cell.
template <class Side>
void code_pieces(Side& side, MapModels& m, const Reach& reach, std::vector<uint8_t>& of, size_t classes, size_t axis) {
    const size_t n = of.size(), pieces = (n + kPiece - 1) / kPiece;
    std::vector<uint8_t> same(pieces + 1, 1);
    uint8_t last = 1;
    for (size_t p = 0; p < pieces; p++) {
        const size_t begin = p * kPiece, end = std::min(n, begin + kPiece);
        const size_t back = reach.back(axis, begin);
        size_t context = p ? same[p - 1] : 1u;
        context |= (p > 1 ? same[p - 2] : 1u) << 1;
        const size_t above = reach.row && reach.row <= begin ? (begin - reach.row) / kPiece : SIZE_MAX;
        context |= (above < p ? same[above] : 1u) << 2;
        context |= (above < p && above + 1 < p ? same[above + 1] : 1u) << 3;
        if (!Side::reading)
            for (size_t i = begin; i < end && same[p]; i++) same[p] = of[i] == (back ? of[i - back] : 0);
        side.bit(m.same[context], same[p]);
        if (same[p]) {
            if (Side::reading && back)
                for (size_t i = begin; i < end; i++) of[i] = of[i - back];
            continue;
        }
        for (size_t i = begin; i < end; i++) {
            size_t near = 0;
            for (size_t c = 0; c < reach.context.size(); c++)
                near |= size_t(reach.context[c] <= i && of[i - reach.context[c]]) << c;
            uint8_t masked = of[i] != 0;
            side.bit(m.masked[near], masked);
            if (masked) code_kind(side, m, reach, of, i, classes, last, of[i]);
        }
    }
}

size_t best_axis(const Reach& reach, const std::vector<uint8_t>& of) {
    size_t best = 0, fewest = SIZE_MAX;
    for (size_t axis = 0; axis < reach.kinds.size(); axis++) {
        size_t other = 0;
        for (size_t begin = 0; begin < of.size(); begin += kPiece) {
            const size_t back = reach.back(axis, begin), length = std::min(kPiece, of.size() - begin);
            if (back) other += std::memcmp(&of[begin], &of[begin - back], length) != 0;
        }
        if (other < fewest) {
            fewest = other;
            best = axis;
        }
    }
    return best;
}

template <class Side>
void code_map(Side& side, const Reach& reach, std::vector<uint8_t>& of, size_t classes, uint8_t sparse, size_t axis) {
    auto m = std::make_unique<MapModels>();
    side.bit(m->sparse, sparse);
    if (sparse) {
        code_runs(side, *m, reach, of, classes);
        return;
    }
    Number axes;
    builtin::field(side, axes, axis, reach.kinds.size() - 1);
    code_pieces(side, *m, reach, of, classes, axis);
}

struct ValueModels {
    Number classes, type, index, far;
    Bit high[2][256];
};

// The bits of an exact value: the two highest bytes learn, the others are plain.
template <class Side>
void code_item(Side& side, ValueModels& m, uint32_t itemsize, uint64_t& item) {
    uint64_t value = 0;
    int left = static_cast<int>(itemsize) * 8;
    for (size_t b = 0; b < 2 && left; b++) {
        uint32_t node = 1;
        while (node < 256) {
            uint8_t bit = item >> --left & 1;
            side.bit(m.high[b][node], bit);
            node = node << 1 | bit;
        }
        value = value << 8 | (node & 255);
    }
    for (; left; left -= 16) {
        uint64_t word = item >> (left - 16) & 0xffff;
        side.word(word);
        value = value << 16 | word;
    }
    item = value;
}

template <class Side>
void code_classes(Side& side, const Extents& extents, uint32_t itemsize, Classes& c) {
    auto m = std::make_unique<ValueModels>();
    const size_t cells = extents.cells();
    size_t classes = c.list.size();
    builtin::field(side, m->classes, classes, kMostClasses);
    if (!classes) return;
    if (Side::reading) c.list.resize(classes);
    uint8_t literal = 0, far = 0;
    for (size_t j = 0; j < classes; j++) {
        CellClass& one = c.list[j];
        builtin::field(side, m->type, one.type, CellClass::far);
        if (one.type == CellClass::index) builtin::signed_field(side, m->index, one.k);
        if (one.type == CellClass::item) code_item(side, *m, itemsize, one.bits);
        if (one.type == CellClass::literal || one.type == CellClass::far) {
            uint8_t& slot = one.type == CellClass::far ? far : literal;
            if (slot) fail(BALER_ERR_CORRUPT, "grid: two classes of one type");
            slot = static_cast<uint8_t>(j + 1);
        }
    }
    if (Side::reading) c.of.assign(cells, 0);
    const Reach reach(extents);
    if (Side::reading) {
        code_map(side, reach, c.of, classes, 0, 0);
    } else {
        size_t runs = 0, masked = 0;
        for (size_t i = 0; i < cells; i++) {
            runs += c.of[i] && (i == 0 || c.of[i] != c.of[i - 1]);
            masked += c.of[i] != 0;
        }
        uint8_t sparse = runs <= 8;
        const size_t axis = sparse ? 0 : best_axis(reach, c.of);
        // many long runs are the shapes of something, and neighbours know better
        if (!sparse && (runs < 256 || 4 * runs > masked || reach.kinds.size() == 1)) {
            SideCost by_runs, by_pieces;
            code_map(by_runs, reach, c.of, classes, 1, 0);
            code_map(by_pieces, reach, c.of, classes, 0, axis);
            sparse = by_runs.bits() < by_pieces.bits();
        }
        code_map(side, reach, c.of, classes, sparse, axis);
    }
    if (literal) {
        if (Side::reading) c.literals.assign(static_cast<size_t>(std::count(c.of.begin(), c.of.end(), literal)), 0);
        for (uint64_t& item : c.literals) code_item(side, *m, itemsize, item);
    }
    if (far) {
        if (Side::reading) c.far.assign(static_cast<size_t>(std::count(c.of.begin(), c.of.end(), far)), 0);
        uint64_t before = 0;
        for (int64_t& k : c.far) {
            auto d = static_cast<int64_t>(static_cast<uint64_t>(k) - before);
            builtin::signed_field(side, m->far, d);
            k = static_cast<int64_t>(before + static_cast<uint64_t>(d));
            before = static_cast<uint64_t>(k);
        }
    }
}

}  // namespace

void write_classes(SideWriter& side, const Extents& extents, uint32_t itemsize, const Classes& classes) {
    code_classes(side, extents, itemsize, const_cast<Classes&>(classes));  // a writer changes nothing
}

Classes read_classes(SideReader& side, const Extents& extents, uint32_t itemsize) {
    Classes c;
    code_classes(side, extents, itemsize, c);
    return c;
}

void check_classes(const Classes& classes, const Lattice& lattice) {
    const auto outside = [&](int64_t k) { return k < lattice.lowest() || k > lattice.highest(); };
    bool damaged = std::any_of(classes.far.begin(), classes.far.end(), outside);
    for (const CellClass& c : classes.list) damaged |= c.type == CellClass::index && outside(c.k);
    if (damaged) fail(BALER_ERR_CORRUPT, "grid: the index of a class is outside the lattice");
}

}  // namespace baler::grid
