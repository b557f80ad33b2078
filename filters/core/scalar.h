// The numbers a chunk may hold, seen as bits: floats as sign and magnitude, binary16 included.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

namespace baler {

struct Half {
    uint16_t bits;
};

template <class T>
struct Float;  // p: bits of the mantissa; emin: exponent of the smallest normal number
template <>
struct Float<Half> {
    using Bits = uint16_t;
    static constexpr int p = 10, emin = -14;
};
template <>
struct Float<float> {
    using Bits = uint32_t;
    static constexpr int p = 23, emin = -126;
};
template <>
struct Float<double> {
    using Bits = uint64_t;
    static constexpr int p = 52, emin = -1022;
};

template <class T>
constexpr bool is_float = std::is_floating_point<T>::value || std::is_same<T, Half>::value;

inline double power_of_two(int e) {  // -1022 ... 1023
    uint64_t u = static_cast<uint64_t>(e + 1023) << 52;
    double v;
    std::memcpy(&v, &u, 8);
    return v;
}

inline double to_double(float x) { return static_cast<double>(x); }
inline double to_double(double x) { return x; }
inline double to_double(Half x) {
    int e = x.bits >> 10 & 31, m = x.bits & 1023;
    double a = e == 31  ? (m ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity())
               : e == 0 ? m * power_of_two(-24)
                        : (1024 + m) * power_of_two(e - 25);
    return x.bits & 0x8000 ? -a : a;
}

// The cast to T: round to nearest, ties to even.
template <class T>
inline T round_to(double x) {
    return static_cast<T>(x);
}
template <>
inline Half round_to<Half>(double x) {
    uint64_t u;
    std::memcpy(&u, &x, 8);
    uint16_t sign = static_cast<uint16_t>(u >> 48 & 0x8000);
    double a = std::fabs(x);
    if (!(a == a)) return Half{static_cast<uint16_t>(sign | 0x7e00)};
    if (a >= 65520.0) return Half{static_cast<uint16_t>(sign | 0x7c00)};
    int e = static_cast<int>(u >> 52 & 0x7ff) - 1023;
    if (e < -14) e = -14;
    constexpr double magic = 4503599627370496.0;  // 2^52: adding it rounds to an integer
    double m = a * power_of_two(10 - e) + magic - magic;
    // 1024 or more belongs to the exponent; a carry into the next octave comes out right by itself
    return Half{static_cast<uint16_t>(sign | (((e + 14) << 10) + static_cast<int>(m)))};
}

template <class T>
inline typename Float<T>::Bits bits_of(T x) {
    typename Float<T>::Bits b;
    std::memcpy(&b, &x, sizeof b);
    return b;
}
template <class T>
inline T from_bits(uint64_t u) {
    auto b = static_cast<typename Float<T>::Bits>(u);
    T x;
    std::memcpy(&x, &b, sizeof b);
    return x;
}

template <class T>
constexpr uint64_t kSignBit = uint64_t(1) << (8 * sizeof(T) - 1);
// Magnitudes (bits without sign) of finite floats end below this one, which is infinity's.
template <class T>
constexpr uint64_t kInfinity = ((uint64_t(1) << (8 * sizeof(T) - 1 - Float<T>::p)) - 1) << Float<T>::p;

// A magnitude's value; infinity's counts as the next power of two (what fits into a double).
template <class T>
inline double magnitude_value(uint64_t m) {
    if (m < kInfinity<T>) return to_double(from_bits<T>(m));
    return sizeof(T) == 8 ? std::numeric_limits<double>::max()
                          : power_of_two(sizeof(T) == 4 ? 128 : 16);
}

// The finite T nearest to x; NaN becomes 0.
template <class T>
inline T nearest_value(double x) {
    if (!(x == x)) return T{};
    if constexpr (is_float<T>) {
        T t = round_to<T>(x);
        if ((bits_of(t) & ~kSignBit<T>) < kInfinity<T>) return t;
        return from_bits<T>((bits_of(t) & kSignBit<T>) | (kInfinity<T> - 1));
    } else {
        double r = std::nearbyint(x);
        if (r <= static_cast<double>(std::numeric_limits<T>::min())) return std::numeric_limits<T>::min();
        if (r >= static_cast<double>(std::numeric_limits<T>::max())) return std::numeric_limits<T>::max();
        return static_cast<T>(r);
    }
}

// Calls f with a value of the C++ type of the dtype.
template <class F>
auto with_dtype(char kind, uint32_t size, F&& f) {
    if (kind == 'f') return size == 2 ? f(Half{}) : size == 4 ? f(float{}) : f(double{});
    if (kind == 'i')
        return size == 1 ? f(int8_t{}) : size == 2 ? f(int16_t{}) : size == 4 ? f(int32_t{}) : f(int64_t{});
    return size == 1 ? f(uint8_t{}) : size == 2 ? f(uint16_t{}) : size == 4 ? f(uint32_t{}) : f(uint64_t{});
}

}  // namespace baler
