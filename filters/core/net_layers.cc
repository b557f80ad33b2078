#include "net_layers.h"

#include <cstdlib>

namespace baler {
namespace {

// All sums fit 32 bits in any order, whatever the inputs are.
void prove(const NetLayer& layer, uint32_t o) {
    int64_t sum = std::abs(int64_t(layer.bias[o])) + (layer.shift[o] ? int64_t(1) << (layer.shift[o] - 1) : 0);
    const int16_t* w = layer.weights.data() + size_t(o) * layer.inputs;
    for (uint32_t i = 0; i < layer.inputs; i++) sum += std::abs(int64_t(w[i])) << 15;
    if (sum >= int64_t(1) << 31)
        fail(BALER_ERR_MODEL_INVALID, "model is invalid: a network's sums can overflow 32 bits (output %u reaches %lld)", o,
             static_cast<long long>(sum));
}

}  // namespace

NetLayer read_net_layer(ByteReader& in, uint32_t inputs, bool last, uint32_t most_outputs, size_t& weights, size_t most) {
    NetLayer layer;
    layer.inputs = inputs;
    layer.outputs = in.u16();
    layer.activation = in.u8();
    const uint8_t size = in.u8();
    if (layer.outputs < 1 || layer.outputs > most_outputs || layer.activation > (last ? 0 : 8) || size < 1 || size > 2)
        in.damaged("a network's layer is impossible");
    const size_t n = size_t(layer.outputs) * inputs;
    weights += n;
    if (weights > most) in.damaged("a model has too many weights");
    ByteReader packed = in.sub(n * size, "network's weights");
    layer.weights.resize(n);
    for (int16_t& w : layer.weights) w = size == 1 ? static_cast<int8_t>(packed.u8()) : packed.i16();
    ByteReader biases = in.sub(size_t(layer.outputs) * 4, "network's biases");
    layer.bias.resize(layer.outputs);
    for (int32_t& b : layer.bias) b = biases.i32();
    const uint8_t* shifts = in.raw(layer.outputs);
    layer.shift.assign(shifts, shifts + layer.outputs);
    for (uint32_t o = 0; o < layer.outputs; o++) {
        if (layer.shift[o] > 31) in.damaged("a network's shift is out of range");
        prove(layer, o);
    }
    return layer;
}

}  // namespace baler
