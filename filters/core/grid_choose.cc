#include "grid_choose.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

#include "grid_sample.h"

namespace baler::grid {
namespace {

constexpr double kSketch = 4096;     // cells looked at in haste
constexpr size_t kManyCells = 131072;  // of which only one candidate is kept
constexpr double kHopeless = 1.12;   // a turn's raster to the best so far
// What misses tell, which a hasty look does not see, helps rasters most; less where there is little to code.
constexpr double kMissesTell = 0.85, kMissesTellLittle = 0.95;
constexpr size_t kSampled = 4, kFinalists = 3, kFinalistsElsewhere = 6;
constexpr size_t kLarge = 600000;    // cells of which a block says little
constexpr double kPromising = 1.25;  // hasty estimates up to so much more than the least are looked at on a sample
constexpr double kNearly = 1.05, kNearlyLevels = 1.07, kNearlyLarge = 1.09;  // ... and such estimates on the whole
constexpr double kLittle = 0.5, kFewBits = 20000, kHardlyAny = 4096;  // a cell, and in all: estimates are poor
constexpr double kPromisingLittle = 2.5, kNearlyLittle = 1.3, kNearlyFew = 2;
constexpr double kNearlyClosed = 1.2, kNearlySlices = 1.6;
constexpr double kElsewhere = 1.6, kNearlyElsewhere = 2.5;  // a sample that is not like the whole tells little
constexpr double kSmooth = 1;        // bits a cell below which finer coarse levels are tried
constexpr double kCloseBelow = 2;    // bits a cell from which on a closed loop gains nothing

double bits_of(Encoder&& encoder, const Order* whole = nullptr) {
    encoder.fit();
    const Cost cost = encoder.estimate(whole);
    return cost.symbols + cost.side;
}

// From a part of the cells, by the neighbours' values alone, without what past predictions missed by (and never in a
// closed loop, which makes the values).
Cost hasty(const Lent& grid, Choice choice) {
    choice.sketch = std::min(0.999, kSketch / static_cast<double>(grid.extents.cells()));
    Encoder encoder(grid, choice);
    encoder.fit();
    return encoder.estimate();
}

// Everything is tried in haste on the whole grid, what looks promising with everything on a block of it, and what is
// close then on the whole.
class Chooser {
  public:
    explicit Chooser(const Subject& subject) : subject_(subject), whole_(subject) {}

    Chosen run() {
        looks();
        samples();
        loops();
        return best();
    }

  private:
    using Offer = std::pair<double, Choice>;  // bits

    static bool same(const Choice& a, const Choice& b) {
        return a.scan == b.scan && a.turn == b.turn && a.fitted == b.fitted && a.closed == b.closed;
    }
    static bool less(const Offer& a, const Offer& b) { return a.first < b.first; }

    Choice plain(Scan scan, int by) const {
        Choice c;
        c.scan = scan;
        c.turn = by;
        c.fineness = subject_.fineness;
        return c;
    }

    // Candidates on the fixed lattice without a network.
    void looks() {
        look(plain(Scan::raster, 0));
        Choice unfitted = plain(Scan::raster, 0);
        unfitted.fitted = false;
        look(unfitted);
        look(plain(Scan::parity, 0));
        double lowest = looks_[0].first;
        int best = 0;
        for (int by = 1; by < (can_turn(subject_.extents) ? kTurns : 1); by++) {
            look(plain(Scan::raster, by));
            worse_[by] = looks_.back().first > kHopeless * lowest;
            if (looks_.back().first >= lowest) continue;
            lowest = looks_.back().first;
            best = by;
        }
        look(plain(Scan::slices, 0));
        if (best) look(plain(Scan::slices, best));
        std::stable_sort(looks_.begin(), looks_.end(), less);
    }

