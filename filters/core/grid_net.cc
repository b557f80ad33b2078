#include "grid_net.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "instruction_set.h"
#include "net_layers.h"

namespace baler {
namespace {

constexpr uint32_t kMaxInputs = 256, kMaxHidden = 256;
constexpr size_t kMaxWeights = size_t(1) << 16;
constexpr int kFarthest = 8;

size_t padded(size_t n) { return (n + kGridLanes - 1) / kGridLanes * kGridLanes; }

GridInput read_input(ByteReader& in, uint8_t axes) {
    GridInput input{static_cast<GridInput::Type>(in.u8()), {}};
    if (input.type >= GridInput::types) in.damaged("an input of a grid's network has an unknown type");
    int first = 0;
    for (size_t d = 0; d < 4; d++) {
        const auto part = static_cast<int8_t>(in.u8());
        input.at[d] = part;
        if (std::abs(int(part)) > kFarthest || (d + axes < 4 && part)) in.damaged("an input of a grid's network is out of reach");
        if (!first) first = part;
    }
    const bool has_place = input.type < GridInput::level;
    if (has_place ? first >= 0 : first != 0) in.damaged("an input of a grid's network is not known in time");
    return input;
}

}  // namespace

std::shared_ptr<const GridModel> parse_grid_model(ByteReader& in) {
    auto made = std::make_shared<GridModel>();
    GridModel& model = *made;
    model.axes = in.u8();
    if (model.axes < 1 || model.axes > 4 || in.u8() != 0) in.damaged("its number of axes is impossible");
    const uint8_t layers = in.u8(), skip = in.u8();
    const uint16_t inputs = in.u16();
    if (layers < 1 || layers > 6 || skip > 1 || (skip && layers < 2)) in.damaged("a network's layers are impossible");
    if (inputs < 1 || inputs > kMaxInputs) in.damaged("a network has an impossible number of inputs");
    model.skip = skip != 0;
    for (uint32_t i = 0; i < inputs; i++) model.inputs.push_back(read_input(in, model.axes));
    uint32_t width = inputs;
    size_t weights = 0;
    for (uint32_t l = 0; l < layers; l++) {
        const bool last = l + 1u == layers;
        model.layers.push_back(read_net_layer(in, width + (last && skip ? inputs : 0u), last, kMaxHidden, weights, kMaxWeights));
        width = model.layers.back().outputs;
    }
    if (width != 2) in.damaged("a network has the wrong number of outputs");
    in.finish();
    return made;
}

namespace grid {

bool GridNet::fits(const GridModel& model, const Extents& extents) {
    int axes = 0;
    for (size_t n : extents.n) axes += n > 1;
    return axes == model.axes;
}

GridNet::GridNet(const GridModel& model, const Extents& extents, const int32_t* u, const int32_t* misses, int32_t low,
         int32_t high)
    : kernel_(instruction_set().grid_net), extents_(extents), u_(u), misses_(misses),
      low_(static_cast<int64_t>(low) * 256), high_(static_cast<int64_t>(high) * 256) {
    pack(model);
}

// Inputs are sorted: ratios first, the others behind them; weights follow them.
void GridNet::pack(const GridModel& model) {
    const auto& n = extents_.n;
    const size_t inputs = model.inputs.size();
    std::vector<uint32_t> place(inputs);
    uint32_t ratios = 0;
    for (const auto type : {GridInput::value, GridInput::miss})
        for (size_t i = 0; i < inputs; i++)
            if (model.inputs[i].type == type) place[i] = ratios++;
    uint32_t others = 0;
    for (size_t i = 0; i < inputs; i++) {
        const GridInput& input = model.inputs[i];
        const bool other = input.type >= GridInput::inside;
        if (other) place[i] = ratios + others++;
        const auto& o = input.at;
        const ptrdiff_t distance = ((o[0] * static_cast<ptrdiff_t>(n[1]) + o[1]) * static_cast<ptrdiff_t>(n[2]) + o[2]) *
                                       static_cast<ptrdiff_t>(n[3]) + o[3];
        const Tap tap{distance, o, other ? place[i] - ratios : place[i]};
        switch (input.type) {
            case GridInput::value: values_.push_back(tap); break;
            case GridInput::miss: missed_.push_back(tap); break;
            case GridInput::inside: insides_.push_back(tap); break;
            case GridInput::level: levels_.push_back(tap.place); break;
            default: phases_.push_back(tap.place);
        }
    }
    const size_t n_x = padded(inputs);
    for (const Tap& tap : values_) value_at_.push_back(tap.distance);
    for (const Tap& tap : missed_) miss_at_.push_back(tap.distance);

    const size_t n_hidden = model.layers.size() - 1;
    size_t n_weights = 0, widest = kGridLanes, width = n_x;
    for (size_t l = 0; l < n_hidden; l++) {
        n_weights += width * padded(model.layers[l].outputs);
        width = padded(model.layers[l].outputs);
        widest = std::max(widest, width);
    }
    const NetLayer& last = model.layers.back();
    const size_t of_hidden = n_hidden ? width : 0, of_x = n_hidden == 0 || model.skip ? n_x : 0;
    weights_.assign(n_weights + 2 * (of_hidden + of_x) + kGridLanes, 0);
    numbers_.assign(2 * widest * std::max<size_t>(n_hidden, 1), 0);
    int16_t* w = weights_.data();
    while (reinterpret_cast<uintptr_t>(w) % 64) w++;  // whole cache lines
    int32_t* numbers = numbers_.data();
    width = n_x;
    for (size_t l = 0; l < n_hidden; l++) {
        const NetLayer& from = model.layers[l];
        const size_t outputs = padded(from.outputs);
        int32_t *bias = numbers, *shift = numbers + widest;
        for (size_t o = 0; o < from.outputs; o++) {
            bias[o] = from.bias[o] + (from.shift[o] ? 1 << (from.shift[o] - 1) : 0);
            shift[o] = from.shift[o];
            for (size_t i = 0; i < from.inputs; i++) {
                const size_t to = l ? i : place[i];
                w[((to >> 1) * outputs + o) * 2 + (to & 1)] = from.weights[o * from.inputs + i];
            }
        }
        layers_.push_back({w, bias, shift, (size_t(from.inputs) + 3) / 4 * 2, outputs, from.activation});
        w += width * outputs;
        numbers += 2 * widest;
        width = outputs;
    }
    const size_t n_before = n_hidden ? model.layers[n_hidden - 1].outputs : 0;
    for (size_t o = 0; o < 2; o++) {
        for (size_t i = 0; i < last.inputs; i++) {
            const size_t to = i < n_before ? i : of_hidden + place[i - n_before];
            w[o * (of_hidden + of_x) + to] = last.weights[o * last.inputs + i];
        }
        shape_.bias[o] = last.bias[o] + (last.shift[o] ? 1 << (last.shift[o] - 1) : 0);
        shape_.shift[o] = last.shift[o];
    }
    shape_.last = w;
    shape_.of_hidden = of_hidden;
    shape_.of_x = of_x;
    shape_.ratios = ratios;
    shape_.others = others;
    shape_.layers = layers_.data();
    shape_.n_layers = n_hidden;
    shape_.widest = widest;
    for (Row& row : rows_) {
        row.z.assign(padded(ratios) + kGridLanes, 0);
        row.other.assign(others, 0);
        row.x.assign(n_x + kGridLanes, 0);
        row.hidden.assign(2 * widest, 0);
        row.cell.z = row.z.data();
        row.cell.other = row.other.data();
        row.cell.x = row.x.data();
        row.cell.hidden = row.hidden.data();
    }
}

// Which taps are inside along all axes but the last, for the row of this cell.
void GridNet::enter(Row& of, size_t cell) {
    const auto& n = extents_.n;
    size_t row = cell / n[3];
    of.begin = row * n[3];
    of.end = of.begin + n[3];
    std::array<size_t, 3> at;
    for (size_t d = 3; d-- > 0; row /= n[d]) at[d] = row % n[d];
    std::fill(of.z.begin(), of.z.end(), 0);
    std::fill(of.other.begin(), of.other.end(), int16_t(0));
    size_t left = 0, right = 0;
    const auto choose = [&](const std::vector<Tap>& all, std::vector<Tap>& inside) {
        inside.clear();
        for (const Tap& tap : all) {
            bool in = true;
            for (size_t d = 0; d < 3; d++) {
                const auto to = static_cast<ptrdiff_t>(at[d]) + tap.at[d];
                in = in && to >= 0 && to < static_cast<ptrdiff_t>(n[d]);
            }
            if (!in) continue;
            inside.push_back(tap);
            left = std::max(left, static_cast<size_t>(std::max(-tap.at[3], 0)));
            right = std::max(right, static_cast<size_t>(std::max<int>(tap.at[3], 0)));
        }
    };
    choose(values_, of.values);
    choose(missed_, of.misses);
    choose(insides_, of.insides);
    of.whole = of.values.size() == values_.size() && of.misses.size() == missed_.size();
    of.left = of.begin + left;
    of.right = right < n[3] ? of.end - right : of.begin;
}

GridNet::Row& GridNet::prepare(const GridAsk& ask) {
    const size_t cell = ask.place;
    const auto in_row = [&](const Row& row) { return cell >= row.begin && cell < row.end; };
    Row& row = in_row(rows_[0]) ? rows_[0] : in_row(rows_[1]) ? rows_[1] : rows_[cell / extents_.n[3] & 1];
    if (!in_row(row)) enter(row, cell);
    constexpr int32_t kFar = 1 << 22;
    const auto whole = static_cast<int32_t>(ask.P >> 8), part = static_cast<int32_t>(ask.P & 255);
    const int32_t* u = u_ + cell;
    const int32_t* s = misses_ + cell;
    int32_t* z = row.z.data();
    // |u| < 2^30: differences fit
    const auto off = [&](int32_t x) { return std::clamp(x - whole, -kFar, kFar) * 256 - part; };
    if (cell >= row.left && cell < row.right) {
        if (row.whole) {
            // places are in the order of the taps
            const size_t values = value_at_.size(), misses = miss_at_.size();
            for (size_t i = 0; i < values; i++) z[i] = u[value_at_[i]];
            for (size_t i = 0; i < values; i++) z[i] = off(z[i]);
            for (size_t i = 0; i < misses; i++) z[values + i] = s[miss_at_[i]];
        } else {
            for (const Tap& tap : row.values) z[tap.place] = off(u[tap.distance]);
            for (const Tap& tap : row.misses) z[tap.place] = s[tap.distance];
        }
        for (const Tap& tap : row.insides) row.other[tap.place] = 4096;
    } else {
        const auto x = static_cast<ptrdiff_t>(cell - row.begin), end = static_cast<ptrdiff_t>(extents_.n[3]);
        const auto in = [&](const Tap& tap) { return x + tap.at[3] >= 0 && x + tap.at[3] < end; };
        for (const Tap& tap : row.values) z[tap.place] = in(tap) ? off(u[tap.distance]) : 0;
        for (const Tap& tap : row.misses) z[tap.place] = in(tap) ? s[tap.distance] : 0;
        for (const Tap& tap : row.insides) row.other[tap.place] = in(tap) ? 4096 : 0;
    }
    const auto unit = static_cast<uint64_t>(ask.expected) + 4;
    const int l = 63 - __builtin_clzll(unit);
    const auto mantissa = static_cast<int32_t>((unit << 7 >> l) & 127);
    const int32_t octaves = 256 * l + 2 * mantissa;
    const int down = std::max(l - 8, 0);
    row.cell.bound = l + 8 < 30 ? 1 << (l + 8) : 1 << 30;
    row.cell.reciprocal = (1 << 22) / (257 + 2 * mantissa);
    row.cell.down = down;
    row.cell.up = l + 8 - down;
    for (uint32_t i : levels_) row.other[i] = static_cast<int16_t>(4 * octaves - 8192);
    for (uint32_t i : phases_) row.other[i] = static_cast<int16_t>(l < 8 ? (part - 128) * 32 : 0);
    row.octaves = octaves;
    return row;
}

void GridNet::guess(GridAsk* asks, size_t n) {
    Row* rows[2] = {};
    GridNetCell* cells[2] = {};
    for (size_t i = 0; i < n; i++) {
        rows[i] = &prepare(asks[i]);
        cells[i] = &rows[i]->cell;
    }
    kernel_(shape_, cells, n);
    constexpr int32_t kMostTurn = 4096, kMostOctaves = 2048;
    for (size_t i = 0; i < n; i++) {
        const int64_t unit = asks[i].expected + 4;
        const int64_t moved = asks[i].P + ((std::clamp(cells[i]->y[0], -kMostTurn, kMostTurn) * unit) >> 6);
        const int context = (rows[i]->octaves + std::clamp(cells[i]->y[1], -kMostOctaves, kMostOctaves) + 96) >> 6;
        asks[i].P = std::clamp(moved, low_, high_);
        asks[i].context = std::clamp(context, 0, 95);
    }
}

}  // namespace grid

namespace {

// Sums of 16 outputs from o on.
void outputs(const GridNetLayer& layer, size_t o, const int16_t* in, int32_t* sum) {
    const int16_t* w = layer.weights + 2 * o;
#if defined(__SSE2__)
    __m128i s[4];
    for (size_t i = 0; i < 4; i++) s[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(layer.bias + o + 4 * i));
    for (size_t p = 0; p < layer.pairs; p++, w += 2 * layer.outputs) {
        int32_t pair;
        std::memcpy(&pair, in + 2 * p, 4);
        const __m128i x = _mm_set1_epi32(pair);
        for (size_t i = 0; i < 4; i++)
            s[i] = _mm_add_epi32(s[i], _mm_madd_epi16(x, _mm_loadu_si128(reinterpret_cast<const __m128i*>(w + 8 * i))));
    }
    for (size_t i = 0; i < 4; i++) _mm_storeu_si128(reinterpret_cast<__m128i*>(sum + 4 * i), s[i]);
#else
    std::copy_n(layer.bias + o, 16, sum);
    for (size_t p = 0; p < layer.pairs; p++, w += 2 * layer.outputs) {
        const int32_t a = in[2 * p], b = in[2 * p + 1];
        for (size_t i = 0; i < 16; i++) sum[i] += w[2 * i] * a + w[2 * i + 1] * b;
    }
#endif
}

}  // namespace

static void run_portable(const GridNetShape& shape, GridNetCell& cell) {
    for (size_t i = 0; i < shape.ratios; i++) {
        const int32_t z = std::clamp(cell.z[i], -cell.bound, cell.bound);
        cell.x[i] = static_cast<int16_t>(std::clamp(((z >> cell.down) * cell.reciprocal) >> cell.up, -8192, 8192));
    }
    for (size_t i = 0; i < shape.others; i++) cell.x[shape.ratios + i] = cell.other[i];
    const int16_t* in = cell.x;
    int16_t* out = cell.hidden;
    for (size_t l = 0; l < shape.n_layers; l++) {
        const GridNetLayer& layer = shape.layers[l];
        for (size_t o = 0; o < layer.outputs; o += 16) {
            int32_t sum[16];
            outputs(layer, o, in, sum);
            for (size_t i = 0; i < 16; i++) {
                int32_t v = std::clamp(sum[i] >> layer.shift[o + i], -32768, 32767);
                if (layer.activation) v = std::max(v, v >> layer.activation);
                out[o + i] = static_cast<int16_t>(v);
            }
        }
        in = out;
        out = out == cell.hidden ? cell.hidden + shape.widest : cell.hidden;
    }
    for (size_t o = 0; o < 2; o++) {
        const int16_t* w = shape.last + o * (shape.of_hidden + shape.of_x);
        int32_t sum = shape.bias[o];
        for (size_t i = 0; i < shape.of_hidden; i++) sum += w[i] * in[i];
        for (size_t i = 0; i < shape.of_x; i++) sum += w[shape.of_hidden + i] * cell.x[i];
        cell.y[o] = sum >> shape.shift[o];
    }
}

void grid_net_portable(const GridNetShape& shape, GridNetCell* const* cell, size_t cells) {
    for (size_t i = 0; i < cells; i++) run_portable(shape, *cell[i]);
}

}  // namespace baler
