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

struct Chosen {
    Choice choice;
    bool close = false;                // it is a network, and the best choice without one promises nearly the same
    std::unique_ptr<Encoder> encoder;  // where the whole grid was fitted to choose; null else
    std::vector<uint8_t> of;           // its classes, where it is turned
};
Chosen choose(const Subject& subject);

// About what a raster would take: by the neighbours' values alone, and by everything for as many cells of a grid that
// these are a slab of.
Cost hasty_raster(const Subject& subject);
Cost rough_raster(const Subject& subject, const Extents& whole);

// Of the whole grid, to be coded; its fit() comes next. `of` gets what it looks at.
std::unique_ptr<Encoder> whole_encoder(const Subject& subject, Choice choice, std::vector<int32_t>&& u,
                                       std::vector<uint8_t>& of);

}  // namespace baler::grid
