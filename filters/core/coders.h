// The coders that turn a table of lattice indices into a frame's payload and back. Each is the mirror of itself:
// decode() gets a Table whose rows, columns, lattices, masks and shape are set and fills Column::k.
#pragma once

#include "bytes.h"
#include "model.h"
#include "table.h"

namespace baler {

// Built-in model (docs/format.md section 5).
void builtin_encode(const Table& table, ByteWriter& out);
void builtin_decode(Table& table, ByteReader& in);

// Trained table model (section 8). `latents`: rows x model.n_latents, row-major, or null to run the encoder network.
void model_encode(const Model& model, const Table& table, const int32_t* latents, ByteWriter& out);
void model_decode(const Model& model, Table& table, ByteReader& in);
// What its encoder network sees, column after column: what the decoder of the frame will give, NaN where masked.
std::vector<std::vector<double>> lattice_values(const Table& table);

// Latent-only (section 9): values are double (exact image of the dtype), column after column.
void latent_encode(const Model& model, const std::vector<std::vector<double>>& columns, const int32_t* latents,
                   ByteWriter& out);
void latent_decode(const Model& model, size_t rows, std::vector<std::vector<double>>& columns, ByteReader& in);
// Rows of latents alone, row-major when written, by latent when read.
void write_latents(const Model& model, size_t rows, const int32_t* latents, ByteWriter& out);
std::vector<std::vector<int64_t>> read_latents(const Model& model, size_t all_rows, ByteReader& in);
// The encoder network on the same columns: rows x n_latents, row-major.
void encoder_latents(const Model& model, const std::vector<std::vector<double>>& columns, int32_t* out);

// Lossless bytes (section 6): LZ over the byte planes of items. Small inputs and noise are found out cheaply.
void bytes_encode(const uint8_t* data, size_t size, uint32_t itemsize, ByteWriter& out);
void bytes_decode(ByteReader& in, uint8_t* data, size_t size, uint32_t itemsize);

}  // namespace baler
