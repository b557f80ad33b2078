#include "simple_cost.h"

#include <algorithm>
#include <cmath>

namespace baler {
namespace {

constexpr size_t kPieces = 4;

// Entropy of a sample in bits, from how far apart its sorted values lie: equal ones are a symbol of its own, others
// share the density of their neighbourhood.
double entropy(std::vector<int64_t>& k) {
    const size_t n = k.size(), m = std::max<size_t>(2, n / 64);
    std::sort(k.begin(), k.end());
    const auto of_all = static_cast<double>(n);
    double bits = 0;
    for (size_t i = 0; i < n;) {
        size_t j = i + 1;
        while (j < n && k[j] == k[i]) j++;
        const size_t a = i >= m ? i - m : 0, b = std::min(j - 1 + m, n - 1);
        // an unsigned difference holds any distance
        const auto wide = static_cast<double>(static_cast<uint64_t>(k[b]) - static_cast<uint64_t>(k[a]));
        const double alone = of_all / static_cast<double>(j - i), among = of_all * std::max(wide, 1.0) / static_cast<double>(b - a);
        bits += static_cast<double>(j - i) * std::log2(std::max(1.0, j - i > 2 ? alone : std::max(alone, among)));
        i = j;
    }
    return bits / of_all;
}

}  // namespace

double simple_bits(const Table& table, size_t rows) {
    const size_t length = std::min(table.rows, rows) / kPieces;
    if (length < 8) return 0;
    std::vector<int64_t> values, differences;
    double bits = 0;
    for (const Column& column : table.columns) {
        values.clear();
        differences.clear();
        for (size_t p = 0; p < kPieces; p++) {
            const size_t from = (table.rows - length) / (kPieces - 1) * p;
            const int64_t* k = column.k.data() + from;
            values.insert(values.end(), k, k + length);
            for (size_t i = 1; i < length; i++)
                differences.push_back(static_cast<int64_t>(static_cast<uint64_t>(k[i]) - static_cast<uint64_t>(k[i - 1])));
        }
        bits += std::min(entropy(values), entropy(differences));
    }
    return bits;
}

}  // namespace baler
