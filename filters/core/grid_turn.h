// Grids whose axes 1, 2, 3 change places in a ring, so that any of them can be the one that slices follow each other
// along. docs/format.md, section 12, "Turns".
#pragma once

#include "grid.h"

namespace baler::grid {

constexpr int kTurns = 3;

inline bool can_turn(const Extents& e) { return e.n[1] > 1 && e.n[2] > 1 && e.n[3] > 1; }

inline Extents turned(const Extents& e, int by) {
    Extents t = e;
    for (size_t d = 0; d < 3; d++) t.n[1 + d] = e.n[1 + (d + static_cast<size_t>(by)) % 3];
    return t;
}

// Calls f(cell in the order of memory, cell in the order of the turned grid).
template <class F>
void each_turned(const Extents& e, int by, F&& f) {
    const Extents t = turned(e, by);
    const size_t old[3] = {e.n[2] * e.n[3], e.n[3], 1};
    size_t stride[3];
    for (size_t d = 0; d < 3; d++) stride[d] = old[(d + static_cast<size_t>(by)) % 3];
    const size_t solid = e.n[1] * e.n[2] * e.n[3];
    size_t to = 0;
    for (size_t base = 0; base < e.cells(); base += solid)
        for (size_t a = 0; a < t.n[1]; a++)
            for (size_t b = 0; b < t.n[2]; b++)
                for (size_t c = 0; c < t.n[3]; c++)
                    f(base + a * stride[0] + b * stride[1] + c * stride[2], to++);
}

template <class T>
std::vector<T> turn(const std::vector<T>& from, const Extents& e, int by) {
    if (by == 0 || from.empty()) return from;
    std::vector<T> to(from.size());
    each_turned(e, by, [&](size_t memory, size_t grid) { to[grid] = from[memory]; });
    return to;
}

template <class T>
std::vector<T> turn_back(std::vector<T>&& from, const Extents& e, int by) {
    if (by == 0 || from.empty()) return std::move(from);
    std::vector<T> to(from.size());
    each_turned(e, by, [&](size_t memory, size_t grid) { to[memory] = from[grid]; });
    return to;
}

}  // namespace baler::grid
