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
    T y;
    if (!finite_not_minus_zero(x) || !Points::place(l, x, j, y)) return false;
    if (!finite_not_minus_zero(y) || !inside(bound, x, y) || !Points::place(l, y, again) || again != j) return false;
    *k = j;
    return true;
}

uint64_t bits64(double x) {
    uint64_t b;
    std::memcpy(&b, &x, 8);
    return b;
}

// The linear part of a uniform float lattice, a block at once: k[i], and in the top bit of bad[i] that it does not
// hold. Comparisons are done on the bits (non-negative doubles order as integers, NaN above all), since compilers do
// not vectorise floating-point ones. Returns the union of bad[].
template <class T>
uint64_t place_linear(const double* x, size_t n, double step, double near_below, double near_above, double bound,
                      int64_t* k, uint64_t* bad) {
    constexpr uint64_t no_sign = ~uint64_t(0) >> 1;
    const uint64_t above = bits64(near_above) - 1, other_below = above ^ (bits64(near_below) - 1);
    const uint64_t allowed = bits64(bound), zero = bits64(Points::kRound);
    uint64_t any = 0;
    for (size_t i = 0; i < n; i++) {
        const double shifted = x[i] / step + Points::kRound;
        const double y = to_double(round_to<T>((shifted - Points::kRound) * step));
        const uint64_t other = bits64(y / step + Points::kRound) ^ bits64(shifted);
        const uint64_t b = bits64(x[i]);
        const uint64_t last = above ^ (other_below & (0 - (b >> 63)));
        uint64_t f = last - (b & no_sign);             // |x| >= near, or NaN
        f |= last - (bits64(y) & no_sign);             // the same for the value given back (its cell is no mark's)
        f |= allowed - (bits64(y - x[i]) & no_sign);   // error > bound
        f |= other | (0 - other);                      // another index the second time
        f |= b & ~(b << 1 | (0 - (b << 1)));           // -0 alone has a sign and nothing else
        bad[i] = f;
        any |= f;
        k[i] = static_cast<int64_t>(bits64(shifted) - zero);
    }
    return any;
}

}  // namespace

size_t Lattice::quantise(const void* data, size_t stride, size_t n, int64_t* k, uint8_t* mask) const {
    return with_dtype(dtype_.kind, dtype_.size, [&](auto zero) -> size_t {
        using T = decltype(zero);
        const T* x = static_cast<const T*>(data);
        size_t exceptions = 0;
        auto careful = [&](size_t i) {
            mask[i] = !place_checked(*this, bound_, x[i * stride], &k[i]);
            exceptions += mask[i];
        };
        if constexpr (is_float<T>) {
            if (kind_ == Kind::uniform) {
                // beyond 2^40 steps rounding needs more care than place_linear() takes
                const double near = std::min(near_, step_ * 0x1p40);
                const double above = std::min(near, static_cast<double>(unmarked_high_ - 1) * step_);
                const double below = std::min(near, static_cast<double>(-(unmarked_low_ + 1)) * step_);
                double block[kBlock];
                uint64_t bad[kBlock];
                int64_t placed[kBlock];
                for (size_t at = 0; at < n; at += kBlock) {
                    const size_t m = std::min(kBlock, n - at);
                    for (size_t i = 0; i < m; i++) block[i] = to_double(x[(at + i) * stride]);
                    if (!(place_linear<T>(block, m, step_, below, above, bound_.value, placed, bad) >> 63)) {
                        std::memcpy(k + at, placed, m * sizeof *k);
                        std::memset(mask + at, 0, m);
                        continue;
                    }
                    for (size_t i = 0; i < m; i++) {
                        if (!(bad[i] >> 63)) {
                            k[at + i] = placed[i];
                            mask[at + i] = 0;
                        } else {
                            careful(at + i);
                        }
                    }
                }
                return exceptions;
            }
        }
        for (size_t i = 0; i < n; i++) careful(i);
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
                const int64_t above = std::min(limit, unmarked_high_), below = std::max(-limit, unmarked_low_);
                for (size_t at = 0; at < n; at += kBlock) {
                    const size_t m = std::min(kBlock, n - at);
                    const int64_t* q = k + at;
                    uint64_t out = 0;
                    for (size_t i = 0; i < m; i++)
                        out |= static_cast<uint64_t>(q[i] >= above) | static_cast<uint64_t>(q[i] <= below);
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
