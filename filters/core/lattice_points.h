// The scalar rules of docs/format.md section 2, one dtype at a time: a value's index, an index's value.
#pragma once

#include <algorithm>

#include "far_table.h"
#include "lattice.h"
#include "log_table.h"
#include "scalar.h"

namespace baler {

using int128 = __int128;

struct Points {
    static constexpr double kRound = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds |x| < 2^51 to an integer

    // x >= 0. From 2^52 on doubles are integers, below adding 2^52 leaves no room for a fraction.
    static double rint(double x) { return x < 0x1p52 ? x + 0x1p52 - 0x1p52 : x; }

    // Index of a finite x other than -0, and the value that stands for its cell; false: x is not on the lattice.
    template <class T>
    static bool place(const Lattice& l, T x, int64_t& k, T& y) {
        bool negative;
        int64_t j;
        if constexpr (is_float<T>) {
            const uint64_t b = bits_of(x), sign = b & kSignBit<T>, m = b ^ sign;
            uint64_t centre = m;
            negative = sign != 0;
            if (l.kind_ == Lattice::Kind::log) {
                if (!place_log<T>(*l.log_, m, j, centre)) return false;
            } else if (l.kind_ == Lattice::Kind::ordinal) {
                j = static_cast<int64_t>(m);
            } else if (m >= l.near_bits_) {
                j = l.far_->index(m, &centre);
            } else {
                j = std::min(static_cast<int64_t>(rint(magnitude_value<T>(m) / l.step_)), l.limit_);
                if (j < l.limit_) {
                    k = negative ? -j : j;
                    y = marked(l, k, round_to<T>(static_cast<double>(k) * l.step_));
                    return true;
                }
                centre = l.near_bits_;
                l.far_->index(l.near_bits_, &centre);
            }
            y = marked(l, negative ? -j : j, from_bits<T>(centre | sign));
        } else {
            if (l.kind_ == Lattice::Kind::ordinal) {
                y = x;
                k = static_cast<int64_t>(x);
                return !std::is_same<T, uint64_t>::value || x <= static_cast<T>(INT64_MAX);
            }
            if (l.kind_ == Lattice::Kind::uniform) {
                k = place_whole(l.whole_step_, x);
                y = saturate<T>(static_cast<int128>(k) * static_cast<int128>(l.whole_step_));
                return true;
            }
            const uint64_t m = magnitude(x);
            uint64_t centre = 0;
            negative = x < 0;
            j = 0;
            if (m) {
                const int e = 63 - __builtin_clzll(m);
                const auto o = static_cast<size_t>(e);
                j = static_cast<int64_t>(1 + l.log_->first[o] + l.log_->octaves[o].cell(m ^ uint64_t(1) << e, &centre));
                centre += uint64_t(1) << e;
            }
            y = saturate<T>(negative ? -static_cast<int128>(centre) : static_cast<int128>(centre));
        }
        k = negative ? -j : j;
        return true;
    }
    // y, or the fill value that the cell of k stands for.
    template <class T>
    static T marked(const Lattice& l, int64_t k, T y) {
        if (k > l.unmarked_low_ && k < l.unmarked_high_) return y;
        for (const auto& m : *l.marks_)
            if (m.first == k) return round_to<T>(m.second);
        return y;
    }
    template <class T>
    static bool place(const Lattice& l, T x, int64_t& k) {
        T y;
        return place(l, x, k, y);
    }

