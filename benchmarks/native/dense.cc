// The dense layers 24-200-100-50-14 in integers, beside the most int16 multiply-adds this core can do: one JSON object.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "network.h"
#include "timing.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

using baler_bench::best;

#if defined(__x86_64__)
constexpr long kLoops = 200000;

#define BALER_TWELVE(op) op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11)

__attribute__((target("avx512f,avx512bw,avx512vnni"))) double peak_avx512vnni() {
    const double t = best(0.2, [] {
        for (long i = 0; i < kLoops; i++)
            asm volatile("vpdpwssd %%zmm30, %%zmm31, %%zmm0\n\tvpdpwssd %%zmm30, %%zmm31, %%zmm1\n\t"
                         "vpdpwssd %%zmm30, %%zmm31, %%zmm2\n\tvpdpwssd %%zmm30, %%zmm31, %%zmm3\n\t"
                         "vpdpwssd %%zmm30, %%zmm31, %%zmm4\n\tvpdpwssd %%zmm30, %%zmm31, %%zmm5\n\t"
                         "vpdpwssd %%zmm30, %%zmm31, %%zmm6\n\tvpdpwssd %%zmm30, %%zmm31, %%zmm7\n\t"
                         "vpdpwssd %%zmm30, %%zmm31, %%zmm8\n\tvpdpwssd %%zmm30, %%zmm31, %%zmm9\n\t"
                         "vpdpwssd %%zmm30, %%zmm31, %%zmm10\n\tvpdpwssd %%zmm30, %%zmm31, %%zmm11"
                         :
                         :
                         : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11");
    });
    return 12.0 * 64 * kLoops / t;
}

#define BALER_MADD(v, i, free) "vpmaddwd %%" v "14, %%" v "15, %%" v free "\n\tvpaddd %%" v free ", %%" v #i ", %%" v #i "\n\t"
#define BALER_MADDS(v) BALER_MADD(v, 0, "12") BALER_MADD(v, 1, "13") BALER_MADD(v, 2, "12") BALER_MADD(v, 3, "13") \
    BALER_MADD(v, 4, "12") BALER_MADD(v, 5, "13") BALER_MADD(v, 6, "12") BALER_MADD(v, 7, "13") \
    BALER_MADD(v, 8, "12") BALER_MADD(v, 9, "13") BALER_MADD(v, 10, "12") BALER_MADD(v, 11, "13")
#define BALER_ALL "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13"

__attribute__((target("avx512f,avx512bw"))) double peak_avx512() {
    return 12.0 * 64 * kLoops / best(0.2, [] {
        for (long i = 0; i < kLoops; i++) asm volatile(BALER_MADDS("zmm") : : : BALER_ALL);
    });
}

__attribute__((target("avx2"))) double peak_avx2() {
    return 12.0 * 32 * kLoops / best(0.2, [] {
        for (long i = 0; i < kLoops; i++) asm volatile(BALER_MADDS("ymm") : : : BALER_ALL);
    });
}
#endif

baler::Net make_net() {
    const uint32_t widths[] = {24, 200, 100, 50, 14};
    std::mt19937 random(1);
    baler::Net net;
    for (uint16_t i = 0; i < 24; i++) net.inputs.push_back({baler::InputType::z, 0, i});
    for (int l = 0; l < 4; l++) {
        baler::NetLayer layer;
        layer.inputs = widths[l];
        layer.outputs = widths[l + 1];
        layer.activation = l < 3 ? 3 : 0;
        for (uint32_t i = 0; i < layer.inputs * layer.outputs; i++) layer.weights.push_back(static_cast<int16_t>(random() % 255 - 127));
        for (uint32_t o = 0; o < layer.outputs; o++) layer.bias.push_back(static_cast<int32_t>(random() % 4096) - 2048);
        layer.shift.assign(layer.outputs, 9);
        net.layers.push_back(layer);
    }
    return net;
}

double rows_per_second(const baler::NetPlan& plan, baler::LayerKernel kernel, size_t rows, size_t block) {
    std::vector<std::vector<int16_t>> inputs(24, std::vector<int16_t>(rows));
    std::mt19937 random(2);
    std::vector<int16_t*> features;
    for (auto& column : inputs) {
        for (int16_t& v : column) v = static_cast<int16_t>(random() % 32768 - 16384);
        features.push_back(column.data());
    }
    std::vector<int16_t> hidden(plan.scratch());
    std::vector<int32_t> out(plan.outputs() * block);
    return static_cast<double>(rows) / best(0.4, [&] {
        for (size_t r = 0; r < rows; r += block) plan.run(kernel, features.data(), r, std::min(block, rows - r), hidden.data(), out.data());
    });
}

}  // namespace

int main(int argc, char** argv) {
    const size_t rows = argc > 1 ? static_cast<size_t>(std::atol(argv[1])) : 16384;
    const size_t block = argc > 2 ? static_cast<size_t>(std::atol(argv[2])) : 512;
    const baler::NetPlan plan(make_net(), [](const baler::NetInput&, int32_t*) { return false; },
                              [](const baler::NetInput& input) { return uint32_t(input.variable); });
    constexpr double ops = 2.0 * (24 * 200 + 200 * 100 + 100 * 50 + 50 * 14);
    const auto show = [&](const char* name, baler::LayerKernel kernel, double peak) {
        const double speed = rows_per_second(plan, kernel, rows, block);
        std::printf("%s\"%s\": {\"rows_per_second\": %.0f, \"gops\": %.1f, \"peak_gops\": %.1f}",
                    name[0] == 'p' ? "{" : ", ", name, speed, speed * ops * 1e-9, peak * 1e-9);
    };
    show("portable", baler::layer_portable, 0);
#if defined(__x86_64__)
    show("sse2", baler::layer_sse2, 0);
#endif
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) show("avx2", baler::layer_avx2, peak_avx2());
    if (__builtin_cpu_supports("avx512vnni")) show("avx512vnni", baler::layer_avx512vnni, peak_avx512vnni());
    if (__builtin_cpu_supports("avx512bw")) show("avx512", baler::layer_avx512, peak_avx512());
#endif
    std::printf("}\n");
}
