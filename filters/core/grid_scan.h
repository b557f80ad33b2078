// The order of a grid's cells: groups with their taps, passes over the cells. docs/format.md, section 12.1.
#pragma once

#include "grid.h"

namespace baler::grid {

enum class Scan : uint8_t { raster, parity, slices, axes };
constexpr int kScans = 4;
constexpr int kMaxTaps = 40;
constexpr size_t kOwnMap = 20000;  // groups of at least so many cells have a map of their own

using Offset = std::array<int32_t, 4>;

struct Tap {
    Offset at;
    int32_t weight;  // default, in 65536ths
};

struct Group {
    std::vector<Tap> taps;
    uint64_t cells = 0;  // in all blocks
    // other[i * 16 + mask]: the tap that tap i becomes when the axes in mask (bit d: axis d) are negated; -1: none
    std::vector<int8_t> other;
};

struct Pass {
    uint32_t group;
    std::array<size_t, 4> start, stride;
};

// How a grid is gone through. A raster has one pass, whose group is raster_group() of the cell.
struct Order {
    Scan scan;
    Extents extents;
    std::vector<Group> groups;
    std::vector<Pass> passes;

    Order(Scan scan, const Extents& extents);
    static bool possible(Scan scan, const Extents& extents);
    // A raster's symbols come in two strands, so that a decoder has two cells at a time that do not wait for each other:
    // even rows and, so many cells behind, odd rows.
    static constexpr size_t kBehind = 16, kLeastStrand = 32;
    bool stranded() const { return scan == Scan::raster && extents.n[3] >= kLeastStrand && rows() > 1; }
    size_t rows() const { return extents.n[0] * extents.n[1] * extents.n[2]; }
    static uint32_t raster_group(size_t v, size_t t) {
        return static_cast<uint32_t>(3 * (v < 1 ? v : 1) + (t < 2 ? t : 2));
    }
};

// Calls row(group, first cell, step, count, offsets) for every run of cells along axis 3 whose taps lie at the same
// distances, neighbours first; cells are positions in the block of `block` cells at `origin`. offsets: one per tap, in
// cells; null when no tap of the group is inside.
class Walker {
  public:
    explicit Walker(const Order& order) : Walker(order, strides_of(order.extents)) {}
    // strides: of cells in memory along each axis, where that is not the grid's own
    Walker(const Order& order, const std::array<size_t, 4>& strides);
    static std::array<size_t, 4> strides_of(const Extents& e) {
        return {e.n[1] * e.n[2] * e.n[3], e.n[2] * e.n[3], e.n[3], 1};
    }

    template <class Row>
    void walk(Row&& row) {
        walk_some([](size_t) { return true; }, row);
    }
    // Only lines along axis 3 for which keep(cells of the line) is true.
    template <class Keep, class Row>
    void walk_some(Keep&& keep, Row&& row) {
        const auto& n = order_.extents.n;
        for (size_t block = 0; block < order_.extents.blocks; block++) {
            const size_t origin = block * order_.extents.block();
            for (const Pass& pass : order_.passes) {
                if (pass.start[3] >= n[3]) continue;
                const size_t cells = (n[3] - 1 - pass.start[3]) / pass.stride[3] + 1;
                for (size_t v = pass.start[0]; v < n[0]; v += pass.stride[0])
                    for (size_t t = pass.start[1]; t < n[1]; t += pass.stride[1]) {
                        const uint32_t g = order_.scan == Scan::raster ? Order::raster_group(v, t) : pass.group;
                        for (size_t y = pass.start[2]; y < n[2]; y += pass.stride[2])
                            if (keep(cells)) line(g, pass, origin, {v, t, y, 0}, row);
                    }
            }
        }
    }

