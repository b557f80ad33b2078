// What encoder and decoder know about a cell before it is coded. docs/format.md, section 12.4.
#pragma once

#include "grid_params.h"

namespace baler::grid {

// The cells of a grid as both sides see them.
struct Cells {
    std::vector<int32_t> u;
    std::vector<uint16_t> r;  // how far off the prediction was, in 1/16 of a step
    std::vector<int32_t> s;   // how far off the first prediction was, in 256ths; empty when no group feeds back
};

constexpr uint16_t kNoRecord = 16;    // R where no neighbour is inside
constexpr int64_t kMostRecord = 65535;
constexpr int64_t kMostMiss = 1 << 30;

// Does any group feed misses back?
inline bool any_fed_back(const Params& params) {
    for (const GroupParams& g : params.groups)
        if (g.fed_back) return true;
    return false;
}

// What the coding of a cell starts from.
struct Guess {
    int64_t P;
    int context;
};

inline int64_t magnitude(int64_t x) { return x < 0 ? -x : x; }

// A group as the loops over cells want it.
struct Rules {
    const GroupParams* params;
    const ScaleMap* map;
    int taps, near, mid, wide;  // ends of the classes of taps
    int64_t low, high;          // of P, in 256ths
    int down;                   // of distances to 1/16 steps
    int fineness, fine;         // L, F

    Rules(const Order& order, const Params& p, size_t group)
        : params(&p.groups[group]), map(&p.maps[p.map_of[group]]) {
        taps = static_cast<int>(order.groups[group].taps.size());
        near = taps < kNear ? taps : kNear;
        mid = taps < kMid ? taps : kMid;
        wide = taps < kWide ? taps : kWide;
        low = static_cast<int64_t>(p.low) * 256;
        high = static_cast<int64_t>(p.high) * 256;
        down = 4 + p.fineness;
        fineness = p.fineness;
        fine = p.fineness - params->fine;
    }

    int64_t clip(int64_t P) const { return P < low ? low : P > high ? high : P; }

    // The first prediction at cell u[0]; at: distances of the taps
    int64_t predict(const int32_t* u, const ptrdiff_t* at) const {
        const int64_t u0 = u[at[0]];
        int64_t sum = 0;
        for (int i = 1; i < taps; i++) sum += params->weight[i] * (u[at[i]] - u0);
        return clip(u0 * 256 + ((sum + 128) >> 8));
    }
    // P with what the misses at the taps tell; s: null when no group feeds back
    int64_t corrected(int64_t P, const int32_t* s, const ptrdiff_t* at) const {
        if (!params->fed_back || !s) return P;
        int64_t sum = 0;
        for (int i = 0; i < taps; i++) sum += static_cast<int64_t>(params->gain[i]) * s[at[i]];
        return clip(P + ((sum + (1 << 15)) >> 16));
    }
    static int32_t miss(int64_t u, int64_t first) {
        const int64_t x = u * 256 - first;
        return static_cast<int32_t>(x > kMostMiss ? kMostMiss : x < -kMostMiss ? -kMostMiss : x);
    }
    int64_t alone(int32_t last) const { return clip(static_cast<int64_t>(last) * 256); }

    // f_0 ... f_6 of a cell
    void features(const int32_t* u, const uint16_t* r, const ptrdiff_t* at, int64_t P, int64_t f[kScaleTerms]) const {
        const auto part = [&](int from, int to, int64_t& distance, int64_t& record) {
            int64_t d = 0, s = 0;
            for (int i = from; i < to; i++) {
                const int64_t x = magnitude(static_cast<int64_t>(u[at[i]]) * 256 - P) >> down;
                d += x < (1 << 24) ? x : 1 << 24;
                s += r[at[i]];
            }
            distance = d;
            record = s;
        };
        part(0, near, f[0], f[3]);
        part(near, mid, f[1], f[4]);
        part(mid, wide, f[2], f[5]);
        f[6] = 1;
    }
    // The same where every tap has the value before and no record.
    void features_alone(int32_t last, int64_t P, int64_t f[kScaleTerms]) const {
        const int64_t x = magnitude(static_cast<int64_t>(last) * 256 - P) >> down;
        const int64_t d = x < (1 << 24) ? x : 1 << 24;
        f[0] = near * d;
        f[1] = (mid - near) * d;
        f[2] = (wide - mid) * d;
        f[3] = near * kNoRecord;
        f[4] = (mid - near) * kNoRecord;
        f[5] = (wide - mid) * kNoRecord;
        f[6] = 1;
    }
    int64_t expected(const int64_t f[kScaleTerms]) const {
        int64_t e = 0;
        for (int j = 0; j < kScaleTerms; j++) e += params->scale[j] * f[j];
        e >>= 12;
        return e < (int64_t(1) << 30) ? e : int64_t(1) << 30;
    }

    // Of a cell that is not coded.
    int32_t fill(const int32_t* u, const ptrdiff_t* at, int32_t last) const {
        int64_t v = last;
        if (at && taps > 0) {
            // the prediction, but never far from what is around: over wide gaps it would run away
            int64_t lowest = u[at[0]], highest = lowest;
            for (int i = 1; i < taps; i++) {
                lowest = std::min<int64_t>(lowest, u[at[i]]);
                highest = std::max<int64_t>(highest, u[at[i]]);
            }
            const int64_t room = (highest - lowest) >> 2;
            v = (predict(u, at) + 128) >> 8;
            v = std::max(lowest - room, std::min(highest + room, v));
        }
        const int64_t least = low >> 8, most = high >> 8;
        return static_cast<int32_t>(v < least ? least : v > most ? most : v);
    }
    uint16_t fill_record(const uint16_t* r, const ptrdiff_t* at) const {
        if (!at || taps == 0) return kNoRecord;
        const uint32_t sum = r[at[0]] + static_cast<uint32_t>(r[at[taps > 1 ? 1 : 0]]);
        return static_cast<uint16_t>(sum >> 1);
    }
    uint16_t open_record(int32_t u, int64_t P) const {
        const int64_t x = magnitude(static_cast<int64_t>(u) * 256 - P) >> 4;
        return static_cast<uint16_t>(x < kMostRecord ? x : kMostRecord);
    }
    uint16_t closed_record(int64_t off) const {
        const int64_t x = (magnitude(off) << 4) >> fineness;
        return static_cast<uint16_t>(x < kMostRecord ? x : kMostRecord);
    }
};

// Quarter octaves of E.
inline int context_of(int64_t e) {
    if (e < 1) return 0;
    const int l = 63 - __builtin_clzll(static_cast<unsigned long long>(e));
    const int q = static_cast<int>(l >= 2 ? (e >> (l - 2)) & 3 : l == 1 ? (e & 1) * 2 : 0);
    const int c = 1 + 4 * l + q;
    return c < kContexts ? c : kContexts - 1;
}

}  // namespace baler::grid