    void look(const Choice& c) {
        const Lent grid = whole_.turned(c.turn);
        if (!Order::possible(c.scan, grid.extents)) return;
        const Cost cost = hasty(grid, c);
        const bool little = cost.symbols < kSmooth * static_cast<double>(subject_.extents.cells());
        const double misses = c.scan != Scan::raster || !c.fitted ? 1 : little ? kMissesTellLittle : kMissesTell;
        looks_.emplace_back(cost.symbols * misses + cost.side, c);
    }

    // A block tells everything, but only of itself: what it says is moved half-way to what haste says of the whole.
    void samples() {
        const auto cells = static_cast<double>(subject_.extents.cells());
        little_ = looks_[0].first < std::max(kLittle * cells, kFewBits);
        const double bar = looks_[0].first * (little_ || !can_turn(subject_.extents) ? kPromisingLittle : kPromising);
        const bool all = looks_[0].first < kHardlyAny;
        double least = 1e300;
        for (size_t i = 0; i < looks_.size(); i++) {
            const auto& [look, c] = looks_[i];
            const bool usual = c.scan == Scan::raster && !c.turn && c.fitted;  // hardly ever a bad choice
            if (!usual && !all && (i >= kSampled || look > bar)) continue;
            const double sampled = on_sample(c), bits = sample(0).whole() ? sampled : std::sqrt(sampled * look);
            offers_.emplace_back(bits, c);
            sample_to_whole_[{c.scan, c.turn}] = bits / sampled;
            if (bits >= least) continue;
            least = open_ = bits;
            usual_ratio_ = bits / sampled;
        }
        if (!subject_.net) return;
        Choice learned = plain(Scan::raster, 0);
        learned.net = subject_.net;
        offer(learned);
    }

    void loops() {
        const double a_cell = open_ / static_cast<double>(subject_.extents.cells());
        if (!subject_.closed || a_cell > kCloseBelow) return;
        const bool smooth = smooth_ = a_cell < kSmooth;
        for (int by = 0; by < (can_turn(subject_.extents) ? kTurns : 1); by++) {
            if (worse_[by]) continue;
            loop(Scan::slices, by, true, 0);
            loop(Scan::slices, by, false, 0);
        }
        loop(Scan::raster, 0, true, 0);
        loop(Scan::parity, 0, true, smooth ? 2 : 0);
        if (!smooth || Order::possible(Scan::slices, subject_.extents)) return;
        loop(Scan::axes, 0, false, 0);
        loop(Scan::axes, 0, true, 0);
        loop(Scan::axes, 0, true, 2);
    }

    // Weights that are not fitted keep coarse levels smooth where there is little to code.
    void loop(Scan scan, int by, bool fitted, int finer) {
        if (!Order::possible(scan, turned(subject_.extents, by))) return;
        Choice c = plain(scan, by);
        c.closed = true;
        c.fitted = fitted;
        c.finer = finer;
        offer(c);
    }

    void offer(const Choice& c) {
        if (!Order::possible(c.scan, sample(c.turn).extents())) return;
        const auto found = sample_to_whole_.find({c.scan, c.turn});
        offers_.emplace_back(on_sample(c) * (found == sample_to_whole_.end() ? usual_ratio_ : found->second), c);
    }

    // Bits by everything on a sample.
    double on_sample(Choice c) {
        Sample& s = sample(c.turn);
        c.rough = true;
        std::vector<int32_t> u(c.closed ? s.closed() : s.open());
        const Order whole(c.scan, turned(subject_.extents, c.turn));
        return bits_of(Encoder(s.extents(), std::move(u), s.of(), c), s.whole() ? nullptr : &whole);
    }

    Sample& sample(int by) {
        std::unique_ptr<Sample>& s = samples_[by];
        if (!s) s = std::make_unique<Sample>(subject_, whole_, by);
        return *s;
    }

