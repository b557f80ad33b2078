#include "table_model.h"

#include <algorithm>
#include <cmath>

#include "net_layers.h"

namespace baler {

namespace {

constexpr uint32_t kMaxColumns = 1024, kMaxLatents = 64, kMaxInputs = 4096, kMaxOutputs = 1024;
constexpr size_t kMaxWeights = size_t(1) << 22;

double finite(ByteReader& in) {
    const double v = in.f64();
    if (!std::isfinite(v)) in.damaged("a number is not finite");
    return v;
}

std::vector<float> invert_shape(const std::vector<uint32_t>& shape) {
    std::vector<float> inverse(1026);
    size_t i = 0;
    for (size_t q = 0; q <= 1024; q++) {
        const auto wanted = static_cast<uint32_t>(64 * q);
        while (i + 2 < kShapeNodes && shape[i + 1] <= wanted) i++;
        const uint32_t rise = shape[i + 1] - shape[i];
        const float part = rise ? static_cast<float>(wanted - shape[i]) / static_cast<float>(rise) : 1.0f;
        inverse[q] = 32.0f * (static_cast<float>(i) + std::min(part, 1.0f)) - kShapeHalf;
    }
    inverse[1025] = inverse[1024];
    return inverse;
}

Warp read_warp(ByteReader& in, size_t knots) {
    std::vector<double> x(knots), z(knots);
    for (size_t i = 0; i < knots; i++) {
        x[i] = static_cast<double>(in.f32());
        if (!std::isfinite(x[i]) || (i && !(x[i - 1] < x[i]))) in.damaged("a warp's knots do not rise");
    }
    for (size_t i = 0; i < knots; i++) {
        z[i] = static_cast<int8_t>(in.u8()) / 8.0;
        if (i && !(z[i - 1] < z[i])) in.damaged("a warp's knots do not rise");
    }
    return Warp(std::move(x), std::move(z));
}

Variable read_variable(ByteReader& in, bool latent) {
    Variable v;
    const uint8_t flags = in.u8();
    if (flags > 4 || (latent && flags != 0)) in.damaged("a variable has impossible flags");
    v.spike = flags & 1;
    v.repeat = flags & 2;
    v.derived = flags & 4;
    v.fineness = in.u8();
    const uint8_t knots = in.u8();
    if (v.fineness > 12 || in.u8() != 0) in.damaged("a variable's record has a field out of range");
    if (v.derived ? knots != 0 : knots < 2 || knots > 96) in.damaged("a variable has an impossible number of knots");
    v.lo = finite(in);
    v.hi = finite(in);
    v.spike_value = finite(in);
    v.unit = finite(in);
    v.noise = finite(in);
    v.escape = in.u16();
    if (!(v.lo <= v.hi) || v.unit < 0 || v.noise < 0) in.damaged("a variable's range, unit or noise is impossible");
    if (v.spike ? !(v.lo <= v.spike_value && v.spike_value <= v.hi) : v.spike_value != 0)
        in.damaged("a variable's spike lies outside its range");
    if (v.escape < 1 || v.escape > 4096) in.damaged("a variable's escape frequency is out of range");
    if (latent) {
        const bool whole = v.lo == std::floor(v.lo) && v.hi == std::floor(v.hi);
        if (v.unit != 1 || !whole || v.lo < -16383 || v.hi > 16383) in.damaged("a latent's range or unit is impossible");
    }
    if (v.derived) return v;
    v.warp = read_warp(in, knots);
    ShapePart parts[3];
    uint64_t sum = 0;
    for (ShapePart& p : parts) {
        p.weight = in.u32();
        p.offset = in.i32();
        p.inverse = in.u32();
        sum += p.weight;
        if (p.offset < -32767 || p.offset > 32767 || p.inverse < 1 || p.inverse >= 1u << 20)
            in.damaged("a shape is out of range");
    }
    if (sum != 65536) in.damaged("a shape's weights do not sum to 65536");
    v.shape.resize(kShapeNodes + 1);
    shape_table(parts, v.shape.data());
    v.shape[kShapeNodes] = 65536;
    v.unshape = invert_shape(v.shape);
    return v;
}

// Where an input may point to depends on whose net it is.
enum class Owner { variable, encoder, decoder };

class NetReader {
  public:
    NetReader(ByteReader& in, const TableModel& model) : in_(in), model_(model), place_(model.variables.size()) {
        for (size_t i = 0; i < model.order.size(); i++) place_[model.order[i]] = i;
    }

