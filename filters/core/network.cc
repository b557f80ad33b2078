#include "network.h"

#include <algorithm>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

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
                layer.weights[o * layer.pairs + p] = static_cast<int32_t>(uint32_t(low) | uint32_t(high) << 16);
            }
        if (!last) widest_ = std::max<size_t>(widest_, layer.outputs);
        layers_.push_back(std::move(layer));
    }
}

void NetPlan::run(LayerKernel kernel, int16_t* const* features, size_t row, size_t rows, int16_t* hidden,
                  int32_t* out) const {
    std::vector<const int16_t*> in;
    int16_t* before = hidden;
    int16_t* now = hidden + widest_ * rows;
    for (size_t l = 0; l < layers_.size(); l++) {
        const Layer& layer = layers_[l];
        in.clear();
        for (uint32_t h : layer.hidden) in.push_back(before + h * rows);
        for (uint32_t s : layer.slots) in.push_back(features[s] + row);
        if (in.size() & 1) in.push_back(in.back());  // its weights are 0
        const bool last = l + 1 == layers_.size();
        kernel({in.data(), layer.weights.data(), layer.bias.data(), layer.shift.data(), layer.pairs, layer.outputs, rows, rows,
                layer.activation, last ? nullptr : now, last ? out : nullptr});
        std::swap(before, now);
    }
}

namespace {

// Takes sums of kRowStep rows of one output to where they belong.
void finish(const LayerCall& call, size_t o, size_t r, const int32_t* sum) {
    const int shift = call.shift[o], slope = call.activation;
    if (call.last) {
        int32_t* y = call.last + o * call.stride + r;
        for (size_t i = 0; i < kRowStep; i++) y[i] = sum[i] >> shift;
        return;
    }
    int16_t* y = call.hidden + o * call.stride + r;
    for (size_t i = 0; i < kRowStep; i++) {
        int32_t v = std::clamp(sum[i] >> shift, -32768, 32767);
        if (slope) v = std::max(v, v >> slope);
        y[i] = static_cast<int16_t>(v);
    }
}

}  // namespace

#if defined(__SSE2__)

namespace {

// 8 rows by N outputs in registers.
template <size_t N>
void tile(const LayerCall& call, size_t o, size_t r, int32_t (*sums)[kRowStep]) {
    for (size_t first = 0; first < kRowStep; first += 8) {
        __m128i low[N], high[N];
        for (size_t i = 0; i < N; i++) low[i] = high[i] = _mm_set1_epi32(call.bias[o + i]);
        for (size_t p = 0; p < call.pairs; p++) {
            const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(call.in[2 * p] + r + first));
            const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(call.in[2 * p + 1] + r + first));
            const __m128i x = _mm_unpacklo_epi16(a, b), y = _mm_unpackhi_epi16(a, b);
            for (size_t i = 0; i < N; i++) {
                const __m128i w = _mm_set1_epi32(call.weights[(o + i) * call.pairs + p]);
                low[i] = _mm_add_epi32(low[i], _mm_madd_epi16(x, w));
                high[i] = _mm_add_epi32(high[i], _mm_madd_epi16(y, w));
            }
        }
        for (size_t i = 0; i < N; i++) {
            _mm_storeu_si128(reinterpret_cast<__m128i*>(sums[i] + first), low[i]);
            _mm_storeu_si128(reinterpret_cast<__m128i*>(sums[i] + first + 4), high[i]);
        }
    }
    for (size_t i = 0; i < N; i++) finish(call, o + i, r, sums[i]);
}

}  // namespace

void layer_portable(const LayerCall& call) {
    int32_t sums[4][kRowStep];
    for (size_t r = 0; r < call.rows; r += kRowStep) {
        size_t o = 0;
        for (; o + 4 <= call.outputs; o += 4) tile<4>(call, o, r, sums);
        if (o + 2 <= call.outputs) tile<2>(call, o, r, sums), o += 2;
        if (o < call.outputs) tile<1>(call, o, r, sums);
    }
}

#else

void layer_portable(const LayerCall& call) {
    int32_t sum[kRowStep];
    for (size_t r = 0; r < call.rows; r += kRowStep)
        for (size_t o = 0; o < call.outputs; o++) {
            std::fill_n(sum, kRowStep, call.bias[o]);
            for (size_t p = 0; p < call.pairs; p++) {
                const int32_t pair = call.weights[o * call.pairs + p];
                const int32_t w0 = static_cast<int16_t>(pair), w1 = pair >> 16;
                const int16_t *x0 = call.in[2 * p] + r, *x1 = call.in[2 * p + 1] + r;
                for (size_t i = 0; i < kRowStep; i++) sum[i] += w0 * x0[i] + w1 * x1[i];
            }
            finish(call, o, r, sum);
        }
}

#endif

}  // namespace baler
