// The network of a grid model: what it sees of a cell, and what it makes of the cell's prediction and context.
// docs/format.md, sections 7 (GRID) and 12.7.
#pragma once

#include <memory>

#include "grid_cells.h"
#include "grid_net_kernels.h"
#include "grid_rows.h"
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

// Runs a network along the raster scan of a chunk, in two rows at most at the same time, one of them even, one odd.
class GridNet {
  public:
    // u, misses: one per cell, owned by the caller, known (or filled) for all cells before the one that is asked for
    GridNet(const GridModel& model, const Extents& extents, const int32_t* u, const int32_t* misses, int32_t low, int32_t high);
    static bool fits(const GridModel& model, const Extents& extents);

    // P, expected: of the cell before the network
    Guess guess(size_t cell, int64_t P, int64_t expected) {
        GridAsk ask{cell, P, expected, 0};
        guess(&ask, 1);
        return {ask.P, ask.context};
    }
    // One cell or two: the network's P and context take the places of what was asked.
    void guess(GridAsk* asks, size_t n);

  private:
    struct Tap {
        ptrdiff_t distance;
        std::array<int8_t, 4> at;
        uint32_t place;  // in z, or among the others
    };

    // A row that is gone through.
    struct Row {
        size_t begin = 0, end = 0, left = 0, right = 0;  // from left to right all taps are inside along the row
        bool whole = false;                              // and along the other axes
        std::vector<Tap> values, misses, insides;        // those inside along the other axes
        std::vector<int32_t> z;
        std::vector<int16_t> other, x, hidden;
        GridNetCell cell{};
        int32_t octaves = 0;
    };

    void pack(const GridModel& model);
    void enter(Row& row, size_t cell);
    Row& prepare(const GridAsk& ask);

    std::vector<Tap> values_, missed_, insides_;
    std::vector<uint32_t> levels_, phases_;
    std::vector<int16_t> weights_;        // of all layers, aligned pieces
    std::vector<int32_t> numbers_;        // biases and shifts
    std::vector<GridNetLayer> layers_;
    GridNetShape shape_{};
    GridNetKernel kernel_;

    const Extents& extents_;
    const int32_t *u_, *misses_;
    int64_t low_, high_;
    std::vector<ptrdiff_t> value_at_, miss_at_;  // distances of all
    Row rows_[2];
};

}  // namespace grid
}  // namespace baler
