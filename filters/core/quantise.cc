// Whole columns on and off the lattice.
#include "baler.h"
#include "lattice_points.h"

namespace baler {
namespace {

constexpr size_t kBlock = 256;

// Is y, the lattice's answer to x, inside the bound?
template <class T>
bool inside(const Bound& bound, T x, T y) {
    if constexpr (is_float<T>) {
        if (bound.kind == BALER_BOUND_EXACT) return bits_of(x) == bits_of(y);
        const double a = to_double(x), far = std::fabs(to_double(y) - a);
        return far <= (bound.kind == BALER_BOUND_ABS ? bound.value : bound.value * std::fabs(a));
    } else {
        if (bound.kind == BALER_BOUND_EXACT) return x == y;
        const uint64_t far = x < y ? static_cast<uint64_t>(y) - static_cast<uint64_t>(x)
                                   : static_cast<uint64_t>(x) - static_cast<uint64_t>(y);
        // 2^62 and more cannot come up: the step's half is less
        if (bound.kind == BALER_BOUND_ABS) return far <= static_cast<uint64_t>(std::min(bound.value, 0x1p62));
        return static_cast<double>(far) <= bound.value * static_cast<double>(Points::magnitude(x));
    }
}

template <class T>
bool finite_not_minus_zero(T x) {
    if constexpr (is_float<T>) {
        const uint64_t b = bits_of(x);
        return (b & ~kSignBit<T>) < kInfinity<T> && b != kSignBit<T>;
    } else {
        return true;
    }
}

template <class T>
bool place_checked(const Lattice& l, const Bound& bound, T x, int64_t* k) {
    int64_t j, again;
    if (!finite_not_minus_zero(x) || !Points::place(l, x, j)) return false;
    const T y = Points::point<T>(l, j);
    if (!finite_not_minus_zero(y) || !inside(bound, x, y) || !Points::place(l, y, again) || again != j) return false;
    *k = j;
    return true;
}

int64_t bits64(double x) {
    int64_t b;
    std::memcpy(&b, &x, 8);
    return b;
}

// The linear part of a uniform float lattice, a block at once and without branches: ok[i] says whether k[i] holds;
// what does not is left to place_checked(), which knows all rules.
template <class T>
void place_linear(const T* x, size_t n, double step, double near, double bound, int64_t* k, uint8_t* ok) {
    for (size_t i = 0; i < n; i++) {
        const double a = to_double(x[i]);
        const double shifted = a / step + Points::kRound;
        const double r = shifted - Points::kRound;
        const double y = to_double(round_to<T>(r * step));
        const double again = y / step + Points::kRound;
        k[i] = bits64(shifted) - bits64(Points::kRound);
        // near: beyond, shifted means nothing; NaN fails every comparison. Zero is left to the careful way only when
        // it is -0: 1/x tells them apart without a branch
        ok[i] = static_cast<uint8_t>((std::fabs(a) < near) & (std::fabs(y) < near) & (std::fabs(y - a) <= bound) &
                                     (again == shifted));
    }
    for (size_t i = 0; i < n; i++) ok[i] = static_cast<uint8_t>(ok[i] & (bits_of(x[i]) != kSignBit<T>));
}

}  // namespace

size_t Lattice::quantise(const void* data, size_t stride, size_t n, int64_t* k, uint8_t* mask) const {
    return with_dtype(dtype_.kind, dtype_.size, [&](auto zero) -> size_t {
        using T = decltype(zero);
        const T* x = static_cast<const T*>(data);
        size_t exceptions = 0;
        T block[kBlock];
        int64_t placed[kBlock];
        uint8_t ok[kBlock];
        for (size_t at = 0; at < n; at += kBlock) {
            const size_t m = std::min(kBlock, n - at);
            for (size_t i = 0; i < m; i++) block[i] = x[(at + i) * stride];
            bool tried = false;
            if constexpr (is_float<T>) {
                // beyond 2^40 steps rounding would need more care than place_linear() takes
                if (kind_ == Kind::uniform) {
                    place_linear(block, m, step_, std::min(near_, step_ * 0x1p40), bound_.value, placed, ok);
                    tried = true;
                }
            }
            if (!tried) std::memset(ok, 0, m);
            for (size_t i = 0; i < m; i++) {
                if (!ok[i]) ok[i] = place_checked(*this, bound_, block[i], &placed[i]);
                if (ok[i]) k[at + i] = placed[i];
                else exceptions++;
                mask[at + i] = !ok[i];
            }
        }
        return exceptions;
    });
}

void Lattice::restore(const int64_t* k, size_t n, void* data, size_t stride) const {
    with_dtype(dtype_.kind, dtype_.size, [&](auto zero) {
        using T = decltype(zero);
        T* x = static_cast<T*>(data);
        if constexpr (is_float<T>) {
            if (kind_ == Kind::uniform) {
                // all of a block linear: no branches
                const int64_t limit = std::min(std::min(limit_, highest_ + 1), int64_t(1) << 50);
                for (size_t at = 0; at < n; at += kBlock) {
                    const size_t m = std::min(kBlock, n - at);
                    const int64_t* q = k + at;
                    uint64_t out = 0;
                    for (size_t i = 0; i < m; i++)
                        out |= static_cast<uint64_t>(q[i] >= limit) | static_cast<uint64_t>(q[i] <= -limit);
                    if (!out) {
                        T block[kBlock];
                        for (size_t i = 0; i < m; i++) block[i] = round_to<T>(static_cast<double>(q[i]) * step_);
                        for (size_t i = 0; i < m; i++) x[(at + i) * stride] = block[i];
                    } else {
                        for (size_t i = 0; i < m; i++)
                            x[(at + i) * stride] = Points::point<T>(*this, std::max(lowest_, std::min(highest_, q[i])));
                    }
                }
                return 0;
            }
        }
        for (size_t i = 0; i < n; i++)
            x[i * stride] = Points::point<T>(*this, std::max(lowest_, std::min(highest_, k[i])));
        return 0;
    });
}

}  // namespace baler
