#include "network.h"

#include <algorithm>

namespace baler {

NetPlan::NetPlan(const Net& net, const std::function<bool(const NetInput&, int32_t*)>& constant,
                 const std::function<uint32_t(const NetInput&)>& slot) {
    for (size_t l = 0; l < net.layers.size(); l++) {
        const NetLayer& from = net.layers[l];
        const bool first = l == 0, last = l + 1 == net.layers.size();
        const size_t n_hidden = first ? 0 : net.layers[l - 1].outputs;
        Layer layer;
        layer.outputs = from.outputs;
        layer.activation = from.activation;
        layer.shift = from.shift;
        layer.bias.resize(from.outputs);
        for (size_t o = 0; o < from.outputs; o++)
            layer.bias[o] = from.bias[o] + (from.shift[o] ? 1 << (from.shift[o] - 1) : 0);
        std::vector<size_t> live;  // columns of the weight matrix
        for (size_t i = 0; i < from.inputs; i++) {
            bool used = false;
            for (size_t o = 0; o < from.outputs && !used; o++) used = from.weights[o * from.inputs + i] != 0;
            if (!used) continue;
            if (i < n_hidden) {
                layer.hidden.push_back(static_cast<uint32_t>(i));
            } else {
                const NetInput& input = net.inputs[i - n_hidden];
                int32_t value;
                if (constant(input, &value)) {
                    // the proof of no overflow covers every int16 input, this one too
                    for (size_t o = 0; o < from.outputs; o++) layer.bias[o] += from.weights[o * from.inputs + i] * value;
                    continue;
                }
                layer.slots.push_back(slot(input));
            }
            live.push_back(i);
        }
        layer.pairs = (live.size() + 1) / 2;
        layer.weights.resize(layer.outputs * layer.pairs);
        for (size_t o = 0; o < from.outputs; o++)
            for (size_t p = 0; p < layer.pairs; p++) {
                const int16_t* w = from.weights.data() + o * from.inputs;
                const auto low = static_cast<uint16_t>(w[live[2 * p]]);
                const auto high = static_cast<uint16_t>(2 * p + 1 < live.size() ? w[live[2 * p + 1]] : 0);
                layer.weights[p * layer.outputs + o] = static_cast<int32_t>(uint32_t(low) | uint32_t(high) << 16);
            }
        if (!last) widest_ = std::max<size_t>(widest_, layer.outputs);
        layers_.push_back(std::move(layer));
    }
}

void NetPlan::run(LayerKernel kernel, int16_t* const* features, size_t row, size_t rows, int16_t* hidden,
                  int32_t* out) const {
    std::vector<const int16_t*> in;
    for (size_t first = 0; first < rows; first += kNetRows) {
        const size_t n = std::min(kNetRows, rows - first);
        int16_t* before = hidden;
        int16_t* now = hidden + widest_ * kNetRows;
        for (const Layer& layer : layers_) {
            in.clear();
            for (uint32_t h : layer.hidden) in.push_back(before + h * kNetRows);
            for (uint32_t s : layer.slots) in.push_back(features[s] + row + first);
            if (in.size() & 1) in.push_back(in.back());  // its weights are 0
            const bool last = &layer == &layers_.back();
            kernel({in.data(), layer.weights.data(), layer.bias.data(), layer.shift.data(), layer.pairs, layer.outputs, n,
                    last ? rows : kNetRows, layer.activation, last ? nullptr : now, last ? out + first : nullptr});
            std::swap(before, now);
        }
    }
}

// The reference for all other kernels: plain integers, one row after the other.
void layer_portable(const LayerCall& call) {
    int32_t sum[kRowStep];
    for (size_t r = 0; r < call.rows; r += kRowStep)
        for (size_t o = 0; o < call.outputs; o++) {
            std::fill_n(sum, kRowStep, call.bias[o]);
            for (size_t p = 0; p < call.pairs; p++) {
                const int32_t pair = call.weights[p * call.outputs + o];
                const auto first = static_cast<int16_t>(pair), second = static_cast<int16_t>(pair >> 16);
                const int16_t *x = call.in[2 * p] + r, *y = call.in[2 * p + 1] + r;
                for (size_t i = 0; i < kRowStep; i++) sum[i] += first * x[i];
                for (size_t i = 0; i < kRowStep; i++) sum[i] += second * y[i];
            }
            const int shift = call.shift[o], slope = call.activation;
            if (call.last) {
                int32_t* y = call.last + o * call.stride + r;
                for (size_t i = 0; i < kRowStep; i++) y[i] = sum[i] >> shift;
                continue;
            }
            int16_t* y = call.hidden + o * call.stride + r;
            for (size_t i = 0; i < kRowStep; i++) {
                int32_t v = std::clamp(sum[i] >> shift, -32768, 32767);
                if (slope) v = std::max(v, v >> slope);
                y[i] = static_cast<int16_t>(v);
            }
        }
}

}  // namespace baler