    // Value of k in [lowest, highest].
    template <class T>
    static T point(const Lattice& l, int64_t k) {
        const uint64_t j = k < 0 ? ~static_cast<uint64_t>(k) + 1 : static_cast<uint64_t>(k);
        if constexpr (is_float<T>) {
            uint64_t m = 0;
            switch (l.kind_) {
                case Lattice::Kind::ordinal: m = j; break;
                case Lattice::Kind::uniform:
                    if (static_cast<int64_t>(j) < l.limit_)
                        return marked(l, k, round_to<T>(static_cast<double>(k) * l.step_));
                    m = l.far_->centre(static_cast<int64_t>(j));
                    return marked(l, k, from_bits<T>(m | (k < 0 ? kSignBit<T> : 0)));
                default: m = log_magnitude<T>(*l.log_, j, true);
            }
            return from_bits<T>(m | (k < 0 ? kSignBit<T> : 0));
        } else {
            if (l.kind_ == Lattice::Kind::ordinal) return static_cast<T>(k);
            if (l.kind_ == Lattice::Kind::uniform) {
                int128 v = static_cast<int128>(k) * static_cast<int128>(l.whole_step_);
                return saturate<T>(v);
            }
            if (j == 0) return 0;
            auto m = static_cast<int128>(whole_magnitude(*l.log_, j, true));
            return saturate<T>(k < 0 ? -m : m);
        }
    }

    template <class T>
    static bool place_log(const LogTable& t, uint64_t m, int64_t& j, uint64_t& centre) {
        constexpr int p = Float<T>::p;
        if (m >> p) {
            const uint64_t octave = (m >> p) - 1;
            j = static_cast<int64_t>(1 + t.subnormals + octave * t.octaves[0].cells +
                                     t.octaves[0].cell(m & ((uint64_t(1) << p) - 1), &centre));
            centre += (octave + 1) << p;
            return true;
        }
        j = static_cast<int64_t>(m);
        centre = m;
        return m <= t.subnormals;
    }
    // Magnitude of the centre or the start of cell j of a float's log lattice.
    template <class T>
    static uint64_t log_magnitude(const LogTable& t, uint64_t j, bool centre) {
        if (j <= t.subnormals) return j;
        j -= 1 + t.subnormals;
        const uint64_t n = t.octaves[0].cells;
        auto octave = static_cast<uint64_t>(static_cast<double>(j) * t.per_octave);
        while (octave * n > j) octave--;
        while ((octave + 1) * n <= j) octave++;
        const uint64_t c = j - octave * n;
        return ((octave + 1) << Float<T>::p) + (centre ? t.octaves[0].centre_of(c) : t.octaves[0].start_of(c));
    }
    // The same for integers; j from 1.
    static uint64_t whole_magnitude(const LogTable& t, uint64_t j, bool centre) {
        j--;
        auto e = static_cast<size_t>(std::upper_bound(t.first.begin() + 1, t.first.end(), j) - (t.first.begin() + 1));
        uint64_t c = j - t.first[e];
        return (uint64_t(1) << e) + (centre ? t.octaves[e].centre_of(c) : t.octaves[e].start_of(c));
    }
    // The nearest multiple of an odd step: floor((x + step / 2) / step).
    template <class T>
    static int64_t place_whole(uint64_t step, T x) {
        if (sizeof(T) < 8 && step < uint64_t(1) << 62)
            return nearest<int64_t>(static_cast<int64_t>(x), static_cast<int64_t>(step));
        return nearest<int128>(static_cast<int128>(x), static_cast<int128>(step));
    }
    template <class W>
    static int64_t nearest(W x, W step) {
        const W half = step / 2;
        return static_cast<int64_t>(x < 0 ? -((half - x) / step) : (x + half) / step);
    }
    template <class T>
    static T saturate(int128 v) {
        if (v < static_cast<int128>(std::numeric_limits<T>::min())) return std::numeric_limits<T>::min();
        if (v > static_cast<int128>(std::numeric_limits<T>::max())) return std::numeric_limits<T>::max();
        return static_cast<T>(v);
    }
    template <class T>
    static uint64_t magnitude(T x) {
        auto u = static_cast<uint64_t>(static_cast<int64_t>(x));
        if (std::is_unsigned<T>::value) u = static_cast<uint64_t>(x);
        return x < 0 ? ~u + 1 : u;
    }
};

}  // namespace baler
