#include <algorithm>
#include <cmath>

#include "builtin_encoder.h"

namespace baler::builtin {

namespace {

constexpr size_t kFewCells = 32;
constexpr double kTableBits = 4, kEntryBits = 3.2;  // about what a stored table and one of its entries cost

double table_bits(const uint32_t* n, size_t tokens) {
    double cost = kTableBits;
    uint64_t sum = 0;
    for (size_t t = 0; t < tokens; t++) {
        if (!n[t]) continue;
        sum += n[t];
        cost += kEntryBits - n_log_n(n[t]);
    }
    return cost + n_log_n(sum);
}

double joined_bits(const uint32_t* a, const uint32_t* b, size_t tokens, uint32_t* sum) {
    for (size_t t = 0; t < tokens; t++) sum[t] = a[t] + b[t];
    return table_bits(sum, tokens);
}

}  // namespace

std::vector<uint8_t> join_cells(const std::vector<uint32_t>& counts, size_t cells, size_t tokens, size_t across,
                                size_t most, double rows_each, size_t& tables) {
    // Clusters of cells: first neighbours (across is the inner factor), then whatever is alike.
    struct Cluster {
        std::vector<uint32_t> n;
        std::vector<uint32_t> cells;
        double bits;
    };
    const auto scaled = [&](double bits, const std::vector<uint32_t>& n) {
        // a sample's table is paid for once, its symbols rows_each times
        if (rows_each <= 1) return bits;
        double entries = kTableBits;
        for (uint32_t v : n) entries += v ? kEntryBits : 0;
        return (bits - entries) + entries / rows_each + (entries - kTableBits) * 0.3;
    };
    std::vector<Cluster> all;
    std::vector<uint32_t> sum(tokens);
    std::vector<uint32_t> empty;
    for (size_t c = 0; c < cells; c++) {
        Cluster k;
        k.n.assign(counts.begin() + static_cast<std::ptrdiff_t>(c * tokens),
                   counts.begin() + static_cast<std::ptrdiff_t>((c + 1) * tokens));
        k.cells.push_back(static_cast<uint32_t>(c));
        if (std::all_of(k.n.begin(), k.n.end(), [](uint32_t v) { return v == 0; })) {
            empty.push_back(static_cast<uint32_t>(c));
            continue;
        }
        k.bits = scaled(table_bits(k.n.data(), tokens), k.n);
        if (!all.empty() && c / across == all.back().cells.back() / across) {
            const double joined = scaled(joined_bits(all.back().n.data(), k.n.data(), tokens, sum.data()), sum);
            if (joined <= all.back().bits + k.bits) {
                all.back().n = sum;
                all.back().bits = joined;
                all.back().cells.push_back(static_cast<uint32_t>(c));
                continue;
            }
        }
        all.push_back(std::move(k));
    }
    const auto join = [&](size_t a, size_t b, double bits) {
        for (size_t t = 0; t < tokens; t++) all[a].n[t] += all[b].n[t];
        all[a].bits = bits;
        all[a].cells.insert(all[a].cells.end(), all[b].cells.begin(), all[b].cells.end());
        all.erase(all.begin() + static_cast<std::ptrdiff_t>(b));
    };
    // Neighbours in the list, cheapest first, until few enough are left to look at every pair.
    std::vector<double> cost;
    const auto chain = [&](size_t i) {
        return scaled(joined_bits(all[i].n.data(), all[i + 1].n.data(), tokens, sum.data()), sum) - all[i].bits -
               all[i + 1].bits;
    };
    for (size_t i = 0; i + 1 < all.size(); i++) cost.push_back(chain(i));
    while (all.size() > kFewCells) {
        const auto i = static_cast<size_t>(std::min_element(cost.begin(), cost.end()) - cost.begin());
        join(i, i + 1, all[i].bits + all[i + 1].bits + cost[i]);
        cost.erase(cost.begin() + static_cast<std::ptrdiff_t>(i));
        if (i < cost.size()) cost[i] = chain(i);
        if (i > 0) cost[i - 1] = chain(i - 1);
    }
    const size_t n = all.size();
    std::vector<std::vector<double>> pair(n, std::vector<double>(n));
    const auto gain = [&](size_t a, size_t b) {
        const double joined = joined_bits(all[a].n.data(), all[b].n.data(), tokens, sum.data());
        return all[a].bits + all[b].bits - scaled(joined, sum);
    };
    for (size_t a = 0; a < n; a++)
        for (size_t b = a + 1; b < n; b++) pair[a][b] = gain(a, b);
    while (all.size() > 1) {
        size_t x = 0, y = 1;
        for (size_t a = 0; a < all.size(); a++)
            for (size_t b = a + 1; b < all.size(); b++)
                if (pair[a][b] > pair[x][y]) {
                    x = a;
                    y = b;
                }
        if (pair[x][y] <= 0 && all.size() <= most) break;
        join(x, y, all[x].bits + all[y].bits - pair[x][y]);
        pair.erase(pair.begin() + static_cast<std::ptrdiff_t>(y));
        for (auto& p : pair) p.erase(p.begin() + static_cast<std::ptrdiff_t>(y));
        for (size_t b = 0; b < all.size(); b++) {
            if (b < x) pair[b][x] = gain(b, x);
            if (b > x) pair[x][b] = gain(x, b);
        }
    }
    // Tables in the order of their first cells, so that neighbours are alike.
    for (Cluster& k : all) std::sort(k.cells.begin(), k.cells.end());
    std::sort(all.begin(), all.end(), [](const Cluster& a, const Cluster& b) { return a.cells[0] < b.cells[0]; });
    std::vector<uint8_t> map(cells);
    for (size_t t = 0; t < all.size(); t++)
        for (uint32_t c : all[t].cells) map[c] = static_cast<uint8_t>(t);
    for (uint32_t c : empty)
        if (c > 0) map[c] = map[c - 1];
    tables = all.size();
    return map;
}

}  // namespace baler::builtin
