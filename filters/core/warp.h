// A column's warp: the piecewise linear map between values and about-normal z. docs/format.md, section 7.3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace baler {

// Nearest integer, ties to even, |v| < 2^51. The build forbids what would break it (fast-math, contraction).
inline double round_even(double v) {
    constexpr double magic = 6755399441055744.0;  // 1.5 * 2^52
    return (v + magic) - magic;
}

class Warp {
  public:
    Warp() = default;
    Warp(std::vector<double> x, std::vector<double> z) : x_(std::move(x)), z_(std::move(z)) {}

    double operator()(double x) const { return interpolate(x_, z_, x); }
    double inverse(double z) const { return interpolate(z_, x_, z); }
    // Z: unit 2^-14, |Z| < 2^18
    int32_t fixed(double x) const { return static_cast<int32_t>(round_even(16384.0 * (*this)(x))); }
    int32_t lowest() const { return static_cast<int32_t>(16384.0 * z_.front()); }
    int32_t highest() const { return static_cast<int32_t>(16384.0 * z_.back()); }
    bool empty() const { return x_.empty(); }

  private:
    static double interpolate(const std::vector<double>& from, const std::vector<double>& to, double v) {
        if (!(v > from.front())) return to.front();
        if (v >= from.back()) return to.back();
        // the last knot that is not above v
        const double* base = from.data();
        for (size_t n = from.size(); n > 1;) {
            const size_t half = n / 2;
            base = base[half] <= v ? base + half : base;
            n -= half;
        }
        const auto i = static_cast<size_t>(base - from.data());
        return to[i] + ((v - from[i]) / (from[i + 1] - from[i])) * (to[i + 1] - to[i]);
    }
    std::vector<double> x_, z_;
};

}  // namespace baler
