#include "grid_encoder.h"

#include <algorithm>
#include <cmath>

#include "grid_pieces.h"
#include "instruction_set.h"

namespace baler::grid {

constexpr double kSpareBelow = 65536;  // bits
constexpr double kExact = 0x1p52;      // sums below are whole in doubles
constexpr size_t kFewCells = 4;        // in a row: one by one

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
    set_fine();
    set_rules();
    find_serial();
    looked_at_ = order_.extents.cells();
    if (choice_.sketch < 1) choose_pieces();
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

void Encoder::find_serial() {
    serial_.assign(order_.groups.size(), 0);
    const auto mark = [&](size_t group, size_t step) {
        for (const Tap& tap : order_.groups[group].taps) {
            const bool in_row = !tap.at[0] && !tap.at[1] && !tap.at[2];
            if (in_row && tap.at[3] % static_cast<int32_t>(step) == 0) serial_[group] = 1;
        }
    };
    for (const Pass& pass : order_.passes) mark(pass.group, pass.stride[3]);
    if (order_.scan == Scan::raster)
        for (size_t g = 0; g < order_.groups.size(); g++) mark(g, 1);
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
        run();
        if (choice_.closed && choice_.fitted) {
            fit_weights();
            set_rules();
        }
        if (choice_.fitted) {
            s_.assign(order_.extents.cells(), 0);
            if (choice_.closed) run();
            else find_misses();
            if (!choice_.net) fit_gains();  // a network sees the misses itself, and does more with them
            set_rules();
            if (!any_fed_back(params_) && !choice_.net) std::vector<int32_t>().swap(s_);
            else if (!choice_.net) run();
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
    const auto bits = [&] {
        const Cost cost = estimate();
        return cost.symbols + cost.side;
    };
    if (roughly() > kSpareBelow) return;
    double least = bits();
    const auto keep_if_less = [&](Params&& other, bool scales) {
        std::swap(params_, other);
        set_rules();
        if (scales) find_contexts();
        const double now = bits();
        if (now < least) {
            least = now;
            return;
        }
        std::swap(params_, other);
        set_rules();
        if (scales) find_contexts();
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

// The first prediction of a row.
void Encoder::first_row(const Piece& piece, const GroupRules& g, double* P) const {
    const int32_t* u = u_ + piece.at;
    if (piece.taps && g.exact_weights && piece.count >= kFewCells) {
        kernels_.weigh(u, strip_of(piece), g.weight, 1.0 / 256, nullptr, g.low, g.high, P);
        return;
    }
    for (size_t i = 0; i < piece.count; i++, u += piece.step)
        P[i] = static_cast<double>(piece.taps ? g.rules.predict(u, piece.taps)
                                              : g.rules.alone(before(piece.at + i * piece.step)));
}

// P from the first prediction.
void Encoder::second_row(const Piece& piece, const GroupRules& g, double* P) const {
    if (!piece.taps || !g.rules.params->fed_back || s_.empty()) return;
    const int32_t* s = s_.data() + piece.at;
    if (g.exact_gains && piece.count >= kFewCells) {
        kernels_.weigh(s, strip_of(piece), g.gain, 1.0 / 65536, P, g.low, g.high, P);
        return;
    }
    for (size_t i = 0; i < piece.count; i++, s += piece.step)
        P[i] = static_cast<double>(g.rules.corrected(static_cast<int64_t>(P[i]), s, piece.taps));
}

void Encoder::run() {
    if (choice_.closed) narrow_ ? closed_run<int32_t>() : closed_run<double>();
    else narrow_ ? open_offs<int32_t>() : open_offs<double>();
}

// What first predictions miss by, in an open loop.
void Encoder::find_misses() {
    double P[kStrip];
    pieces([&](const Piece& piece) {
        first_row(piece, rules_[piece.group], P);
        kernels_.misses(u_ + piece.at, strip_of(piece), P, s_.data() + piece.at);
        if (!of_) return;
        for (size_t i = 0, p = piece.at; i < piece.count; i++, p += piece.step)
            if (of_[p]) s_[p] = 0;
    });
}

template <class D>
void Encoder::open_offs() {
    D* d = offs<D>().data();
    double P[kStrip];
    runs_.clear();
    pieces([&](const Piece& piece) {
        const GroupRules& g = rules_[piece.group];
        // misses below 2^30 tell the first predictions
        if (narrow_ && !s_.empty()) kernels_.firsts(u_ + piece.at, s_.data() + piece.at, strip_of(piece), P);
        else first_row(piece, g, P);
        second_row(piece, g, P);
        if (runs_.empty() || runs_.back().first != piece.group) runs_.emplace_back(piece.group, 0);
        runs_.back().second += piece.count;
        const GridStrip row = strip_of(piece);
        off_kernels<D>().open(u_ + piece.at, row, P, d + piece.index);
        if (r_.empty()) return;
        off_kernels<D>().records(d + piece.index, row, r_.data() + piece.at);
        if (!of_) return;
        for (size_t i = 0, p = piece.at; i < piece.count; i++, p += piece.step)
            if (of_[p]) r_[p] = g.rules.fill_record(r_.data() + p, piece.taps);
    });
}

// What the decoder of a closed loop will see.
template <class D>
void Encoder::closed_run() {
    D* d = offs<D>().data();
    double first[kStrip], P[kStrip];
    runs_.clear();
    pieces([&](const Piece& piece) {
        const GroupRules& g = rules_[piece.group];
        if (runs_.empty() || runs_.back().first != piece.group) runs_.emplace_back(piece.group, 0);
        runs_.back().second += piece.count;
        if (!piece.taps || serial_[piece.group]) {
            closed_serial(piece, g, d + piece.index);
            return;
        }
        first_row(piece, g, first);
        std::copy_n(first, piece.count, P);
        second_row(piece, g, P);
        int32_t* u = own_.data() + piece.at;
        off_kernels<D>().closed(truth_.data() + piece.at, strip_of(piece), P, g.rules.fine, g.rules.fineness, u,
                                d + piece.index, r_.data() + piece.at);
        if (!s_.empty()) kernels_.misses(u, strip_of(piece), first, s_.data() + piece.at);
        if (!of_) return;
        for (size_t i = 0, p = piece.at; i < piece.count; i++, p += piece.step) {
            if (!of_[p]) continue;
            own_[p] = g.rules.fill(&own_[p], piece.taps, before(p));
            r_[p] = g.rules.fill_record(r_.data() + p, piece.taps);
            if (!s_.empty()) s_[p] = 0;
        }
    });
}

// Cell by cell, where each needs the one before it.
template <class D>
void Encoder::closed_serial(const Piece& piece, const GroupRules& g, D* d) {
    const Rules& rules = g.rules;
    for (size_t i = 0, p = piece.at; i < piece.count; i++, p += piece.step) {
        int32_t* u = own_.data() + p;
        if (of_ && of_[p]) {
            *u = rules.fill(u, piece.taps, before(p));
            r_[p] = rules.fill_record(r_.data() + p, piece.taps);
            if (!s_.empty()) s_[p] = 0;
            continue;
        }
        int32_t* s = s_.empty() ? nullptr : s_.data() + p;
        const int64_t first = piece.taps ? rules.predict(u, piece.taps) : rules.alone(before(p));
        const int64_t P = piece.taps ? rules.corrected(first, s, piece.taps) : first;
        const int64_t rounded = (P + 128) >> 8;
        const int64_t n = (truth_[p] - rounded + (int64_t(1) << (rules.fine - 1))) >> rules.fine;
        *u = static_cast<int32_t>(rounded + n * (int64_t(1) << rules.fine));
        r_[p] = rules.closed_record(*u - rounded);
        d[i] = static_cast<D>(static_cast<int64_t>(*u) * 256 - P);
        if (s) *s = Rules::miss(*u, first);
    }
}

template <class D>
void Encoder::feature_row(const Piece& piece, const GroupRules& g, const D* d, GridFeatures& f) const {
    const uint16_t* r = r_.empty() ? nullptr : r_.data() + piece.at;
    const int32_t* u = u_ + piece.at;
    if (piece.taps && (!r || piece.count >= kFewCells)) {
        off_kernels<D>().features(u, r, strip_of(piece), g.ends, d, g.rules.down, f);
        return;
    }
    for (size_t i = 0; i < piece.count; i++, u += piece.step) {
        int64_t one[kScaleTerms];
        const int64_t P = static_cast<int64_t>(*u) * 256 - static_cast<int64_t>(d[i]);
        if (piece.taps) g.rules.features(u, r + i * piece.step, piece.taps, P, one);
        else g.rules.features_alone(before(piece.at + i * piece.step), P, one);
        for (int j = 0; j < 6; j++) f.f[j][i] = static_cast<int32_t>(one[j]);
    }
}

void Encoder::find_contexts() {
    context_.resize(looked_at_);
    if (narrow_) contexts_as<int32_t>();
    else contexts_as<double>();
}

template <class D>
void Encoder::contexts_as() {
    D* d = offs<D>().data();
    GridFeatures f;
    pieces([&](const Piece& piece) {
        const GroupRules& g = rules_[piece.group];
        uint8_t* context = context_.data() + piece.index;
        feature_row(piece, g, d + piece.index, f);
        if (!net_) kernels_.contexts(f, piece.count, g.scale, context);
        for (size_t i = 0, p = piece.at; (net_ || of_) && i < piece.count; i++, p += piece.step) {
            if (of_ && of_[p]) {
                context[i] = kNotCoded;
                continue;
            }
            if (!net_) continue;
            const int64_t one[kScaleTerms] = {f.f[0][i], f.f[1][i], f.f[2][i], f.f[3][i], f.f[4][i], f.f[5][i], 1};
            const int64_t value = static_cast<int64_t>(u_[p]) * 256;
            const auto [P, c] = net_->guess(p, value - static_cast<int64_t>(d[piece.index + i]), g.rules.expected(one));
            d[piece.index + i] = static_cast<D>(value - P);
            context[i] = static_cast<uint8_t>(c);
        }
    });
}

}  // namespace baler::grid