    // As walk, for loops in which cells do not wait for each other: cells near the ends of rows come as strips across
    // rows, and where rows lie behind each other in memory as one. strip(group, first cell, step, count, offsets, place,
    // apart): place of the first cell in the order of walk, and how far apart cells are there. Some cells come more than
    // once; the last time counts. in_order(group): cells do wait, and come by rows.
    template <class InOrder, class Strip>
    void walk_strips(InOrder&& in_order, Strip&& strip) {
        size_t place = 0;
        planes([&](uint32_t g, const Pass& pass, size_t origin, const std::array<size_t, 4>& at, size_t rows, size_t across) {
            if (!in_order(g)) {
                plane(g, pass, origin, at, rows, across, place, strip);
            } else {
                size_t here = place;
                const auto row = [&](uint32_t group, size_t p, size_t step, size_t count, const ptrdiff_t* taps) {
                    strip(group, p, step, count, taps, here, size_t(1));
                    here += count;
                };
                for (size_t i = 0; i < rows; i++)
                    line(g, pass, origin, {at[0], at[1], pass.start[2] + i * pass.stride[2], 0}, row);
            }
            place += rows * across;
        });
    }
    // Calls plane(group, pass, first cell of the block, where, rows, cells of each) in the order of walk.
    template <class Plane>
    void planes(Plane&& plane) const {
        const auto& n = order_.extents.n;
        for (size_t block = 0; block < order_.extents.blocks; block++)
            for (const Pass& pass : order_.passes) {
                const size_t rows = cells_along(pass, 2), across = cells_along(pass, 3);
                if (!rows || !across) continue;
                for (size_t v = pass.start[0]; v < n[0]; v += pass.stride[0])
                    for (size_t t = pass.start[1]; t < n[1]; t += pass.stride[1])
                        plane(order_.scan == Scan::raster ? Order::raster_group(v, t) : pass.group, pass,
                              block * order_.extents.block(), std::array<size_t, 4>{v, t, 0, 0}, rows, across);
            }
    }

    // The same in the order in which cells are coded. Neighbours do not depend on it.
    template <class Row>
    void walk_coded(Row&& row) {
        if (!order_.stranded()) return walk(row);
        const auto& n = order_.extents.n;
        const size_t rows = order_.rows(), even = (rows + 1) / 2 * n[3], odd = rows / 2 * n[3];
        for (size_t block = 0; block < order_.extents.blocks; block++) {
            const size_t origin = block * order_.extents.block();
            const auto cell = [&](size_t y, size_t x) {
                const size_t t = y / n[2], v = t / n[1];
                const uint32_t g = Order::raster_group(v, t % n[1]);
                row(g, origin + y * n[3] + x, size_t(1), size_t(1), resolve(g, {v, t % n[1], y % n[2], x}));
            };
            for (size_t j = 0; j < even || j < odd + Order::kBehind; j++) {
                if (j < even) cell(2 * (j / n[3]), j % n[3]);
                if (j < Order::kBehind) continue;
                const size_t i = j - Order::kBehind;
                if (i < odd) cell(2 * (i / n[3]) + 1, i % n[3]);
            }
        }
    }

    // The distances of a group's taps at a cell of a block, for a while; null when none is inside.
    const ptrdiff_t* resolve(uint32_t group, const std::array<size_t, 4>& at) {
        return resolve(group, at, nearness(group, nearness_of_row(group, at), 3, at[3]));
    }
    // How far a group's taps reach along axis 3: back and ahead.
    std::pair<size_t, size_t> along(uint32_t group) const {
        return {static_cast<size_t>(-reach_[group].low[3]), static_cast<size_t>(reach_[group].high[3])};
    }
    // Are these the distances of a group's taps where all are inside? Others are overwritten in time.
    bool lasting(uint32_t group, const ptrdiff_t* at) const { return at == inner_[group].data(); }

  private:
    // How near to the block's edges a cell is, as far as a group's taps can tell.
    struct Nearness {
        uint64_t key;  // 14 bits an axis below 8 of the group: names one situation
        bool inside;   // every tap
    };
    Nearness nearness(uint32_t g, Nearness of, size_t axis, size_t at) const {
        const ptrdiff_t low = -reach_[g].low[axis], high = reach_[g].high[axis], x = static_cast<ptrdiff_t>(at);
        const ptrdiff_t after = static_cast<ptrdiff_t>(order_.extents.n[axis]) - 1 - x;
        const ptrdiff_t below = x < low ? x : low, above = after < high ? after : high;
        // parts of taps are 96 at most
        return {(of.key << 14) ^ static_cast<uint64_t>(below << 7 | above), of.inside && below == low && above == high};
    }
    Nearness nearness_of_row(uint32_t g, const std::array<size_t, 4>& at) const {
        Nearness of{g, true};
        for (size_t axis = 0; axis < 3; axis++) of = nearness(g, of, axis, at[axis]);
        return of;
    }
    const ptrdiff_t* resolve(uint32_t g, const std::array<size_t, 4>& at, Nearness how) {
        if (how.inside) return inner_[g].empty() ? nullptr : inner_[g].data();
        const Resolved& known = resolved_[(how.key * 0x9E3779B97F4A7C15u) >> 56];
        return known.key == how.key ? known.any ? known.at : nullptr : resolve_anew(g, at, how.key);
    }
    const ptrdiff_t* resolve_anew(uint32_t group, const std::array<size_t, 4>& at, uint64_t key);

