// rANS with 32 lanes and 32 tables, a table for every symbol: numbers of a Laplace distribution whose width is known.
// One JSON object: bits a symbol beside what the tables alone would need, Msymbols/s of each instruction set.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <vector>

#include "entropy.h"
#include "row_kernels.h"
#include "table_kernels.h"
#include "timing.h"

namespace {

using namespace baler;
using baler_bench::best;

constexpr size_t kSymbols = size_t(1) << 21, kTables = 32, kTokens = 256, kTableScale = 4096;

// Shares of a table, at least 1 for what occurs.
void share(const uint32_t* counts, uint32_t* freq) {
    uint64_t sum = 0;
    int64_t rest = kTableScale;
    for (size_t s = 0; s < kTokens; s++) sum += counts[s];
    for (size_t s = 0; s < kTokens; s++) {
        freq[s] = counts[s] ? std::max<uint32_t>(1, static_cast<uint32_t>(uint64_t(counts[s]) * kTableScale / sum)) : 0;
        rest -= freq[s];
    }
    uint32_t* largest = std::max_element(freq, freq + kTokens);
    *largest = static_cast<uint32_t>(*largest + rest);
}

struct Data {
    std::vector<uint8_t> table = std::vector<uint8_t>(kSymbols), token = std::vector<uint8_t>(kSymbols);
    std::vector<uint32_t> packed = std::vector<uint32_t>(kTables * kTokens);
    std::vector<uint8_t> slots = std::vector<uint8_t>(kTables * kTableScale + 4);
    double bits = 0;  // by the tables

    Data() {
        std::mt19937_64 random(1);
        const auto uniform = [&] { return (static_cast<double>(random() >> 11) + 0.5) * 0x1p-53; };
        std::vector<uint32_t> counts(kTables * kTokens);
        for (size_t i = 0; i < kSymbols; i++) {
            const double at = uniform(), width = 0.15 * std::pow(80, at), u = uniform() - 0.5;
            const double v = -width * std::log(1 - 2 * std::fabs(u)) * (u < 0 ? -1 : 1);
            table[i] = static_cast<uint8_t>(at * kTables);
            token[i] = static_cast<uint8_t>(std::min(std::max(std::lround(v) + 128, 0l), 255l));
            counts[table[i] * kTokens + token[i]]++;
        }
        for (size_t t = 0; t < kTables; t++) {
            uint32_t freq[kTokens], start = 0;
            share(&counts[t * kTokens], freq);
            for (size_t s = 0; s < kTokens; s++) {
                if (!freq[s]) continue;
                packed[t * kTokens + s] = RansEncoder::pack(start * 16, freq[s] * 16);
                std::memset(&slots[t * kTableScale + start], static_cast<int>(s), freq[s]);
                start += freq[s];
                bits += counts[t * kTokens + s] * (12 - std::log2(static_cast<double>(freq[s])));
            }
        }
    }
};

void show(const char* name, const Data& data, const RowKernels& rows, const TableKernels& tables) {
    std::vector<uint32_t> symbols(kSymbols);
    std::vector<uint16_t> words(kSymbols + 64);
    uint32_t states[kGroup];
    uint16_t *const end = words.data() + words.size() - 32, *first = end;
    const double encode = best(0.5, [&] {
        for (size_t i = 0; i < kSymbols; i++) symbols[i] = data.packed[static_cast<size_t>(data.table[i] << 8 | data.token[i])];
        std::fill_n(states, kGroup, kRansLow);
        first = rows.encode(states, symbols.data(), kSymbols, end);
    });
    const double bits = 16.0 * static_cast<double>(end - first) + 32 * kGroup;
    std::vector<uint8_t> token(kSymbols);
    const double decode = best(0.5, [&] {
        uint32_t state[kGroup];
        std::copy_n(states, kGroup, state);
        tables.tokens({state, reinterpret_cast<const uint8_t*>(first), data.table.data(), data.slots.data(),
                       data.packed.data(), kSymbols / kTokenLanes, token.data()});
    });
    const bool right = token == data.token;
    std::printf("%s\"%s\": {\"encode_msymbols\": %.0f, \"decode_msymbols\": %.0f, \"bits\": %.4f, \"of_tables\": %.4f, "
                "\"overhead\": %.5f, \"right\": %s}",
                name[0] == 'p' ? "{" : ", ", name, kSymbols / encode * 1e-6, kSymbols / decode * 1e-6, bits / kSymbols,
                data.bits / kSymbols, bits / data.bits - 1, right ? "true" : "false");
}

}  // namespace

int main() {
    const Data data;
    show("portable", data, row_kernels_portable(), table_kernels_portable());
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) show("avx2", data, row_kernels_avx2(), table_kernels_avx2());
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        show("avx512", data, row_kernels_avx512(), table_kernels_avx512());
#endif
    std::printf("}\n");
}