    Net read(Owner owner, uint32_t variable, uint32_t outputs) {
        Net net;
        const uint8_t layers = in_.u8(), skip = in_.u8();
        const uint16_t inputs = in_.u16();
        if (layers < 1 || layers > 6 || skip > 1 || (skip && layers < 2)) in_.damaged("a network's layers are impossible");
        if (inputs > kMaxInputs) in_.damaged("a network has too many inputs");
        net.skip = skip;
        for (uint32_t i = 0; i < inputs; i++) {
            const uint8_t type = in_.u8(), shift = in_.u8();
            const uint16_t v = in_.u16();
            if (type > 6 || !fits(owner, variable, static_cast<InputType>(type), shift, v))
                in_.damaged("a network's input does not exist");
            net.inputs.push_back({static_cast<InputType>(type), shift, v});
        }
        uint32_t width = inputs;
        for (uint32_t l = 0; l < layers; l++) {
            const bool last = l + 1u == layers;
            net.layers.push_back(read_net_layer(in_, width + (last && skip ? inputs : 0u), last, kMaxOutputs, weights_, kMaxWeights));
            width = net.layers.back().outputs;
        }
        if (width != outputs) in_.damaged("a network has the wrong number of outputs");
        return net;
    }

  private:
    bool fits(Owner owner, uint32_t own, InputType type, uint8_t shift, uint32_t v) const {
        if (v >= model_.variables.size() || shift > (type == InputType::latent ? 14 : 0)) return false;
        const bool column = v < model_.columns, plain = !model_.variables[v].derived;
        const bool earlier = owner == Owner::variable && place_[v] < place_[own];
        switch (type) {
            case InputType::z:
            case InputType::spike: return plain && (owner == Owner::encoder ? column : earlier);
            case InputType::repeat: return plain && earlier;
            case InputType::hint: return owner == Owner::variable && v == own && !model_.hints[own].empty();
            case InputType::latent: return !column && (owner == Owner::decoder || earlier);
            case InputType::before:
                if (model_.latents_look_back) return owner == Owner::variable && !column;
                [[fallthrough]];
            case InputType::width: return owner == Owner::variable && own < model_.columns && column && plain;
        }
        return false;
    }

