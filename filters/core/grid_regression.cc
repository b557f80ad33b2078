#include "grid_regression.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace baler::grid {
namespace {

constexpr size_t kActive = 7;        // columns whose lengths make a cell's activity
constexpr size_t kCollected = 64;    // blocks whose sums are kept in single precision

// Of a block's samples, in steps.
void activities(const float* block, size_t columns, float unit, float* activity) {
    std::fill_n(activity, kSampleBlock, 0.f);
    for (size_t c = 0; c < std::min(columns, kActive); c++)
        for (size_t s = 0; s < kSampleBlock; s++) activity[s] += std::fabs(block[c * kSampleBlock + s]);
    for (size_t s = 0; s < kSampleBlock; s++) activity[s] *= unit;
}

std::vector<float> singles(const std::vector<double>& x) { return std::vector<float>(x.begin(), x.end()); }

// About log2, for x >= 1.
float rough_log2(float x) {
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    return static_cast<float>(bits) * 0x1p-23f - 127.f;
}

}  // namespace

void Products::add(const GridStripKernels& kernels, const float* block, const float* weight) {
    kernels.products(block, width_, weight, part_.data());
    if (++blocks_ % kCollected == 0) collect();
}

void Products::collect() {
    for (size_t i = 0; i < sum_.size(); i++) {
        double sum = 0;
        for (size_t l = 0; l < kSamplePartial; l++) sum += static_cast<double>(part_[i * kSamplePartial + l]);
        sum_[i] += sum;
    }
    std::fill(part_.begin(), part_.end(), 0.f);
    blocks_ = 0;
}

double Products::of(size_t i, size_t j) {
    if (blocks_) collect();
    return sum_[i * (i + 1) / 2 + j];
}

std::vector<double> regression(const GridStripKernels& kernels, const Columns& s, const std::vector<double>& defaults,
                               double unit, int rounds) {
    const size_t m = s.width - 1;
    std::vector<double> x = defaults;
    const auto u = static_cast<float>(unit);
    float slope = 0.15f;
    float activity[kSampleBlock], rest[kSampleBlock], w[kSampleBlock];
    for (int round = 0; round < rounds; round++) {
        Products products(s.width);
        const std::vector<float> now = singles(x);
        double errors = 0, activities_sum = 0;
        for (size_t b = 0; b < s.blocks(); b++) {
            const float* block = s.block(b);
            activities(block, m, u, activity);
            if (round == 0) {
                for (size_t i = 0; i < kSampleBlock; i++) w[i] = 1 / (1 + activity[i] * activity[i] * 0.02f);
            } else {
                kernels.rests(block, m, now.data(), rest);
                float off = 0, active = 0;
                const size_t n = std::min(kSampleBlock, s.count - b * kSampleBlock);
                for (size_t i = 0; i < kSampleBlock; i++) {
                    const float e = rest[i] * u, expected = 0.4f + slope * activity[i];
                    w[i] = 1 / (expected * expected + 0.5f * e * e);
                    rest[i] = std::fabs(e);
                }
                for (size_t i = 0; i < n; i++) {
                    off += rest[i];
                    active += activity[i] + 1;
                }
                errors += static_cast<double>(off);
                activities_sum += static_cast<double>(active);
            }
            products.add(kernels, block, w);
        }
        if (round) slope = static_cast<float>(errors / activities_sum);
        std::vector<double> A(m * m), b(m);
        double trace = 0;
        for (size_t i = 0; i < m; i++) {
            for (size_t j = 0; j <= i; j++) A[i * m + j] = A[j * m + i] = products.of(i, j);
            b[i] = products.of(m, i);
            trace += A[i * m + i];
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

int precision_for(const Columns& s, const std::vector<double>& x, double unit, double cells) {
    // Noise of variance q^2 / 12 a weight costs 0.72 * (its variance / the residual's) bits a value.
    const size_t m = s.width - 1;
    double noise = 0, n = 0;
    const size_t step = s.count / 512 + 1;
    for (size_t r = 0; r < s.count; r += step, n++) {
        double e = static_cast<double>(s.at(r, m)), square = 0;
        for (size_t i = 0; i < m; i++) {
            const auto d = static_cast<double>(s.at(r, i));
            e -= x[i] * d;
            square += d * d;
        }
        e *= unit;
        noise += square * unit * unit / (e * e + 0.1);
    }
    noise /= 12 * std::max(n, 1.0);
    int p = 4;
    while (p < 16 && cells * 0.72 * noise * std::pow(4.0, -p) * 0.75 > static_cast<double>(m)) p++;
    return p;
}

double saved_bits(const GridStripKernels& kernels, const Columns& s, const std::vector<double>& others,
                  const std::vector<double>& x, double unit, double cells) {
    // by mean misses of cells of like activity, since a miss of exactly 0 on a lattice says less than it seems to
    constexpr int kBins = 32;
    double n[kBins] = {}, before[kBins] = {}, after[kBins] = {};
    const std::vector<float> a = singles(others), b = singles(x);
    const size_t m = s.width - 1;
    const auto u = static_cast<float>(unit);
    float activity[kSampleBlock], old[kSampleBlock], now[kSampleBlock];
    for (size_t block = 0; block < s.blocks(); block++) {
        activities(s.block(block), m, u, activity);
        kernels.rests(s.block(block), m, a.data(), old);
        kernels.rests(s.block(block), m, b.data(), now);
        for (size_t i = 0; i < std::min(kSampleBlock, s.count - block * kSampleBlock); i++) {
            const int bin = std::min(kBins - 1, static_cast<int>(1.5f * rough_log2(1 + activity[i])));
            n[bin]++;
            before[bin] += static_cast<double>(std::fabs(old[i] * u));
            after[bin] += static_cast<double>(std::fabs(now[i] * u));
        }
    }
    double saved = 0;
    for (int i = 0; i < kBins; i++)
        if (n[i] > 0) saved += n[i] * std::log2((before[i] / n[i] + 0.12) / (after[i] / n[i] + 0.12));
    return saved * cells / static_cast<double>(s.count);
}

double saved_fine_bits(const GridStripKernels& kernels, const Columns& s, const std::vector<double>& x, double unit,
                       double cells) {
    const std::vector<float> now = singles(x);
    const size_t m = s.width - 1;
    double saved = 0;
    float rest[kSampleBlock];
    for (size_t block = 0; block < s.blocks(); block++) {
        kernels.rests(s.block(block), m, now.data(), rest);
        const float* y = s.block(block) + m * kSampleBlock;
        double sum = 0;
        for (size_t i = 0; i < std::min(kSampleBlock, s.count - block * kSampleBlock); i++) {
            const double before = static_cast<double>(y[i]) * unit, after = static_cast<double>(rest[i]) * unit;
            sum += static_cast<double>(rough_log2(static_cast<float>(1 + 10 * before * before)) -
                                       rough_log2(static_cast<float>(1 + 10 * after * after)));
        }
        saved += sum / 2;
    }
    return saved * cells / static_cast<double>(s.count);
}

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

}  // namespace baler::grid
