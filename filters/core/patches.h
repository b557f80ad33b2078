// Models of patches: small blocks of images, frames and volumes as rows of an autoencoder. docs/format.md, sections 7, 9.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "baler.h"
#include "bytes.h"

namespace baler {

struct Model;
struct TableModel;

struct PatchShape {
    std::vector<uint32_t> extents;  // of the chunk's last axes
    bool frames_fastest = false;    // the row before is the same patch of the frame before, not the patch beside it
    uint32_t cells = 1;
};

// The content of section PTCH: the shape, and a table model whose columns are the cells of a patch.
std::shared_ptr<const PatchShape> parse_patch_model(ByteReader& in, std::shared_ptr<const TableModel>& table);

// Patches of a chunk with at least as many axes as the patch.
size_t patch_rows(const PatchShape& shape, const baler_array& array);

// values: all of the chunk in memory order, NaN where masked. latents: rows x n_latents, or null to run the encoder.
void patch_encode(const Model& model, const baler_array& array, const std::vector<double>& values,
                  const int32_t* latents, ByteWriter& out);
void patch_decode(const Model& model, const baler_array& array, std::vector<double>& values, ByteReader& in);
void patch_latents(const Model& model, const baler_array& array, const std::vector<double>& values, int32_t* out);

}  // namespace baler
