#include "grid_choose.h"

#include <algorithm>

namespace baler::grid {
namespace {

constexpr size_t kSketch = 16384;    // cells looked at for an estimate
constexpr size_t kCloserLook = 49152;
constexpr size_t kFinalists = 3;
constexpr double kNearly = 1.08;     // estimates up to so much more than the least are final
constexpr double kSmooth = 1;        // bits a cell below which finer coarse levels are tried
constexpr double kCloseBelow = 6;    // bits a cell from which on a closed loop gains nothing
constexpr double kCloseParity = 3;  // ... a parity scan's

// A grid as one of its turns shows it.
struct View {
    int turn;
    Extents extents;
    const std::vector<int32_t>* open;
    const std::vector<int32_t>* closed;  // or null
    const uint8_t* of;                   // or null

    View(const Subject& s, int by)
        : turn(by), extents(turned(s.extents, by)), open(s.open), closed(s.closed), of(s.of) {
        if (by == 0) return;
        if (of) {
            own_of_ = grid::turn(std::vector<uint8_t>(of, of + extents.cells()), s.extents, by);
            of = own_of_.data();
        }
        own_open_ = grid::turn(*open, s.extents, by);
        open = &own_open_;
        if (!closed) return;
        own_closed_ = grid::turn(*closed, s.extents, by);
        closed = &own_closed_;
    }
    View(const View&) = delete;

  private:
    std::vector<int32_t> own_open_, own_closed_;
    std::vector<uint8_t> own_of_;
};

// Bits of the whole, from a part of its cells. hasty: by the neighbours' values alone, without what past predictions
// missed by (and never in a closed loop, which makes the values).
double sketch(const View& view, Choice choice, bool hasty, size_t looked_at = kSketch) {
    choice.hasty = hasty;
    if (choice.closed) looked_at = kCloserLook;  // small groups want enough to be fitted
    choice.sketch = std::min(0.999, static_cast<double>(looked_at) / static_cast<double>(view.extents.cells()));
    Encoder encoder(view.extents, choice.closed ? *view.closed : *view.open, view.of, choice);
    encoder.fit();
    const Cost cost = encoder.estimate();
    return cost.symbols + cost.side;
}

class Chooser {
  public:
    explicit Chooser(const Subject& subject) : subject_(subject) {}

    Choice run() {
        raster();
        const bool solid = can_turn(subject_.extents) && !subject_.lean;
        for (int by = 0; by < (solid ? kTurns : 1); by++) {
            const View view(subject_, by);
            others(view, by == 0 ? Scan::parity : Scan::raster);
            others(view, Scan::slices);
            loops(view);
        }
        finals();
        return best_;
    }
    bool close() const { return best_.net && least_plain_ < 1.1 * least_; }

  private:
    Choice plain(Scan scan, int by) const {
        Choice c;
        c.scan = scan;
        c.turn = by;
        c.fineness = subject_.fineness;
        return c;
    }

    void offer(const Choice& c, double bits) {
        if (!c.net) least_plain_ = std::min(least_plain_, bits);
        if (!c.closed && !c.net) fixed_.emplace_back(bits, c);
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
        raster_ = full;
        const double hasty = sketch(view, c, true);
        // what misses tell helps rasters most
        full_scale_ = full / hasty;
        scale_ = std::clamp(full_scale_ * 1.02 + 0.02, 0.97, 1.0);
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
        offer(c, sketch(view, c, true) * (scan == Scan::raster ? full_scale_ : scale_));
    }

    void loops(const View& view) {
        const double a_cell = raster_ / static_cast<double>(subject_.extents.cells());
        if (!subject_.closed || a_cell > kCloseBelow) return;
        loop(view, Scan::slices, true, 0);
        loop(view, Scan::slices, false, 0);
        if (view.turn) return;
        loop(view, Scan::raster, true, 0);
        const bool smooth = a_cell < kSmooth;
        if (a_cell < kCloseParity) loop(view, Scan::parity, true, smooth ? 2 : 0);
        if (!smooth || Order::possible(Scan::slices, view.extents)) return;
        loop(view, Scan::axes, false, 0);
        loop(view, Scan::axes, true, 0);
        loop(view, Scan::axes, true, 2);
    }

    // Hasty estimates on the fixed lattice that lie close to each other are looked at again, with everything.
    void finals() {
        if (best_.closed || best_.net) return;
        std::sort(fixed_.begin(), fixed_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
        size_t n = 0;
        while (n < fixed_.size() && n < kFinalists && fixed_[n].first < kNearly * fixed_[0].first) n++;
        if (n < 2) return;
        least_ = 1e300;
        for (size_t i = 0; i < n; i++) {
            const View view(subject_, fixed_[i].second.turn);
            const double bits = sketch(view, fixed_[i].second, false, kCloserLook);
            if (bits >= least_) continue;
            least_ = bits;
            best_ = fixed_[i].second;
        }
    }

    // Weights that are not fitted keep coarse levels smooth where there is little to code.
    void loop(const View& view, Scan scan, bool fitted, int finer) {
        if (!Order::possible(scan, view.extents)) return;
        Choice c = plain(scan, view.turn);
        c.closed = true;
        c.fitted = fitted;
        c.finer = finer;
        offer(c, sketch(view, c, false));
    }

    const Subject& subject_;
    Choice best_;
    double least_ = 1e300, least_plain_ = 1e300;
    std::vector<std::pair<double, Choice>> fixed_;  // offers on the fixed lattice without a network
    double full_scale_ = 1, scale_ = 1;  // full by hasty bits, of rasters and of other scans
    double raster_ = 0;  // its bits on the fixed lattice
};

}  // namespace

Choice choose(const Subject& subject, bool& close) {
    Chooser chooser(subject);
    const Choice choice = chooser.run();
    close = chooser.close();
    return choice;
}

}  // namespace baler::grid