    // Offers that lie close to each other are looked at again, on the whole grid.
    Chosen best() {
        std::stable_sort(offers_.begin(), offers_.end(), less);
        Chosen chosen;
        chosen.choice = offers_[0].second;
        if (chosen.choice.net) {
            chosen.close = open_ < 1.1 * offers_[0].first;
            return chosen;
        }
        if (sample(0).whole() && open_ >= kFewBits) return chosen;
        std::vector<Choice> last;
        const size_t cells = subject_.extents.cells();
        const double apart = usual_ratio_ * usual_ratio_;  // haste of the whole to the sample
        const bool elsewhere = apart > kElsewhere || apart < 1 / kElsewhere;
        const size_t most = elsewhere ? kFinalistsElsewhere : kFinalists;
        bool open_there = false;
        const bool flat = !can_turn(subject_.extents);
        for (const auto& [bits, c] : offers_) {
            // first slices cost more, and are more of a sample's
            const double small = c.scan == Scan::raster ? kNearly : kNearlyLevels;
            const double usual = cells > kLarge || cells < kManyCells || flat ? kNearlyLarge : small;
            const double few = open_ < kHardlyAny ? HUGE_VAL : kNearlyFew;
            const double open = open_ < kFewBits ? few : little_ ? kNearlyLittle : usual;
            const double closed = c.scan == Scan::slices && smooth_ ? kNearlySlices : kNearlyClosed;
            double nearly = !c.closed ? open : open_ < kFewBits || flat ? kNearlyFew : closed;
            if (elsewhere) nearly = std::max(nearly, kNearlyElsewhere);
            // a closed loop has to beat an open one on the whole, that which haste likes best if the sample tells little
            const bool open_too = !c.closed && (elsewhere ? same(c, looks_[0].second) : !open_there);
            if ((last.size() < most && bits < offers_[0].first * nearly) || open_too) last.push_back(c);
            open_there |= !c.closed;
        }
        if (last.size() == 1) return chosen;
        // the most promising one last: it need not be fitted again
        for (size_t i = last.size(); i-- > 0;) everything_whole(last[i]);
        return std::move(kept_);
    }

    // What fits best so far is kept, as it may be what is coded.
    void everything_whole(const Choice& c) {
        if (subject_.extents.cells() > kManyCells) kept_.encoder.reset();  // memory for one of them has to do
        std::vector<uint8_t> of;
        std::vector<int32_t> u(c.closed ? *subject_.closed : *subject_.open);
        std::unique_ptr<Encoder> encoder = whole_encoder(subject_, c, std::move(u), of);
        encoder->fit();
        const Cost cost = encoder->estimate();
        const double bits = cost.symbols + cost.side;
        if (bits >= kept_bits_) return;
        kept_bits_ = bits;
        kept_.choice = c;
        kept_.encoder = std::move(encoder);
        kept_.of = std::move(of);
    }

    const Subject& subject_;
    Whole whole_;
    std::vector<Offer> looks_;   // hasty bits
    std::vector<Offer> offers_;  // by everything on a sample
    bool worse_[kTurns] = {};    // turns that even rasters do not like
    double open_ = 0;            // least bits on the fixed lattice
    double usual_ratio_ = 1;     // of a sample's estimate to that of the whole
    std::map<std::pair<Scan, int>, double> sample_to_whole_;
    bool smooth_ = false;
    bool little_ = false;        // to code
    Chosen kept_;
    double kept_bits_ = 1e300;
    std::map<int, std::unique_ptr<Sample>> samples_;  // by turn
};

}  // namespace

Cost hasty_raster(const Subject& subject) {
    const Whole whole(subject);
    return hasty(whole.turned(0), Choice());
}

Cost rough_raster(const Subject& subject, const Extents& whole) {
    Choice raster;
    raster.rough = true;
    Encoder encoder(subject.extents, std::vector<int32_t>(*subject.open), subject.of, raster);
    encoder.fit();
    const Order order(Scan::raster, whole);
    Cost cost = encoder.estimate(&order);
    cost.symbols *= static_cast<double>(subject.extents.cells()) / static_cast<double>(whole.cells());
    return cost;
}

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
