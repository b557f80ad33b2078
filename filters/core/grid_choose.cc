#include "grid_choose.h"

#include <algorithm>
#include <map>
#include <memory>

#include "grid_sample.h"

namespace baler::grid {
namespace {

constexpr double kLeastSketch = 4096, kMostSketch = 16384;  // cells looked at for an estimate
constexpr size_t kFinalists = 4;
constexpr double kPromising = 1.08;  // hasty estimates up to so much more than the least are looked at on a sample
constexpr double kNearly = 1.04, kNearlyClosed = 1.12, kNearlySlices = 1.25;  // ... and such on the whole
constexpr double kSmooth = 1;        // bits a cell below which finer coarse levels are tried
constexpr double kCloseBelow = 6;    // bits a cell from which on a closed loop gains nothing
constexpr double kCloseParity = 3;   // ... a parity scan's

double bits_of(Encoder&& encoder) {
    encoder.fit();
    const Cost cost = encoder.estimate();
    return cost.symbols + cost.side;
}

// Bits from a part of the cells, by the neighbours' values alone, without what past predictions missed by (and never in
// a closed loop, which makes the values).
double hasty(const Lent& grid, Choice choice) {
    const auto cells = static_cast<double>(grid.extents.cells());
    choice.sketch = std::min(0.999, std::clamp(cells / 16, kLeastSketch, kMostSketch) / cells);
    return bits_of(Encoder(grid, choice));
}

// Everything is tried in haste on the whole grid, and some of it with everything on a sample of whole blocks: what that
// is to haste there, it will be everywhere.
class Chooser {
  public:
    explicit Chooser(const Subject& subject) : subject_(subject), whole_(subject) {}

    Choice run() {
        const Choice first = plain(Scan::raster, 0);
        look(first);
        Choice unfitted = first;
        unfitted.fitted = false;
        look(unfitted);
        look(plain(Scan::parity, 0));
        const bool solid = can_turn(subject_.extents);
        for (int by = 0; by < (solid ? kTurns : 1); by++) {
            if (by) look(plain(Scan::raster, by));
            look(plain(Scan::slices, by));
        }
        finals(first);
        loops();
        return best();
    }
    bool close() const { return close_; }

  private:
    Choice plain(Scan scan, int by) const {
        Choice c;
        c.scan = scan;
        c.turn = by;
        c.fineness = subject_.fineness;
        return c;
    }

    void offer(const Choice& c, double bits) {
        offers_.emplace_back(bits, c);
    }