    struct Reach {
        std::array<ptrdiff_t, 4> low{}, high{};  // furthest parts of a group's taps
    };

    size_t cells_along(const Pass& pass, size_t axis) const {
        const size_t n = order_.extents.n[axis], first = pass.start[axis];
        return first < n ? (n - 1 - first) / pass.stride[axis] + 1 : 0;
    }
    // Which of a pass's `count` cells along an axis have all taps of a group inside: from the first to before the second.
    std::pair<size_t, size_t> inside(uint32_t g, const Pass& pass, size_t axis, size_t count) const {
        const size_t n = order_.extents.n[axis], first = pass.start[axis], step = pass.stride[axis];
        const auto low = static_cast<size_t>(-reach_[g].low[axis]), high = static_cast<size_t>(reach_[g].high[axis]);
        size_t left = 0, right = count;
        if (first < low) left = (low - first + step - 1) / step;
        if (left > count) left = count;
        if (high) right = n > high + first ? (n - 1 - high - first) / step + 1 : 0;
        if (right > count) right = count;
        return {left, right < left ? left : right};
    }

    template <class Row>
    void line(uint32_t g, const Pass& pass, size_t origin, std::array<size_t, 4> at, Row&& row) {
        const size_t first = pass.start[3], step = pass.stride[3], count = cells_along(pass, 3);
        if (!count) return;
        const size_t base = origin + at[0] * strides_[0] + at[1] * strides_[1] + at[2] * strides_[2] + first * strides_[3];
        const size_t apart = step * strides_[3];
        const auto [left, right] = inside(g, pass, 3, count);
        const Nearness of_row = nearness_of_row(g, at);
        const auto cells = [&](size_t i, size_t some) {
            at[3] = first + i * step;
            row(g, base + i * apart, apart, some, resolve(g, at, nearness(g, of_row, 3, at[3])));
        };
        for (size_t i = 0; i < left; i++) cells(i, 1);
        if (right > left) cells(left, right - left);
        for (size_t i = right; i < count; i++) cells(i, 1);
    }

    template <class Strip>
    void plane(uint32_t g, const Pass& pass, size_t origin, std::array<size_t, 4> at, size_t rows, size_t across,
               size_t place, Strip&& strip) {
        const size_t step = pass.stride[3] * strides_[3], down = pass.stride[2] * strides_[2];
        const size_t base = origin + at[0] * strides_[0] + at[1] * strides_[1] + pass.start[2] * strides_[2] +
                            pass.start[3] * strides_[3];
        const auto [left, right] = inside(g, pass, 3, across);
        const auto [top, bottom] = inside(g, pass, 2, rows);
        const auto cells = [&](size_t y, size_t x, size_t from_to, size_t count, size_t apart) {
            at[2] = pass.start[2] + y * pass.stride[2];
            at[3] = pass.start[3] + x * pass.stride[3];
            strip(g, base + y * down + x * step, from_to, count, resolve(g, at), place + y * across + x, apart);
        };
        if (right > left) {
            // rows without a gap: what lies between their inner cells is made right below
            const bool joined = across * step == down;
            for (size_t y = 0; y < rows; y++) {
                if (joined && y == top && bottom > top) {
                    cells(top, left, step, (bottom - 1 - top) * across + right - left, 1);
                    y = bottom - 1;
                } else {
                    cells(y, left, step, right - left, 1);
                }
            }
        }
        for (size_t x = left ? 0 : right; x < across; x = x + 1 == left ? right : x + 1) {
            for (size_t y = 0; y < top; y++) cells(y, x, down, 1, 1);
            if (bottom > top) cells(top, x, down, bottom - top, across);
            for (size_t y = bottom; y < rows; y++) cells(y, x, down, 1, 1);
        }
    }

    const Order& order_;
    std::array<size_t, 4> strides_{};
    std::vector<Reach> reach_;
    std::vector<std::vector<ptrdiff_t>> inner_;  // distances when every tap is inside
    // What was resolved for cells as near to the edges, by a hash of how near.
    struct Resolved {
        uint64_t key = UINT64_MAX;
        bool any = false;
        ptrdiff_t at[kMaxTaps];
    };
    static constexpr size_t kRemembered = 256;
    std::vector<Resolved> resolved_;
};

}  // namespace baler::grid
