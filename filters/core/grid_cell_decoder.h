// From the streams of a grid payload to the u of all cells. docs/format.md, sections 12.4 and 12.6.
#pragma once

#include <map>
#include <memory>

#include "grid_cells.h"
#include "grid_net.h"
#include "grid_rows.h"

namespace baler::grid {

struct Stream {
    const uint8_t* p;
    size_t n;
};

class CellDecoder {
  public:
    // of: class of each cell, or null when all are coded
    CellDecoder(const Order& order, const Params& params, const uint8_t* of, const GridModel* net, int lanes,
                Stream symbols, Stream bits);
    // u of all cells, in the order of the grid.
    const int32_t* run();

  private:
    // The taps of a row of a raster: one set for each of the first cells and of the last, one for those between.
    struct RowTaps {
        std::vector<GridTaps> left, right;
        GridTaps inner;
    };
    struct Strand;

    void set_tables();
    void set_streams(Stream symbols, Stream bits, int lanes);
    GridTaps taps_of(uint32_t group, const ptrdiff_t* at, bool raster) const;
    const RowTaps& row_taps(const std::array<size_t, 3>& at);
    void prepare(Strand& strand, size_t block);
    void alone(GridStrand& strand, size_t group);
    void strands();
    void passes();
    void cell(uint32_t group, size_t p, const ptrdiff_t* at);
    GridCells at_cell(size_t p) const {
        return {first_.u + p, first_.r + p, first_.s ? first_.s + p : nullptr, first_.of ? first_.of + p : nullptr};
    }
    void check() const;
    void finish() const;

    const Order& order_;
    const Params& params_;
    const GridRowKernels& kernels_;
    bool small_;
    Cells cells_;             // with room in front and behind
    GridCells first_{};       // cell 0
    std::vector<uint8_t> words_, bits_;
    size_t n_words_ = 0, n_bits_ = 0;
    GridCoder coder_{};
    GridLimits limits_{};
    std::vector<Rules> rules_;
    std::vector<std::array<GridContext, kGridContexts>> contexts_;  // by map
    Walker walker_;
    std::map<std::array<size_t, 4>, RowTaps> row_taps_;
    GridTaps alone_;
    std::unique_ptr<GridNet> net_;
};

}  // namespace baler::grid
