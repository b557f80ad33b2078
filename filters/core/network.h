// Integer networks, ready to run: inputs that are constant folded away, weights in pairs, one kernel per instruction
// set. docs/format.md, section 7.1.
//
// Everything is stored by feature, then by row: a kernel works on many rows at once and every lane is a row, so the
// order of the additions never depends on the width of the machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "table_model.h"

namespace baler {

constexpr size_t kNetRows = 128;  // go through all layers at once, so that what is between them stays in the cache
constexpr size_t kRowStep = 32;  // kernels run on multiples of this; arrays are padded to it

// One layer as the kernels see it: plain pointers, so that files for instruction sets need no library code.
struct LayerCall {
    const int16_t* const* in;  // 2 * pairs arrays of rows
    const int32_t* weights;    // [pairs][outputs], two int16 each, the first input in the low half
    const int32_t* bias;       // with the half that rounds
    const uint8_t* shift;
    size_t pairs, outputs;
    size_t rows;               // multiple of kRowStep
    size_t stride;             // elements from output to output of what is written
    int activation;
    int16_t* hidden;           // clipped and activated; or null and
    int32_t* last;             // as they are
};

using LayerKernel = void (*)(const LayerCall&);
void layer_portable(const LayerCall& call);
#if defined(__x86_64__)
void layer_sse2(const LayerCall& call);
void layer_avx2(const LayerCall& call);
void layer_avx512(const LayerCall& call);
void layer_avx512vnni(const LayerCall& call);
#elif defined(__aarch64__)
void layer_neon(const LayerCall& call);
#elif defined(__wasm_simd128__)
void layer_wasm(const LayerCall& call);
#endif

class NetPlan {
  public:
    NetPlan() = default;
    // slot(input): number of the array that holds this input; constant(input, value): true if it is constant
    NetPlan(const Net& net, const std::function<bool(const NetInput&, int32_t*)>& constant,
            const std::function<uint32_t(const NetInput&)>& slot);
    uint32_t outputs() const { return layers_.empty() ? 0 : layers_.back().outputs; }
    size_t scratch() const { return 2 * widest_ * kNetRows; }  // elements for hidden layers
    // features[slot] + row: inputs; hidden: scratch(); out: outputs * rows; rows: multiple of kRowStep
    void run(LayerKernel kernel, int16_t* const* features, size_t row, size_t rows, int16_t* hidden, int32_t* out) const;

  private:
    struct Layer {
        std::vector<uint32_t> hidden, slots;  // inputs: first these of the layer before, then these arrays
        std::vector<int32_t> weights, bias;
        std::vector<uint8_t> shift;
        uint32_t outputs = 0;
        size_t pairs = 0;
        int activation = 0;
    };
    std::vector<Layer> layers_;
    size_t widest_ = 0;
};

}  // namespace baler
