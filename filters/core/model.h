// A model file, parsed, checked and proved: what the coders read. docs/format.md, section 7.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "record.h"

namespace baler {

struct GridModel;   // a network: core/grid_net.h
struct PatchShape;  // of images and frames: core/patches.h
struct TableModel;  // variables, steps, networks: core/table_model.h

struct Model {
    std::vector<uint8_t> bytes;      // the file itself
    std::array<uint8_t, 32> id{};    // its sha256
    std::vector<Bound> bounds;       // one for all columns, or one per column
    std::shared_ptr<const TableModel> table;  // null: a model of bounds only, coded by the built-in model

    std::shared_ptr<const Record> record;     // of a model for records, with the bounds

    std::shared_ptr<const GridModel> grid;    // for grids, whose coder uses it where it pays

    std::shared_ptr<const PatchShape> patch;  // the table's rows are patches of frames; latent-only

    uint32_t n_columns() const;      // 0: any number, or patches; of a model for records: its fields
    uint32_t n_latents() const;
    bool latent_only() const { return bounds[0].kind == 3; }
    // The lattice of a column under this model's bound, unit and noise.
    Lattice lattice(DType dtype, size_t column) const;
};

// The file of a model for records, without names.
std::vector<uint8_t> record_model(const Record& record);
// Throws Failure (BALER_ERR_CORRUPT, _VERSION, _MODEL_INVALID).
std::shared_ptr<const Model> parse_model(const uint8_t* bytes, size_t size);

}  // namespace baler
