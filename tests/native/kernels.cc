// For tests: every kernel that this processor runs beside the plain one, on random input.
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "baler.h"
#include "far_table.h"
#include "instruction_set.h"
#include "log_table.h"
#include "sha256_blocks.h"

using namespace baler;

namespace {

struct Kernels {
    LayerKernel layer;
    RowKernels rows;
    ColumnKernels columns;
};

std::vector<Kernels> others() {
    std::vector<Kernels> found;
#if defined(__x86_64__)
    found.push_back({layer_sse2, row_kernels_portable(), column_kernels_portable()});
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
    if (avx2) found.push_back({layer_avx2, row_kernels_avx2(), column_kernels_avx2()});
    const bool wide = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    if (wide) found.push_back({layer_avx512, row_kernels_avx512(), column_kernels_avx512()});
    if (wide && __builtin_cpu_supports("avx512vnni")) found.push_back({layer_avx512vnni, row_kernels_avx512(), column_kernels_avx512()});
#elif defined(__aarch64__)
    found.push_back({layer_neon, row_kernels_portable(), column_kernels_portable()});
#endif
    return found;
}

// Bits of anything: NaN, infinities, subnormals, and often values of usual size.
template <class T, class Bits>
std::vector<T> values(std::mt19937_64& random, size_t n, double size) {
    std::vector<T> x(n);
    for (T& v : x) {
        const Bits bits = static_cast<Bits>(random());
        std::memcpy(&v, &bits, sizeof v);
        if (random() % 8) v = static_cast<T>((static_cast<double>(random() % 2000001) - 1e6) * 1e-6 * size);
        if (random() % 64 == 0) v = random() & 1 ? T(0) : -T(0);
    }
    return x;
}

template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
    return std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

// k and bad of two kernels; k counts only where bad says it holds.
template <class F>
bool same_places(size_t n, F place) {
    std::vector<int64_t> k[2];
    std::vector<uint64_t> bad[2];
    bool any[2];
    for (int i = 0; i < 2; i++) {
        k[i].resize(n);
        bad[i].resize(n);
        any[i] = place(i, k[i].data(), bad[i].data()) >> 63;
        for (size_t r = 0; r < n; r++)
            if (bad[i][r] >>= 63) k[i][r] = 0;
    }
    return any[0] == any[1] && same(k[0], k[1]) && same(bad[0], bad[1]);
}

}  // namespace

