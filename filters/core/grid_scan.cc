#include "grid_scan.h"

#include <algorithm>

namespace baler::grid {
namespace {

constexpr int32_t kOne = 65536;
using Steps = std::array<size_t, 4>;

// rne(65536 * a / b)
int32_t weight(int64_t a, int64_t b) {
    const int64_t v = 2 * kOne * a, half = v < 0 ? -b : b;
    const int64_t q = (v + half) / (2 * b);
    return static_cast<int32_t>((v + half) % (2 * b) == 0 && (q & 1) ? q - (v < 0 ? -1 : 1) : q);
}

Offset along(size_t axis, size_t steps, int sign) {
    Offset o{};
    o[axis] = sign * static_cast<int32_t>(steps);
    return o;
}

Offset sum(Offset a, const Offset& b) {
    for (size_t d = 0; d < 4; d++) a[d] += b[d];
    return a;
}

class Builder {
  public:
    Builder(Order& order) : order_(order), n_(order.extents.n) {
        for (size_t d = 0; d < 4; d++)
            if (n_[d] > 1) real_.push_back(d);
    }

    void raster() {
        // axes 1 ... 3, nearest first; axis 0 last
        static constexpr int8_t list[][4] = {
            {0, 0, 0, -1},  {0, 0, -1, 0},  {0, 0, -1, -1}, {0, 0, -1, 1},   {0, 0, 0, -2},   {0, 0, -2, 0},
            {0, -1, 0, 0},  {0, -1, 0, -1}, {0, -1, -1, 0}, {0, -1, 0, 1},   {0, -1, 1, 0},   {0, -1, -1, -1},
            {0, -2, 0, 0},  {-1, 0, 0, 0},  {0, -1, -1, 1}, {0, -1, 1, -1},  {0, -1, 1, 1},   {0, 0, -1, -2},
            {0, 0, -1, 2},  {0, 0, -2, -1}, {0, 0, -2, 1},  {0, 0, 0, -3},   {-1, 0, 0, -1},  {-1, 0, -1, 0},
            {-1, 0, 0, 1},  {-1, 0, 1, 0},  {-1, -1, 0, 0}, {-1, 0, -1, -1}, {-1, -1, 0, -1}, {-1, -1, -1, 0},
            {-1, -1, -1, -1}, {-2, 0, 0, 0}, {0, 0, 0, -4}, {0, 0, 0, -5},   {0, 0, 0, -6}};
        const bool line = real_.size() == 1 && real_[0] == 3;
        order_.groups.resize(6);
        for (uint32_t g = 0; g < 6; g++) {
            const int z = static_cast<int>(g % 3), v = static_cast<int>(g / 3);
            Group& group = order_.groups[g];
            const size_t of_v = v ? n_[0] - 1 : 1, of_t = z < 2 ? n_[1] > static_cast<size_t>(z) : n_[1] < 3 ? 0 : n_[1] - 2;
            group.cells = of_v * of_t * n_[2] * n_[3];
            for (const auto& p : list) {
                if ((p[3] < -3 && !line) || (p[0] < 0 && !v) || -p[1] > z) continue;
                const Offset o{p[0], p[1], p[2], p[3]};
                int ones = 0;
                bool corner = true;
                for (int32_t x : o) {
                    ones += x == -1;
                    corner &= x == 0 || x == -1;
                }
                add(group, o, corner ? (ones & 1 ? kOne : -kOne) : 0);
            }
        }
        order_.passes.push_back({0, {0, 0, 0, 0}, {1, 1, 1, 1}});
    }

    void parity() {
        Steps c = base();
        for (size_t s = *std::max_element(c.begin(), c.end()) / 2; s >= 1; s /= 2) {
            std::vector<size_t> active;
            for (size_t d : real_)
                if (c[d] == 2 * s) active.push_back(d);
            for (size_t m = 1; m <= active.size(); m++) {
                // subsets of m axes in lexicographic order
                std::vector<size_t> pick(m);
                for (size_t i = 0; i < m; i++) pick[i] = i;
                for (bool more = true; more;) {
                    std::vector<size_t> axes;
                    for (size_t i : pick) axes.push_back(active[i]);
                    parity_pass(axes, active, c, s);
                    size_t i = m;
                    while (i > 0 && pick[i - 1] == active.size() - m + i - 1) i--;
                    more = i > 0;
                    if (more) {
                        pick[i - 1]++;
                        for (size_t j = i; j < m; j++) pick[j] = pick[j - 1] + 1;
                    }
                }
            }
            for (size_t d : active) c[d] = s;
        }
    }

    void axes() {
        Steps c = base();
        for (size_t s = *std::max_element(c.begin(), c.end()) / 2; s >= 1; s /= 2)
            for (size_t k : real_) {
                if (c[k] != 2 * s) continue;
                Group& group = new_group();
                line_taps(group, k, s);
                for (auto j = real_.rbegin(); j != real_.rend(); ++j)
                    if (*j != k) corners(group, k, s, *j, c[*j]);
                Steps start{}, stride = c;
                start[k] = s;
                stride[k] = 2 * s;
                pass(start, stride);
                c[k] = s;
            }
    }

