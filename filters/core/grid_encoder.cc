#include "grid_encoder.h"

#include <algorithm>
#include <cmath>

#include "grid_pieces.h"
#include "instruction_set.h"

namespace baler::grid {

constexpr double kSpareBelow = 65536;  // bits
constexpr double kWorthSparing = 0.005;  // of them
constexpr double kExact = 0x1p52;      // sums below are whole in doubles

Encoder::GroupRules::GroupRules(const Order& order, const Params& params, size_t group)
    : rules(order, params, group), low(static_cast<double>(rules.low)), high(static_cast<double>(rules.high)) {
    const GroupParams& p = params.groups[group];
    // w_0 stands for what the others leave of 1
    double rest = 65536, size = 0, gains = 0;
    for (int i = 1; i < rules.taps; i++) {
        weight[i] = p.weight[i];
        rest -= weight[i];
        size += std::fabs(weight[i]);
    }
    weight[0] = rest;
    size += std::fabs(rest);
    for (int i = 0; i < rules.taps; i++) gains += std::fabs(gain[i] = p.fed_back ? p.gain[i] : 0);
    exact_weights = size * std::max({std::fabs(low), std::fabs(high), 256.0}) * 0x1p-7 < kExact;
    exact_gains = gains * 0x1p30 < kExact;
    for (int j = 0; j < kScaleTerms; j++) scale[j] = p.scale[j];
    ends[0] = rules.near;
    ends[1] = rules.mid;
    ends[2] = rules.wide;
}

Encoder::Encoder(const Extents& extents, const std::array<size_t, 4>& strides, const uint8_t* of, const Choice& choice)
    : order_(choice.scan, extents), choice_(choice), of_(of), params_(order_), kernels_(instruction_set().grid_strips),
      walker_(order_, strides) {
    params_.closed = choice.closed;
    params_.net = choice.net != nullptr;
    params_.fineness = choice.closed ? choice.fineness : 0;
}

Encoder::Encoder(const Extents& extents, std::vector<int32_t>&& u, const uint8_t* of, const Choice& choice)
    : Encoder(extents, Walker::strides_of(extents), of, choice) {
    if (choice.closed) truth_ = u;
    own_ = std::move(u);
    u_ = own_.data();
    int32_t low = INT32_MAX, high = INT32_MIN;
    const size_t n = own_.size();
    if (!of_) {
        for (size_t i = 0; i < n; i++) {
            low = std::min(low, u_[i]);
            high = std::max(high, u_[i]);
        }
    } else {
        for (size_t i = 0; i < n; i++) {
            low = std::min(low, of_[i] ? low : u_[i]);
            high = std::max(high, of_[i] ? high : u_[i]);
        }
    }
    start(low, high);
}

Encoder::Encoder(const Lent& lent, const Choice& choice) : Encoder(lent.extents, lent.strides, lent.of, choice) {
    u_ = lent.u;
    start(lent.low, lent.high);
}

void Encoder::start(int32_t low, int32_t high) {
    params_.low = low <= high ? low : 0;
    params_.high = low <= high ? high : 0;
    const int64_t margin = params_.closed ? int64_t(2) << params_.fineness : 0;
    narrow_ = int64_t(params_.high) - params_.low + 2 * margin + 2 < 1 << 23;
    unclipped_ = int64_t(params_.high) - params_.low + 2 * margin + 2 < 1 << 22;
    set_fine();
    set_rules();
    find_waits();
    looked_at_ = order_.extents.cells();
    if (choice_.sketch < 1) choose_pieces();
    find_runs();
}

void Encoder::set_rules() {
    rules_.clear();
    for (size_t g = 0; g < order_.groups.size(); g++)
        rules_.emplace_back(order_, params_, order_.groups[g].cells || g == 0 ? g : 0);
}

// Coarse levels carry the others' predictions, so that it pays to code them better.
void Encoder::set_fine() {
    if (!choice_.closed || choice_.finer == 0 || choice_.scan == Scan::raster) return;
    for (size_t g = 0; g < order_.groups.size(); g++) {
        int32_t reach = 1;
        for (const Tap& tap : order_.groups[g].taps)
            for (int32_t o : tap.at) reach = std::max(reach, std::abs(o));
        // taps of a level of stride s reach 3 s, those of the first pass its stride
        int level = 0;
        while (reach > 3 << level) level++;
        params_.groups[g].fine = static_cast<uint8_t>(std::min({level, choice_.finer, 3}));
    }
}

// Cells that are not coded get what the decoder will put there.
void Encoder::fill() {
    if (!of_ || own_.empty()) return;
    pieces([&](const Piece& piece) {
        for (size_t i = 0, p = piece.at; i < piece.count; i++, p += piece.step)
            if (of_[p]) own_[p] = rules_[piece.group].rules.fill(&own_[p], piece.taps, before(p));
    });
}

void Encoder::fit() {
    if (narrow_) fit_as<int32_t>();
    else fit_as<double>();
}

template <class D>
void Encoder::fit_as() {
    offs<D>().resize(looked_at_);
    if (!choice_.closed) fill();
    if (choice_.fitted) fit_weights();
    set_rules();
    if (!choice_.closed && choice_.fitted) fill();  // by the weights as they are now
    if (choice_.sketch < 1) {
        open_offs<D>();
    } else {
        r_.resize(order_.extents.cells());
        if (choice_.closed || !choice_.fitted) run();
        if (choice_.closed && choice_.fitted) {
            fit_weights();
            set_rules();
        }
        if (choice_.fitted) {
            s_.resize(order_.extents.cells());
            if (choice_.closed) run();
            else find_misses();
            if (!choice_.net) fit_gains();  // a network sees the misses itself, and does more with them
            set_rules();
            const bool fed_back = any_fed_back(params_);
            if (!choice_.closed || (fed_back && !choice_.net)) run();
            if (!fed_back && !choice_.net) s_ = Unwritten<int32_t>();
        }
    }
    fit_scales();
    set_rules();
    if (choice_.net)
        net_ = std::make_unique<GridNet>(*choice_.net, order_.extents, u_, s_.data(), params_.low, params_.high);
    find_contexts();
    fit_maps();
    if (choice_.final) spare();
}

// Where little is coded parameters may cost more than they save.
void Encoder::spare() {
    const double about = roughly();
    if (about > kSpareBelow) return;
    const auto side_bits = [&] {
        SideWriter side;
        write_params(side, order_, params_);
        return 8 * static_cast<double>(side.finish().size());
    };
    Cost least = estimate();
    const auto keep_if_less = [&](Params&& other, bool scales) {
        std::swap(params_, other);
        // no more can be saved than what the parameters take
        if (least.side - side_bits() < kWorthSparing * about) {
            std::swap(params_, other);
            return;
        }
        set_rules();
        auto before = decltype(context_)();
        if (scales) {
            before = context_;
            find_contexts();
        }
        const Cost now = estimate();
        if (now.symbols + now.side < least.symbols + least.side) {
            least = now;
            return;
        }
        std::swap(params_, other);
        set_rules();
        if (scales) context_ = std::move(before);
    };
    Params flat = params_;
    for (ScaleMap& map : flat.maps) map = ScaleMap();
    keep_if_less(std::move(flat), false);
    if (net_) return;
    Params usual = params_;
    for (GroupParams& group : usual.groups) {
        group.scaled = false;
        std::copy_n(kDefaultScale, kScaleTerms, group.scale);
    }
    for (ScaleMap& map : usual.maps) map = ScaleMap();
    keep_if_less(std::move(usual), true);
}

}  // namespace baler::grid
