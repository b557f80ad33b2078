#include "hint.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "warp.h"

namespace baler {

namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// 2^n for -1022 <= n <= 1023
double power_of_two(double n) {
    const auto bits = static_cast<uint64_t>(static_cast<int64_t>(n) + 1023) << 52;
    double v;
    std::memcpy(&v, &bits, 8);
    return v;
}

double exp_program(double x) {
    if (!(std::fabs(x) <= 700.0)) return kNone;
    const double n = round_even(x * 1.4426950408889634);
    const double r = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10;
    double p = 1.0;
    for (int i = 13; i >= 1; i--) p = 1.0 + (p * r) / i;
    return p * power_of_two(n);
}

double cosh_program(double x) {
    const double t = exp_program(x);
    return (t + 1.0 / t) * 0.5;
}

double sinh_program(double x) {
    const double t = exp_program(x);
    return (t - 1.0 / t) * 0.5;
}

double log_program(double x) {
    if (!(x >= std::numeric_limits<double>::min() && x <= std::numeric_limits<double>::max())) return kNone;
    uint64_t bits;
    std::memcpy(&bits, &x, 8);
    auto e = static_cast<double>(static_cast<int64_t>(bits >> 52) - 1022);
    bits = (bits & 0x000fffffffffffff) | 0x3fe0000000000000;  // [1/2, 1)
    double m;
    std::memcpy(&m, &bits, 8);
    if (m < 0.7071067811865476) {
        m = m * 2.0;
        e -= 1.0;
    }
    const double s = (m - 1.0) / (m + 1.0), q = s * s;
    double p = 0.0;
    for (int i = 21; i >= 1; i -= 2) p = p * q + 1.0 / i;
    return 2.0 * s * p + e * 0.6931471805599453;
}

double reduce_angle(double x) {
    const double n = round_even(x * 0.15915494309189535);
    return (x - n * 6.28318530717958623) - n * 2.4492935982947064e-16;
}

double sin_program(double x) {
    if (!(std::fabs(x) <= 1e5)) return kNone;
    const double r = reduce_angle(x);
    double p = 1.0;
    for (int i = 13; i >= 1; i--) p = 1.0 - (p * (r * r)) / ((2 * i) * (2 * i + 1));
    return r * p;
}

double cos_program(double x) {
    if (!(std::fabs(x) <= 1e5)) return kNone;
    const double r = reduce_angle(x);
    double p = 1.0;
    for (int i = 14; i >= 1; i--) p = 1.0 - (p * (r * r)) / ((2 * i - 1) * (2 * i));
    return p;
}

template <typename F>
void each(double* a, size_t n, F f) {
    for (size_t i = 0; i < n; i++) a[i] = f(a[i]);
}

template <typename F>
void pairs(double* a, const double* b, size_t n, F f) {
    for (size_t i = 0; i < n; i++) a[i] = f(a[i], b[i]);
}

}  // namespace

bool HintProgram::assign(std::vector<Step> steps) {
    int depth = 0;
    for (const Step& s : steps) {
        const bool pushes = s.op == constant || s.op == column || s.op == before;
        const bool two = (s.op >= add && s.op <= div) || s.op == min || s.op == max;
        if (depth < (pushes ? 0 : two ? 2 : 1)) return false;
        depth += pushes ? 1 : two ? -1 : 0;
        if (depth > kHintDepth) return false;
    }
    steps_ = std::move(steps);
    return depth == 1;
}

void HintProgram::evaluate(const double* const* values, const double* const* previous, size_t first, size_t n,
                           double* out) const {
    double stack[kHintDepth][kHintRows];
    int top = -1;
    for (const Step& s : steps_) {
        if (s.op == constant || s.op == column || s.op == before) {
            top++;
            if (s.op == column) std::memcpy(stack[top], values[s.column] + first, n * sizeof(double));
            else if (s.op == before) std::memcpy(stack[top], previous[s.column] + first, n * sizeof(double));
            else each(stack[top], n, [&](double) { return s.constant; });
            continue;
        }
        double* b = stack[top];
        double* a = top > 0 ? stack[top - 1] : b;
        switch (s.op) {
            case add: pairs(a, b, n, [](double x, double y) { return x + y; }); top--; break;
            case sub: pairs(a, b, n, [](double x, double y) { return x - y; }); top--; break;
            case mul: pairs(a, b, n, [](double x, double y) { return x * y; }); top--; break;
            case div: pairs(a, b, n, [](double x, double y) { return x / y; }); top--; break;
            case min: pairs(a, b, n, [](double x, double y) { return y < x ? y : x; }); top--; break;
            case max: pairs(a, b, n, [](double x, double y) { return y > x ? y : x; }); top--; break;
            case sqrt: each(b, n, [](double x) { return x >= 0.0 ? std::sqrt(x) : kNone; }); break;
            case neg: each(b, n, [](double x) { return -x; }); break;
            case abs: each(b, n, [](double x) { return std::fabs(x); }); break;
            case exp: each(b, n, exp_program); break;
            case cosh: each(b, n, cosh_program); break;
            case sinh: each(b, n, sinh_program); break;
            case log: each(b, n, log_program); break;
            case sin: each(b, n, sin_program); break;
            case cos: each(b, n, cos_program); break;
            default: break;
        }
    }
    std::memcpy(out, stack[0], n * sizeof(double));
}

}  // namespace baler
