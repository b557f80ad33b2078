// What the encoder of a grid fits to a chunk: weights, gains, scales.
#include <algorithm>
#include <cmath>

#include "grid_pieces.h"
#include "grid_regression.h"

namespace baler::grid {
namespace {

constexpr double kSmallGroup = 4000;  // cells below which weights must show that they pay
constexpr double kScaleSamples = 6000, kRoughScaleSamples = 3000;
constexpr double kPerTap = 600, kRoughPerTap = 250;  // samples
constexpr size_t kFitPiece = 8;       // neighbours in a row tell little that is new
constexpr size_t kFewSamples = 300;   // too few to fit scales to

// In 65536ths, with the digits that the precision keeps.
int32_t rounded_weight(double x, int precision) {
    const int64_t unit = int64_t(1) << (16 - precision);
    const int64_t most = kMostWeight / unit;
    const int64_t m = std::lrint(x * static_cast<double>(1 << precision));
    return static_cast<int32_t>(std::clamp<int64_t>(m, -most, most) * unit);
}

// Cells of a group that are looked at for a fit: pieces of rows, so that there are about as many as wanted.
struct Sampler {
    Spread spread;
    Columns columns;
    bool wanted;

    Sampler(size_t width, double cells, double wanted_cells)
        : spread(wanted_cells / std::max(cells, 1.0)), wanted(wanted_cells > 0) {
        columns.width = width;
    }
    // take(first cell, how many) of a row of `count`
    template <class Take>
    void of(size_t count, Take&& take) {
        for (size_t i = 0; i < count; i += kFitPiece)
            if (spread.next()) take(i, std::min(kFitPiece, count - i));
    }
};

// Column c of the samples of `n` cells from `cell` on, `step` apart: f(cell), without cells that are not coded.
template <class F>
void put_column(float* to, size_t cell, size_t step, size_t n, F&& f) {
    if (step == 1) {
        for (size_t i = 0; i < n; i++) to[i] = static_cast<float>(f(cell + i));
        return;
    }
    for (size_t i = 0; i < n; i++) to[i] = static_cast<float>(f(cell + i * step));
}

// Runs of coded cells of n.
template <class F>
void coded_runs(const uint8_t* of, size_t cell, size_t step, size_t n, F&& f) {
    if (!of) {
        f(cell, n);
        return;
    }
    for (size_t i = 0; i < n;) {
        while (i < n && of[cell + i * step]) i++;
        const size_t begin = i;
        while (i < n && !of[cell + i * step]) i++;
        if (i > begin) f(cell + begin * step, i - begin);
    }
}

// Non-negative relative least squares of a group's last column on the others.
std::vector<double> fit_scale(const GridStripKernels& kernels, const Columns& s, std::vector<double> x) {
    constexpr size_t m = kScaleTerms;
    for (int round = 0; round < 2; round++) {
        Products products(m + 1);
        float block[(m + 1) * kSampleBlock], w[kSampleBlock];
        for (size_t b = 0; b < s.blocks(); b++) {
            std::copy_n(s.block(b), (m + 1) * kSampleBlock, block);
            float* y = block + m * kSampleBlock;
            std::fill_n(w, kSampleBlock, 3.f);
            for (size_t j = 0; j < m; j++)
                for (size_t i = 0; i < kSampleBlock; i++)
                    w[i] += static_cast<float>(x[j]) * block[j * kSampleBlock + i];
            for (size_t i = 0; i < kSampleBlock; i++) {
                const float expected = w[i];
                y[i] = y[i] < 4 * expected ? y[i] : 4 * expected;
                w[i] = 1 / (expected * expected);
            }
            products.add(kernels, block, w);
        }
        std::vector<double> A(m * m), b(m);
        for (size_t i = 0; i < m; i++) {
            for (size_t j = 0; j <= i; j++) A[i * m + j] = A[j * m + i] = products.of(i, j);
            b[i] = products.of(m, i);
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
    return x;
}

}  // namespace

// A sketch looks at pieces of some rows.
void Encoder::choose_pieces() {
    Spread spread(choice_.sketch);
    chosen_.clear();
    chosen_taps_.clear();
    looked_at_ = 0;
    std::vector<uint8_t> kept;  // pieces of the line
    size_t seen = 0;
    const ptrdiff_t* last = nullptr;
    const auto line = [&](size_t count) {
        kept.clear();
        seen = 0;
        bool any = false;
        for (size_t i = 0; i < count; i += kSketchPiece) {
            kept.push_back(spread.next());
            any |= kept.back() != 0;
        }
        return any;
    };
    walker_.walk_some(line, [&](uint32_t g, size_t p, size_t step, size_t count, const ptrdiff_t* taps) {
        for (size_t done = 0; done < count;) {
            const size_t piece = seen / kSketchPiece, some = std::min(count - done, (piece + 1) * kSketchPiece - seen);
            if (kept[piece]) {
                const ptrdiff_t* own = taps;
                if (taps && taps != last && !walker_.lasting(g, taps)) {
                    const size_t n = order_.groups[g].taps.size();
                    chosen_taps_.emplace_back(new ptrdiff_t[n]);
                    std::copy_n(taps, n, chosen_taps_.back().get());
                    own = chosen_taps_.back().get();
                }
                chosen_.push_back({g, static_cast<uint32_t>(some), p + done * step, step, own, looked_at_});
                looked_at_ += some;
            }
            seen += some;
            done += some;
        }
    });
}

void Encoder::fit_weights() {
    const double per_tap = rough() ? kRoughPerTap : kPerTap;
    const size_t n_groups = order_.groups.size();
    std::vector<Sampler> samplers;
    for (size_t g = 0; g < n_groups; g++) {
        const size_t taps = order_.groups[g].taps.size();
        const double m = taps ? static_cast<double>(taps - 1) : 0, cells = static_cast<double>(order_.groups[g].cells);
        const bool enough = taps > 1 && cells >= 60 * m;
        const double wanted = enough ? std::max(rough() ? 1500.0 : 3000.0, per_tap * m) : 0;
        samplers.emplace_back(taps, cells * choice_.sketch, wanted);
    }
    const int32_t* goal = choice_.closed ? truth_.data() : u_;
    pieces([&](const Piece& piece) {
        Sampler& s = samplers[piece.group];
        if (!piece.taps || !s.wanted) return;
        const size_t width = s.columns.width;
        s.of(piece.count, [&](size_t first, size_t n) {
            coded_runs(of_, piece.at + first * piece.step, piece.step, n, [&](size_t cell, size_t count) {
                s.columns.add(count, [&](size_t from, size_t some, float* to) {
                    const size_t begin = cell + from * piece.step;
                    const int32_t* nearest = u_ + piece.taps[0];
                    for (size_t c = 1; c < width; c++) {
                        const int32_t* tap = u_ + piece.taps[c];
                        put_column(to + (c - 1) * kSampleBlock, begin, piece.step, some,
                                   [&](size_t i) { return tap[i] - nearest[i]; });
                    }
                    put_column(to + (width - 1) * kSampleBlock, begin, piece.step, some,
                               [&](size_t i) { return goal[i] - nearest[i]; });
                });
            });
        });
    });
    const double unit = 1.0 / static_cast<double>(int64_t(1) << params_.fineness);
    for (size_t g = 0; g < n_groups; g++) {
        const Columns& s = samplers[g].columns;
        GroupParams& params = params_.groups[g];
        const size_t m = s.width ? s.width - 1 : 0;
        if (!samplers[g].wanted || s.count < 10 * m) continue;
        std::vector<double> defaults;
        for (size_t i = 1; i <= m; i++) defaults.push_back(order_.groups[g].taps[i].weight / 65536.0);
        const std::vector<double> x = regression(kernels_, s, defaults, unit, 3);
        const double cells = static_cast<double>(order_.groups[g].cells);
        const int precision = precision_for(s, x, unit, cells);
        params.fitted = false;
        for (size_t i = 0; i <= m; i++) params.weight[i] = order_.groups[g].taps[i].weight;
        const bool small = choice_.closed || cells < kSmallGroup;
        const double cost = (precision + 1) * static_cast<double>(m);
        if (small && saved_bits(kernels_, s, defaults, x, unit, cells) < cost) continue;
        params.fitted = true;
        params.precision = static_cast<uint8_t>(precision);
        for (size_t i = 1; i <= m; i++) params.weight[i] = rounded_weight(x[i - 1], params.precision);
    }
}

// A second stage on what the first one missed by at the taps: what is left there is not white.
void Encoder::fit_gains() {
    const double per_tap = rough() ? kRoughPerTap : kPerTap;
    const size_t n_groups = order_.groups.size();
    std::vector<Sampler> samplers;
    for (size_t g = 0; g < n_groups; g++) {
        const size_t taps = order_.groups[g].taps.size();
        const auto m = static_cast<double>(taps), cells = static_cast<double>(order_.groups[g].cells);
        samplers.emplace_back(taps + 1, cells, taps && cells >= 100 * m ? std::max(rough() ? 1500.0 : 3000.0, per_tap * m) : 0);
    }
    pieces([&](const Piece& piece) {
        Sampler& s = samplers[piece.group];
        if (!piece.taps || !s.wanted) return;
        const size_t taps = s.columns.width - 1;
        s.of(piece.count, [&](size_t first, size_t n) {
            coded_runs(of_, piece.at + first * piece.step, piece.step, n, [&](size_t cell, size_t count) {
                s.columns.add(count, [&](size_t from, size_t some, float* to) {
                    const size_t begin = cell + from * piece.step;
                    for (size_t c = 0; c <= taps; c++) {
                        const int32_t* miss = s_.data() + (c < taps ? piece.taps[c] : 0);
                        put_column(to + c * kSampleBlock, begin, piece.step, some, [&](size_t i) { return miss[i]; });
                    }
                });
            });
        });
    });
    const double unit = 1.0 / (256.0 * static_cast<double>(int64_t(1) << params_.fineness));
    for (size_t g = 0; g < n_groups; g++) {
        const Columns& s = samplers[g].columns;
        GroupParams& params = params_.groups[g];
        params.fed_back = false;
        const size_t m = s.width - 1;
        if (!samplers[g].wanted || s.count < 10 * m) continue;
        const std::vector<double> none(m), x = regression(kernels_, s, none, unit, 3);
        const double cells = static_cast<double>(order_.groups[g].cells);
        if (saved_fine_bits(kernels_, s, x, unit, cells) < 12 * static_cast<double>(m)) continue;
        params.fed_back = true;
        params.gain_precision = static_cast<uint8_t>(precision_for(s, x, unit, cells));
        for (size_t i = 0; i < m; i++) params.gain[i] = rounded_weight(x[i], params.gain_precision);
    }
}

void Encoder::fit_scales() {
    if (narrow_) fit_scales_as<int32_t>();
    else fit_scales_as<double>();
}

template <class D>
void Encoder::fit_scales_as() {
    const D* d = offs<D>().data();
    std::vector<Sampler> samplers;
    for (const Group& group : order_.groups) {
        const auto cells = static_cast<double>(group.cells);
        samplers.emplace_back(kScaleTerms + 1, cells * choice_.sketch, cells >= 400 ? (rough() ? kRoughScaleSamples : kScaleSamples) : 0);
    }
    GridFeatures f;
    pieces([&](const Piece& piece) {
        Sampler& s = samplers[piece.group];
        if (!piece.taps || !s.wanted) return;
        s.of(piece.count, [&](size_t first, size_t n) {
            Piece part = piece;
            part.at += first * piece.step;
            part.index += first;
            part.count = static_cast<uint32_t>(n);
            const D* off = d + part.index;
            feature_row(part, rules_[piece.group], off, f);
            coded_runs(of_, part.at, part.step, n, [&](size_t cell, size_t count) {
                const size_t begin = (cell - part.at) / part.step;
                s.columns.add(count, [&](size_t from, size_t some, float* to) {
                    for (size_t j = 0; j < 6; j++)
                        for (size_t i = 0; i < some; i++)
                            to[j * kSampleBlock + i] = static_cast<float>(f.f[j][begin + from + i]);
                    for (size_t i = 0; i < some; i++) {
                        to[6 * kSampleBlock + i] = 1;
                        const auto record = [&] {
                            const double x = std::fabs(static_cast<double>(off[begin + from + i])) / 16;
                            return static_cast<float>(std::min(std::floor(x), 65535.0));
                        };
                        to[7 * kSampleBlock + i] = r_.empty() ? record() : r_[cell + (from + i) * part.step];
                    }
                });
            });
        });
    });
    for (size_t g = 0; g < order_.groups.size(); g++) {
        const Columns& s = samplers[g].columns;
        if (static_cast<double>(s.count) < kFewSamples * choice_.sketch || s.count == 0) continue;
        GroupParams& params = params_.groups[g];
        std::vector<double> x;
        for (uint32_t a : params.scale) x.push_back(a / 4096.0);
        x = fit_scale(kernels_, s, std::move(x));
        params.scaled = true;
        for (size_t j = 0; j < kScaleTerms; j++)
            params.scale[j] =
                static_cast<uint32_t>(std::clamp<int64_t>(std::lrint(x[j] * 4096), 0, int64_t(kMostScale)));
    }
}

}  // namespace baler::grid
