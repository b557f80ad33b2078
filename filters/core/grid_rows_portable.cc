// The loops of the decoder of grids for any processor.

#include "grid_rows.h"

#define BALER_TARGET

namespace baler {

namespace {
namespace portable {

struct Eight {
    int32_t v[8];
    static Eight all(int32_t x) { return {{x, x, x, x, x, x, x, x}}; }
    static Eight zero() { return all(0); }
    template <class T>
    static Eight load(const T* p, size_t stride, size_t count) {
        Eight e = zero();
        if (stride == 1)
            for (size_t i = 0; i < 8; i++) e.v[i] = p[i];
        else
            for (size_t i = 0; i < count; i++) e.v[i] = p[i * stride];
        return e;
    }
    void store(int32_t* p) const {
        for (size_t i = 0; i < 8; i++) p[i] = v[i];
    }
    Eight plus(const Eight& x) const {
        Eight e;
        for (size_t i = 0; i < 8; i++) e.v[i] = v[i] + x.v[i];
        return e;
    }
    // + x * w
    Eight plus(const Eight& x, int32_t w) const {
        Eight e;
        for (size_t i = 0; i < 8; i++) e.v[i] = v[i] + x.v[i] * w;
        return e;
    }
    Eight times256() const {
        Eight e;
        for (size_t i = 0; i < 8; i++) e.v[i] = v[i] * 256;
        return e;
    }
    // |this - x| >> down
    Eight away(const Eight& x, int down) const {
        Eight e;
        for (size_t i = 0; i < 8; i++) {
            const int32_t d = v[i] - x.v[i];
            e.v[i] = (d < 0 ? -d : d) >> down;
        }
        return e;
    }
    Eight least(const Eight& x) const {
        Eight e;
        for (size_t i = 0; i < 8; i++) e.v[i] = v[i] < x.v[i] ? v[i] : x.v[i];
        return e;
    }
};

struct Long {
    int64_t v[8];
    static Long all(int64_t x) { return {{x, x, x, x, x, x, x, x}}; }
    void store(int64_t* p) const {
        for (size_t i = 0; i < 8; i++) p[i] = v[i];
    }
    // + x * w
    Long plus(const Eight& x, int64_t w) const {
        Long l;
        for (size_t i = 0; i < 8; i++) l.v[i] = v[i] + x.v[i] * w;
        return l;
    }
    Long shifted(int n) const {
        Long l;
        for (size_t i = 0; i < 8; i++) l.v[i] = v[i] >> n;
        return l;
    }
    Eight clipped(int64_t low, int64_t high) const {
        Eight e;
        for (size_t i = 0; i < 8; i++) e.v[i] = static_cast<int32_t>(v[i] < low ? low : v[i] > high ? high : v[i]);
        return e;
    }
};

// Not in place: inlined, clang 14 makes WebAssembly vectors of that exchange which hold wrong elements.
void transpose(Eight (&row)[8]) {
    Eight turned[8];
    for (size_t i = 0; i < 8; i++)
        for (size_t j = 0; j < 8; j++) turned[j].v[i] = row[i].v[j];
    for (size_t i = 0; i < 8; i++) row[i] = turned[i];
}

// Sum of min(|near - P| >> down, 2^24), scaled; u, v, w: of the cells just before.
int64_t distances(const int32_t* near, const GridTaps& taps, int32_t P, int down, int32_t u, int32_t v, int32_t w) {
    const int32_t row[3] = {u, v, w};
    int64_t sum = 0;
    for (size_t d = 0; d < 3; d++) {
        const int32_t far = row[d] * 256 - P, x = (far < 0 ? -far : far) >> down;
        sum += (x < 1 << 24 ? x : 1 << 24) * taps.row_distance[d];
    }
    size_t i = 0;
    for (size_t part = 0; part < 3; part++) {
        int64_t all = 0;
        for (; i < taps.ends[part]; i++) {
            const int32_t d = near[i] - P, x = (d < 0 ? -d : d) >> down;
            all += x < 1 << 24 ? x : 1 << 24;
        }
        sum += all * taps.distance[part];
    }
    return sum;
}

#include "grid_rows.inl"

}  // namespace portable
}  // namespace

GridRowKernels grid_rows_portable() { return {portable::prepare, portable::run, portable::row, portable::cell}; }

}  // namespace baler
