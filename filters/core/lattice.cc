#include "lattice.h"

#include <algorithm>
#include <cmath>

#include "baler.h"
#include "failure.h"
#include "instruction_set.h"
#include "lattice_points.h"
#include "ordinal.h"

namespace baler {
namespace {

constexpr double kMax = std::numeric_limits<double>::max();
constexpr size_t kBlock = 256;

// f(begin, length) of each block of n.
template <class F>
void in_blocks(size_t n, F&& f) {
    for (size_t at = 0; at < n; at += kBlock) f(at, std::min(kBlock, n - at));
}

// Halfway between a magnitude and the one below it.
template <class T>
double below(uint64_t m) {
    return m ? magnitude_value<T>(m) / 2 + magnitude_value<T>(m - 1) / 2 : 0;
}

bool is_power_of_two(double x) {
    int e;
    return x > 0 && std::frexp(x, &e) == 0.5;
}

}  // namespace

Lattice::Lattice(DType dtype, Bound bound, double unit, double noise) : dtype_(dtype), bound_(bound) {
    const bool number = dtype.kind == 'f';
    if (!(unit > 0) || !std::isfinite(unit)) unit = 0;
    const double eps = bound.value;
    // A unit finer than the dtype's own spacing, or than 2^-31 of the bound, says nothing.
    const double finest = !number ? 1 : dtype.size == 2 ? 0x1p-24 : dtype.size == 4 ? 0x1p-149 : 0x1p-1074;
    if (unit < finest || unit > 0x1p1000) unit = 0;
    if (bound.kind == BALER_BOUND_ABS && (unit < eps * 0x1p-30 || !(noise >= 0 && noise <= eps / 4))) unit = 0;
    if (bound.kind == BALER_BOUND_EXACT || !(eps > 0)) {
        bound_ = Bound{};
        if (number && is_power_of_two(unit)) set_uniform_float(0, unit, 0);
    } else if (bound.kind == BALER_BOUND_ABS) {
        if (number) {
            set_uniform_float(eps, unit, noise);
            set_marks();
        } else if (eps >= 1) {
            kind_ = Kind::uniform;
            whole_step_ = 2 * static_cast<uint64_t>(std::min(eps, 0x1p61)) + 1;
            step_ = static_cast<double>(whole_step_);
            limit_ = INT64_MAX;
        }
    } else {
        const int p = !number ? -1 : dtype.size == 2 ? 10 : dtype.size == 4 ? 23 : 52;
        if (eps > (number ? power_of_two(-p - 1) : 0x1p-31)) {
            kind_ = Kind::log;
            log_ = log_table(p, eps);
        }
    }
    with_dtype(dtype.kind, dtype.size, [&](auto zero) {
        using T = decltype(zero);
        if constexpr (is_float<T>) {
            Points::place(*this, from_bits<T>(kInfinity<T> - 1), highest_);
            lowest_ = -highest_;
        } else {
            Points::place(*this, std::numeric_limits<T>::min(), lowest_);
            if (!Points::place(*this, std::numeric_limits<T>::max(), highest_)) highest_ = INT64_MAX;
        }
        return 0;
    });
}

// tolerance 0: exact, and unit is a power of two.
void Lattice::set_uniform_float(double tolerance, double unit, double noise) {
    kind_ = Kind::uniform;
    with_dtype('f', dtype_.size, [&](auto zero) {
        using T = decltype(zero);
        if constexpr (is_float<T>) {
            constexpr int p = Float<T>::p, emin = Float<T>::emin;
            constexpr int emax = 1 - emin;
            const double finest = std::ldexp(1.0, emin - p);
            // the far part begins where the dtype's spacing reaches this
            double coarse = tolerance > 0 ? tolerance : unit;
            if (tolerance > 0 && !(unit > 0)) coarse = tolerance * (sizeof(T) == 8 ? 0x1p-12 : 0x1p-9);
            const double slack = 1 - 0x1p-10;
            if (tolerance == 0) {
                step_ = unit;
            } else if (unit > 0) {
                double m = std::floor(2 * std::min(tolerance - noise, kMax / 4) * slack / unit) + 1;
                step_ = (m - (std::fmod(m, 2) == 0 ? 1 : 0)) * unit;
            } else if (coarse <= finest) {
                step_ = (2 * std::floor(tolerance / finest) + 1) * finest;
            } else {
                step_ = 2 * std::min(tolerance, kMax / 4) * slack;
            }
            int e = emin + 1;
            while (e <= emax && std::ldexp(1.0, e - p) < coarse) e++;
            auto far = std::make_shared<FarTable>();
            far->p = p;
            if (e > emax) {  // nothing is far
                near_ = kMax;
                near_bits_ = kInfinity<T>;
                limit_ = INT64_MAX;
                far->begin = far->singles = near_bits_;
                far->first_single = limit_;
                far_ = std::move(far);
                return 0;
            }
            near_ = std::ldexp(1.0, e);
            near_bits_ = bits_of(round_to<T>(near_));
            // the first index whose value, once cast, is far
            limit_ = static_cast<int64_t>(std::ceil(near_ / step_));
            while (limit_ > 1 && to_double(round_to<T>(static_cast<double>(limit_ - 1) * step_)) >= near_) limit_--;
            while (to_double(round_to<T>(static_cast<double>(limit_) * step_)) < near_) limit_++;
            far->begin = far->singles = near_bits_;
            far->first_single = limit_;
            for (; e <= emax && tolerance / std::ldexp(1.0, e - p) >= 1; e++) {
                uint64_t w = 2 * static_cast<uint64_t>(tolerance / std::ldexp(1.0, e - p)) + 1;
                far->width.push_back(w);
                far->first.push_back(far->first_single);
                far->first_single += static_cast<int64_t>(((uint64_t(1) << p) + w - 1) / w);
                far->singles += uint64_t(1) << p;
            }
            uint64_t centre;
            far->set_narrow(limit_, far->index(kInfinity<T> - 1, &centre));
            far_ = std::move(far);
        }
        return 0;
    });
}

// People look for fill values with ==, so those in use must come back as they were, and cost no more than other values.
void Lattice::set_marks() {
    constexpr double fills[] = {-999, -9999, -99999, -99, -32768, 9999, 99999};
    std::vector<std::pair<int64_t, double>> marks;
    with_dtype('f', dtype_.size, [&](auto zero) {
        using T = decltype(zero);
        if constexpr (is_float<T>) {
            for (double v : fills) {
                const T t = round_to<T>(v);
                int64_t k;
                if (to_double(t) != v || bound_.value * 16 > std::fabs(v) || !Points::place(*this, t, k)) continue;
                const bool taken = std::any_of(marks.begin(), marks.end(), [&](const auto& m) { return m.first == k; });
                if (!taken) marks.emplace_back(k, v);
            }
        }
        return 0;
    });
    if (marks.empty()) return;
    for (const auto& m : marks) {
        if (m.first < 0) unmarked_low_ = std::max(unmarked_low_, m.first);
        else unmarked_high_ = std::min(unmarked_high_, m.first);
    }
    marks_ = std::make_shared<const std::vector<std::pair<int64_t, double>>>(std::move(marks));
}

template <class T>
int64_t Lattice::index_as(double x) const {
    int64_t k = 0;
    const T t = nearest_value<T>(x);
    if constexpr (is_float<T>) {
        // the linear part is told from the double itself, not from what the dtype makes of it
        if (kind_ == Kind::uniform && std::fabs(x) < near_) {
            const double v = std::min(std::fabs(x) / step_, 0x1p60);
            k = std::min(static_cast<int64_t>(Points::rint(v)), std::min(limit_, highest_));
            return x < 0 ? -k : k;
        }
        if (Points::place(*this, t, k)) return k;
        // a subnormal of a log lattice: the nearer of 0 and the first cell
        if ((bits_of(t) & ~kSignBit<T>) < uint64_t(1) << (Float<T>::p - 1)) return 0;
        return x < 0 ? -1 : 1;
    } else {
        return Points::place(*this, t, k) ? k : highest_;  // only 2^63 and more of u64 are not on it
    }
}

int64_t Lattice::index(double x) const {
    return with_dtype(dtype_.kind, dtype_.size, [&](auto zero) { return index_as<decltype(zero)>(x); });
}

void Lattice::indices(const double* x, size_t n, int64_t* k) const {
    if (kind_ == Kind::uniform && dtype_.kind == 'f') {
        const UniformRange range{step_, 0, 0, std::min(near_, step_ * 0x1p40), 0, std::min(limit_, highest_)};
        if (instruction_set().columns.indices(range, x, n, k)) return;
    }
    if (const LogCells* cells = log_cells()) {
        float v[kBlock];
        uint64_t bad[kBlock];
        size_t at = 0;
        for (; at < n; at += kBlock) {
            const size_t m = std::min(kBlock, n - at);
            for (size_t i = 0; i < m; i++) v[i] = round_to<float>(x[at + i]);
            if (instruction_set().columns.place_log(*cells, 1, v, m, k + at, bad) >> 63) break;
        }
        if (at >= n) return;
    }
    with_dtype(dtype_.kind, dtype_.size, [&](auto zero) {
        using T = decltype(zero);
        if constexpr (is_float<T>) {
            if (kind_ == Kind::ordinal) {
                in_blocks(n, [&](size_t at, size_t m) {
                    T t[kBlock];
                    uint8_t off[kBlock];  // a -0 is a 0 here
                    for (size_t i = 0; i < m; i++) t[i] = nearest_value<T>(x[at + i]);
                    ordinal::ranks(t, m, k + at, off);
                });
                return 0;
            }
        }
        for (size_t i = 0; i < n; i++) k[i] = index_as<T>(x[i]);
        return 0;
    });
}

template <class T>
double Lattice::value_as(int64_t k) const {
    k = std::max(lowest_, std::min(highest_, k));
    if constexpr (is_float<T>) {
        if (kind_ == Kind::uniform && k < limit_ && k > -limit_)
            return Points::marked(*this, k, static_cast<double>(k) * step_);
        return to_double(Points::point<T>(*this, k));
    } else {
        return static_cast<double>(Points::point<T>(*this, k));
    }
}

double Lattice::value(int64_t k) const {
    return with_dtype(dtype_.kind, dtype_.size, [&](auto zero) { return value_as<decltype(zero)>(k); });
}

void Lattice::values(const int64_t* k, size_t n, double* x) const {
    const ColumnKernels& kernels = instruction_set().columns;
    if (kind_ == Kind::uniform && dtype_.kind == 'f') {
        if (kernels.restore_f8(restored_range(), k, n, x)) return;
        const FarCells* far = far_cells();
        if (far && kernels.values_far(unmarked_range(), *far, k, n, x)) return;
    }
    if (const LogCells* cells = log_cells()) {
        float v[kBlock];
        size_t at = 0;
        for (; at < n; at += kBlock) {
            const size_t m = std::min(kBlock, n - at);
            if (!kernels.restore_log(*cells, highest_, k + at, m, v)) break;
            for (size_t i = 0; i < m; i++) x[at + i] = to_double(v[i]);
        }
        if (at >= n) return;
    }
    with_dtype(dtype_.kind, dtype_.size, [&](auto zero) {
        using T = decltype(zero);
        if (kind_ == Kind::ordinal) {
            in_blocks(n, [&](size_t at, size_t m) {
                T t[kBlock];
                ordinal::values(k + at, m, lowest_, highest_, t);
                for (size_t i = 0; i < m; i++) {
                    if constexpr (is_float<T>) x[at + i] = to_double(t[i]);
                    else x[at + i] = static_cast<double>(t[i]);
                }
            });
            return 0;
        }
        for (size_t i = 0; i < n; i++) x[i] = value_as<T>(k[i]);
        return 0;
    });
}

double Lattice::edge(int64_t k) const {
    return with_dtype(dtype_.kind, dtype_.size, [&](auto zero) -> double {
        using T = decltype(zero);
        if constexpr (!is_float<T>) {
            if (kind_ == Kind::ordinal) return static_cast<double>(k) - 0.5;
            if (kind_ == Kind::uniform) return (static_cast<double>(k) - 0.5) * step_;
        } else if (kind_ == Kind::uniform && k <= limit_ && k > -limit_) {
            return (static_cast<double>(k) - 0.5) * step_;
        }
        // the lower edge of a cell at or below zero is the upper edge of its mirror image
        const bool mirrored = k <= 0;
        const int64_t j = mirrored ? 1 - k : k;
        double v;
        if constexpr (is_float<T>) {
            auto m = static_cast<uint64_t>(j);
            if (kind_ == Kind::uniform) m = far_->start(j);
            if (kind_ == Kind::log) m = Points::log_magnitude<T>(*log_, m, false);
            const bool first = kind_ == Kind::log && j == 1;
            v = first ? magnitude_value<T>(m) / 2 : below<T>(std::min<uint64_t>(m, kInfinity<T>));
        } else {
            // behind the last cell lies 2^64, which is no uint64_t
            const auto u = static_cast<uint64_t>(j);
            const bool past = u > log_->first[63] + log_->octaves[63].cells;
            v = past ? 0x1p64 : static_cast<double>(Points::whole_magnitude(*log_, u, false)) - 0.5;
        }
        return mirrored ? -v : v;
    });
}

}  // namespace baler
