// The table model of a model file: variables, order, relations, hints, networks. docs/format.md, section 7.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "bytes.h"
#include "fixed_tables.h"
#include "hint.h"
#include "lattice.h"
#include "warp.h"

namespace baler {

struct Prepared;  // what of a model depends on the dtype: cells.h

struct Variable {
    bool spike = false, repeat = false, derived = false;
    uint8_t fineness = 0;  // w: buckets are at most 2^(14 - w) wide in Z
    double lo = 0, hi = 0, spike_value = 0, unit = 0, noise = 0;
    uint32_t escape = 1;
    Warp warp;
    std::vector<uint32_t> shape;  // T, and one more node so that T[i + 1] can always be read
    std::vector<float> unshape;   // about where F reaches 64 * i, as t: where a decoder starts to look
};

enum class InputType : uint8_t { z = 0, spike = 1, repeat = 2, hint = 3, latent = 4, width = 5, before = 6 };

struct NetInput {
    InputType type;
    uint8_t shift;
    uint16_t variable;
};

struct NetLayer {
    uint32_t inputs = 0, outputs = 0;
    uint8_t activation = 0;
    std::vector<int16_t> weights;  // [outputs][inputs]
    std::vector<int32_t> bias;
    std::vector<uint8_t> shift;
};

struct Net {
    bool skip = false;
    std::vector<NetInput> inputs;
    std::vector<NetLayer> layers;
};

struct Relation {
    double constant = 0;
    struct Term {
        uint16_t column;
        double coefficient;
    };
    std::vector<Term> terms;
};

struct TableModel {
    uint32_t columns = 0, latents = 0;
    std::vector<Variable> variables;       // columns, then latents
    std::vector<uint16_t> order;           // coding order
    std::vector<Relation> relations;       // by variable; empty for those not derived
    std::vector<HintProgram> hints;        // by variable; empty for those without
    std::vector<Net> nets;                 // by variable; empty for derived ones
    Net encoder, decoder;
    bool latents_look_back = false;        // their nets may see latents of the row before

    mutable std::mutex prepared_mutex;
    mutable std::map<uint32_t, std::shared_ptr<const Prepared>> prepared;  // by dtype; a few
};

// The content of section TABL. Throws Failure.
std::shared_ptr<const TableModel> parse_table_model(ByteReader& in);
// The rest of section PTCH: columns that share one record and have no networks, latents, encoder and decoder.
std::shared_ptr<const TableModel> parse_shared_table(ByteReader& in, uint32_t columns, uint32_t latents);

}  // namespace baler
