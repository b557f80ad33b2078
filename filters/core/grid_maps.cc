// The last stations of the encoder of a grid: maps from contexts to tables, costs, symbols.
#include <algorithm>
#include <cmath>

#include "grid_pieces.h"

namespace baler::grid {
namespace {

constexpr double kMapSamples = 40000;
constexpr size_t kBinSamples = 3000;  // of a context
constexpr int kTallied = 31;          // numbers up to this are counted
constexpr double kEntryBits = 4;      // of a map, in an estimate
constexpr double kCoarse = 4;         // steps off from which on phases do not matter

// What a cell's distance to its prediction means: the number to code, as tables of steps want it (phase; P rounds up).
struct Number {
    int64_t n;
    int phase;
    bool up;
};

template <class D>
inline Number number_of(D d, bool closed, int fine) {
    const auto x = static_cast<int64_t>(d);
    if (closed) return {-((128 - x) >> 8) >> fine, kCentred, false};
    return {-(-x >> 8), static_cast<int>((-x >> 5) & 7), ((-x >> 7) & 1) != 0};
}

uint64_t zigzag(int64_t n) { return (static_cast<uint64_t>(n) << 1) ^ static_cast<uint64_t>(n >> 63); }

// Of an escape: 7 bits say how many the zigzag of the number takes.
int length(uint64_t z) { return z ? 64 - __builtin_clzll(z) : 0; }

struct Seen {
    int32_t n;
    uint8_t phase, up;
    float times;
};

// Cells of a context, equal ones counted.
struct Bin {
    std::vector<Seen> seen;
    std::vector<float> tally;  // [number][phase]
    double off = 0;
    size_t cells = 0;

    void add(const Number& x, double distance) {
        cells++;
        off += distance;
        if (x.n >= -kTallied && x.n <= kTallied) {
            if (tally.empty()) tally.resize((2 * kTallied + 1) * kPhases);
            tally[static_cast<size_t>(x.n + kTallied) * kPhases + static_cast<size_t>(x.phase)]++;
        } else {
            seen.push_back({static_cast<int32_t>(x.n), static_cast<uint8_t>(x.phase), x.up, 1});
        }
    }
    void finish() {
        const size_t step = seen.size() / kBinSamples + 1;
        if (step > 1) {
            std::vector<Seen> some;
            for (size_t i = 0; i < seen.size(); i += step) some.push_back(seen[i]);
            for (Seen& s : some) s.times = static_cast<float>(seen.size()) / static_cast<float>(some.size());
            seen = std::move(some);
        }
        for (size_t i = 0; i < tally.size(); i++) {
            const auto phase = static_cast<uint8_t>(i % kPhases);
            const bool up = phase != kCentred && phase >= 4;
            if (tally[i] > 0) seen.push_back({static_cast<int32_t>(i / kPhases) - kTallied, phase, up, tally[i]});
        }
    }
    double bits(int shape, int J) const {
        const float* price = bits_of_frequency();
        const ScaleIndex index(J);
        const SymbolTable* tables = symbol_tables(shape, index.scale);
        float sum = 0;
        for (const Seen& s : seen) {
            int64_t n = s.n;
            const SymbolTable& table = tables[index.shift ? kCentred : s.phase];
            if (index.shift) n = (n - s.up + (int64_t(1) << (index.shift - 1))) >> index.shift;
            const int64_t symbol = n + table.reach;
            const bool there = symbol >= 0 && symbol < table.escape();
            const uint32_t freq = table.freq(there ? static_cast<uint32_t>(symbol) : table.escape());
            float bits = price[freq] + static_cast<float>(index.shift);
            if (!there) bits += static_cast<float>(7 + length(zigzag(n)));
            sum += s.times * bits;
        }
        return static_cast<double>(sum);
    }
};

// Prices of small numbers in all tables.
constexpr int kSmall = 15;  // and the escape behind them
struct Prices {
    float bits[kShapes][kTableScales][kPhases][2 * kSmall + 2];
    Prices() {
        const float* price = bits_of_frequency();
        for (int shape = 0; shape < kShapes; shape++)
            for (int J = 0; J < kTableScales; J++)
                for (int phase = 0; phase < kPhases; phase++) {
                    const SymbolTable& t = symbol_tables(shape, J)[phase];
                    float* to = bits[shape][J][phase];
                    const float escape = price[t.freq(t.escape())] + 7;
                    for (int n = -kSmall; n <= kSmall; n++) {
                        const int symbol = n + static_cast<int>(t.reach);
                        const bool there = symbol >= 0 && static_cast<uint32_t>(symbol) < t.escape();
                        to[n + kSmall] = there ? price[t.freq(static_cast<uint32_t>(symbol))]
                                               : escape + static_cast<float>(length(zigzag(n)));
                    }
                    to[2 * kSmall + 1] = escape;
                }
    }
};

// A context's cells for an estimate: small numbers by phase, the others by their lengths.
struct Tally {
    float n[kPhases][2 * kSmall + 2] = {};
    double off = 0, cells = 0, rest = 0;

