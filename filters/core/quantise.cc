// Whole columns on and off the lattice.
#include "baler.h"
#include "instruction_set.h"
#include "lattice_points.h"
#include "ordinal.h"

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

template <class T>
constexpr bool has_kernels = std::is_same<T, float>::value || std::is_same<T, double>::value;

const ColumnKernels& kernels() { return instruction_set().columns; }

// Values of a column side by side.
template <class T>
const T* gather(const T* x, size_t stride, size_t n, T* block) {
    if (stride == 1) return x;
    for (size_t i = 0; i < n; i++) block[i] = x[i * stride];
    return block;
}

template <class T>
void scatter(const T* block, size_t n, T* x, size_t stride) {
    if (stride == 1) std::memcpy(x, block, n * sizeof(T));
    else for (size_t i = 0; i < n; i++) x[i * stride] = block[i];
}

}  // namespace

// Near values in cells without marks. Beyond 2^40 steps rounding needs more care than the kernels take.
UniformRange Lattice::placed_range() const {
    const double near = std::min(near_, step_ * 0x1p40);
    return {step_, bound_.value, std::min(near, static_cast<double>(-(unmarked_low_ + 1)) * step_),
            std::min(near, static_cast<double>(unmarked_high_ - 1) * step_), 0, 0};
}

UniformRange Lattice::restored_range() const {
    const int64_t limit = std::min(std::min(limit_, highest_ + 1), int64_t(1) << 50);
    return {step_, 0, 0, 0, std::max(-limit, unmarked_low_), std::min(limit, unmarked_high_)};
}

UniformRange Lattice::unmarked_range() const {
    return {step_, 0, 0, 0, std::max(lowest_ - 1, unmarked_low_), std::min(highest_ + 1, unmarked_high_)};
}

const FarCells* Lattice::far_cells() const {
    return kind_ == Kind::uniform && dtype_.kind == 'f' && far_->narrow.octaves ? &far_->narrow : nullptr;
}

// Cells that the kernels know, for binary32.
const LogCells* Lattice::log_cells() const {
    return kind_ == Kind::log && dtype_.kind == 'f' && dtype_.size == 4 && log_->narrow.cells ? &log_->narrow : nullptr;
}

size_t Lattice::quantise(const void* data, size_t stride, size_t n, int64_t* k, uint8_t* mask) const {
    return with_dtype(dtype_.kind, dtype_.size, [&](auto zero) -> size_t {
        using T = decltype(zero);
        const T* x = static_cast<const T*>(data);
        size_t exceptions = 0;
        auto careful = [&](size_t i) {
            mask[i] = !place_checked(*this, bound_, x[i * stride], &k[i]);
            exceptions += mask[i];
        };
        if (kind_ == Kind::ordinal) {
            T block[kBlock];
            int64_t placed[kBlock];
            for (size_t at = 0; at < n; at += kBlock) {
                const size_t m = std::min(kBlock, n - at);
                const T* v = gather(x + at * stride, stride, m, block);
                if (!ordinal::ranks(v, m, placed, mask + at)) {
                    std::memcpy(k + at, placed, m * sizeof *k);
                    continue;
                }
                for (size_t i = 0; i < m; i++) {
                    if (mask[at + i]) exceptions++;
                    else k[at + i] = placed[i];
                }
            }
            return exceptions;
        }
        if constexpr (has_kernels<T>) {
            const LogCells* cells = log_cells();
            if (kind_ == Kind::uniform || cells) {
                const UniformRange range = placed_range();
                T block[kBlock];
                uint64_t bad[kBlock];
                int64_t placed[kBlock];
                for (size_t at = 0; at < n; at += kBlock) {
                    const size_t m = std::min(kBlock, n - at);
                    const T* v = gather(x + at * stride, stride, m, block);
                    uint64_t any;
                    if constexpr (std::is_same<T, double>::value) any = kernels().place_f8(range, v, m, placed, bad);
                    else if (cells) any = kernels().place_log(*cells, bound_.value, v, m, placed, bad);
                    else any = kernels().place_f4(range, v, m, placed, bad);
                    if (!(any >> 63)) {
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
        const auto careful = [&](size_t i) { x[i * stride] = Points::point<T>(*this, std::max(lowest_, std::min(highest_, k[i]))); };
        if (kind_ == Kind::ordinal) {
            T block[kBlock];
            for (size_t at = 0; at < n; at += kBlock) {
                const size_t m = std::min(kBlock, n - at);
                ordinal::values(k + at, m, lowest_, highest_, block);
                scatter(block, m, x + at * stride, stride);
            }
            return 0;
        }
        if constexpr (has_kernels<T>) {
            const LogCells* cells = log_cells();
            if (kind_ == Kind::uniform || cells) {
                const UniformRange range = restored_range(), unmarked = unmarked_range();
                const FarCells* far = far_cells();
                bool beyond = false;  // far values came up, and others may follow
                T block[kBlock];
                for (size_t at = 0; at < n; at += kBlock) {
                    const size_t m = std::min(kBlock, n - at);
                    bool done;
                    if constexpr (std::is_same<T, double>::value) {
                        done = kernels().restore_f8(range, k + at, m, block);
                    } else if (cells) {
                        done = kernels().restore_log(*cells, highest_, k + at, m, block);
                    } else {
                        done = !beyond && kernels().restore_f4(range, k + at, m, block);
                        if (!done && far) done = beyond = kernels().restore_far(unmarked, *far, k + at, m, block);
                    }
                    if (done) {
                        scatter(block, m, x + at * stride, stride);
                    } else {
                        for (size_t i = at; i < at + m; i++) careful(i);
                    }
                }
                return 0;
            }
        }
        for (size_t i = 0; i < n; i++) careful(i);
        return 0;
    });
}

}  // namespace baler
