// The strip kernels of the grid encoder, for whatever BALER_TARGET says. Included by one file per instruction set. Plain
// loops that compilers turn into vectors; sums are of whole numbers below 2^53 or in a fixed order, so that all
// instruction sets agree.

constexpr double kRound = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to a whole number
constexpr double kMostMissed = 1073741824.0;
constexpr int32_t kFarthest = 1 << 24;

BALER_TARGET static inline double whole(double x) { return (x + kRound) - kRound; }
BALER_TARGET static inline double clipped(double x, double low, double high) {
    x = x < low ? low : x;
    return x > high ? high : x;
}

// sum[i] += the weighted taps of a cell. S: the step where it is known, else 0.
template <size_t S>
BALER_TARGET static inline void add_taps(const int32_t* x, const GridStrip& row, const double* weight, double* sum) {
    const size_t n = row.count, step = S ? S : row.step;
    double w[kStripTaps];
    const int32_t* tap[kStripTaps];
    size_t used = 0;
    for (size_t t = 0; t < row.taps; t++) {
        if (weight[t] == 0) continue;
        tap[used] = x + row.at[t];
        w[used++] = weight[t];
    }
    size_t t = 0;
    for (; t + 4 <= used; t += 4) {
        const int32_t *a = tap[t], *b = tap[t + 1], *c = tap[t + 2], *d = tap[t + 3];
        const double wa = w[t], wb = w[t + 1], wc = w[t + 2], wd = w[t + 3];
        for (size_t i = 0; i < n; i++)
            sum[i] += (wa * a[i * step] + wb * b[i * step]) + (wc * c[i * step] + wd * d[i * step]);
    }
    for (; t < used; t++)
        for (size_t i = 0; i < n; i++) sum[i] += w[t] * tap[t][i * step];
}

BALER_TARGET static void sums(const int32_t* x, const GridStrip& row, const double* weight, double* sum) {
    for (size_t i = 0; i < row.count; i++) sum[i] = 0;
    if (row.step == 1) add_taps<1>(x, row, weight, sum);
    else add_taps<0>(x, row, weight, sum);
}

template <size_t S>
BALER_TARGET static void weigh_steps(const int32_t* x, const GridStrip& row, const double* weight, double scale,
                                     const double* base, double low, double high, double* P) {
    const size_t n = row.count;
    double sum[kStrip];
    for (size_t i = 0; i < n; i++) sum[i] = 0.5;
    add_taps<S>(x, row, weight, sum);
    // with the half a sum is never half-way between multiples: to round it is to add half a multiple and to round down
    if (base)
        for (size_t i = 0; i < n; i++) P[i] = clipped(base[i] + whole(sum[i] * scale), low, high);
    else
        for (size_t i = 0; i < n; i++) P[i] = clipped(whole(sum[i] * scale), low, high);
}

BALER_TARGET static void weigh(const int32_t* x, const GridStrip& row, const double* weight, double scale,
                               const double* base, double low, double high, double* P) {
    if (row.step == 1) weigh_steps<1>(x, row, weight, scale, base, low, high, P);
    else if (row.step == 2) weigh_steps<2>(x, row, weight, scale, base, low, high, P);
    else weigh_steps<0>(x, row, weight, scale, base, low, high, P);
}

BALER_TARGET static void misses(const int32_t* u, const GridStrip& row, const double* P, int32_t* s) {
    const size_t step = row.step;
    if (step == 1) {
        for (size_t i = 0; i < row.count; i++)
            s[i] = static_cast<int32_t>(clipped(256.0 * u[i] - P[i], -kMostMissed, kMostMissed));
        return;
    }
    for (size_t i = 0; i < row.count; i++)
        s[i * step] = static_cast<int32_t>(clipped(256.0 * u[i * step] - P[i], -kMostMissed, kMostMissed));
}

BALER_TARGET static void firsts(const int32_t* u, const int32_t* s, const GridStrip& row, double* P) {
    const size_t step = row.step;
    if (step == 1) {
        for (size_t i = 0; i < row.count; i++) P[i] = 256.0 * u[i] - s[i];
        return;
    }
    for (size_t i = 0; i < row.count; i++) P[i] = 256.0 * u[i * step] - s[i * step];
}

