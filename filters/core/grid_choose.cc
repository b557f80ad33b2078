#include "grid_choose.h"

#include <algorithm>
#include <map>
#include <memory>

#include "grid_sample.h"

namespace baler::grid {
namespace {

constexpr double kLeastSketch = 4096, kMostSketch = 8192;  // cells looked at for an estimate
constexpr size_t kManyCells = 131072;  // of which only one candidate is kept
constexpr double kHopeless = 1.12;    // a turn's raster to the best so far
constexpr size_t kFinalists = 4;
constexpr double kPromising = 1.15;  // hasty estimates up to so much more than the least are looked at on a sample
constexpr double kNearly = 1.04, kNearlyLevels = 1.12;  // ... and such estimates on the whole
constexpr double kNearlyClosed = 1.12, kNearlySlices = 1.25;
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

    Chosen run() {
        const Choice first = plain(Scan::raster, 0);
        look(first);
        Choice unfitted = first;
        unfitted.fitted = false;
        look(unfitted);
        look(plain(Scan::parity, 0));
        const bool solid = can_turn(subject_.extents);
        for (int by = 0; by < (solid ? kTurns : 1); by++) {
            if (by) look(plain(Scan::raster, by));
            double lowest = fixed_[0].first;
            for (const auto& f : fixed_) lowest = std::min(lowest, f.first);
            worse_[by] = by && fixed_.back().first > kHopeless * lowest;
            if (!worse_[by]) look(plain(Scan::slices, by));
        }
        finals(first);
        loops();
        return best();
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
        offers_.emplace_back(bits, c);
    }

    // Offers that lie close to each other are looked at again, on the whole grid.
    Chosen best() {
        const auto less = [](const auto& a, const auto& b) { return a.first < b.first; };
        std::stable_sort(offers_.begin(), offers_.end(), less);
        double plain = 1e300;
        for (const auto& o : offers_)
            if (!o.second.net) plain = std::min(plain, o.first);
        Chosen chosen;
        chosen.choice = offers_[0].second;
        chosen.close = chosen.choice.net && plain < 1.1 * offers_[0].first;
        if (chosen.choice.net) return chosen;
        std::vector<Choice> last;
        for (const auto& [bits, c] : offers_) {
            // first slices cost more, and are more of a sample's
            const bool slices = c.scan == Scan::slices && smooth_;
            const double open = c.scan == Scan::raster && c.fitted ? kNearly : kNearlyLevels;
            const double nearly = !c.closed ? open : slices ? kNearlySlices : kNearlyClosed;
            if (last.size() < kFinalists && bits < offers_[0].first * nearly) last.push_back(c);
        }
        if (sample(0).whole()) return chosen.choice == kept_.choice ? std::move(kept_) : std::move(chosen);
        if (last.size() == 1) return chosen;
        // the most promising one last: it need not be fitted again
        for (size_t i = last.size(); i-- > 0;) everything_whole(last[i]);
        return std::move(kept_);
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
        if (s.whole()) return everything_whole(c);
        return bits_of(c.closed ? Encoder(s.extents(), std::vector<int32_t>(s.closed()), s.of(), c)
                                : Encoder(s.extents(), std::vector<int32_t>(s.open()), s.of(), c));
    }

    // What fits best so far is kept, as it may be what is coded.
    double everything_whole(const Choice& c) {
        if (subject_.extents.cells() > kManyCells) kept_.encoder.reset();  // memory for one of them has to do
        std::vector<uint8_t> of;
        std::vector<int32_t> u(c.closed ? *subject_.closed : *subject_.open);
        std::unique_ptr<Encoder> encoder = whole_encoder(subject_, c, std::move(u), of);
        encoder->fit();
        const Cost cost = encoder->estimate();
        const double bits = cost.symbols + cost.side;
        if (bits < kept_bits_) {
            kept_bits_ = bits;
            kept_.choice = c;
            kept_.encoder = std::move(encoder);
            kept_.of = std::move(of);
        }
        return bits;
    }

    // What misses tell helps rasters most.
    void finals(const Choice& raster) {
        const double in_haste = hasty(sample(0).lent(), raster);
        const double full = everything(raster), scale = full / in_haste;
        raster_ = sample(0).whole() ? full : fixed_[0].first * scale;
        sample_to_whole_ = raster_ / full;
        const auto expected = [&](const std::pair<double, Choice>& a) {
            return a.first * (a.second.scan == Scan::raster ? scale : std::clamp(scale * 1.02 + 0.02, 0.8, 1.0));
        };
        std::sort(fixed_.begin(), fixed_.end(),
                  [&](const auto& a, const auto& b) { return expected(a) < expected(b); });
        const double bar = expected(fixed_[0]) * kPromising;
        for (size_t i = 0; i < fixed_.size(); i++) {
            const Choice& c = fixed_[i].second;
            const bool measure = (c.scan == Scan::raster && !c.turn) || !can_turn(subject_.extents);
            if (!measure && (i >= kFinalists || expected(fixed_[i]) > bar)) continue;
            if (c.scan == Scan::raster && !c.turn && c.fitted) offer(c, raster_);
            else if (sample(0).whole()) offer(c, everything(c));
            else if (fixed_.size() > 1 && expected(fixed_[1]) < bar)
                offer(c, fixed_[i].first * everything(c) / hasty(sample(c.turn).lent(), c));
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
            if (worse_[by]) continue;
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
        if (!Order::possible(scan, turned(subject_.extents, by))) return;
        if (!Order::possible(scan, sample(by).extents())) return;
        Choice c = plain(scan, by);
        c.closed = true;
        c.fitted = fitted;
        c.finer = finer;
        offer(c, everything(c) * sample_to_whole_);
    }

    const Subject& subject_;
    Whole whole_;
    std::vector<std::pair<double, Choice>> offers_;
    bool smooth_ = false;
    Chosen kept_;
    double kept_bits_ = 1e300;
    bool worse_[kTurns] = {};  // turns that even rasters do not like
    std::vector<std::pair<double, Choice>> fixed_;  // on the fixed lattice without a network: hasty bits
    std::map<int, std::unique_ptr<Sample>> samples_;  // by turn
    double raster_ = 0;  // bits on the fixed lattice
    double sample_to_whole_ = 1;
};

}  // namespace

Chosen choose(const Subject& subject) { return Chooser(subject).run(); }

std::unique_ptr<Encoder> whole_encoder(const Subject& subject, Choice choice, std::vector<int32_t>&& u,
                                       std::vector<uint8_t>& of) {
    choice.final = true;
    if (!choice.turn) return std::make_unique<Encoder>(subject.extents, std::move(u), subject.of, choice);
    if (subject.of) of = turn(std::vector<uint8_t>(subject.of, subject.of + u.size()), subject.extents, choice.turn);
    u = turn(u, subject.extents, choice.turn);
    const Extents extents = turned(subject.extents, choice.turn);
    return std::make_unique<Encoder>(extents, std::move(u), of.empty() ? nullptr : of.data(), choice);
}

}  // namespace baler::grid
