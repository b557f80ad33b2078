// The layer kernel for WebAssembly with SIMD.
#if defined(__wasm_simd128__)

#include <wasm_simd128.h>

#include "network.h"

#define BALER_TARGET
#define BALER_INLINE __attribute__((always_inline)) static inline

namespace baler {

namespace {
namespace wasm {

struct Vector {
    using Sum = v128_t;
    struct Pair {
        v128_t low, high;
    };
    static constexpr size_t kRows = 8;
    static constexpr int kOutputs = 5;

    BALER_INLINE Sum all(int32_t v) { return wasm_i32x4_splat(v); }
    BALER_INLINE Pair load(const int16_t* a, const int16_t* b) {
        const v128_t x = wasm_v128_load(a), y = wasm_v128_load(b);
        return {wasm_i16x8_shuffle(x, y, 0, 8, 1, 9, 2, 10, 3, 11), wasm_i16x8_shuffle(x, y, 4, 12, 5, 13, 6, 14, 7, 15)};
    }
    BALER_INLINE void multiply_add(Sum& low, Sum& high, const Pair& x, const int32_t* w) {
        const v128_t both = wasm_v128_load32_splat(w);
        low = wasm_i32x4_add(low, wasm_i32x4_dot_i16x8(x.low, both));
        high = wasm_i32x4_add(high, wasm_i32x4_dot_i16x8(x.high, both));
    }
    BALER_INLINE void last(Sum low, Sum high, int shift, int32_t* to) {
        wasm_v128_store(to, wasm_i32x4_shr(low, static_cast<uint32_t>(shift)));
        wasm_v128_store(to + 4, wasm_i32x4_shr(high, static_cast<uint32_t>(shift)));
    }
    BALER_INLINE void hidden(Sum low, Sum high, int shift, int slope, int16_t* to) {
        const auto by = static_cast<uint32_t>(shift);
        v128_t v = wasm_i16x8_narrow_i32x4(wasm_i32x4_shr(low, by), wasm_i32x4_shr(high, by));
        if (slope) v = wasm_i16x8_max(v, wasm_i16x8_shr(v, static_cast<uint32_t>(slope)));
        wasm_v128_store(to, v);
    }
};

#include "layer_kernel.inl"

}  // namespace wasm
}  // namespace

void layer_wasm(const LayerCall& call) { wasm::layer(call); }

}  // namespace baler

#endif