    ByteReader& in_;
    const TableModel& model_;
    std::vector<size_t> place_;
    size_t weights_ = 0;
};

void read_relations(ByteReader& in, uint32_t count, const std::vector<size_t>& place, TableModel& model) {
    std::vector<bool> seen(model.variables.size());
    for (uint32_t r = 0; r < count; r++) {
        const uint16_t v = in.u16();
        if (v >= model.columns || !model.variables[v].derived || seen[v]) in.damaged("a relation has no column of its own");
        seen[v] = true;
        Relation& relation = model.relations[v];
        relation.constant = finite(in);
        const uint8_t n = in.u8();
        if (n > 64) in.damaged("a relation has too many terms");
        for (uint32_t i = 0; i < n; i++) {
            const uint16_t c = in.u16();
            if (c >= model.columns || place[c] >= place[v]) in.damaged("a relation names a column that comes later");
            relation.terms.push_back({c, finite(in)});
        }
    }
    for (size_t v = 0; v < model.variables.size(); v++)
        if (model.variables[v].derived && !seen[v]) in.damaged("a derived column has no relation");
}

void read_hints(ByteReader& in, uint32_t count, const std::vector<size_t>& place, TableModel& model) {
    for (uint32_t h = 0; h < count; h++) {
        const uint16_t v = in.u16(), n = in.u16();
        if (v >= model.columns || model.variables[v].derived || !model.hints[v].empty() || n < 1 || n > 256)
            in.damaged("a hint's record is impossible");
        std::vector<HintProgram::Step> steps;
        for (uint32_t i = 0; i < n; i++) {
            HintProgram::Step s{static_cast<HintProgram::Op>(in.u8()), 0, 0};
            if (s.op >= HintProgram::op_count) in.damaged("a hint has an unknown operation");
            if (s.op == HintProgram::constant) s.constant = finite(in);
            if (s.op == HintProgram::column || s.op == HintProgram::before) {
                s.column = in.u16();
                if (s.column >= model.columns ||
                    (s.op == HintProgram::column ? place[s.column] >= place[v] : model.variables[s.column].derived))
                    in.damaged("a hint names a column that it cannot see");
            }
            steps.push_back(s);
        }
        if (!model.hints[v].assign(std::move(steps))) in.damaged("a hint's program does not work out");
    }
}

}  // namespace

std::shared_ptr<const TableModel> parse_table_model(ByteReader& in) {
    auto made = std::make_shared<TableModel>();
    TableModel& model = *made;
    model.columns = in.u16();
    model.latents = in.u16();
    const uint32_t relations = in.u16(), hints = in.u16();
    if (model.columns < 1 || model.columns > kMaxColumns || model.latents > kMaxLatents)
        in.damaged("its number of columns or latents is impossible");
    const uint32_t n = model.columns + model.latents;
    if (relations > model.columns || hints > model.columns) in.damaged("it has too many relations or hints");
    model.variables.reserve(n);
    for (uint32_t v = 0; v < n; v++) model.variables.push_back(read_variable(in, v >= model.columns));
    model.relations.resize(n);
    model.hints.resize(n);
    model.nets.resize(n);
    std::vector<size_t> place(n, n);
    for (uint32_t i = 0; i < n; i++) {
        const uint16_t v = in.u16();
        if (v >= n || place[v] != n || (i < model.latents && v != model.columns + i))
            in.damaged("its coding order is not an order");
        place[v] = i;
        model.order.push_back(v);
    }
    read_relations(in, relations, place, model);
    read_hints(in, hints, place, model);
    NetReader nets(in, model);
    uint32_t plain = 0, spikes = 0;
    for (uint16_t v : model.order) {
        const Variable& variable = model.variables[v];
        if (variable.derived) continue;
        model.nets[v] = nets.read(Owner::variable, v, 2u + variable.spike + variable.repeat);
        plain += v < model.columns;
        spikes += v < model.columns && variable.spike;
    }
    if (model.latents) {
        model.encoder = nets.read(Owner::encoder, 0, model.latents);
        model.decoder = nets.read(Owner::decoder, 0, plain + spikes);
    }
    in.finish();
    return made;
}

std::shared_ptr<const TableModel> parse_shared_table(ByteReader& in, uint32_t columns, uint32_t latents) {
    auto made = std::make_shared<TableModel>();
    TableModel& model = *made;
    model.columns = columns;
    model.latents = latents;
    model.latents_look_back = true;
    if (latents < 1 || latents > kMaxLatents) in.damaged("its number of latents is impossible");
    Variable cell;
    const uint8_t knots = in.u8();
    if (knots < 2 || knots > 96) in.damaged("its cells have an impossible number of knots");
    cell.warp = read_warp(in, knots);
    const uint32_t n = columns + latents;
    model.variables.assign(columns, cell);
    for (uint32_t l = 0; l < latents; l++) model.variables.push_back(read_variable(in, true));
    model.relations.resize(n);
    model.hints.resize(n);
    model.nets.resize(n);
    for (uint32_t l = 0; l < latents; l++) model.order.push_back(static_cast<uint16_t>(columns + l));
    for (uint32_t c = 0; c < columns; c++) model.order.push_back(static_cast<uint16_t>(c));
    NetReader nets(in, model);
    for (uint32_t v = columns; v < n; v++) model.nets[v] = nets.read(Owner::variable, v, 2);
    model.encoder = nets.read(Owner::encoder, 0, latents);
    model.decoder = nets.read(Owner::decoder, 0, columns);
    in.finish();
    return made;
}

}  // namespace baler
