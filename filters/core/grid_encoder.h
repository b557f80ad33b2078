// The encoder of one grid in one scan: what it fits, and the symbols. Free in everything that section 12 of
// docs/format.md leaves open; floating point here never reaches the decoder.
#pragma once

#include <memory>

#include "grid_net.h"
#include "grid_strips.h"
#include "spare_memory.h"

namespace baler::grid {

struct Choice {
    Scan scan = Scan::raster;
    int turn = 0;          // of the axes, before the encoder sees the cells
    bool closed = false;
    bool fitted = true;    // least squares; else default weights
    int fineness = 7;      // closed
    int finer = 0;         // closed: extra bits of fineness a coarse level of a hierarchy gets, at most
    const GridModel* net = nullptr;  // raster, open
    double sketch = 1;     // below 1: such a part of the cells, by the neighbours' values alone (open)
    bool rough = false;    // all of the cells, but fits by fewer samples and no maps: for an estimate
    bool final = false;    // to be coded: parameters have to pay

    bool operator==(const Choice& o) const {
        return scan == o.scan && turn == o.turn && closed == o.closed && fitted == o.fitted && finer == o.finer &&
               net == o.net;
    }
};

// Sizes of what was made, in bits.
struct Cost {
    double symbols = 0, side = 0;
};

// Cells of a group next to each other in the order of the scan, whose taps lie at the same distances.
struct Piece {
    uint32_t group, count;
    size_t at, step;           // the first cell, and from cell to cell
    const ptrdiff_t* taps;     // distances; null: none is inside
    size_t index;              // of the first cell in the order of the scan, of those that are looked at
    size_t apart = 1;          // from cell to cell in that order
};

constexpr size_t kRoughShare = 8;   // one piece of cells in so many tells what all cost
constexpr uint8_t kNotCoded = 255;  // in place of a context

// Cells to be looked at, filled where they are not coded, in memory of any strides.
struct Lent {
    const int32_t* u = nullptr;
    const uint8_t* of = nullptr;  // class of each cell, or null when all are coded
    Extents extents;
    std::array<size_t, 4> strides{};
    int32_t low = 0, high = 0;    // of all u
};

class Encoder {
  public:
    // u: truth, as many as the extents have cells
    Encoder(const Extents& extents, std::vector<int32_t>&& u, const uint8_t* of, const Choice& choice);
    Encoder(const Lent& lent, const Choice& choice);  // for a sketch

    // The cells as they were given, what is not coded filled by default weights.
    std::vector<int32_t> filled() {
        fill();
        return std::move(own_);
    }
    // Fits everything. The cells' u are then what the decoder will see.
    void fit();
    // Codes all cells. Returns the symbols' stream, of 2^lane_bits lanes.
    std::vector<uint8_t> code(BitWriter& bits, int& lane_bits);
    // Only adds up what that would cost; `whole`: for a grid in that order of which these cells are a rough sample.
    Cost estimate(const Order* whole = nullptr);

    const Order& order() const { return order_; }
    const Params& params() const { return params_; }
    const std::vector<int32_t>& u() const { return own_; }
    void release_truth() { std::vector<int32_t>().swap(truth_); }

  private:
    // How a group's kernels are called.
    struct GroupRules {
        Rules rules;
        double weight[kMaxTaps], gain[kMaxTaps], scale[kScaleTerms];
        double low, high;
        bool exact_weights, exact_gains;  // sums stay whole numbers
        int ends[3];
        GroupRules(const Order& order, const Params& params, size_t group);
    };

    Encoder(const Extents& extents, const std::array<size_t, 4>& strides, const uint8_t* of, const Choice& choice);
    void start(int32_t low, int32_t high);
    void fill();
    void set_fine();
    void set_rules();
    void find_waits();
    void find_runs();
    void fit_weights();
    void fit_gains();
    void fit_scales();
    void fit_maps();
    // symbol(group, d, context), coded cells in the order of the scan (of one piece in `share`),
    // or as they are coded
    template <class D, class F> void each_symbol(size_t share, F&& symbol);
    template <class D, class F> void each_coded(F&& symbol);
    void spare();
    void find_misses();
    void run();
    void find_contexts();
    template <class D> void fit_as();
    template <class D> void open_offs();
    template <class D> void closed_run();
    struct RowTaps;
    template <class D> void closed_serial(const Piece& piece, const GroupRules& rules, D* d);
    template <class D> void contexts_as();
    template <class D> double symbol_bits(size_t share);
    // of all symbols, by some of them
    double roughly();
    template <class D> void put_symbols(uint32_t* symbols, BitWriter& bits);
    template <class D> Unwritten<D>& offs() {
        if constexpr (std::is_same_v<D, int32_t>) return narrow_offs_;
        else return wide_offs_;
    }
    template <class D> const GridOffKernels<D>& off_kernels() const {
        if constexpr (std::is_same_v<D, int32_t>) return kernels_.narrow;
        else return kernels_.wide;
    }
    // f(Piece), all that are looked at in the order of the scan
    template <class F> void pieces(F&& f);
    // the same by Walker::walk_strips
    template <class InOrder, class F> void strips(InOrder&& in_order, F&& f);
    void choose_pieces();
    // u of the cell before in memory, for cells without neighbours
    int32_t before(size_t cell) const { return cell ? u_[cell - 1] : 0; }
    void first_row(const Piece& piece, const GroupRules& g, double* P) const;
    void second_row(const Piece& piece, const GroupRules& g, double* P) const;
    template <class D> void feature_row(const Piece& piece, const GroupRules& g, const D* d,
                                         GridFeatures& f) const;
    GridStrip strip_of(const Piece& p) const { return {p.taps, order_.groups[p.group].taps.size(), p.step, p.count}; }
    double map_cells(size_t map) const;
    bool rough() const { return choice_.sketch < 1 || choice_.rough; }
    template <class D> double sketched_bits(const std::vector<float>& weights, double& entries);
    std::vector<float> sample_weights(const Order* whole);
    template <class D> void fit_scales_as();
    template <class D> void fit_maps_as();

    Order order_;
    Choice choice_;
    const uint8_t* of_;
    Params params_;
    const GridStripKernels& kernels_;
    std::vector<int32_t> truth_;  // closed: what the cells should be; open: empty, the cells themselves
    std::vector<int32_t> own_;
    const int32_t* u_ = nullptr;
    Unwritten<uint16_t> r_;
    Unwritten<int32_t> s_;
    bool narrow_ = true;          // distances to predictions fit 32 bits
    bool unclipped_ = true;       // misses are below 2^30
    Unwritten<int32_t> narrow_offs_;  // in the order of the scan: 256 u - P
    Unwritten<double> wide_offs_;
    Unwritten<uint8_t> context_;
    std::vector<std::pair<uint32_t, uint32_t>> runs_;  // group, cells: in the order of the scan
    std::vector<GroupRules> rules_;
    // What cells of a group wait for in their own plane (axes 2 and 3) of their own pass.
    enum class Waits : uint8_t { never, for_rows, for_cells };
    std::vector<Waits> waits_;
    Walker walker_;
    size_t looked_at_ = 0;         // cells
    std::vector<Piece> chosen_;    // of a sketch
    std::vector<std::unique_ptr<ptrdiff_t[]>> chosen_taps_;
    std::unique_ptr<GridNet> net_;
};

// Ideal bits of a frequency of 65536.
const float* bits_of_frequency();

}  // namespace baler::grid
