// Which scan and loop a grid is coded in: tried on a piece of it.
#pragma once

#include "grid_encoder.h"
#include "grid_turn.h"

namespace baler::grid {

// A grid to choose for: units on the fixed lattice and, where the bound may be used freely, of a closed loop.
struct Subject {
    Extents extents;
    const uint8_t* of = nullptr;            // classes, or null
    const std::vector<int32_t>* open = nullptr;
    const std::vector<int32_t>* closed = nullptr;  // or null
    int fineness = 0;
    const GridModel* net = nullptr;         // of the model, if it fits the grid
};

// close: whether the choice is a network and the best choice without one promises nearly the same.
Choice choose(const Subject& subject, bool& close);

}  // namespace baler::grid
