// Rows of int16 through the top function of an hls4ml project, in its C simulation.
#ifdef ACCELERATOR
#include "encoder_axi.h"
#else
#include "encoder.h"
#endif
#include <cstdint>

namespace {

template <class In, class Out>
int64_t run(void (*top)(In *, Out *), const int16_t *inputs, int64_t rows, int32_t *latents) {
    In x[INPUTS];
    Out y[LATENTS];
    for (int64_t row = 0; row < rows; ++row) {
        for (int i = 0; i < INPUTS; ++i) {
#ifdef ACCELERATOR
            x[i].data = inputs[row * INPUTS + i];
            x[i].last = i == INPUTS - 1;
#else
            x[i] = inputs[row * INPUTS + i];
#endif
        }
        top(x, y);
        for (int i = 0; i < LATENTS; ++i) {
#ifdef ACCELERATOR
            if (y[i].last != (i == LATENTS - 1)) return row;
            latents[row * LATENTS + i] = y[i].data.to_int();
#else
            latents[row * LATENTS + i] = y[i].to_int();
#endif
        }
    }
    return rows;
}

} // namespace

extern "C" __attribute__((visibility("default")))
int64_t encoder_rows(const int16_t *inputs, int64_t rows, int32_t *latents) {
#ifdef ACCELERATOR
    return run(encoder_axi, inputs, rows, latents);
#else
    return run(encoder, inputs, rows, latents);
#endif
}