    void add(const Number& x, double distance, float times) {
        off += distance * static_cast<double>(times);
        cells += static_cast<double>(times);
        const bool small = x.n >= -kSmall && x.n <= kSmall;
        n[x.phase][small ? x.n + kSmall : 2 * kSmall + 1] += times;
        if (!small) rest += length(zigzag(x.n)) * static_cast<double>(times);
    }
    double bits(int shape, int J) const {
        static const auto* prices = new Prices;
        const float *a = n[0], *b = prices->bits[shape][J][0];
        float sum[8] = {};
        for (size_t i = 0; i < kPhases * (2 * kSmall + 2); i += 8)
            for (size_t l = 0; l < 8; l++) sum[l] += a[i + l] * b[i + l];
        return static_cast<double>((sum[0] + sum[1] + (sum[2] + sum[3])) + (sum[4] + sum[5] + (sum[6] + sum[7])));
    }
    // by the best table
    double bits() const {
        const int middle = static_cast<int>(std::lrint(19 + 4 * std::log2(std::max(off / cells, 0.01))));
        int J = std::clamp(middle, 0, kTableScales - 1);
        double least = bits(2, J);
        for (int step : {-1, 1}) {
            bool better = false;
            for (int next = J + step; next >= 0 && next < kTableScales; next += step) {
                const double now = bits(2, next);
                if (now >= least) break;
                least = now;
                J = next;
                better = true;
            }
            if (better) break;
        }
        for (int shape = 0; shape < kShapes; shape++) least = std::min(least, bits(shape, J));
        return least + rest;
    }
};

// Bits a cell of mean distance 2^(l / 4 - 5) steps to its prediction takes by its own table, for l = 0 … 43.
struct Entropies {
    float bits[kTableScales];
    Entropies() {
        const float* price = bits_of_frequency();
        for (int J = 0; J < kTableScales; J++) {
            double sum = 0;
            for (int phase = 0; phase < kCentred; phase++) {
                const SymbolTable& t = symbol_tables(1, J)[phase];
                for (uint32_t s = 0; s < t.n; s++) sum += t.freq(s) * static_cast<double>(price[t.freq(s)]) / kScale;
            }
            bits[J] = static_cast<float>(sum / kCentred);
        }
    }
    double of(double mean) const {
        const double J = 20 + 4 * std::log2(std::max(mean, 1e-4));
        if (J < 0) return static_cast<double>(bits[0]) * std::max(mean * 32, 0.0);
        const int j = static_cast<int>(J);
        if (j >= kTableScales - 1) return static_cast<double>(bits[kTableScales - 1]) + (J - (kTableScales - 1)) / 4;
        const double part = J - j;
        return static_cast<double>(bits[j]) * (1 - part) + static_cast<double>(bits[j + 1]) * part;
    }
};

}  // namespace

const float* bits_of_frequency() {
    struct Table {
        float bits[kScale + 1];
        Table() {
            bits[0] = 1e9f;
            for (uint32_t f = 1; f <= kScale; f++) bits[f] = 16.f - std::log2(static_cast<float>(f));
        }
    };
    static const auto* table = new Table;
    return table->bits;
}

template <class D, class F>
void Encoder::each_symbol(size_t share, F&& symbol) {
    const D* d = offs<D>().data();
    size_t i = 0, piece = 0;
    for (const auto& [group, cells] : runs_) {
        const size_t end = i + cells;
        while (i < end) {
            const size_t stop = std::min(end, i + kStrip);
            if (piece++ % share == 0)
                for (; i < stop; i++)
                    if (context_[i] != kNotCoded) symbol(group, d[i], context_[i]);
            i = stop;
        }
    }
}

template <class D, class F>
void Encoder::each_coded(F&& symbol) {
    if (!order_.stranded()) return each_symbol<D>(1, symbol);
    // two strands; the order of a raster is that of memory
    const D* d = offs<D>().data();
    const auto& n = order_.extents.n;
    const size_t width = n[3], rows = order_.rows(), even = (rows + 1) / 2 * width, odd = rows / 2 * width;
    struct Strand {
        size_t at, x = 0, y;
        uint32_t group = 0;
    };
    for (size_t block = 0; block < order_.extents.blocks; block++) {
        const size_t origin = block * order_.extents.block();
        Strand strands[2] = {{origin, 0, 0}, {origin + width, 0, 1}};
        const auto cell = [&](Strand& s) {
            if (s.x == 0) s.group = Order::raster_group(s.y / n[2] / n[1], s.y / n[2] % n[1]);
            if (context_[s.at] != kNotCoded) symbol(s.group, d[s.at], context_[s.at]);
            s.at++;
            if (++s.x < width) return;
            s.x = 0;
            s.y += 2;
            s.at += width;
        };
        for (size_t j = 0; j < even || j < odd + Order::kBehind; j++) {
            if (j < even) cell(strands[0]);
            if (j >= Order::kBehind && j - Order::kBehind < odd) cell(strands[1]);
        }
    }
}

void Encoder::fit_maps() {
    if (rough()) return;
    if (narrow_) fit_maps_as<int32_t>();
    else fit_maps_as<double>();
}

double Encoder::map_cells(size_t map) const {
    double cells = 0;
    for (size_t g = 0; g < order_.groups.size(); g++)
        if (params_.map_of[g] == map) cells += static_cast<double>(order_.groups[g].cells);
    return cells;
}

template <class D>
void Encoder::fit_maps_as() {
    const size_t n_maps = params_.maps.size();
    std::vector<std::vector<Bin>> bins(n_maps, std::vector<Bin>(kContexts));
    std::vector<Spread> spreads;
    for (size_t m = 0; m < n_maps; m++) spreads.emplace_back(kMapSamples / std::max(map_cells(m), 1.0));
    const D* d = offs<D>().data();
    const double step = params_.closed ? 1.0 / (256 << params_.fineness) : 1.0 / 256;
    size_t at = 0;
    for (const auto& [group, cells] : runs_) {
        const size_t map = params_.map_of[group], end = at + cells;
        const int fine = rules_[group].rules.fine;
        while (at < end) {
            const size_t some = std::min(kSketchPiece, end - at);
            if (spreads[map].next()) {
                for (size_t i = at; i < at + some; i++) {
                    if (context_[i] == kNotCoded) continue;
                    const Number x = number_of(d[i], params_.closed, fine);
                    const double off = params_.closed ? static_cast<double>(x.n) : static_cast<double>(d[i]) * step;
                    bins[map][context_[i]].add(x, std::fabs(off));
                }
            }
            at += some;
        }
    }
    for (size_t m = 0; m < n_maps; m++) {
        ScaleMap& map = params_.maps[m];
        const double weight = std::max(1.0, map_cells(m) / kMapSamples);
        int before = 0;
        uint8_t shape_before = 2;
        for (int c = 0; c < kContexts; c++) {
            Bin& bin = bins[m][static_cast<size_t>(c)];
            const auto clip = [](int J) { return std::clamp(J, 0, kMostJ); };
            if (bin.cells < 6) {
                map.J[c] = static_cast<uint8_t>(clip(nominal(c) + before));
                map.shape[c] = shape_before;
                continue;
            }
            bin.finish();
            const double mean = bin.off / static_cast<double>(bin.cells);
            const int middle = static_cast<int>(std::lrint(20 + 4 * std::log2(std::max(mean, 0.01))));
            double least = 1e300;
            int J_best = 0, shape_best = 2;
            const auto look = [&](int J, int shape) {
                // and what the map's entry costs
                const double entry = 2.0 * std::abs(J - nominal(c) - before) + (shape == shape_before ? 0.5 : 4);
                const double bits = bin.bits(shape, J) * weight + entry;
                if (bits >= least) return;
                least = bits;
                J_best = J;
                shape_best = shape;
            };
            for (int J = clip(middle - 4); J <= clip(middle + 2); J++) look(J, shape_before);
            const int there = J_best;
            for (int shape = 0; shape < kShapes; shape++)
                for (int J = clip(there - 1); shape != shape_before && J <= clip(there + 1); J++) look(J, shape);
            map.J[c] = static_cast<uint8_t>(J_best);
            map.shape[c] = static_cast<uint8_t>(shape_best);
            before = J_best - nominal(c);
            shape_before = static_cast<uint8_t>(shape_best);
        }
        map.mapped = true;
        // contexts that never came up need no entries at the ends
        int last = kContexts - 1;
        while (last > 0 && !bins[m][static_cast<size_t>(last)].cells) {
            map.J[last] = static_cast<uint8_t>(nominal(last));
            map.shape[last] = 2;
            last--;
        }
        for (int c = 0; c < last && !bins[m][static_cast<size_t>(c)].cells; c++) {
            map.J[c] = static_cast<uint8_t>(nominal(c));
            map.shape[c] = 2;
        }
    }
}

namespace {

// How the contexts of a map are coded.
struct Entry {
    const SymbolTable* tables;
    int shift;
};

std::vector<Entry> entries_of(const std::vector<ScaleMap>& maps) {
    std::vector<Entry> list;
    for (const ScaleMap& map : maps)
        for (int c = 0; c < kContexts; c++) {
            const ScaleIndex index(map.J[c]);
            list.push_back({symbol_tables(map.shape[c], index.scale), index.shift});
        }
    return list;
}

// The symbol of a cell's number by an entry, and its plain bits.
struct Symbol {
    const SymbolTable* table;
    int64_t n;
    uint64_t part;
};

inline Symbol symbol_of(const Entry& entry, Number x) {
    if (!entry.shift) return {entry.tables + x.phase, x.n, 0};
    const int64_t g = x.n - x.up + (int64_t(1) << (entry.shift - 1));
    return {entry.tables + kCentred, g >> entry.shift, static_cast<uint64_t>(g) & ((uint64_t(1) << entry.shift) - 1)};
}

}  // namespace

template <class D>
void Encoder::put_symbols(uint32_t* symbols, BitWriter& bits) {
    const std::vector<Entry> entries = entries_of(params_.maps);
    uint32_t* next = symbols;
    each_coded<D>([&](uint32_t group, D d, uint8_t context) {
        const Entry& entry = entries[params_.map_of[group] * kContexts + context];
        const auto [table, n, part] = symbol_of(entry, number_of(d, params_.closed, rules_[group].rules.fine));
        const int64_t symbol = n + table->reach;
        const bool there = symbol >= 0 && symbol < table->escape();
        *next++ = table->packed(there ? static_cast<uint32_t>(symbol) : table->escape());
        if (!there) {
            const uint64_t z = zigzag(n);
            bits.put(static_cast<uint64_t>(length(z)), 7);
            if (z) bits.put(z, length(z));
        }
        if (entry.shift) bits.put(part, entry.shift);
    });
}

std::vector<uint8_t> Encoder::code(BitWriter& bits, int& lane_bits) {
    // states cost 4 bytes a lane: not more than a hundredth of the stream
    const double bytes = roughly() / 8;
    lane_bits = 0;
    while (lane_bits < kMostLaneBits && (8 << lane_bits) * 100 < bytes) lane_bits++;
    RansEncoder coder(1 << lane_bits);
    coder.begin_run();
    const size_t coded = of_ ? static_cast<size_t>(std::count(of_, of_ + looked_at_, 0)) : looked_at_;
    uint32_t* symbols = coder.append(coded);
    if (narrow_) put_symbols<int32_t>(symbols, bits);
    else put_symbols<double>(symbols, bits);
    narrow_offs_ = Unwritten<int32_t>();
    wide_offs_ = Unwritten<double>();
    std::vector<uint8_t> stream;
    coder.finish(stream);
    return stream;
}

template <class D>
double Encoder::symbol_bits(size_t share) {
    const float* price = bits_of_frequency();
    const std::vector<Entry> entries = entries_of(params_.maps);
    double sum = 0;
    size_t seen = 0;
    each_symbol<D>(share, [&](uint32_t group, D d, uint8_t context) {
        const Entry& entry = entries[params_.map_of[group] * kContexts + context];
        const auto [table, n, part] = symbol_of(entry, number_of(d, params_.closed, rules_[group].rules.fine));
        const int64_t symbol = n + table->reach;
        float cell = static_cast<float>(entry.shift);
        if (symbol >= 0 && symbol < table->escape()) cell += price[table->freq(static_cast<uint32_t>(symbol))];
        else cell += price[table->freq(table->escape())] + 7.f + static_cast<float>(length(zigzag(n)));
        sum += static_cast<double>(cell);
        seen++;
    });
    if (share == 1) return sum;
    const size_t coded = of_ ? static_cast<size_t>(std::count(of_, of_ + looked_at_, 0)) : looked_at_;
    return sum * static_cast<double>(coded) / static_cast<double>(std::max<size_t>(seen, 1));
}

double Encoder::roughly() { return narrow_ ? symbol_bits<int32_t>(kRoughShare) : symbol_bits<double>(kRoughShare); }

// Of an estimate: the best table for each context, by how often it has which number.
template <class D>
double Encoder::sketched_bits(const std::vector<float>& weights, double& entries) {
    static const Entropies entropies;
    const bool closed = params_.closed;
    std::vector<Tally> tallies(params_.maps.size() * kContexts);
    each_symbol<D>(1, [&](uint32_t group, D d, uint8_t context) {
        Tally& t = tallies[params_.map_of[group] * kContexts + context];
        const Number x = number_of(d, closed, rules_[group].rules.fine);
        const double off = closed ? static_cast<double>(x.n) : static_cast<double>(d) / 256;
        t.add(x, std::fabs(off), weights[group]);
    });
    double bits = 0;
    for (Tally& t : tallies) {
        if (t.cells == 0) continue;
        entries += kEntryBits;
        bits += t.off > kCoarse * t.cells ? t.cells * entropies.of(t.off / t.cells) : t.bits();
    }
    return bits;
}

// How many cells each that is counted stands for, by group. At a sample's edges are more cells than at the whole's:
// they count only where there are few others.
std::vector<float> Encoder::sample_weights(const Order* whole) {
    const size_t n = order_.groups.size();
    std::vector<size_t> inner(n), counted(n), looked_at(n);
    pieces([&](const Piece& piece) {
        looked_at[piece.group] += piece.count;
        if (whole && walker_.lasting(piece.group, piece.taps)) inner[piece.group] += piece.count;
    });
    pieces([&](const Piece& piece) {
        uint8_t* context = context_.data() + piece.index;
        const bool many = 4 * inner[piece.group] > looked_at[piece.group];
        if (many && !walker_.lasting(piece.group, piece.taps)) std::fill_n(context, piece.count, kNotCoded);
        else counted[piece.group] += piece.count;
    });
    const Order& all = whole ? *whole : order_;
    const bool same = all.groups.size() == n;
    const double times = static_cast<double>(all.extents.cells()) / static_cast<double>(order_.extents.cells());
    std::vector<float> weights(n);
    for (size_t g = 0; g < n; g++) {
        const double cells = static_cast<double>((same ? all : order_).groups[g].cells) * (same ? 1 : times);
        weights[g] = static_cast<float>(cells / static_cast<double>(std::max<size_t>(counted[g], 1)));
    }
    return weights;
}

Cost Encoder::estimate(const Order* whole) {
    Cost cost;
    double entries = 0;
    if (rough()) {
        const std::vector<float> weights = sample_weights(whole);
        cost.symbols = narrow_ ? sketched_bits<int32_t>(weights, entries) : sketched_bits<double>(weights, entries);
    } else {
        cost.symbols = narrow_ ? symbol_bits<int32_t>(1) : symbol_bits<double>(1);
    }
    SideWriter side;
    write_params(side, order_, params_);
    cost.side = 8 * static_cast<double>(side.finish().size()) + entries;
    return cost;
}

}  // namespace baler::grid
