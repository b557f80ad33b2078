#include "grid_cell_decoder.h"

#include <algorithm>
#include <cstring>

#include "instruction_set.h"

namespace baler::grid {
namespace {

[[noreturn]] void damaged(const char* why) { fail(BALER_ERR_CORRUPT, "grid payload is damaged: %s", why); }

constexpr int32_t kOneWeight = 1 << 16;
constexpr size_t kBytesBehind = 512;  // what a few cells read, all of them escapes

std::vector<uint8_t> with_slack(const uint8_t* p, size_t n) {
    std::vector<uint8_t> copy(n + kBytesBehind);
    std::copy_n(p, n, copy.data());
    return copy;
}

void add(GridSum& sum, ptrdiff_t at, int64_t weight) {
    if (!weight) return;
    sum.at[sum.n] = at;
    sum.weight[sum.n++] = weight;
}

// most: of what is summed
void narrow(GridSum& sum, uint64_t most) {
    int64_t all = 0;
    for (size_t i = 0; i < sum.n; i++) all |= sum.weight[i];
    sum.shift = all ? __builtin_ctzll(static_cast<unsigned long long>(all)) : 0;
    uint64_t weights = 0;
    for (size_t i = 0; i < sum.n; i++) {
        const int64_t w = sum.weight[i] / (int64_t(1) << sum.shift);
        weights += static_cast<uint64_t>(magnitude(w));
        sum.narrow_weight[i] = static_cast<int32_t>(w);
    }
    sum.narrow = sum.shift < 31 && most < 1u << 31 && weights < 1u << 30 && weights * most < 1u << 31;
}

// Place of a context among GridTaps::contexts.
size_t place_of(int context) { return context ? static_cast<size_t>(context) + 7 : 0; }

}  // namespace

CellDecoder::CellDecoder(const Order& order, const Params& params, const uint8_t* of, const GridModel* net, int lanes,
                         Stream symbols, Stream bits)
    : order_(order), params_(params), kernels_(instruction_set().grid_rows), walker_(order) {
    const size_t n = order.extents.cells();
    cells_.u.resize(n + 2 * kGridSlack);
    cells_.r.resize(n + 2 * kGridSlack);
    if (any_fed_back(params) || params.net) cells_.s.resize(n + 2 * kGridSlack);
    first_ = {cells_.u.data() + kGridSlack, cells_.r.data() + kGridSlack,
              cells_.s.empty() ? nullptr : cells_.s.data() + kGridSlack, of};
    const int32_t margin = params.closed ? 1 << params.fineness : 0;
    limits_.least = params.low - margin;
    const int64_t high = params.high + margin;
    limits_.span = static_cast<uint64_t>(high - limits_.least);
    limits_.low = static_cast<int64_t>(params.low) * 256;
    limits_.high = static_cast<int64_t>(params.high) * 256;
    limits_.down = 4 + params.fineness;
    limits_.base_add = params.closed ? 128 : 0;
    limits_.base_mask = params.closed ? -256 : -1;
    small_ = limits_.least >= -kGridSmall && high <= kGridSmall;
    for (size_t g = 0; g < order.groups.size(); g++) {
        if (order.groups[g].cells) rules_.emplace_back(order, params, g);
        else rules_.push_back(rules_.empty() ? Rules(order, params, 0) : rules_.back());  // never used
    }
    set_tables();
    set_streams(symbols, bits, lanes);
    if (params.net) {
        net_ = std::make_unique<GridNet>(*net, order.extents, first_.u, first_.s, params.low, params.high);
        limits_.self = net_.get();
        limits_.net = [](void* self, GridAsk* asks, size_t many) { static_cast<GridNet*>(self)->guess(asks, many); };
    }
}

void CellDecoder::set_tables() {
    for (const ScaleMap& map : params_.maps) {
        contexts_.emplace_back();
        for (size_t i = 0; i < kGridContexts; i++) {
            const size_t c = i < 8 ? 0 : std::min<size_t>(i - 7, kContexts - 1);
            const ScaleIndex index(map.J[c]);
            const SymbolTable* tables = symbol_tables(map.shape[c], index.scale);
            const bool centred = params_.closed || index.shift;
            contexts_.back()[i] = {tables + (centred ? kCentred : 0), centred ? 0u : 7u, centred ? 128 : 0, index.shift};
        }
    }
}

void CellDecoder::set_streams(Stream symbols, Stream bits, int lanes) {
    RansDecoder begin(symbols.p, symbols.n, lanes);  // checks the states
    for (int l = 0; l < lanes; l++) coder_.state[l] = begin.states()[l];
    coder_.lanes = static_cast<uint32_t>(lanes);
    n_words_ = static_cast<size_t>(begin.end() - begin.at());
    n_bits_ = bits.n;
    words_ = with_slack(begin.at(), n_words_);
    bits_ = with_slack(bits.p, n_bits_);
    coder_.words = words_.data();
    coder_.words_end = words_.data() + n_words_;
    coder_.bits = bits_.data();
    coder_.bits_end = 8 * static_cast<uint64_t>(n_bits_);
}

const int32_t* CellDecoder::run() {
    if (order_.scan == Scan::raster && small_) {
        strands();
    } else {
        passes();
    }
    finish();
    return first_.u;
}

void CellDecoder::check() const {
    if (coder_.damaged) damaged("a value is out of range");
    if (coder_.overrun()) damaged("its streams end early");
}

void CellDecoder::finish() const {
    check();
    bool clean = coder_.words == coder_.words_end;
    for (uint32_t l = 0; l < coder_.lanes; l++) clean &= coder_.state[l] == kRansLow;
    if (!clean) damaged("its symbols do not end where they should");
    if (coder_.bits_end - coder_.bit >= 8) damaged("it has bits that nobody reads");
    if (coder_.bit & 7 && bits_[static_cast<size_t>(coder_.bit >> 3)] >> (coder_.bit & 7)) damaged("its bits do not end in zeros");
}

GridTaps CellDecoder::taps_of(uint32_t group, const ptrdiff_t* at, bool raster) const {
    const GroupParams& params = params_.groups[group];
    GridTaps taps{};
    taps.contexts = contexts_[params_.map_of[group]].data();
    taps.fine = params_.closed ? params_.fineness - params.fine : 0;
    for (size_t part = 0; part < 3; part++) {
        taps.distance[part] = params.scale[part];
        taps.record[part] = params.scale[3 + part];
    }
    taps.constant = params.scale[6];
    const auto n = static_cast<size_t>(rules_[group].taps);
    taps.n_taps = n;
    int64_t first = kOneWeight;
    for (size_t i = 1; i < n; i++) first -= params.weight[i];
    for (size_t i = 0; i < n; i++) {
        const ptrdiff_t d = taps.at[i] = at[i];
        const int64_t weight = i ? params.weight[i] : first, gain = params.fed_back ? params.gain[i] : 0;
        const size_t part = i < kNear ? 0 : i < kMid ? 1 : 2;
        const bool counts = i < kWide;
        if (raster && d < 0 && d >= -static_cast<ptrdiff_t>(kGridRow)) {
            const auto back = static_cast<size_t>(-d - 1);
            taps.row_weight[back] += weight;
            taps.row_gain[back] += gain;
            if (counts) {
                taps.row_distance[back] += taps.distance[part];
                if (back < 3) (back == 1 ? taps.even : taps.odd)[back == 0 ? 12 : 14] += params.scale[part];
                taps.row_record[back] += taps.record[part];
            }
            continue;
        }
        add(taps.weights, d, weight);
        add(taps.gains, d, gain);
        if (counts) {
            uint32_t* lanes = taps.n_near & 1 ? taps.odd : taps.even;
            lanes[taps.n_near & ~size_t(1)] = params.scale[part];
            taps.near_at[taps.n_near++] = d;
            for (size_t later = part; later < 3; later++) taps.ends[later] = taps.n_near;
        }
    }
    const auto most = std::max(static_cast<uint64_t>(magnitude(limits_.least)), static_cast<uint64_t>(magnitude(limits_.least + static_cast<int64_t>(limits_.span))));
    narrow(taps.weights, most);
    narrow(taps.gains, limits_.span * 256);
    return taps;
}

// ---- rasters ----------------------------------------------------------------------------------------------------

struct CellDecoder::Strand {
    GridStrand g{};
    size_t row = 0, x = 0;       // of the next block
    size_t left = 0;             // cells of all its rows that are not decoded yet
    const RowTaps* taps = nullptr;
    size_t step = 1;             // from row to row
};

const CellDecoder::RowTaps& CellDecoder::row_taps(const std::array<size_t, 3>& at) {
    const auto& n = order_.extents.n;
    const uint32_t group = Order::raster_group(at[0], at[1]);
    // taps reach two cells back along an axis and one ahead
    const std::array<size_t, 4> key{std::min<size_t>(at[0], 2), std::min<size_t>(at[1], 2), std::min<size_t>(at[2], 2),
                                    std::min<size_t>(n[2] - 1 - at[2], 1)};
    const auto known = row_taps_.find(key);
    if (known != row_taps_.end()) return known->second;
    RowTaps& taps = row_taps_[key];
    const auto [back, ahead] = walker_.along(group);
    const auto make = [&](size_t x) {
        const ptrdiff_t* found = walker_.resolve(group, {at[0], at[1], at[2], x});
        return found ? taps_of(group, found, true) : GridTaps{};  // the first cell of a block comes by itself
    };
    if (n[3] <= back + ahead) {
        for (size_t x = 0; x < n[3]; x++) taps.left.push_back(make(x));
    } else {
        for (size_t x = 0; x < back; x++) taps.left.push_back(make(x));
        taps.inner = make(back);
        for (size_t x = n[3] - ahead; x < n[3]; x++) taps.right.push_back(make(x));
    }
    return taps;
}

// A cell without neighbours: all its taps have the u before it, and no record.
void CellDecoder::alone(GridStrand& strand, size_t group) {
    const Rules& rules = rules_[group];
    const GroupParams& params = params_.groups[group];
    const int64_t before = strand.place ? strand.cells.u[-1] : 0;
    alone_ = GridTaps{};
    alone_.contexts = contexts_[params_.map_of[group]].data();
    alone_.fine = params_.closed ? params_.fineness - params.fine : 0;
    int64_t records = params.scale[6];
    for (int i = 0; i < rules.wide; i++) {
        const size_t part = i < kNear ? 0 : i < kMid ? 1 : 2;
        (i & 1 ? alone_.odd : alone_.even)[i & ~1] = params.scale[part];
        alone_.distance[part] = params.scale[part];
        for (size_t later = part; later < 3; later++) alone_.ends[later]++;
        records += static_cast<int64_t>(params.scale[3 + part]) * kNoRecord;
    }
    GridBlock& block = strand.block;
    block.taps[0] = &alone_;
    block.weighted[0] = before * kOneWeight + 128;
    block.missed[0] = 1 << 15;
    block.scaled[0] = records;
    std::fill_n(block.near[0], 16, static_cast<int32_t>(before * 256));
}

void CellDecoder::prepare(Strand& strand, size_t block) {
    const auto& n = order_.extents.n;
    GridStrand& g = strand.g;
    if (strand.x == 0) strand.taps = &row_taps({strand.row / n[2] / n[1], strand.row / n[2] % n[1], strand.row % n[2]});
    const size_t x = strand.x, count = std::min(kGridBlock, n[3] - x), end = x + count;
    g.place = block * order_.extents.block() + strand.row * n[3] + x;
    g.cells = at_cell(g.place);
    g.next = 0;
    g.end = count;
    const RowTaps& taps = *strand.taps;
    const auto some = [&](const GridTaps& of, size_t from, size_t many) {
        kernels_.prepare(of, at_cell(g.place + from), from, many, g.block);
    };
    const size_t back = std::min(taps.left.size(), end), ahead = n[3] - taps.right.size();
    size_t at = x;
    for (; at < back; at++) some(taps.left[at], at - x, 1);
    if (at < std::min(ahead, end)) {
        some(taps.inner, at - x, std::min(ahead, end) - at);
        at = std::min(ahead, end);
    }
    for (; at < end; at++) some(taps.right[at - ahead], at - x, 1);
    if (strand.row == 0 && x == 0) alone(g, 0);
    strand.x = end;
    if (end == n[3]) {
        strand.x = 0;
        strand.row += strand.step;
    }
}

void CellDecoder::strands() {
    const size_t width = order_.extents.n[3], rows = order_.rows();
    const bool two = order_.stranded();
    const auto strand = std::make_unique<Strand[]>(2);
    Strand &even = strand[0], &odd = strand[1];
    for (size_t block = 0; block < order_.extents.blocks; block++) {
        even.row = even.x = odd.x = 0;
        odd.row = 1;
        even.step = odd.step = two ? 2 : 1;
        even.left = (two ? (rows + 1) / 2 : rows) * width;
        odd.left = two ? rows / 2 * width : 0;
        for (size_t ahead = 0; even.left || odd.left;) {
            const bool odd_too = odd.left && (ahead >= Order::kBehind || !even.left);
            size_t steps = even.left ? SIZE_MAX : odd.g.end;
            for (Strand* s : {&even, &odd}) {
                if (!s->left || (s == &odd && !odd_too)) continue;
                if (s->g.next == s->g.end) prepare(*s, block);
                steps = std::min(steps, s->g.end - s->g.next);
            }
            if (odd.left && !odd_too) steps = std::min(steps, Order::kBehind - ahead);
            GridStrand* first = even.left ? &even.g : &odd.g;
            kernels_.run(first, even.left && odd_too ? &odd.g : nullptr, steps, limits_, coder_);
            check();
            if (even.left) even.left -= steps, ahead += steps;
            if (odd_too) odd.left -= steps;
        }
    }
}

// ---- other scans --------------------------------------------------------------------------------------------------

void CellDecoder::passes() {
    struct Known {
        uint32_t group = UINT32_MAX;
        const ptrdiff_t* from = nullptr;
        GridTaps taps;
    };
    constexpr size_t kKnown = 64;
    std::vector<Known> known(kKnown);
    walker_.walk_coded([&](uint32_t g, size_t p, size_t step, size_t count, const ptrdiff_t* at) {
        const auto n = static_cast<size_t>(rules_[g].taps);
        bool together = small_ && at;
        for (size_t i = 0; together && count > 1 && i < n; i++) {
            const ptrdiff_t back = -at[i];
            together = back <= 0 || back % static_cast<ptrdiff_t>(step) || back / static_cast<ptrdiff_t>(step) >= static_cast<ptrdiff_t>(count);
        }
        if (!together) {
            for (size_t i = 0; i < count; i++) cell(g, p + i * step, at);
        } else {
            // distances are kept for a while where they were made
            Known& slot = known[(reinterpret_cast<uintptr_t>(at) / sizeof *at * 0x9E3779B1u >> 16) % kKnown];
            if (slot.group != g || slot.from != at || !std::equal(at, at + n, slot.taps.at)) {
                slot.group = g;
                slot.from = at;
                slot.taps = taps_of(g, at, false);
            }
            kernels_.row(slot.taps, at_cell(p), step, count, limits_, coder_);
        }
        check();
    });
}

// By the rules themselves.
void CellDecoder::cell(uint32_t g, size_t p, const ptrdiff_t* at) {
    const Rules& rules = rules_[g];
    const auto [u, r, s, of] = at_cell(p);
    const int32_t before = p ? u[-1] : 0;
    if (of && *of) {
        *u = rules.fill(u, at, before);
        *r = rules.fill_record(r, at);
        return;
    }
    int64_t f[kScaleTerms];
    const int64_t first = at ? rules.predict(u, at) : rules.alone(before);
    const int64_t P = at ? rules.corrected(first, s, at) : first;
    if (at) rules.features(u, r, at, P, f);
    else rules.features_alone(before, P, f);
    const int64_t expected = rules.expected(f);
    const auto [Q, context] = params_.net ? net_->guess(p, P, expected) : Guess{P, context_of(expected)};
    const GridContext& meaning = contexts_[params_.map_of[g]][place_of(context)];
    *u = static_cast<int32_t>(kernels_.cell(meaning, Q, params_.closed ? rules.fine : 0, limits_, coder_));
    if (s) *s = Rules::miss(*u, first);
    *r = params_.closed ? rules.closed_record(*u - ((P + 128) >> 8)) : rules.open_record(*u, P);
    check();
}

}  // namespace baler::grid
