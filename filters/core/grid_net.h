// The network of a grid model: what it sees of a cell, and what it makes of the cell's prediction and context.
// docs/format.md, sections 7 (GRID) and 12.7.
#pragma once

#include <memory>

#include "grid_cells.h"
#include "grid_net_kernels.h"
#include "table_model.h"

namespace baler {

struct GridInput {
    enum Type : uint8_t { value, miss, inside, level, phase, types };
    Type type;
    std::array<int8_t, 4> at;
};

// The content of section GRID.
struct GridModel {
    uint8_t axes = 0;
    bool skip = false;
    std::vector<GridInput> inputs;
    std::vector<NetLayer> layers;
};

// Throws Failure.
std::shared_ptr<const GridModel> parse_grid_model(ByteReader& in);

namespace grid {

// Runs a network along the raster scan of a chunk.
class GridNet {
  public:
    // u, misses: one per cell, owned by the caller, known (or filled) for all cells before the one that is asked for
    GridNet(const GridModel& model, const Extents& extents, const int32_t* u, const int32_t* misses, int32_t low, int32_t high);
    static bool fits(const GridModel& model, const Extents& extents);

    // P, expected: of the cell before the network
    Guess guess(size_t cell, int64_t P, int64_t expected);

  private:
    struct Tap {
        ptrdiff_t distance;
        std::array<int8_t, 4> at;
        uint32_t place;  // in z, or among the others
    };

    void pack(const GridModel& model);
    void enter(size_t cell);

    std::vector<Tap> values_, missed_, insides_;
    std::vector<uint32_t> levels_, phases_;
    std::vector<int16_t> weights_;        // of all layers, aligned pieces
    std::vector<int32_t> numbers_;        // biases and shifts
    std::vector<GridNetLayer> layers_;
    GridNetCall call_{};
    GridNetKernel kernel_;

    const Extents& extents_;
    const int32_t *u_, *misses_;
    int64_t low_, high_;
    std::vector<int32_t> z_;
    std::vector<int16_t> other_, x_, hidden_;
    // the row that the last cell was in
    size_t row_begin_ = 0, row_end_ = 0, left_ = 0, right_ = 0;
    std::vector<Tap> row_values_, row_misses_, row_insides_;  // those inside along the other axes
};

}  // namespace grid
}  // namespace baler
