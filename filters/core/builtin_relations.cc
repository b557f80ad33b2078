#include <algorithm>
#include <cmath>

#include "builtin_encoder.h"

namespace baler::builtin {

namespace {

constexpr size_t kRows = 256, kSources = 96;

// Rows for the regression: spread over the chunk, and for every column some in which it is not at its usual value.
std::vector<size_t> pick_rows(const Work& work) {
    const size_t n = work.table.rows, C = work.table.columns.size();
    std::vector<size_t> rows;
    for (size_t i = 0; i < std::min(n, kRows); i++) rows.push_back(i * n / std::min(n, kRows));
    for (size_t c = 0; c < C && C <= kSources; c++) {
        const auto& k = work.table.columns[c].k;
        std::vector<int64_t> seen;
        for (size_t i = 0; i < std::min(n, kRows); i++) seen.push_back(k[rows[i]]);
        std::nth_element(seen.begin(), seen.begin() + static_cast<std::ptrdiff_t>(seen.size() / 2), seen.end());
        const int64_t usual = seen[seen.size() / 2];
        size_t unusual = 0;
        for (size_t i = 0; i < std::min(n, kRows); i++) unusual += k[rows[i]] != usual;
        for (size_t i = 0; i < n && unusual < 24; i++)
            if (k[i] != usual) {
                rows.push_back(i);
                unusual++;
            }
    }
    return rows;
}

}  // namespace

std::vector<std::vector<Term>> find_relations(const Work& work) {
    const size_t C = work.table.columns.size();
    std::vector<std::vector<Term>> found(C);
    if (C < 2 || work.table.rows < 32) return found;
    const std::vector<size_t> rows = pick_rows(work);
    const size_t n = rows.size();
    // Values, and how much the lattice leaves open about each: half a cell.
    std::vector<std::vector<double>> x(C, std::vector<double>(n));
    std::vector<double> open(C), scale(C);
    for (size_t p = 0; p < C; p++) {
        const Column& c = work.column(p);
        for (size_t i = 0; i < n; i++) {
            const int64_t k = c.k[rows[i]];
            x[p][i] = c.lattice.value(k);
            scale[p] += x[p][i] * x[p][i];
            if (c.lattice.kind() == Lattice::Kind::uniform) open[p] = c.lattice.step() / 2;
            else if (c.lattice.kind() == Lattice::Kind::log && k > c.lattice.lowest() && k < c.lattice.highest())
                open[p] = std::max(open[p], std::fabs(c.lattice.value(k + 1) - c.lattice.value(k)));
        }
        scale[p] = std::sqrt(scale[p] / static_cast<double>(n));
    }
    // Gram-Schmidt in coding order: q is the part of a column that columns before it do not explain,
    // back[p] the coefficients of that part in terms of the columns.
    struct Direction {
        size_t position;
        std::vector<double> q, back;
        double norm;
    };
    std::vector<Direction> basis;
    for (size_t p = 0; p < C; p++) {
        if (!(scale[p] > 0) || !std::isfinite(scale[p])) continue;
        std::vector<double> rest = x[p], back(C, 0.0);
        back[p] = 1;
        for (int pass = 0; pass < 2; pass++)
            for (const Direction& d : basis) {
                double dot = 0;
                for (size_t i = 0; i < n; i++) dot += d.q[i] * rest[i];
                dot /= d.norm;
                for (size_t i = 0; i < n; i++) rest[i] -= dot * d.q[i];
                for (size_t j = 0; j < C; j++) back[j] -= dot * d.back[j];
            }
        double norm = 0;
        for (double v : rest) norm += v * v;
        std::vector<Term> terms;
        double tolerance = open[p] + 1e-6 * scale[p];
        for (size_t j = 0; j < p; j++) {
            const double w = std::nearbyint(-back[j]);
            if (w == 0 || std::fabs(w) > 64) continue;
            terms.push_back(Term{static_cast<uint32_t>(j), static_cast<int64_t>(w)});
            tolerance += std::fabs(w) * open[j];
        }
        if (!terms.empty() && terms.size() <= kMaxTerms && std::sqrt(norm / static_cast<double>(n)) <= tolerance) {
            size_t close = 0;
            for (size_t i = 0; i < n; i++) {
                double sum = 0;
                for (const Term& t : terms) sum += static_cast<double>(t.coefficient) * x[t.position][i];
                close += std::fabs(sum - x[p][i]) <= tolerance * 1.01;
            }
            if (close * 10 >= n * 9) {
                found[p] = terms;
                continue;
            }
        }
        if (norm > 1e-18 * scale[p] * scale[p] * static_cast<double>(n) && basis.size() < kSources)
            basis.push_back(Direction{p, std::move(rest), std::move(back), norm});
    }
    return found;
}

}  // namespace baler::builtin