BALER_TARGET static inline int32_t length_of(int32_t d) { return d < 0 ? -d : d; }
BALER_TARGET static inline int32_t length_of(double d) {
    const double x = d < 0 ? -d : d;
    return static_cast<int32_t>(x < 2097152.0 ? x : 2097152.0);
}

template <class D>
BALER_TARGET static void open_row(const int32_t* u, const GridStrip& row, const double* P, D* d) {
    const size_t step = row.step;
    if (step == 1) {
        for (size_t i = 0; i < row.count; i++) d[i] = static_cast<D>(256.0 * u[i] - P[i]);
        return;
    }
    for (size_t i = 0; i < row.count; i++) d[i] = static_cast<D>(256.0 * u[i * step] - P[i]);
}

template <class D>
BALER_TARGET static void records_row(const D* d, const GridStrip& row, uint16_t* r) {
    const size_t step = row.step;
    int32_t record[kStrip];
    for (size_t i = 0; i < row.count; i++) {
        const int32_t x = length_of(d[i]) >> 4;
        record[i] = x < 65535 ? x : 65535;
    }
    if (step == 1) {
        for (size_t i = 0; i < row.count; i++) r[i] = static_cast<uint16_t>(record[i]);
        return;
    }
    for (size_t i = 0; i < row.count; i++) r[i * step] = static_cast<uint16_t>(record[i]);
}

template <size_t S, class D>
BALER_TARGET static void closed_steps(const int32_t* truth, const GridStrip& row, const double* P, int fine, int fineness,
                                      int32_t* u, D* d, uint16_t* r) {
    const size_t step = S ? S : row.step;
    const int32_t half = 1 << (fine - 1), most = (4096 << fineness) - 1;
    for (size_t i = 0; i < row.count; i++) {
        const auto rounded = static_cast<int32_t>(whole((P[i] + 0.5) * (1.0 / 256)));
        const int32_t steps = (truth[i * step] - rounded + half) >> fine;
        const auto off = static_cast<int32_t>(static_cast<uint32_t>(steps) << fine);
        u[i * step] = rounded + off;
        d[i] = static_cast<D>(256.0 * (rounded + off) - P[i]);
        const int32_t length = off < 0 ? -off : off;
        r[i * step] = static_cast<uint16_t>((length < most ? length : most) << 4 >> fineness);
    }
}

template <class D>
BALER_TARGET static void closed_row(const int32_t* truth, const GridStrip& row, const double* P, int fine, int fineness,
                                    int32_t* u, D* d, uint16_t* r) {
    if (row.step == 1) closed_steps<1>(truth, row, P, fine, fineness, u, d, r);
    else if (row.step == 2) closed_steps<2>(truth, row, P, fine, fineness, u, d, r);
    else closed_steps<0>(truth, row, P, fine, fineness, u, d, r);
}

// -P of a row, as the distances of taps want it: modulo 2^32 where these fit.
template <class D>
struct Minus;
template <>
struct Minus<int32_t> {
    using Type = uint32_t;
    BALER_TARGET static inline uint32_t of(int32_t d, int32_t u) {
        return static_cast<uint32_t>(d) - (static_cast<uint32_t>(u) << 8);
    }
    BALER_TARGET static inline int32_t distance(int32_t u, uint32_t minus, int down, double) {
        const auto x = static_cast<int32_t>((static_cast<uint32_t>(u) << 8) + minus);
        const int32_t length = (x < 0 ? -x : x) >> down;
        return length < kFarthest ? length : kFarthest;
    }
};
template <>
struct Minus<double> {
    using Type = double;
    BALER_TARGET static inline double of(double d, int32_t u) { return d - 256.0 * u; }
    BALER_TARGET static inline int32_t distance(int32_t u, double minus, int, double scale) {
        double x = 256.0 * u + minus;
        x = (x < 0 ? -x : x) * scale;
        return static_cast<int32_t>(x < kFarthest ? x : kFarthest);
    }
};

