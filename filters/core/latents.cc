#include "latents.h"

#include <algorithm>
#include <cmath>

#include "instruction_set.h"

namespace baler {

namespace {

constexpr size_t kRows = 512;  // at once

int16_t small(double v, double limit) { return static_cast<int16_t>(std::min(std::max(v, -limit), limit)); }

double finite(double v) { return std::isfinite(v) ? v : 0.0; }

// Arrays for a network outside the walk through a table.
struct Bench {
    const Prepared::Coder& coder;
    std::vector<int16_t> rows, hidden;
    std::vector<int16_t*> features;
    std::vector<int32_t> outputs;

    explicit Bench(const Prepared::Coder& c)
        : coder(c), rows(kRows * c.slots.count), hidden(c.net.scratch()), outputs(kRows * c.net.outputs()) {
        for (size_t s = 0; s < c.slots.count; s++) features.push_back(rows.data() + s * kRows);
    }
    int16_t* feature(uint32_t slot) { return slot == FeatureSlots::none ? nullptr : features[slot]; }
    void run(size_t n) {
        stride = (n + kRowStep - 1) / kRowStep * kRowStep;
        coder.net.run(instruction_set().layer, features.data(), 0, stride, hidden.data(), outputs.data());
    }
    size_t stride = 0;  // from output to output
};

int16_t z_of(const Variable& variable, double x) {
    if (!std::isfinite(x)) return 0;
    if (variable.spike && x == variable.spike_value) return -16384;
    return small(round_even(4096.0 * variable.warp(x)), 16384);
}

int16_t spike_of(const Variable& variable, double x) { return variable.spike && x == variable.spike_value ? 8192 : 0; }

void clip_latents(const TableModel& model, const Bench& bench, size_t rows, int32_t* latents) {
    for (size_t l = 0; l < model.latents; l++) {
        const Variable& variable = model.variables[model.columns + l];
        const auto lo = static_cast<int32_t>(variable.lo), hi = static_cast<int32_t>(variable.hi);
        for (size_t r = 0; r < rows; r++)
            latents[r * model.latents + l] = std::clamp(bench.outputs[l * bench.stride + r], lo, hi);
    }
}

}  // namespace

void encode_latents(const TableModel& model, const Prepared& prepared, const std::vector<std::vector<double>>& columns,
                    size_t rows, int32_t* latents) {
    Bench bench(prepared.encoder);
    const FeatureSlots& slots = bench.coder.slots;
    for (size_t first = 0; first < rows; first += kRows) {
        const size_t n = std::min(kRows, rows - first);
        for (size_t c = 0; c < model.columns; c++) {
            const double* x = columns[c].data() + first;
            const Variable& variable = model.variables[c];
            if (int16_t* z = bench.feature(slots.z[c]))
                for (size_t i = 0; i < n; i++) z[i] = z_of(variable, x[i]);
            if (int16_t* spike = bench.feature(slots.spike[c]))
                for (size_t i = 0; i < n; i++) spike[i] = spike_of(variable, x[i]);
        }
        bench.run(n);
        clip_latents(model, bench, n, latents + first * model.latents);
    }
}

void encoder_inputs(const TableModel& model, const std::vector<std::vector<double>>& columns, size_t rows, int16_t* inputs) {
    const std::vector<NetInput>& from = model.encoder.inputs;
    for (size_t i = 0; i < from.size(); i++) {
        const Variable& variable = model.variables[from[i].variable];
        const double* x = columns[from[i].variable].data();
        for (size_t r = 0; r < rows; r++)
            inputs[r * from.size() + i] = from[i].type == InputType::spike ? spike_of(variable, x[r]) : z_of(variable, x[r]);
    }
}

void run_encoder(const TableModel& model, const Prepared& prepared, const int16_t* inputs, size_t rows, int32_t* latents) {
    Bench bench(prepared.encoder);
    const FeatureSlots& slots = bench.coder.slots;
    const std::vector<NetInput>& from = model.encoder.inputs;
    for (size_t first = 0; first < rows; first += kRows) {
        const size_t n = std::min(kRows, rows - first);
        for (size_t i = 0; i < from.size(); i++) {
            const auto& slot = from[i].type == InputType::spike ? slots.spike : slots.z;
            if (int16_t* feature = bench.feature(slot[from[i].variable]))
                for (size_t r = 0; r < n; r++) feature[r] = inputs[(first + r) * from.size() + i];
        }
        bench.run(n);
        clip_latents(model, bench, n, latents + first * model.latents);
    }
}

void decode_latents(const TableModel& model, const Prepared& prepared, const std::vector<int64_t>* latents, size_t rows,
                    std::vector<std::vector<double>>& columns) {
    Bench bench(prepared.decoder);
    for (size_t first = 0; first < rows; first += kRows) {
        const size_t n = std::min(kRows, rows - first);
        for (const FeatureSlots::Raw& raw : bench.coder.slots.raw) {
            const int64_t* k = latents[raw.variable - model.columns].data() + first;
            for (size_t i = 0; i < n; i++) bench.features[raw.slot][i] = raw_latent(k[i], raw.shift);
        }
        bench.run(n);
        const int32_t* out = bench.outputs.data();
        const int32_t* logit = out + bench.stride * static_cast<size_t>(std::count_if(
            model.variables.data(), model.variables.data() + model.columns, [](const Variable& v) { return !v.derived; }));
        for (size_t c = 0; c < model.columns; c++) {
            const Variable& variable = model.variables[c];
            if (variable.derived) continue;
            double* x = columns[c].data() + first;
            for (size_t i = 0; i < n; i++) {
                const bool at_spike = variable.spike && logit[i] > 0;
                x[i] = at_spike ? variable.spike_value
                                : variable.warp.inverse(std::clamp(out[i], -kMeanLimit, kMeanLimit) / 16384.0);
                if (variable.unit > 0) x[i] = finite(std::nearbyint(x[i] / variable.unit) * variable.unit);
            }
            out += bench.stride;
            if (variable.spike) logit += bench.stride;
        }
        for (uint16_t v : model.order) {
            if (!model.variables[v].derived) continue;
            double* x = columns[v].data() + first;
            std::fill_n(x, n, model.relations[v].constant);
            for (const Relation::Term& term : model.relations[v].terms) {
                const double* y = columns[term.column].data() + first;
                for (size_t i = 0; i < n; i++) x[i] = x[i] + term.coefficient * y[i];
            }
            for (size_t i = 0; i < n; i++) x[i] = finite(x[i]);
        }
    }
}

}  // namespace baler
