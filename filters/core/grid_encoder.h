// The encoder of one grid in one scan: what it fits, and the symbols. Free in everything that section 12 of
// docs/format.md leaves open; floating point here never reaches the decoder.
#pragma once

#include <memory>

#include "grid_net.h"

namespace baler::grid {

struct Choice {
    Scan scan = Scan::raster;
    int turn = 0;          // of the axes, before the encoder sees the cells
    bool closed = false;
    bool fitted = true;    // least squares; else default weights
    int fineness = 7;      // closed
    int finer = 0;         // closed: extra bits of fineness a coarse level of a hierarchy gets, at most
    const GridModel* net = nullptr;  // raster, open
    bool hasty = false;    // in a sketch: no misses, no records
    double sketch = 1;     // below 1: only such a part of the cells is looked at, to fit and to estimate
};

// Sizes of what was made, in bits.
struct Cost {
    double symbols = 0, side = 0;
};

class Encoder {
  public:
    // u: truth, as many as the extents have cells; of: class of each cell, or null when all are coded
    Encoder(const Extents& extents, std::vector<int32_t> u, const uint8_t* of, const Choice& choice);

    // Fits everything. The cells' u are then what the decoder will see.
    void fit();
    // Codes all cells. Returns the symbols' stream, of 2^lane_bits lanes.
    std::vector<uint8_t> code(BitWriter& bits, int& lane_bits);
    // Only adds up what that would cost.
    Cost estimate();

    const Order& order() const { return order_; }
    const Params& params() const { return params_; }
    const std::vector<int32_t>& u() const { return cells_.u; }
    void release_truth() { std::vector<int32_t>().swap(truth_); }

  private:
    template <class Cell>
    void each(Cell&& cell);  // cell(group, position, distances or null), coded cells in order
    void fill();
    void set_range();
    void set_fine();
    void fit_weights();
    void fit_gains();
    void run();
    void fit_scales();
    void fit_maps();
    void spare();
    template <class Put>
    void emit(bool in_order, Put&& put);
    // u of the cell before in memory, for cells without neighbours
    int32_t before(size_t p) const { return p ? cells_.u[p - 1] : 0; }
    // P of a coded cell
    int64_t prediction(const Rules& rules, size_t p, const ptrdiff_t* at) const {
        if (!at) return rules.alone(before(p));
        const int64_t first = rules.predict(cells_.u.data() + p, at);
        return rules.corrected(first, cells_.s.empty() ? nullptr : cells_.s.data() + p, at);
    }
    Guess guess(const Rules& rules, size_t p, const ptrdiff_t* at) {
        int64_t f[kScaleTerms];
        const int64_t P = prediction(rules, p, at);
        if (at) rules.features(cells_.u.data() + p, cells_.r.data() + p, at, P, f);
        else rules.features_alone(before(p), P, f);
        const int64_t e = rules.expected(f);
        return net_ ? net_->guess(p, P, e) : Guess{P, context_of(e)};
    }
    bool sampled(uint32_t group, size_t position, double wanted) const;
    bool looked_at(size_t position) const {
        return choice_.sketch == 1 || ((static_cast<uint64_t>(position) * 0x9E3779B97F4A7C15u) >> 32) < sketch_below_;
    }
    std::vector<Rules> rules() const;

    Order order_;
    Choice choice_;
    const uint8_t* of_;
    Params params_;
    std::vector<int32_t> truth_;  // closed: what the cells should be; open: empty, the cells themselves
    Cells cells_;
    uint64_t sketch_below_ = uint64_t(1) << 32;
    Walker walker_;
    std::unique_ptr<GridNet> net_;
};

template <class Cell>
void Encoder::each(Cell&& cell) {
    walker_.walk([&](uint32_t g, size_t p, size_t step, size_t count, const ptrdiff_t* at) {
        for (size_t i = 0; i < count; i++, p += step) {
            if (of_ && of_[p]) continue;
            if (looked_at(p)) cell(g, p, at);
        }
    });
}

// Solves A x = b, A symmetric positive definite and full (n x n), in place; x in b. Directions without weight get 0.
void solve_symmetric(std::vector<double>& A, std::vector<double>& b, size_t n);

// Ideal bits of a frequency of 65536.
const float* bits_of_frequency();

}  // namespace baler::grid
