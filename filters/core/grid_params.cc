#include "grid_params.h"

namespace baler::grid {
namespace {

[[noreturn]] void damaged(const char* why) { fail(BALER_ERR_CORRUPT, "grid payload is damaged: %s", why); }

struct Models {
    builtin::Number precision, weight, gain_precision, gain, scale, fine, from, many, turn;
    builtin::Bit fitted, fed_back, scaled, mapped, other;
};

template <class Side>
void code_flag(Side& side, builtin::Bit& model, bool& flag) {
    uint8_t bit = flag;
    side.bit(model, bit);
    flag = bit != 0;
}

// Only the digits of a weight that its precision keeps.
template <class Side>
void code_weight(Side& side, builtin::Number& model, uint8_t precision, int32_t& weight) {
    const int64_t unit = int64_t(1) << (16 - precision);
    int64_t w = weight / unit;
    builtin::signed_field(side, model, w);
    if (w > kMostWeight / unit || w < -kMostWeight / unit) damaged("a weight is too large");
    weight = static_cast<int32_t>(w * unit);
}

template <class Side>
void code_group(Side& side, Models& m, const Group& group, const Params& params, GroupParams& p) {
    const size_t taps = group.taps.size();
    code_flag(side, m.fitted, p.fitted);
    if (p.fitted) {
        builtin::field(side, m.precision, p.precision, 16);
        for (size_t i = 1; i < taps; i++) code_weight(side, m.weight, p.precision, p.weight[i]);
    }
    if (taps) code_flag(side, m.fed_back, p.fed_back);
    if (p.fed_back) {
        builtin::field(side, m.gain_precision, p.gain_precision, 16);
        for (size_t i = 0; i < taps; i++) code_weight(side, m.gain, p.gain_precision, p.gain[i]);
    }
    code_flag(side, m.scaled, p.scaled);
    if (p.scaled)
        for (uint32_t& a : p.scale) builtin::field(side, m.scale, a, kMostScale);
    if (params.closed) builtin::field(side, m.fine, p.fine, 3);
}

template <class Side>
void code_map(Side& side, Models& m, ScaleMap& map) {
    code_flag(side, m.mapped, map.mapped);
    if (!map.mapped) return;
    const auto usual = [&](int c) { return map.J[c] == nominal(c) && map.shape[c] == 2; };
    int from = 0, to = kContexts - 1;
    if (!Side::reading) {
        while (from < to && usual(from)) from++;
        while (to > from && usual(to)) to--;
    }
    int many = to - from;
    builtin::field(side, m.from, from, kContexts - 1);
    builtin::field(side, m.many, many, static_cast<uint64_t>(kContexts - 1 - from));
    int64_t before = 0;
    uint8_t shape = 2;
    for (int c = from; c <= from + many; c++) {
        int64_t turn = map.J[c] - nominal(c) - before;
        builtin::signed_field(side, m.turn, turn);
        if (turn < -320 || turn > 320) damaged("a map of scales turns too far");
        before += turn;
        if (before < -160 || before > 160) damaged("a map of scales leads too far");
        const int64_t J = nominal(c) + before;
        map.J[c] = static_cast<uint8_t>(J < 0 ? 0 : J > kMostJ ? kMostJ : J);
        uint8_t other = map.shape[c] != shape;
        side.bit(m.other, other);
        if (other) {
            uint64_t s = Side::reading ? 0 : map.shape[c];
            side.plain(s, 2);
            shape = static_cast<uint8_t>(s);
        }
        map.shape[c] = shape;
    }
}

template <class Side>
void code_params(Side& side, const Order& order, Params& params) {
    Models m;
    for (size_t g = 0; g < order.groups.size(); g++)
        if (order.groups[g].cells) code_group(side, m, order.groups[g], params, params.groups[g]);
    for (ScaleMap& map : params.maps) code_map(side, m, map);
}

}  // namespace

ScaleMap::ScaleMap() {
    for (int c = 0; c < kContexts; c++) {
        J[c] = static_cast<uint8_t>(nominal(c));
        shape[c] = 2;
    }
}

Params::Params(const Order& order) {
    constexpr uint32_t common = UINT32_MAX;
    bool any_common = false;
    for (size_t g = 0; g < order.groups.size(); g++) {
        GroupParams p;
        const auto& taps = order.groups[g].taps;
        for (size_t i = 0; i < taps.size(); i++) p.weight[i] = taps[i].weight;
        groups.push_back(p);
        if (order.groups[g].cells >= kOwnMap) {
            map_of.push_back(static_cast<uint32_t>(maps.size()));
            maps.emplace_back();
        } else {
            map_of.push_back(common);
            any_common |= order.groups[g].cells > 0;
        }
    }
    // groups without cells never ask for theirs
    for (uint32_t& map : map_of)
        if (map == common) map = any_common ? static_cast<uint32_t>(maps.size()) : 0;
    if (any_common) maps.emplace_back();
}

void write_params(SideWriter& side, const Order& order, const Params& params) {
    Params copy = params;
    code_params(side, order, copy);
}

void read_params(SideReader& side, const Order& order, Params& params) { code_params(side, order, params); }

}  // namespace baler::grid
