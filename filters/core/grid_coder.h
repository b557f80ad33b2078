// The built-in coder of grids (frame mode 5). docs/format.md, section 12.
#pragma once

#include "bytes.h"
#include "exceptions.h"
#include "lattice.h"

namespace baler {

struct GridModel;  // core/grid_net.h

struct GridChunk {
    DType dtype;
    std::vector<uint64_t> shape;  // memory order
    const Lattice* lattice;       // of all values
    const void* values;           // encoding: native byte order, memory order
    double tolerance;             // encoding: the absolute bound inside which values may be moved freely; 0: stable
    const GridModel* net = nullptr;  // the network of the frame's model
};

struct GridPayload {
    std::vector<uint8_t> bytes;
    bool closed = false;          // the frame is not stable
    bool net = false;             // the frame needs its model
    bool close = false;           // and may be no smaller than one that does not
    uint64_t n_exceptions = 0;
};

// k: indices in memory order, given away to save memory. false: this chunk is not for grids.
bool grid_encode(const GridChunk& chunk, std::vector<int64_t>&& k, const ColumnExceptions& exceptions,
                 GridPayload& out);
// About how many bytes a chunk that is a slab of one of shape `whole` takes of its payload; less certain where that is
// far from what another coder takes. Infinite: as above.
double grid_estimate(const GridChunk& chunk, const std::vector<uint64_t>& whole, const std::vector<int64_t>& k,
                     const ColumnExceptions& exceptions, double other);
// Writes the values in memory order, native byte order.
void grid_decode(const GridChunk& chunk, bool stable, uint64_t n_exceptions, ByteReader& in, void* out);

}  // namespace baler