template <size_t S, class D>
BALER_TARGET static void features_steps(const int32_t* u, const uint16_t* r, const GridStrip& row, const int* ends,
                                        const D* d, int down, GridFeatures& out) {
    const size_t n = row.count, step = S ? S : row.step;
    typename Minus<D>::Type minus[kStrip];
    const double scale = 1.0 / (1 << down);
    for (size_t i = 0; i < n; i++) minus[i] = Minus<D>::of(d[i], u[i * step]);
    int t = 0;
    for (size_t c = 0; c < 3; c++) {
        int32_t *f = out.f[c], *g = out.f[3 + c];
        for (size_t i = 0; i < n; i++) f[i] = g[i] = 0;
        for (; t + 2 <= ends[c]; t += 2) {
            const int32_t *a = u + row.at[t], *b = u + row.at[t + 1];
            for (size_t i = 0; i < n; i++)
                f[i] += Minus<D>::distance(a[i * step], minus[i], down, scale) +
                        Minus<D>::distance(b[i * step], minus[i], down, scale);
            if (!r) continue;
            const uint16_t *v = r + row.at[t], *w = r + row.at[t + 1];
            for (size_t i = 0; i < n; i++) g[i] += v[i * step] + w[i * step];
        }
        for (; t < ends[c]; t++) {
            const int32_t* a = u + row.at[t];
            for (size_t i = 0; i < n; i++) f[i] += Minus<D>::distance(a[i * step], minus[i], down, scale);
            if (!r) continue;
            const uint16_t* v = r + row.at[t];
            for (size_t i = 0; i < n; i++) g[i] += v[i * step];
        }
    }
}

template <class D>
BALER_TARGET static void features_row(const int32_t* u, const uint16_t* r, const GridStrip& row, const int* ends,
                                      const D* d, int down, GridFeatures& out) {
    if (row.step == 1) features_steps<1>(u, r, row, ends, d, down, out);
    else if (row.step == 2) features_steps<2>(u, r, row, ends, d, down, out);
    else features_steps<0>(u, r, row, ends, d, down, out);
}

BALER_TARGET static void contexts(const GridFeatures& f, size_t count, const double* a, uint8_t* context) {
    int32_t c[kStrip];
    for (size_t i = 0; i < count; i++) {
        double sum = ((a[0] * f.f[0][i] + a[1] * f.f[1][i]) + (a[2] * f.f[2][i] + a[3] * f.f[3][i])) +
                     ((a[4] * f.f[4][i] + a[5] * f.f[5][i]) + a[6]);
        sum = sum < 4398046511104.0 ? sum : 4398046511104.0;
        const double e = whole((sum - 2047.5) * (1.0 / 4096));
        uint64_t bits;
        __builtin_memcpy(&bits, &e, 8);
        // exponent and the two highest digits behind it: quarter octaves
        c[i] = static_cast<int32_t>(bits >> 50) - 4091;
    }
    for (size_t i = 0; i < count; i++) context[i] = static_cast<uint8_t>(c[i] < 0 ? 0 : c[i] > 95 ? 95 : c[i]);
}

BALER_TARGET static void products(const float* columns, size_t width, const float* weight, float* sums) {
    float weighted[kSampleBlock];
    for (size_t i = 0; i < width; i++) {
        const float* a = columns + i * kSampleBlock;
        for (size_t s = 0; s < kSampleBlock; s++) weighted[s] = weight[s] * a[s];
        for (size_t j = 0; j <= i; j++, sums += kSamplePartial) {
            const float* b = columns + j * kSampleBlock;
            for (size_t l = 0; l < kSamplePartial; l++)
                sums[l] += (weighted[l] * b[l] + weighted[l + 16] * b[l + 16]) +
                           (weighted[l + 32] * b[l + 32] + weighted[l + 48] * b[l + 48]);
        }
    }
}

BALER_TARGET static void rests(const float* columns, size_t n, const float* x, float* rest) {
    const float* y = columns + n * kSampleBlock;
    for (size_t s = 0; s < kSampleBlock; s++) rest[s] = y[s];
    for (size_t i = 0; i < n; i++) {
        const float* a = columns + i * kSampleBlock;
        for (size_t s = 0; s < kSampleBlock; s++) rest[s] -= x[i] * a[s];
    }
}

constexpr GridStripKernels kernels = {weigh,
                                    sums,
                                    misses,
                                    firsts,
                                    {open_row<int32_t>, records_row<int32_t>, closed_row<int32_t>, features_row<int32_t>},
                                    {open_row<double>, records_row<double>, closed_row<double>, features_row<double>},
                                    contexts,
                                    products,
                                    rests};
