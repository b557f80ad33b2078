#include "grid_encoder.h"

#include <algorithm>
#include <cmath>

namespace baler::grid {

constexpr double kSpareBelow = 65536;  // bits

Encoder::Encoder(const Extents& extents, std::vector<int32_t> u, const uint8_t* of, const Choice& choice)
    : order_(choice.scan, extents), choice_(choice), of_(of), params_(order_), walker_(order_) {
    cells_.r.assign(u.size(), 0);
    sketch_below_ = static_cast<uint64_t>(choice.sketch * 0x1p32);
    params_.closed = choice.closed;
    params_.net = choice.net != nullptr;
    params_.fineness = choice.closed ? choice.fineness : 0;
    if (choice.closed) truth_ = u;
    cells_.u = std::move(u);
    set_range();
    set_fine();
}

std::vector<Rules> Encoder::rules() const {
    std::vector<Rules> list;
    for (size_t g = 0; g < order_.groups.size(); g++)
        list.emplace_back(order_, params_, order_.groups[g].cells || list.empty() ? g : 0);
    return list;
}

void Encoder::set_range() {
    int32_t low = INT32_MAX, high = INT32_MIN;
    for (size_t i = 0; i < cells_.u.size(); i++) {
        if (of_ && of_[i]) continue;
        low = std::min(low, cells_.u[i]);
        high = std::max(high, cells_.u[i]);
    }
    params_.low = low <= high ? low : 0;
    params_.high = low <= high ? high : 0;
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

bool Encoder::sampled(uint32_t group, size_t position, double wanted) const {
    const double cells = static_cast<double>(order_.groups[group].cells);
    if (cells <= wanted) return true;
    const uint64_t hash = (static_cast<uint64_t>(position) * 0x9E3779B97F4A7C15u) >> 32;
    return static_cast<double>(hash) * cells < wanted * 0x1p32;
}

// Cells that are not coded get what the decoder will put there.
void Encoder::fill() {
    if (!of_) return;
    const std::vector<Rules> rule = rules();
    walker_.walk([&](uint32_t g, size_t p, size_t step, size_t count, const ptrdiff_t* at) {
        for (size_t i = 0; i < count; i++, p += step) {
            if (of_[p]) cells_.u[p] = rule[g].fill(cells_.u.data() + p, at, before(p));
        }
    });
}

void Encoder::fit() {
    fill();
    if (choice_.fitted) fit_weights();
    if (choice_.hasty) {
        fit_scales();
        fit_maps();
        return;
    }
    if (choice_.closed && choice_.fitted) {
        run();
        fit_weights();
    }
    if (choice_.fitted) {
        cells_.s.assign(cells_.u.size(), 0);
        run();
        if (!choice_.net) fit_gains();  // a network sees the misses itself, and does more with them
        if (!any_fed_back(params_) && !choice_.net) std::vector<int32_t>().swap(cells_.s);
    }
    if (choice_.closed || cells_.s.size() || !choice_.fitted) run();
    fit_scales();
    if (choice_.net)
        net_ = std::make_unique<GridNet>(*choice_.net, order_.extents, cells_.u.data(), cells_.s.data(), params_.low, params_.high);
    fit_maps();
    if (choice_.sketch == 1) spare();
}

// Where little is coded parameters may cost more than they save.
void Encoder::spare() {
    const auto bits = [&] {
        const Cost cost = estimate();
        return cost.symbols + cost.side;
    };
    double least = bits();
    if (least > kSpareBelow) return;
    const auto keep_if_less = [&](Params&& other) {
        std::swap(params_, other);
        const double now = bits();
        if (now < least) least = now;
        else std::swap(params_, other);
    };
    Params flat = params_;
    for (ScaleMap& map : flat.maps) map = ScaleMap();
    keep_if_less(std::move(flat));
    Params usual = params_;
    for (GroupParams& group : usual.groups) {
        group.scaled = false;
        std::copy_n(kDefaultScale, kScaleTerms, group.scale);
    }
    for (ScaleMap& map : usual.maps) map = ScaleMap();
    keep_if_less(std::move(usual));
}

// Predictions, what they miss by, and in a closed loop what the decoder will see.
void Encoder::run() {
    const std::vector<Rules> rule = rules();
    walker_.walk([&](uint32_t g, size_t p, size_t step, size_t count, const ptrdiff_t* at) {
        const Rules& rules = rule[g];
        for (size_t i = 0; i < count; i++, p += step) {
            int32_t* u = cells_.u.data() + p;
            uint16_t* r = cells_.r.data() + p;
            if (of_ && of_[p]) {
                *u = rules.fill(u, at, before(p));
                *r = rules.fill_record(r, at);
                continue;
            }
            int32_t* s = cells_.s.empty() ? nullptr : cells_.s.data() + p;
            const int64_t first = at ? rules.predict(u, at) : rules.alone(before(p));
            const int64_t P = at ? rules.corrected(first, s, at) : first;
            if (params_.closed) {
                const int64_t rounded = (P + 128) >> 8;
                const int64_t n = (truth_[p] - rounded + (int64_t(1) << (rules.fine - 1))) >> rules.fine;
                *u = static_cast<int32_t>(rounded + n * (int64_t(1) << rules.fine));
                *r = rules.closed_record(*u - rounded);
            } else {
                *r = rules.open_record(*u, P);
            }
            if (s) *s = Rules::miss(*u, first);
        }
    });
}

template <class Put>
void Encoder::emit(bool in_order, Put&& put) {
    const std::vector<Rules> rule = rules();
    std::vector<std::vector<const SymbolTable*>> tables;
    for (const ScaleMap& map : params_.maps) {
        tables.emplace_back();
        for (int c = 0; c < kContexts; c++)
            tables.back().push_back(symbol_tables(map.shape[c], ScaleIndex(map.J[c]).scale));
    }
    const auto cell = [&](uint32_t g, size_t p, const ptrdiff_t* at) {
        const Rules& rules = rule[g];
        const int32_t* u = cells_.u.data() + p;
        const auto [P, context] = guess(rules, p, at);
        const ScaleIndex index(rules.map->J[context]);
        const bool fine = params_.closed || index.shift;
        const int64_t rounded = (P + 128) >> 8;
        int64_t n = params_.closed ? (*u - rounded) >> rules.fine : *u - (fine ? rounded : P >> 8);
        uint64_t part = 0;
        if (index.shift) {
            n += int64_t(1) << (index.shift - 1);
            part = static_cast<uint64_t>(n) & ((uint64_t(1) << index.shift) - 1);
            n >>= index.shift;
        }
        const int phase = fine ? kCentred : static_cast<int>((P >> 5) & 7);
        put(tables[params_.map_of[g]][static_cast<size_t>(context)][phase], n, index.shift, part);
    };
    if (!in_order) return each(cell);
    walker_.walk_coded([&](uint32_t g, size_t p, size_t step, size_t count, const ptrdiff_t* at) {
        for (size_t i = 0; i < count; i++, p += step)
            if (!of_ || !of_[p]) cell(g, p, at);
    });
}

namespace {

// The escape of a number: 7 bits for its length, then its zigzag.
uint64_t zigzag(int64_t n) { return (static_cast<uint64_t>(n) << 1) ^ static_cast<uint64_t>(n >> 63); }

int length(uint64_t z) { return z ? 64 - __builtin_clzll(z) : 0; }

}  // namespace

std::vector<uint8_t> Encoder::code(BitWriter& bits, int& lane_bits) {
    // states cost 4 bytes a lane: not more than a hundredth of the stream
    const double bytes = estimate().symbols / 8;
    lane_bits = 0;
    while (lane_bits < kMostLaneBits && (8 << lane_bits) * 100 < bytes) lane_bits++;
    RansEncoder coder(1 << lane_bits);
    coder.begin_run();
    emit(true, [&](const SymbolTable& table, int64_t n, int shift, uint64_t part) {
        const int64_t symbol = n + table.reach;
        if (symbol >= 0 && symbol < table.escape()) {
            const uint32_t s = table.packed(static_cast<uint32_t>(symbol));
            coder.put(s & 0xffff, (s >> 16) + 1);
        } else {
            const uint32_t s = table.packed(table.escape());
            coder.put(s & 0xffff, (s >> 16) + 1);
            const uint64_t z = zigzag(n);
            bits.put(static_cast<uint64_t>(length(z)), 7);
            if (z) bits.put(z, length(z));
        }
        if (shift) bits.put(part, shift);
    });
    std::vector<uint8_t> stream;
    coder.finish(stream);
    return stream;
}

Cost Encoder::estimate() {
    const float* price = bits_of_frequency();
    Cost cost;
    emit(false, [&](const SymbolTable& table, int64_t n, int shift, uint64_t) {
        const int64_t symbol = n + table.reach;
        if (symbol >= 0 && symbol < table.escape()) cost.symbols += price[table.freq(static_cast<uint32_t>(symbol))];
        else cost.symbols += price[table.freq(table.escape())] + 7.f + static_cast<float>(length(zigzag(n)));
        cost.symbols += shift;
    });
    SideWriter side;
    write_params(side, order_, params_);
    cost.symbols /= choice_.sketch;
    cost.side = 8 * static_cast<double>(side.finish().size());
    return cost;
}

}  // namespace baler::grid