    void slices() {
        size_t S = 8;
        while (S > 1 && n_[2] <= 2 * S && n_[3] <= 2 * S) S /= 2;
        std::vector<uint32_t> base(3, kNone), inner(3 * 8 * 2, kNone);
        for (size_t v = 0; v < n_[0]; v++)
            for (size_t t = 0; t < n_[1]; t++) {
                const size_t z = std::min<size_t>(t, 2);
                const Steps start{v, t, 0, 0};
                if (base[z] == kNone) {
                    base[z] = static_cast<uint32_t>(order_.groups.size());
                    Group& group = new_group();
                    add(group, along(3, 2 * S, -1), kOne);
                    add(group, along(2, 2 * S, -1), kOne);
                    add(group, sum(along(2, 2 * S, -1), along(3, 2 * S, -1)), -kOne);
                    slice_taps(group, z);
                }
                Steps c{n_[0], n_[1], 2 * S, 2 * S};
                pass(start, c, base[z]);
                size_t level = 0;
                for (size_t s = S; s >= 1; s /= 2, level++)
                    for (size_t k = 2; k < 4; k++) {
                        const size_t j = 5 - k;
                        uint32_t& g = inner[(z * 8 + level) * 2 + k - 2];
                        if (g == kNone) {
                            g = static_cast<uint32_t>(order_.groups.size());
                            Group& group = new_group();
                            line_taps(group, k, s);
                            corners(group, k, s, j, c[j]);
                            slice_taps(group, z);
                            if (z && s > 1)
                                for (int sign : {-1, 1}) add(group, sum({0, -1, 0, 0}, along(k, s, sign)), 0);
                        }
                        Steps at = start, stride = c;
                        at[k] = s;
                        stride[k] = 2 * s;
                        pass(at, stride, g);
                        c[k] = s;
                    }
            }
    }

  private:
    static constexpr uint32_t kNone = UINT32_MAX;

    Group& new_group() {
        order_.groups.emplace_back();
        return order_.groups.back();
    }

    void add(Group& group, const Offset& o, int32_t w) {
        for (size_t d = 0; d < 4; d++)
            if (o[d] && n_[d] <= 1) return;
        if (group.taps.size() < static_cast<size_t>(kMaxTaps)) group.taps.push_back({o, w});
    }

    void pass(const Steps& start, const Steps& stride) {
        pass(start, stride, static_cast<uint32_t>(order_.groups.size() - 1));
    }
    void pass(const Steps& start, const Steps& stride, uint32_t g) {
        uint64_t cells = 1;
        for (size_t d = 0; d < 4; d++) cells *= start[d] < n_[d] ? (n_[d] - 1 - start[d]) / stride[d] + 1 : 0;
        order_.groups[g].cells += cells;
        if (cells) order_.passes.push_back({g, start, stride});
    }

    // The coarsest lattice of the hierarchical scans; returns its strides.
    Steps base() {
        size_t S = 16;
        const auto larger = [&](size_t d) { return n_[d] > 2 * S; };
        while (S > 1 && std::none_of(real_.begin(), real_.end(), larger)) S /= 2;
        Steps c{1, 1, 1, 1};
        for (size_t d : real_) {
            size_t power = 1;
            while (power < n_[d]) power *= 2;
            c[d] = std::min(2 * S, power);
        }
        Group& group = new_group();
        for (int parts = 1; parts <= 4; parts++)
            for (int zero = 0; zero < 16; zero++) {  // bit 3 - d: the part on axis d is 0
                Offset o{};
                int ones = 0;
                bool there = true;
                for (size_t d = 0; d < 4; d++) {
                    if (zero >> (3 - d) & 1) continue;
                    ones++;
                    there &= n_[d] > 1;
                    o[d] = -static_cast<int32_t>(c[d]);
                }
                if (ones == parts && there) add(group, o, parts & 1 ? kOne : -kOne);
            }
        pass({0, 0, 0, 0}, c);
        return c;
    }

    void line_taps(Group& group, size_t k, size_t s) {
        for (int sign : {-1, 1}) add(group, along(k, s, sign), weight(9, 16));
        for (int sign : {-1, 1}) add(group, along(k, 3 * s, sign), weight(-1, 16));
    }

    void corners(Group& group, size_t k, size_t s, size_t j, size_t e) {
        for (int a : {-1, 1})
            for (int b : {-1, 1}) add(group, sum(along(k, s, a), along(j, e, b)), 0);
    }

    void slice_taps(Group& group, size_t z) {
        static constexpr int8_t list[][2] = {{0, 0}, {0, -1}, {0, 1}, {-1, 0}, {1, 0}, {-1, -1}, {-1, 1}, {1, -1}, {1, 1}};
        if (!z) return;
        for (const auto& p : list) add(group, {0, -1, p[0], p[1]}, 0);
        if (z == 2) add(group, {0, -2, 0, 0}, 0);
    }