    // Offers that lie close to each other are looked at again, on the whole grid.
    Choice best() {
        std::stable_sort(offers_.begin(), offers_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
        double plain = 1e300;
        for (const auto& o : offers_)
            if (!o.second.net) plain = std::min(plain, o.first);
        close_ = offers_[0].second.net && plain < 1.1 * offers_[0].first;
        if (offers_[0].second.net) return offers_[0].second;
        std::vector<Choice> last;
        for (const auto& [bits, c] : offers_) {
            // first slices cost more, and are more of a sample's
            const double nearly = !c.closed ? kNearly : c.scan == Scan::slices && smooth_ ? kNearlySlices : kNearlyClosed;
            if (last.size() < kFinalists && bits < offers_[0].first * nearly) last.push_back(c);
        }
        if (last.size() == 1) return last[0];
        double least = 1e300;
        Choice best;
        for (const Choice& c : last) {
            const double bits = on_whole(c);
            if (bits >= least) continue;
            least = bits;
            best = c;
        }
        return best;
    }

    double on_whole(const Choice& c) {
        const std::vector<int32_t>& u = c.closed ? *subject_.closed : *subject_.open;
        std::vector<uint8_t> of;
        if (c.turn && subject_.of) of = turn(std::vector<uint8_t>(subject_.of, subject_.of + u.size()), subject_.extents, c.turn);
        return bits_of(Encoder(turned(subject_.extents, c.turn), turn(u, subject_.extents, c.turn), c.turn && subject_.of ? of.data() : subject_.of, c));
    }

    void look(const Choice& c) {
        const Lent grid = whole_.turned(c.turn);
        if (Order::possible(c.scan, grid.extents)) fixed_.emplace_back(hasty(grid, c), c);
    }

    Sample& sample(int by) {
        std::unique_ptr<Sample>& s = samples_[by];
        if (!s) s = std::make_unique<Sample>(subject_, whole_, by);
        return *s;
    }

    double everything(const Choice& c) {
        Sample& s = sample(c.turn);
        return bits_of(c.closed ? Encoder(s.extents(), std::vector<int32_t>(s.closed()), s.of(), c)
                                : Encoder(s.extents(), std::vector<int32_t>(s.open()), s.of(), c));
    }

    // What misses tell helps rasters most.
    void finals(const Choice& raster) {
        const double in_haste = hasty(sample(0).lent(), raster);
        const double full = everything(raster), scale = full / in_haste;
        raster_ = fixed_[0].first * scale;
        sample_to_whole_ = raster_ / full;
        const auto expected = [&](const std::pair<double, Choice>& a) {
            if (!a.second.fitted) return a.first * 1.01;
            return a.first * (a.second.scan == Scan::raster ? scale : std::clamp(scale * 1.02 + 0.02, 0.8, 1.0));
        };
        std::sort(fixed_.begin(), fixed_.end(), [&](const auto& a, const auto& b) { return expected(a) < expected(b); });
        const double bar = expected(fixed_[0]) * kPromising;
        for (size_t i = 0; i < fixed_.size(); i++) {
            const Choice& c = fixed_[i].second;
            if (i >= kFinalists || expected(fixed_[i]) > bar) break;
            if (c.scan == Scan::raster && !c.turn && c.fitted) offer(c, raster_);
            else if (fixed_.size() > 1 && expected(fixed_[1]) < bar) offer(c, fixed_[i].first * everything(c) / hasty(sample(c.turn).lent(), c));
            else offer(c, expected(fixed_[i]));
        }
        if (!subject_.net) return;
        Choice learned = raster;
        learned.net = subject_.net;
        offer(learned, everything(learned) * sample_to_whole_);
    }

    void loops() {
        const double a_cell = raster_ / static_cast<double>(subject_.extents.cells());
        if (!subject_.closed || a_cell > kCloseBelow) return;
        const bool solid = can_turn(subject_.extents), smooth = smooth_ = a_cell < kSmooth;
        for (int by = 0; by < (solid ? kTurns : 1); by++) {
            loop(Scan::slices, by, true, 0);
            loop(Scan::slices, by, false, 0);
        }
        loop(Scan::raster, 0, true, 0);
        if (a_cell < kCloseParity) loop(Scan::parity, 0, true, smooth ? 2 : 0);
        if (!smooth || Order::possible(Scan::slices, subject_.extents)) return;
        loop(Scan::axes, 0, false, 0);
        loop(Scan::axes, 0, true, 0);
        loop(Scan::axes, 0, true, 2);
    }

    // Weights that are not fitted keep coarse levels smooth where there is little to code.
    void loop(Scan scan, int by, bool fitted, int finer) {
        if (!Order::possible(scan, turned(subject_.extents, by)) || !Order::possible(scan, sample(by).extents())) return;
        Choice c = plain(scan, by);
        c.closed = true;
        c.fitted = fitted;
        c.finer = finer;
        offer(c, everything(c) * sample_to_whole_);
    }

    const Subject& subject_;
    Whole whole_;
    std::vector<std::pair<double, Choice>> offers_;
    bool close_ = false, smooth_ = false;
    std::vector<std::pair<double, Choice>> fixed_;  // on the fixed lattice without a network: hasty bits
    std::map<int, std::unique_ptr<Sample>> samples_;  // by turn
    double raster_ = 0;  // bits on the fixed lattice
    double sample_to_whole_ = 1;
};

}  // namespace

Choice choose(const Subject& subject, bool& close) {
    Chooser chooser(subject);
    const Choice choice = chooser.run();
    close = chooser.close();
    return choice;
}

}  // namespace baler::grid
