// A chunk to a frame and back: which candidates there are, and which one is kept.
#pragma once

#include "frame.h"
#include "model.h"

namespace baler {

// data: contiguous, as the array says. model may be null.
std::vector<uint8_t> encode(const baler_array& array, const void* data, const baler_settings& settings,
                            const Model* model);
void decode(const uint8_t* frame, size_t size, const Model* model, void* out, size_t out_size);
// The model's encoder network alone: rows x latents, row-major.
void latents_of(const Model& model, const baler_array& array, const void* data, int32_t* out, size_t n_out);
// What the encoder network sees when this array is encoded: rows x its inputs, row-major.
void encoder_inputs_of(const Model& model, const baler_array& array, const void* data, int16_t* out, size_t n_out);
// Its latents of such rows.
void run_encoder_of(const Model& model, const int16_t* inputs, size_t rows, int32_t* out, size_t n_out);

}  // namespace baler
