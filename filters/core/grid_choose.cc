#include "grid_choose.h"

#include <algorithm>
#include <cstdlib>

namespace baler::grid {
namespace {

constexpr size_t kSketch = 16384; // cells looked at for an estimate on the fixed lattice
constexpr double kSmooth = 1;       // bits a cell below which finer coarse levels are tried
constexpr double kCloseBelow = 6;  // bits a cell from which on a closed loop gains nothing
constexpr size_t kPiece = 24576;  // cells of the piece on which choices are tried

// A corner-to-corner part around the middle, with the longest axes cut first.
struct Piece {
    Extents extents;
    std::array<size_t, 4> from{};
    size_t block = 0;
    double share = 1;  // of all cells

    explicit Piece(const Extents& whole) {
        extents = whole;
        if (whole.blocks > 1) {
            block = whole.blocks / 2;
            extents.blocks = 1;
        }
        while (extents.cells() > kPiece) {
            auto longest = std::max_element(extents.n.begin(), extents.n.end());
            const size_t others = extents.cells() / *longest;
            // not below a half at a time, so that all axes keep their share
            *longest = std::max({(*longest + 1) / 2, kPiece / others, size_t(1)});
        }
        for (size_t d = 0; d < 4; d++) from[d] = (whole.n[d] - extents.n[d]) / 2;
        share = static_cast<double>(extents.cells()) / static_cast<double>(whole.cells());
    }

    template <class T>
    std::vector<T> cut(const T* all, const Extents& whole) const {
        std::vector<T> part;
        part.reserve(extents.cells());
        const auto& n = whole.n;
        for (size_t v = 0; v < extents.n[0]; v++)
            for (size_t t = 0; t < extents.n[1]; t++)
                for (size_t y = 0; y < extents.n[2]; y++) {
                    const size_t row = ((v + from[0]) * n[1] + t + from[1]) * n[2] + y + from[2];
                    const T* p = all + block * whole.block() + row * n[3] + from[3];
                    part.insert(part.end(), p, p + extents.n[3]);
                }
        return part;
    }
};

// A grid as one of its turns shows it.
struct View {
    int turn;
    Extents extents;
    std::vector<int32_t> open, closed;
    std::vector<uint8_t> of;

    View(const Subject& s, int by) : turn(by), extents(turned(s.extents, by)) {
        if (s.of) of.assign(s.of, s.of + s.extents.cells());
        of = grid::turn(of, s.extents, by);
        open = grid::turn(*s.open, s.extents, by);
        if (s.closed) closed = grid::turn(*s.closed, s.extents, by);
    }
    const uint8_t* classes() const { return of.empty() ? nullptr : of.data(); }
};

// Bits of a piece.
double price(const View& view, const Piece& piece, Choice choice) {
    const std::vector<int32_t>& u = choice.closed ? view.closed : view.open;
    std::vector<uint8_t> of;
    if (view.classes()) of = piece.cut(view.classes(), view.extents);
    choice.share = piece.share;
    Encoder encoder(piece.extents, piece.cut(u.data(), view.extents), of.empty() ? nullptr : of.data(), choice);
    encoder.fit();
    return encoder.estimate().symbols;
}

// Bits of the whole on the fixed lattice, from a part of its cells. hasty: by the neighbours' values alone, without
// what past predictions missed by.
double sketch(const View& view, Choice choice, bool hasty) {
    choice.closed = false;
    choice.hasty = hasty;
    choice.sketch = std::min(0.999, static_cast<double>(kSketch) / static_cast<double>(view.extents.cells()));
    Encoder encoder(view.extents, view.open, view.classes(), choice);
    encoder.fit();
    const Cost cost = encoder.estimate();
    return cost.symbols + cost.side;
}

class Chooser {
  public:
    explicit Chooser(const Subject& subject) : subject_(subject) {}

    Choice run() {
        raster();
        const bool solid = can_turn(subject_.extents);
        for (int by = 0; by < (solid ? kTurns : 1); by++) {
            const View view(subject_, by);
            others(view, by == 0 ? Scan::parity : Scan::raster);
            others(view, Scan::slices);
            if (!solid || by == 0) loops(view);
            else if (Order::possible(Scan::slices, view.extents)) loop(view, Scan::slices, 0);
        }
        return best_;
    }

  private:
    Choice plain(Scan scan, int by) const {
        Choice c;
        c.scan = scan;
        c.turn = by;
        c.fineness = subject_.fineness;
        return c;
    }

    void offer(const Choice& c, double bits) {
        if (bits >= least_) return;
        least_ = bits;
        best_ = c;
    }

    // The raster is the measure: once with everything, and once in haste, as the others are.
    void raster() {
        const View view(subject_, 0);
        const Choice c = plain(Scan::raster, 0);
        const double full = sketch(view, c, false);
        offer(c, full);
        open_[0][0] = full;
        const double hasty = sketch(view, c, true);
        // what misses tell helps the others, too, but less
        scale_ = std::min(1.0, full / hasty * 1.02 + 0.02);
        Choice unfitted = c;
        unfitted.fitted = false;
        offer(unfitted, sketch(view, unfitted, true) * 1.01);
        if (!subject_.net) return;
        Choice learned = c;
        learned.net = subject_.net;
        offer(learned, sketch(view, learned, false));
    }

    void others(const View& view, Scan scan) {
        if (!Order::possible(scan, view.extents)) return;
        const Choice c = plain(scan, view.turn);
        const double bits = sketch(view, c, true) * std::max(scale_, 0.97);
        open_[static_cast<int>(scan)][view.turn] = bits;
        offer(c, bits);
    }

    void loops(const View& view) {
        const double a_cell = open_[0][0] / static_cast<double>(subject_.extents.cells());
        loop(view, Scan::raster, 0);
        loop(view, Scan::parity, a_cell < kSmooth ? 2 : 0);
        loop(view, Scan::slices, 0);
        if (a_cell < kSmooth) loop(view, Scan::slices, 1);
    }

    // A closed loop against the fixed lattice in the same scan, on a piece.
    void loop(const View& view, Scan scan, int finer) {
        const Piece piece(view.extents);
        const double open = open_[static_cast<int>(scan)][view.turn];
        if (!subject_.closed || !Order::possible(scan, view.extents) || !Order::possible(scan, piece.extents)) return;
        if (open > kCloseBelow * static_cast<double>(subject_.extents.cells())) return;
        const Choice c = plain(scan, view.turn);
        double& fixed = piece_[static_cast<int>(scan)][view.turn];
        if (fixed == 0) fixed = std::max(price(view, piece, c), 1.0);
        Choice closed = c;
        closed.closed = true;
        closed.finer = finer;
        offer(closed, open * price(view, piece, closed) / fixed);
    }

    const Subject& subject_;
    Choice best_;
    double least_ = 1e300;
    double scale_ = 1;
    double open_[kScans][kTurns] = {};   // estimates for the whole on the fixed lattice
    double piece_[kScans][kTurns] = {};  // bits of the piece there
};

}  // namespace

Choice choose(const Subject& subject) { return Chooser(subject).run(); }

}  // namespace baler::grid
