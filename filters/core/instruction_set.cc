#include "instruction_set.h"

#include <cstdlib>
#include <cstring>

namespace baler {

namespace {

bool runs_here(const char* name) {
#if defined(__x86_64__)
    if (!std::strcmp(name, "avx2"))
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
    if (!std::strncmp(name, "avx512", 6)) {
        if (!std::strcmp(name, "avx512vnni") && !__builtin_cpu_supports("avx512vnni")) return false;
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
    }
    return true;
#else
    (void)name;
    return true;  // a build has only what every processor of its kind has
#endif
}

const InstructionSet* choose() {
    // best first
    static const InstructionSet sets[] = {
#if defined(__x86_64__)
        {"avx512vnni", layer_avx512vnni, row_kernels_avx512(), column_kernels_avx512(),
         grid_net_avx512, grid_rows_avx512(), grid_strips_avx512(), table_kernels_avx512()},
        {"avx512", layer_avx512, row_kernels_avx512(), column_kernels_avx512(),
         grid_net_avx2, grid_rows_avx512(), grid_strips_avx512(), table_kernels_avx512()},
        {"avx2", layer_avx2, row_kernels_avx2(), column_kernels_avx2(),
         grid_net_avx2, grid_rows_avx2(), grid_strips_avx2(), table_kernels_avx2()},
        {"sse2", layer_sse2, row_kernels_portable(), column_kernels_portable(),
         grid_net_portable, grid_rows_portable(), grid_strips_portable(), table_kernels_portable()},
#elif defined(__aarch64__)
        {"neon", layer_neon, row_kernels_portable(), column_kernels_portable(),
         grid_net_portable, grid_rows_portable(), grid_strips_portable(), table_kernels_portable()},
#elif defined(__wasm_simd128__)
        {"wasm", layer_wasm, row_kernels_portable(), column_kernels_portable(),
         grid_net_portable, grid_rows_portable(), grid_strips_portable(), table_kernels_portable()},
#endif
        {"portable", layer_portable, row_kernels_portable(), column_kernels_portable(),
         grid_net_portable, grid_rows_portable(), grid_strips_portable(), table_kernels_portable()},
    };
    const char* wanted = std::getenv("BALER_ISA");
    for (const InstructionSet& set : sets)
        if (wanted && !std::strcmp(set.name, wanted) && runs_here(set.name)) return &set;
    for (const InstructionSet& set : sets)
        if (runs_here(set.name)) return &set;
    return &sets[sizeof sets / sizeof *sets - 1];
}

}  // namespace

const InstructionSet& instruction_set() {
    static const InstructionSet* chosen = choose();
    return *chosen;
}

}  // namespace baler
