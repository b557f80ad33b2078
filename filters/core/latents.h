// The autoencoder of a table model: rows to latents, latents to rows. docs/format.md, sections 7.4 and 9.
#pragma once

#include <cstdint>
#include <vector>

#include "cells.h"
#include "table_model.h"

namespace baler {

// Latent l of row r is latents[r * n_latents + l]. Column c of row r is columns[c][r]; NaN where it is masked.
void encode_latents(const TableModel& model, const Prepared& prepared, const std::vector<std::vector<double>>& columns,
                    size_t rows, int32_t* latents);

// The two halves of that: what the encoder network sees, rows x its inputs, and its latents of any such rows.
void encoder_inputs(const TableModel& model, const std::vector<std::vector<double>>& columns, size_t rows, int16_t* inputs);
void run_encoder(const TableModel& model, const Prepared& prepared, const int16_t* inputs, size_t rows, int32_t* latents);

// latents: by latent, `stride` apart; writes every column, derived ones too.
void decode_latents(const TableModel& model, const Prepared& prepared, const std::vector<int64_t>* latents, size_t rows,
                    std::vector<std::vector<double>>& columns);

}  // namespace baler
