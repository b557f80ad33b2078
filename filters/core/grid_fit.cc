// What the encoder of a grid fits to a chunk: weights, scales, maps.
#include <algorithm>
#include <cmath>

#include "grid_encoder.h"

namespace baler::grid {
namespace {

constexpr double kSmallGroup = 4000;  // cells below which weights must show that they pay

// Differences of a group's taps to their first, and of the cell, row by row.
struct Samples {
    size_t width = 0;  // taps - 1
    std::vector<float> rows;  // width differences, then that of the cell
    size_t count() const { return rows.size() / (width + 1); }
    const float* row(size_t i) const { return rows.data() + i * (width + 1); }
};

template <class T>
double residual(const T* row, const std::vector<double>& x) {
    double e = row[x.size()];
    for (size_t i = 0; i < x.size(); i++) e -= x[i] * static_cast<double>(row[i]);
    return e;
}

// Robust weighted least squares: cells of little activity count more, as their bits depend on the last digit.
std::vector<double> regression(const Samples& s, const std::vector<double>& defaults, double unit, int rounds) {
    const size_t m = s.width, n = s.count();
    std::vector<double> x = defaults;
    double slope = 0.15;
    for (int round = 0; round < rounds; round++) {
        std::vector<double> A(m * m), b(m);
        double errors = 0, activities = 0;
        for (size_t r = 0; r < n; r++) {
            double d[kMaxTaps + 1];
            std::copy_n(s.row(r), m + 1, d);
            double activity = 0;
            for (size_t i = 0; i < std::min<size_t>(m, 7); i++) activity += std::fabs(d[i]);
            activity *= unit;
            double w;
            if (round == 0) {
                w = 1 / (1 + activity * activity * 0.02);
            } else {
                const double e = residual(d, x) * unit, expected = 0.4 + slope * activity;
                w = 1 / (expected * expected + 0.5 * e * e);
                errors += std::fabs(e);
                activities += activity + 1;
            }
            for (size_t i = 0; i < m; i++) {
                const double wd = w * d[i];
                if (wd == 0) continue;
                double* row = A.data() + i * m;
                for (size_t j = 0; j <= i; j++) row[j] += wd * d[j];
                b[i] += wd * d[m];
            }
        }
        if (round) slope = errors / activities;
        double trace = 0;
        for (size_t i = 0; i < m; i++) {
            trace += A[i * m + i];
            for (size_t j = i + 1; j < m; j++) A[i * m + j] = A[j * m + i];
        }
        const double ridge = 1e-5 * trace / static_cast<double>(m) + 1e-9;
        for (size_t i = 0; i < m; i++) {
            A[i * m + i] += ridge;
            b[i] += ridge * defaults[i];
        }
        solve_symmetric(A, b, m);
        if (std::any_of(b.begin(), b.end(), [](double v) { return !(std::fabs(v) < 7.9); })) break;
        x = b;
    }
    return x;
}

// Fractional bits of the weights: rounding noise against what the digits cost. Noise of variance q^2 / 12 a weight
// costs 0.72 * (its variance / the residual's) bits a value.
int precision_for(const Samples& s, const std::vector<double>& x, double unit, double cells) {
    double noise = 0, n = 0;
    const size_t step = s.count() / 512 + 1;
    for (size_t r = 0; r < s.count(); r += step, n++) {
        const float* d = s.row(r);
        const double e = residual(d, x) * unit;
        double square = 0;
        for (size_t i = 0; i < s.width; i++) square += static_cast<double>(d[i]) * d[i];
        noise += square * unit * unit / (e * e + 0.1);
    }
    noise /= 12 * std::max(n, 1.0);
    int p = 4;
    while (p < 16 && cells * 0.72 * noise * std::pow(4.0, -p) * 0.75 > static_cast<double>(s.width)) p++;
    return p;
}

// Bits that weights x save against others in so many cells: by mean misses of cells of like activity, since a miss of
// exactly 0 on a lattice says less than it seems to.
double saved_bits(const Samples& s, const std::vector<double>& others, const std::vector<double>& x, double unit,
                  double cells) {
    constexpr int kBins = 32;
    double n[kBins] = {}, before[kBins] = {}, after[kBins] = {};
    for (size_t r = 0; r < s.count(); r++) {
        const float* d = s.row(r);
        double activity = 0;
        for (size_t i = 0; i < std::min<size_t>(s.width, 7); i++) activity += std::fabs(static_cast<double>(d[i]));
        const int bin = std::min(kBins - 1, static_cast<int>(1.5 * std::log2(1 + activity * unit)));
        n[bin]++;
        before[bin] += std::fabs(residual(d, others)) * unit;
        after[bin] += std::fabs(residual(d, x)) * unit;
    }
    double saved = 0;
    for (int b = 0; b < kBins; b++)
        if (n[b] > 0) saved += n[b] * std::log2((before[b] / n[b] + 0.12) / (after[b] / n[b] + 0.12));
    return saved * cells / static_cast<double>(s.count());
}

// In 65536ths, with the digits that the precision keeps.
int32_t rounded_weight(double x, int precision) {
    const int64_t unit = int64_t(1) << (16 - precision);
    const int64_t most = kMostWeight / unit;
    return static_cast<int32_t>(std::clamp<int64_t>(std::lrint(x * static_cast<double>(1 << precision)), -most, most) * unit);
}

}  // namespace

void solve_symmetric(std::vector<double>& A, std::vector<double>& b, size_t n) {
    // L D L^T in place; pivots without weight are left out
    std::vector<double> d(n);
    for (size_t j = 0; j < n; j++) {
        double pivot = A[j * n + j];
        for (size_t k = 0; k < j; k++) pivot -= A[j * n + k] * A[j * n + k] * d[k];
        d[j] = pivot > 1e-12 * A[j * n + j] && pivot > 1e-300 ? pivot : 0;
        for (size_t i = j + 1; i < n; i++) {
            double v = A[i * n + j];
            for (size_t k = 0; k < j; k++) v -= A[i * n + k] * A[j * n + k] * d[k];
            A[i * n + j] = d[j] > 0 ? v / d[j] : 0;
        }
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++) b[i] -= A[i * n + k] * b[k];
    for (size_t i = 0; i < n; i++) b[i] = d[i] > 0 ? b[i] / d[i] : 0;
    for (size_t i = n; i-- > 0;)
        for (size_t k = i + 1; k < n; k++) b[i] -= A[k * n + i] * b[k];
}

const float* bits_of_frequency() {
    struct Table {
        float bits[kScale + 1];
        Table() {
            bits[0] = 1e9f;
            for (uint32_t f = 1; f <= kScale; f++) bits[f] = 16.f - std::log2(static_cast<float>(f));
        }
    };
    static const auto* table = new Table;
    return table->bits;
}

void Encoder::fit_weights() {
    const double per_tap = choice_.hasty ? 250 : 600;
    const size_t n_groups = order_.groups.size();
    std::vector<Samples> samples(n_groups);
    std::vector<double> wanted(n_groups);
    for (size_t g = 0; g < n_groups; g++) {
        const size_t taps = order_.groups[g].taps.size();
        samples[g].width = taps ? taps - 1 : 0;
        const double m = static_cast<double>(samples[g].width);
        const bool enough = taps > 1 && static_cast<double>(order_.groups[g].cells) >= 60 * m;
        wanted[g] = enough ? std::max(choice_.hasty ? 1500.0 : 3000.0, per_tap * m) : 0;
    }
    const std::vector<int32_t>& goal = choice_.closed ? truth_ : cells_.u;
    each([&](uint32_t g, size_t p, const ptrdiff_t* at) {
        if (!at || wanted[g] == 0 || !sampled(g, p, wanted[g])) return;
        const int32_t* u = cells_.u.data() + p;
        const int64_t u0 = u[at[0]];
        Samples& s = samples[g];
        for (size_t i = 1; i <= s.width; i++) s.rows.push_back(static_cast<float>(u[at[i]] - u0));
        s.rows.push_back(static_cast<float>(goal[p] - u0));
    });
    for (size_t g = 0; g < n_groups; g++) {
        const Samples& s = samples[g];
        GroupParams& params = params_.groups[g];
        if (wanted[g] == 0 || s.count() < 10 * s.width) continue;
        const double unit = 1.0 / static_cast<double>(int64_t(1) << params_.fineness);
        std::vector<double> defaults;
        for (size_t i = 1; i <= s.width; i++) defaults.push_back(order_.groups[g].taps[i].weight / 65536.0);
        const std::vector<double> x = regression(s, defaults, unit, choice_.hasty ? 2 : 3);
        const double cells = static_cast<double>(order_.groups[g].cells);
        const int precision = precision_for(s, x, unit, cells);
        params.fitted = false;
        for (size_t i = 0; i <= s.width; i++) params.weight[i] = order_.groups[g].taps[i].weight;
        const bool small = choice_.closed || cells < kSmallGroup;
        if (small && saved_bits(s, defaults, x, unit, cells) < (precision + 1) * static_cast<double>(s.width)) continue;
        params.fitted = true;
        params.precision = static_cast<uint8_t>(precision);
        for (size_t i = 1; i <= s.width; i++) params.weight[i] = rounded_weight(x[i - 1], params.precision);
    }
}

// A second stage on what the first one missed by at the taps: what is left there is not white.
void Encoder::fit_gains() {
    const size_t n_groups = order_.groups.size();
    std::vector<Samples> samples(n_groups);
    std::vector<double> wanted(n_groups);
    for (size_t g = 0; g < n_groups; g++) {
        const size_t taps = order_.groups[g].taps.size();
        samples[g].width = taps;
        const auto m = static_cast<double>(taps);
        wanted[g] = taps && static_cast<double>(order_.groups[g].cells) >= 100 * m ? std::max(3000.0, 600 * m) : 0;
    }
    each([&](uint32_t g, size_t p, const ptrdiff_t* at) {
        if (!at || wanted[g] == 0 || !sampled(g, p, wanted[g])) return;
        const int32_t* s = cells_.s.data() + p;
        Samples& to = samples[g];
        for (size_t i = 0; i < to.width; i++) to.rows.push_back(static_cast<float>(s[at[i]]));
        to.rows.push_back(static_cast<float>(*s));
    });
    const double unit = 1.0 / (256.0 * static_cast<double>(int64_t(1) << params_.fineness));
    for (size_t g = 0; g < n_groups; g++) {
        const Samples& s = samples[g];
        GroupParams& params = params_.groups[g];
        params.fed_back = false;
        if (wanted[g] == 0 || s.count() < 10 * s.width) continue;
        const std::vector<double> none(s.width), x = regression(s, none, unit, 3);
        const double cells = static_cast<double>(order_.groups[g].cells);
        // misses of first predictions are no whole steps, so that their squares tell, down to the lattice's rounding
        double saved = 0;
        for (size_t r = 0; r < s.count(); r++) {
            const double before = residual(s.row(r), none) * unit, after = residual(s.row(r), x) * unit;
            saved += std::log2((before * before + 0.1) / (after * after + 0.1)) / 2;
        }
        if (saved * cells / static_cast<double>(s.count()) < 12 * static_cast<double>(s.width)) continue;
        params.fed_back = true;
        params.gain_precision = static_cast<uint8_t>(precision_for(s, x, unit, cells));
        for (size_t i = 0; i < s.width; i++) params.gain[i] = rounded_weight(x[i], params.gain_precision);
    }
}

// Non-negative relative least squares of the residuals on the features.
void Encoder::fit_scales() {
    const size_t n_groups = order_.groups.size();
    const double wanted = 6000;
    struct Row {
        float f[kScaleTerms];
        float y;
    };
    std::vector<std::vector<Row>> rows(n_groups);
    const std::vector<Rules> rule = rules();
    each([&](uint32_t g, size_t p, const ptrdiff_t* at) {
        if (!at || order_.groups[g].cells < 400 || (choice_.sketch == 1 && !sampled(g, p ^ 0x5555, wanted))) return;
        int64_t f[kScaleTerms];
        const int64_t P = prediction(rule[g], p, at);
        rule[g].features(cells_.u.data() + p, cells_.r.data() + p, at, P, f);
        Row row;
        for (int j = 0; j < kScaleTerms; j++) row.f[j] = static_cast<float>(f[j]);
        row.y = choice_.hasty ? rule[g].open_record(cells_.u[p], P) : cells_.r[p];
        rows[g].push_back(row);
    });
    for (size_t g = 0; g < n_groups; g++) {
        if (static_cast<double>(rows[g].size()) < 300 * choice_.sketch) continue;
        GroupParams& params = params_.groups[g];
        constexpr size_t m = kScaleTerms;
        std::vector<double> x(m);
        for (size_t j = 0; j < m; j++) x[j] = params.scale[j] / 4096.0;
        for (int round = 0; round < 2; round++) {
            std::vector<double> A(m * m), b(m);
            for (const Row& row : rows[g]) {
                double expected = 3;
                for (size_t j = 0; j < m; j++) expected += x[j] * static_cast<double>(row.f[j]);
                const double w = 1 / (expected * expected), y = std::min(static_cast<double>(row.y), 4 * expected);
                for (size_t i = 0; i < m; i++) {
                    for (size_t j = 0; j < m; j++) A[i * m + j] += w * static_cast<double>(row.f[i]) * static_cast<double>(row.f[j]);
                    b[i] += w * static_cast<double>(row.f[i]) * y;
                }
            }
            bool used[kScaleTerms];
            for (size_t j = 0; j < m; j++) used[j] = A[j * m + j] > 0;
            for (size_t tries = 0; tries < m; tries++) {
                std::vector<double> a = A, y = b;
                for (size_t j = 0; j < m; j++) {
                    a[j * m + j] *= 1 + 1e-4;
                    if (used[j]) continue;
                    for (size_t i = 0; i < m; i++) a[i * m + j] = a[j * m + i] = 0;
                    a[j * m + j] = 1;
                    y[j] = 0;
                }
                solve_symmetric(a, y, m);
                x = y;
                size_t worst = m;
                for (size_t j = 0; j < m; j++)
                    if (used[j] && y[j] < 0 && (worst == m || y[j] < y[worst])) worst = j;
                if (worst == m) break;
                used[worst] = false;
                x[worst] = 0;
            }
            for (double& v : x) v = std::max(v, 0.0);
        }
        params.scaled = true;
        for (size_t j = 0; j < m; j++)
            params.scale[j] = static_cast<uint32_t>(std::clamp(std::lrint(x[j] * 4096), 0l, static_cast<long>(kMostScale)));
    }
}

void Encoder::fit_maps() {
    struct Seen {
        int32_t n;      // u - floor of P, or the closed loop's number
        uint8_t phase;
        uint8_t up;     // 1: P rounds up
    };
    struct Bin {
        std::vector<Seen> seen;
        double off = 0;
    };
    const size_t n_maps = params_.maps.size();
    std::vector<std::vector<Bin>> bins(n_maps, std::vector<Bin>(kContexts));
    std::vector<double> cells(n_maps);
    for (size_t g = 0; g < order_.groups.size(); g++) cells[params_.map_of[g]] += static_cast<double>(order_.groups[g].cells);
    const double wanted = 40000;
    const std::vector<Rules> rule = rules();
    each([&](uint32_t g, size_t p, const ptrdiff_t* at) {
        const uint32_t map = params_.map_of[g];
        if (cells[map] > wanted) {
            const uint64_t hash = (static_cast<uint64_t>(p) * 0xBF58476D1CE4E5B9u) >> 32;
            if (static_cast<double>(hash) * cells[map] >= wanted * 0x1p32) return;
        }
        const Rules& rules = rule[g];
        const int32_t* u = cells_.u.data() + p;
        const auto [P, context] = guess(rules, p, at);
        Bin& bin = bins[map][static_cast<size_t>(context)];
        const int64_t rounded = (P + 128) >> 8, floored = P >> 8;
        Seen s;
        s.n = static_cast<int32_t>(params_.closed ? (*u - rounded) >> rules.fine : *u - floored);
        s.phase = params_.closed ? kCentred : static_cast<uint8_t>((P >> 5) & 7);
        s.up = params_.closed ? 0 : rounded > floored;
        bin.seen.push_back(s);
        bin.off += params_.closed ? std::fabs(static_cast<double>(s.n)) : static_cast<double>(magnitude(static_cast<int64_t>(*u) * 256 - P)) / 256;
    });
    const float* price = bits_of_frequency();
    const auto bits_of = [&](const Seen& s, const SymbolTable* tables, int shift) {
        int64_t n = s.n;
        const SymbolTable& table = tables[shift ? kCentred : s.phase];
        if (shift) n = (n - s.up + (int64_t(1) << (shift - 1))) >> shift;
        const int64_t symbol = n + table.reach;
        if (symbol >= 0 && symbol < table.escape()) return price[table.freq(static_cast<uint32_t>(symbol))] + static_cast<float>(shift);
        return price[table.freq(table.escape())] + static_cast<float>(7 + shift + (n ? 2 + static_cast<int>(std::log2(std::fabs(static_cast<double>(n)))) : 0));
    };
    for (size_t m = 0; m < n_maps; m++) {
        ScaleMap& map = params_.maps[m];
        const double weight = std::max(1.0, cells[m] / wanted);
        int before = 0;
        uint8_t shape_before = 2;
        for (int c = 0; c < kContexts; c++) {
            const Bin& bin = bins[m][static_cast<size_t>(c)];
            const auto clip = [](int J) { return std::clamp(J, 0, kMostJ); };
            if (bin.seen.size() < 6) {
                map.J[c] = static_cast<uint8_t>(clip(nominal(c) + before));
                map.shape[c] = shape_before;
                continue;
            }
            const double mean = bin.off / static_cast<double>(bin.seen.size());
            const int middle = static_cast<int>(std::lrint(20 + 4 * std::log2(std::max(mean, 0.01))));
            double least = 1e300;
            int J_best = 0, shape_best = 2;
            const size_t step = bin.seen.size() / 3000 + 1;
            for (int J = clip(middle - 4); J <= clip(middle + 2); J++) {
                const ScaleIndex index(J);
                for (int shape = 0; shape < kShapes; shape++) {
                    const SymbolTable* tables = symbol_tables(shape, index.scale);
                    double sum = 0;
                    for (size_t i = 0; i < bin.seen.size(); i += step) sum += static_cast<double>(bits_of(bin.seen[i], tables, index.shift));
                    sum *= static_cast<double>(step) * weight;
                    // what the map's entry costs
                    sum += 2.0 * std::abs(J - nominal(c) - before) + (shape == shape_before ? 0.5 : 4);
                    if (sum < least) {
                        least = sum;
                        J_best = J;
                        shape_best = shape;
                    }
                }
            }
            map.J[c] = static_cast<uint8_t>(J_best);
            map.shape[c] = static_cast<uint8_t>(shape_best);
            before = J_best - nominal(c);
            shape_before = static_cast<uint8_t>(shape_best);
        }
        map.mapped = true;
        // contexts that never came up need no entries at the ends
        int last = kContexts - 1;
        while (last > 0 && bins[m][static_cast<size_t>(last)].seen.empty()) {
            map.J[last] = static_cast<uint8_t>(nominal(last));
            map.shape[last] = 2;
            last--;
        }
        for (int c = 0; c < last && bins[m][static_cast<size_t>(c)].seen.empty(); c++) {
            map.J[c] = static_cast<uint8_t>(nominal(c));
            map.shape[c] = 2;
        }
    }
}

}  // namespace baler::grid
