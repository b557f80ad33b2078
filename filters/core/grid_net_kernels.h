// The loops of a grid's network for one cell or two, one set per instruction set. Plain pointers and numbers only, so
// that files for instruction sets need no library code.
#pragma once

#include <cstddef>
#include <cstdint>

namespace baler {

constexpr size_t kGridLanes = 32;  // inputs and outputs come in multiples of this, padded with zeros

// A layer but for the last.
struct GridNetLayer {
    const int16_t* weights;  // [inputs / 2][outputs][2]
    const int32_t* bias;     // with the half that rounds
    const int32_t* shift;
    size_t pairs;            // of inputs, even
    size_t outputs;          // a multiple of kGridLanes
    int activation;
};

// The network itself.
struct GridNetShape {
    size_t ratios, others;   // inputs
    const GridNetLayer* layers;
    size_t n_layers;
    size_t widest;
    // the last layer: two rows of weights over the last hidden layer (or nothing), then over x (or nothing)
    const int16_t* last;     // [2][of_hidden + of_x]
    size_t of_hidden, of_x;  // multiples of kGridLanes
    int32_t bias[2], shift[2];
};

// A cell. Inputs: clip(((clip(z, bound) >> down) * reciprocal) >> up), `ratios` of them, and the others behind.
struct GridNetCell {
    const int32_t* z;        // padded
    const int16_t* other;
    int16_t* x;              // padded twice: whole vectors are written
    int16_t* hidden;         // two buffers of `widest`
    int32_t bound, reciprocal;
    int down, up;
    int32_t y[2];            // result
};

// cells: 1 or 2
using GridNetKernel = void (*)(const GridNetShape&, GridNetCell* const* cell, size_t cells);
void grid_net_portable(const GridNetShape&, GridNetCell* const* cell, size_t cells);
#if defined(__x86_64__)
void grid_net_avx2(const GridNetShape&, GridNetCell* const* cell, size_t cells);
void grid_net_avx512(const GridNetShape&, GridNetCell* const* cell, size_t cells);
#endif

}  // namespace baler