    void parity_pass(const std::vector<size_t>& axes, const std::vector<size_t>& active, const Steps& c, size_t s) {
        Group& group = new_group();
        const auto m = static_cast<int64_t>(axes.size());
        for (size_t k : axes)
            for (int sign : {-1, 1}) add(group, along(k, s, sign), weight(9, 16 * m));
        for (size_t k : axes)
            for (int sign : {-1, 1}) add(group, along(k, 3 * s, sign), weight(-1, 16 * m));
        const auto is_active = [&](size_t d) { return std::find(active.begin(), active.end(), d) != active.end(); };
        if (m == 1) {
            for (auto j = real_.rbegin(); j != real_.rend(); ++j)
                if (*j != axes[0]) corners(group, axes[0], s, *j, is_active(*j) ? 2 * s : c[*j]);
        } else {
            for (size_t i = 0; i < axes.size(); i++)
                for (size_t j = i + 1; j < axes.size(); j++) corners(group, axes[i], s, axes[j], s);
        }
        Steps start{}, stride = c;
        for (size_t d : active) stride[d] = 2 * s;
        for (size_t k : axes) start[k] = s;
        pass(start, stride);
    }

    Order& order_;
    const std::array<size_t, 4>& n_;
    std::vector<size_t> real_;
};

}  // namespace

bool Order::possible(Scan scan, const Extents& e) {
    if (scan == Scan::slices) return e.n[1] >= 3 && e.n[2] >= 4 && e.n[3] >= 4;
    return true;
}

Order::Order(Scan kind, const Extents& e) : scan(kind), extents(e) {
    Builder builder(*this);
    switch (kind) {
        case Scan::raster: builder.raster(); break;
        case Scan::parity: builder.parity(); break;
        case Scan::slices: builder.slices(); break;
        case Scan::axes: builder.axes(); break;
    }
    for (Group& group : groups) {
        group.cells *= e.blocks;
        const size_t nt = group.taps.size();
        group.other.assign(nt * 16, -1);
        for (size_t i = 0; i < nt; i++)
            for (size_t j = 0; j < nt; j++) {
                const Offset &o = group.taps[i].at, &p = group.taps[j].at;
                // negating the axes of `differ` makes o of p; axes that o does not leave are free
                size_t differ = 0, unused = 0;
                bool same = true;
                for (size_t d = 0; d < 4; d++) {
                    if (o[d] == 0) unused |= size_t(1) << d;
                    else if (o[d] == -p[d]) differ |= size_t(1) << d;
                    same &= o[d] == p[d] || o[d] == -p[d];
                }
                for (size_t mask = 1; same && mask < 16; mask++)
                    if ((mask & ~unused) == differ) group.other[i * 16 + mask] = static_cast<int8_t>(j);
            }
    }
}

Walker::Walker(const Order& order, const std::array<size_t, 4>& strides)
    : order_(order), strides_(strides), resolved_(kRemembered) {
    for (const Group& group : order.groups) {
        Reach reach;
        std::vector<ptrdiff_t> inner;
        for (const Tap& tap : group.taps) {
            ptrdiff_t distance = 0;
            for (size_t d = 0; d < 4; d++) {
                reach.low[d] = std::min<ptrdiff_t>(reach.low[d], tap.at[d]);
                reach.high[d] = std::max<ptrdiff_t>(reach.high[d], tap.at[d]);
                distance += tap.at[d] * static_cast<ptrdiff_t>(strides_[d]);
            }
            inner.push_back(distance);
        }
        reach_.push_back(reach);
        inner_.push_back(std::move(inner));
    }
}

const ptrdiff_t* Walker::resolve_anew(uint32_t g, const std::array<size_t, 4>& at, uint64_t key) {
    const auto& n = order_.extents.n;
    const Group& group = order_.groups[g];
    const size_t nt = group.taps.size();
    if (nt == 0) return nullptr;
    Resolved& known = resolved_[(key * 0x9E3779B97F4A7C15u) >> 56];
    known.key = key;
    known.any = false;
    uint8_t outside[kMaxTaps];  // axes along which a tap leaves the block
    int first = -1;
    for (size_t i = 0; i < nt; i++) {
        unsigned mask = 0;
        for (size_t d = 0; d < 4; d++) {
            const ptrdiff_t x = static_cast<ptrdiff_t>(at[d]) + group.taps[i].at[d];
            mask |= static_cast<unsigned>(x < 0 || x >= static_cast<ptrdiff_t>(n[d])) << d;
        }
        outside[i] = static_cast<uint8_t>(mask);
        if (!mask && first < 0) first = static_cast<int>(i);
    }
    if (first < 0) return nullptr;
    known.any = true;
    for (size_t i = 0; i < nt; i++) {
        size_t use = i;
        if (outside[i]) {
            const int8_t other = group.other[i * 16 + outside[i]];
            use = static_cast<size_t>(other >= 0 && !outside[other] ? other : first);
        }
        known.at[i] = inner_[g][use];
    }
    return known.at;
}

}  // namespace baler::grid