extern "C" {

BALER_API int kernels_count(void) { return static_cast<int>(others().size()); }

// Layers of random sizes: how many give other outputs than the plain kernel.
BALER_API int kernels_layers(int which, uint64_t seed) {
    std::mt19937_64 random(seed);
    const LayerKernel kernel = others()[static_cast<size_t>(which)].layer;
    const size_t pairs = 1 + random() % 40, outputs = 1 + random() % 45, rows = kRowStep * (1 + random() % 5), stride = rows + 32;
    std::vector<std::vector<int16_t>> inputs(2 * pairs, std::vector<int16_t>(rows));
    std::vector<const int16_t*> in;
    for (auto& input : inputs) {
        for (int16_t& v : input) v = static_cast<int16_t>(random());
        in.push_back(input.data());
    }
    std::vector<int32_t> weights(pairs * outputs), bias(outputs);
    std::vector<uint8_t> shift(outputs);
    for (int32_t& w : weights) w = static_cast<int32_t>(random() % 511 - 255) * 65536 + static_cast<int32_t>(random() % 255);
    for (int32_t& b : bias) b = static_cast<int32_t>(random() % 2000001) - 1000000;
    for (uint8_t& s : shift) s = static_cast<uint8_t>(random() % 16);
    const int slope = static_cast<int>(random() % 9);
    int wrong = 0;
    std::vector<int16_t> hidden[2];
    std::vector<int32_t> last[2];
    for (int i = 0; i < 2; i++) {
        hidden[i].assign(outputs * stride, 7);
        last[i].assign(outputs * stride, 7);
        const LayerKernel run = i ? kernel : layer_portable;
        run({in.data(), weights.data(), bias.data(), shift.data(), pairs, outputs, rows, stride, slope, hidden[i].data(), nullptr});
        run({in.data(), weights.data(), bias.data(), shift.data(), pairs, outputs, rows, stride, 0, nullptr, last[i].data()});
    }
    wrong += !same(hidden[0], hidden[1]);
    wrong += !same(last[0], last[1]);
    return wrong;
}

// Columns: how many of the kernels differ from the plain ones.
BALER_API int kernels_columns(int which, uint64_t seed) {
    std::mt19937_64 random(seed);
    const ColumnKernels both[2] = {column_kernels_portable(), others()[static_cast<size_t>(which)].columns};
    const size_t n = 1 + random() % 700;
    const double bound = 1e-4 * static_cast<double>(1 + random() % 1000), step = 2 * bound * (1 - 0x1p-10);
    const UniformRange range{step, bound, 900 * bound, 1e6 * bound, -900, 1000000};
    const auto floats = values<float, uint32_t>(random, n, 1000 * bound);
    const auto doubles = values<double, uint64_t>(random, n, 1000 * bound);
    int wrong = 0;
    wrong += !same_places(n, [&](int i, int64_t* k, uint64_t* bad) { return both[i].place_f4(range, floats.data(), n, k, bad); });
    wrong += !same_places(n, [&](int i, int64_t* k, uint64_t* bad) { return both[i].place_f8(range, doubles.data(), n, k, bad); });
    const auto table = log_table(23, 1e-3 * static_cast<double>(1 + random() % 100));
    if (table->narrow.cells)
        wrong += !same_places(n, [&](int i, int64_t* k, uint64_t* bad) { return both[i].place_log(table->narrow, 2e-3, floats.data(), n, k, bad); });
    std::vector<int64_t> k(n), far(n), found[2];
    for (int64_t& v : k) v = static_cast<int64_t>(random() % 1700) - 850;
    far = k;
    far[random() % n] = random() & 1 ? INT64_MIN : 1000000;
    std::vector<float> f4[2], log[2];
    std::vector<double> f8[2];
    for (int i = 0; i < 2; i++) {
        f4[i].resize(n);
        log[i].resize(n);
        f8[i].resize(n);
        found[i].resize(n);
        wrong += !both[i].restore_f4(range, k.data(), n, f4[i].data()) + !both[i].restore_f8(range, k.data(), n, f8[i].data());
        wrong += both[i].restore_f4(range, far.data(), n, log[i].data()) + both[i].restore_f8(range, far.data(), n, f8[i].data());
        wrong += !both[i].restore_f8(range, k.data(), n, f8[i].data());
        wrong += !both[i].indices(range, f8[i].data(), n, found[i].data());
        if (table->narrow.cells) wrong += !both[i].restore_log(table->narrow, 100000, k.data(), n, log[i].data());
    }
    return wrong + !same(f4[0], f4[1]) + !same(f8[0], f8[1]) + !same(log[0], log[1]) + !same(found[0], found[1]) + (found[0] != k);
}

// Far cells: what differs from the table itself, whose rules are one cell at a time; which < 0: the plain kernels.
BALER_API int kernels_far(int which, uint64_t seed) {
    std::mt19937_64 random(seed);
    const ColumnKernels kernels = which < 0 ? column_kernels_portable() : others()[static_cast<size_t>(which)].columns;
    FarTable table;
    table.p = 23;
    table.begin = table.singles = (1 + random() % 200) << 23;
    const auto limit = static_cast<int64_t>(1 + random() % 5000);
    table.first_single = limit;
    for (uint64_t w = 2 * (random() % 1000) + 1; w > 1; w = w / 4 * 2 + 1) {
        table.width.push_back(w);
        table.first.push_back(table.first_single);
        table.first_single += static_cast<int64_t>(((uint64_t(1) << 23) + w - 1) / w);
        table.singles += uint64_t(1) << 23;
    }
    uint64_t centre;
    const int64_t highest = table.index(0x7f7fffff, &centre);
    table.set_narrow(limit, highest);
    if (!table.narrow.octaves) return 1;
    const double step = 0.001 * static_cast<double>(1 + random() % 999);
    const UniformRange range{step, 0, 0, 0, -highest - 1, highest + 1};
    const size_t n = 1 + random() % 700;
    const auto some = static_cast<int64_t>(random() % static_cast<uint64_t>(highest));
    std::vector<int64_t> k(n);
    for (int64_t& v : k) {
        const uint64_t kind = random() % 8;
        const int64_t edge = table.first.empty() ? limit : table.first[random() % table.first.size()];
        v = kind == 0 ? static_cast<int64_t>(random() % static_cast<uint64_t>(highest + 1)) : kind == 1 ? highest : kind < 4 ? edge - static_cast<int64_t>(random() % 2)
          : static_cast<int64_t>(random() % static_cast<uint64_t>(some + 1));
        v = random() & 1 ? v : -v;
    }
    std::vector<float> x(n), expected(n);
    std::vector<double> values(n), wanted(n);
    for (size_t i = 0; i < n; i++) {
        const int64_t j = k[i] < 0 ? -k[i] : k[i];
        const auto bits = static_cast<uint32_t>(j < limit ? 0 : table.centre(j)) | (k[i] < 0 ? 0x80000000u : 0);
        std::memcpy(&expected[i], &bits, 4);
        wanted[i] = static_cast<double>(expected[i]);
        if (j < limit) expected[i] = static_cast<float>(wanted[i] = static_cast<double>(k[i]) * step);
    }
    int wrong = !kernels.restore_far(range, table.narrow, k.data(), n, x.data()) + !kernels.values_far(range, table.narrow, k.data(), n, values.data());
    wrong += !same(x, expected) + !same(values, wanted);
    k[random() % n] = random() & 1 ? INT64_MIN : highest + 1;
    return wrong + kernels.restore_far(range, table.narrow, k.data(), n, x.data());
}

// rANS of 32 lanes: states and words.
BALER_API int kernels_rans(int which, uint64_t seed) {
    std::mt19937_64 random(seed);
    const RowKernels both[2] = {row_kernels_portable(), others()[static_cast<size_t>(which)].rows};
    std::vector<uint32_t> symbols(kGroup * (1 + random() % 30));
    for (uint32_t& s : symbols) {
        const auto start = static_cast<uint32_t>(random() % 65536), most = 65536 - start;
        const uint32_t freq = random() % 4 ? 1 + static_cast<uint32_t>(random() % most) : 1;
        s = random() % 16 ? start | (freq - 1) << 16 : 65535u << 16;
    }
    std::vector<uint32_t> states[2];
    std::vector<uint16_t> words[2];
    for (int i = 0; i < 2; i++) {
        states[i].assign(kGroup, 65536);
        std::vector<uint16_t> room(symbols.size() + kGroup);
        uint16_t* const end = room.data() + room.size();
        words[i].assign(both[i].encode(states[i].data(), symbols.data(), symbols.size(), end), end);
    }
    return !same(states[0], states[1]) + (words[0] != words[1]);
}

// SHA-256 of random blocks into a random state by the processor's instructions: -1 where it has none.
BALER_API int kernels_sha256(uint64_t seed) {
    std::mt19937_64 random(seed);
    const Sha256Blocks instructions = sha256_instructions();
    if (!instructions) return -1;
    const size_t n = random() % 20, from = random() % 16;  // blocks begin anywhere
    std::vector<uint8_t> bytes(64 * n + 16);
    for (uint8_t& b : bytes) b = static_cast<uint8_t>(random());
    std::vector<uint32_t> state[2];
    for (int i = 0; i < 8; i++) state[0].push_back(static_cast<uint32_t>(random()));
    state[1] = state[0];
    sha256_portable(state[0].data(), bytes.data() + from, n);
    instructions(state[1].data(), bytes.data() + from, n);
    return !same(state[0], state[1]);
}

}  // extern "C"
