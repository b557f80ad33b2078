#include "probe.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "bytes.h"
#include "coders.h"
#include "frame.h"
#include "grid_coder.h"
#include "simple_cost.h"

namespace baler {
namespace {

constexpr size_t kFewRows = 1024, kManyRows = 8192;      // of the built-in coder's pieces together
constexpr size_t kFewBytes = 8192, kManyBytes = 65536;   // of the byte coder's piece
constexpr size_t kSlab = 16384;    // cells at least of the slab that tells tables from grids
constexpr double kClearlyWorse = 1.25, kWorseThanGrid = 1.1;
constexpr double kFewBytesOfSlab = 600;  // mostly parameters
constexpr double kTablesInPiece = 0.93;
// The built-in coder saves up to a third of what columns cost one by one where they look like each other little.
constexpr size_t kSimpleRows = 256;
constexpr double kBelowSimple = 0.68;
// The byte coder finds matches; without any in sight its literals do not become much cheaper than this.
constexpr double kBelowPlanes = 0.4;
// A piece pays for its own tables, the whole chunk only once.
constexpr double kPieceOverWhole = 0.85, kPartOverWhole = 0.7;
// The least bytes that a match takes, and the longest windows that are compared to find how long matches are.
constexpr double kBytesOfMatch = 2;
constexpr size_t kLongestWindow = 1024;

Table pieces(const Table& table, size_t rows) {
    const size_t half = rows / 2, from[2] = {table.rows / 4 - half / 2, table.rows / 4 * 3 - half / 2};
    Table t;
    t.rows = 2 * half;
    t.shape = {t.rows, table.columns.size()};
    for (const Column& c : table.columns) {
        Column d;
        d.lattice = c.lattice;
        for (size_t f : from) {
            d.k.insert(d.k.end(), c.k.data() + f, c.k.data() + f + half);
            if (!c.mask.empty()) d.mask.insert(d.mask.end(), c.mask.data() + f, c.mask.data() + f + half);
        }
        // a masked cell holds the index of the row before
        for (size_t r = 0; r < t.rows && !d.mask.empty(); r++)
            if (d.mask[r]) d.k[r] = r ? d.k[r - 1] : 0;
        t.columns.push_back(std::move(d));
    }
    return t;
}

// A slab of whole rows, slices, ... around the middle, in one piece of memory: its shape; data is moved to its start.
baler_array middle_slab(const baler_array& array, const uint8_t*& data) {
    baler_array slab = array;
    const auto axis = [&](int i) -> uint64_t& { return slab.shape[array.fortran ? array.ndim - 1 - i : i]; };
    uint64_t inner = value_count(array);
    for (int i = 0; i < array.ndim; i++) {
        const uint64_t n = axis(i);
        inner /= n;
        const bool last = inner <= 4 * kSlab || i + 1 == array.ndim;
        const uint64_t few = last ? std::min(n, std::max<uint64_t>(3, (kSlab + inner - 1) / inner)) : 1;
        data += (n - few) / 2 * inner * array.itemsize;
        axis(i) = few;
        if (last) break;
    }
    return slab;
}

// Share of the items that begin `window` bytes (a multiple of 8) which have been seen before, near or far. Windows are
// picked by what they begin with, one in 32; a window equal to the one of the item before counts always.
double repeated(const uint8_t* data, size_t size, size_t itemsize, size_t window = 16) {
    constexpr size_t slots = size_t(1) << 16;
    if (size < 2 * window + itemsize) return 0;
    std::vector<uint32_t> seen(slots);
    uint64_t before = 0;
    size_t items = 0, runs = 0, picked = 0, again = 0;
    for (size_t at = 0; at + window <= size; at += itemsize, items++) {
        const uint64_t a = eight_bytes(data + at), b = eight_bytes(data + at + 8);
        const uint64_t mixed = (a ^ (b << 32 | b >> 32)) * 0x9E3779B97F4A7C15u;
        uint64_t h = mixed ^ (mixed >> 29) ^ b * 0xBF58476D1CE4E5B9u;
        const bool run = items && h == before && !std::memcmp(data + at + 16, data + at + 16 - itemsize, window - 16);
        before = h;
        if (run) {
            runs++;
        } else if (h >> 59 == 0) {
            for (size_t i = 16; i < window; i += 8) {
                h = (h ^ eight_bytes(data + at + i)) * 0x9E3779B97F4A7C15u;
                h ^= h >> 29;
            }
            picked++;
            uint32_t& slot = seen[static_cast<size_t>(h >> 43 & (slots - 1))];
            const auto tag = static_cast<uint32_t>(h) | 1;
            again += slot == tag;
            slot = tag;
        }
    }
    const double run = static_cast<double>(runs) / static_cast<double>(items);
    return run + (1 - run) * (picked ? static_cast<double>(again) / static_cast<double>(picked) : 0);
}

// Where everything else is far smaller, matches have to be long: can they be so long, on average, that even the least
// bytes one takes are fewer than what else is known? `share` is that of windows of 16 bytes.
bool matches_are_long(const uint8_t* data, size_t size, size_t itemsize, double share, size_t best) {
    const double needed = kBytesOfMatch * static_cast<double>(size) / static_cast<double>(best + 1);
    double length = 8 * (1 + share);  // the mean over all places, window after window
    for (size_t window = 16; length < needed; window *= 2) {
        if (window == kLongestWindow || share == 0) return share > 0;
        const double longer = repeated(data, size, itemsize, 2 * window);
        length += static_cast<double>(window) * (share + longer) / 2;
        share = longer;
    }
    return true;
}

// The same of rows, told by some columns first.
double repeated_rows(const Table& table) {
    constexpr size_t slots = size_t(1) << 14, told_by = 4, enough = 512;
    const size_t n = table.columns.size();
    int bits = 4;
    while ((table.rows >> bits) > enough) bits++;
    const size_t looked_at = size_t(4) << bits;
    std::vector<uint32_t> seen(slots);
    std::vector<const int64_t*> k;
    for (const Column& c : table.columns) k.push_back(c.k.data());
    const auto hash = [&](size_t row, size_t step) {
        uint64_t h = 0;
        for (size_t c = 0; c < n; c += step) {
            h = (h ^ static_cast<uint64_t>(k[c][row])) * 0x9E3779B97F4A7C15u;
            h ^= h >> 29;
        }
        return h * 0xBF58476D1CE4E5B9u;
    };
    size_t rows = 0, runs = 0, picked = 0, again = 0;
    for (size_t r = 1; r < table.rows; r++) {
        const bool now = hash(r, (n + told_by - 1) / told_by) >> (64 - bits) == 0;
        if (!now && r % looked_at) continue;
        const uint64_t h = hash(r, 1);
        const bool run = h == hash(r - 1, 1);
        rows += r % looked_at == 0;
        runs += r % looked_at == 0 && run;
        if (!now || run) continue;
        picked++;
        uint32_t& slot = seen[static_cast<size_t>(h >> 40 & (slots - 1))];
        const auto tag = static_cast<uint32_t>(h) | 1;
        again += slot == tag;
        slot = tag;
    }
    const double run = rows ? static_cast<double>(runs) / static_cast<double>(rows) : 0;
    return run + (1 - run) * (picked ? static_cast<double>(again) / static_cast<double>(picked) : 0);
}

// What the bytes of the items cost, place by place.
double planes_share(const uint8_t* data, size_t size, size_t itemsize) {
    const size_t items = size / itemsize;
    double bits = 0;
    for (size_t place = 0; place < itemsize; place++) {
        uint32_t counts[256] = {};
        for (size_t i = 0; i < items; i++) counts[data[i * itemsize + place]]++;
        for (uint32_t c : counts)
            if (c) bits += c * std::log2(static_cast<double>(items) / c);
    }
    return bits / (8 * static_cast<double>(items * itemsize));
}

size_t piece_size(size_t size, size_t itemsize) {
    return std::max(kFewBytes, std::min(kManyBytes, size / 32)) / itemsize * itemsize;
}

// Could the byte coder win, as one piece looks? If not: how much of the piece may not repeat elsewhere for it to win.
bool piece_could_win(const uint8_t* piece, size_t length, size_t size, uint32_t itemsize, size_t best, double& once) {
    const auto all = static_cast<double>(size), most = static_cast<double>(best);
    const double here = 1 - repeated(piece, length, itemsize);
    double whole = planes_share(piece, length, itemsize) * kBelowPlanes * all;
    // a part of the piece tells what is hopeless
    for (const size_t some : {length / 4 / itemsize * itemsize, length}) {
        if (some == 0 || (some < length ? whole * here : whole) >= most) break;
        ByteWriter out;
        bytes_encode(piece, some, itemsize, out);
        const double share = static_cast<double>(std::min(out.bytes.size(), some)) / static_cast<double>(some);
        whole = share * all * (some < length ? kPartOverWhole : kPieceOverWhole);
    }
    once = most * here / whole;
    return whole < most;
}

// Bits of a number, about.
double size_of(double x) {
    x = 1 + std::fabs(x);
    uint64_t u;
    std::memcpy(&u, &x, 8);
    return static_cast<double>(u >> 52) - 1023 + static_cast<double>(u << 12 >> 12) * 0x1p-52;
}

// A column at some of its places: what is usual there, and values that fill many of them (masks, counts), which say
// nothing about neighbours.
struct Usual {
    static constexpr size_t most = 4;
    const Column& column;
    double middle;
    int64_t filling[most] = {};
    size_t n = 0;

    Usual(const Column& c, const std::vector<size_t>& begin, size_t run) : column(c) {
        std::vector<int64_t> seen;
        for (size_t b : begin) seen.insert(seen.end(), c.k.data() + b, c.k.data() + b + run);
        std::sort(seen.begin(), seen.end());
        middle = static_cast<double>(seen[seen.size() / 2]);
        for (size_t i = 0, j; i < seen.size() && n < most; i = j) {
            for (j = i; j < seen.size() && seen[j] == seen[i];) j++;
            if (j - i > 8 + seen.size() / 16) filling[n++] = seen[i];
        }
    }
    bool tells(size_t row) const {
        return !column.masked(row) && std::find(filling, filling + n, column.k[row]) == filling + n;
    }
};

// Bits that a guess from neighbours costs more than the column's usual value.
struct Guesses {
    double more = 0;
    size_t n = 0;
    void add(double off, double alone) {
        more += size_of(off) - alone;
        n++;
    }
    void add(const Guesses& others) {
        more += others.more;
        n += others.n;
    }
    bool good() const { return more < 0.1 * static_cast<double>(n); }
};

// Do neighbours in a table tell more about a value than its column does? If they do not, it is no grid.
bool could_be_grid(const Table& table) {
    constexpr size_t run = 32, cells = 8192, enough = 64;
    const size_t C = table.columns.size(), n = table.rows;
    if (n < 2 * run) return true;
    const size_t places = std::max<size_t>(2, std::min({cells / (run * C), n / run, run}));
    std::vector<size_t> begin;
    for (size_t i = 0; i < places; i++) begin.push_back((n - run) / (places - 1) * i);
    std::vector<Usual> columns;
    for (const Column& c : table.columns) columns.emplace_back(c, begin, run);
    Guesses along, across, plane;
    size_t smooth = 0;  // columns that are good along
    for (size_t c = 0; c < C; c++) {
        Guesses down;
        const Usual &here = columns[c], &left = columns[c ? c - 1 : 1], &right = columns[c + 1 < C ? c + 1 : c - 1];
        const int64_t *k = here.column.k.data(), *l = left.column.k.data(), *r = right.column.k.data();
        for (size_t b : begin)
            for (size_t i = b + 1; i + 1 < b + run; i++) {
                if (!here.tells(i)) continue;
                const auto x = static_cast<double>(k[i]), before = static_cast<double>(k[i - 1]);
                const auto beside = static_cast<double>(l[i]);
                const double alone = size_of(x - here.middle);
                const bool first = here.tells(i - 1), side = left.tells(i);
                // what repeats from row to row is for the coder of tables to find
                if (first && here.tells(i + 1) && k[i] != k[i - 1] && k[i] != k[i + 1])
                    down.add(x - (before + static_cast<double>(k[i + 1])) / 2, alone);
                if (side && right.tells(i)) across.add(x - (beside + static_cast<double>(r[i])) / 2, alone);
                if (first && side && left.tells(i - 1)) plane.add(x - before - beside + static_cast<double>(l[i - 1]), alone);
            }
        smooth += down.good();
        along.add(down);
    }
    if (along.n < enough || across.n < enough) return true;
    // the columns of a grid are alike
    return (along.good() && 3 * smooth >= 2 * C) || across.good() || plane.good();
}

}  // namespace

bool builtin_could_win(const Model& model, const Table& table, size_t size) {
    const double simple = simple_bits(table, kSimpleRows) / 8 * static_cast<double>(table.rows);
    if (static_cast<double>(size) < kBelowSimple * simple) return false;
    const size_t rows = std::max(kFewRows, std::min(kManyRows, table.rows / 8)) / 2 * 2;
    if (table.shape.size() != 2 || table.rows < 4 * rows) return true;
    const Table sample = pieces(table, rows);
    ByteWriter builtin, trained;
    builtin_encode(sample, builtin);
    model_encode(model, sample, nullptr, trained);
    // tables of the built-in coder shrink the piece's lead to the model's over the whole chunk by 2 to 5 %
    return static_cast<double>(builtin.bytes.size()) * kTablesInPiece < static_cast<double>(trained.bytes.size());
}

Prospects prospects(const baler_array& array, const void* native, const Lattice& lattice, const Table& whole) {
    if (array.ndim == 0) return {};
    if (whole.columns.size() > 1 && !could_be_grid(whole)) return {true, false};
    if (value_count(array) < 4 * kSlab) return {};
    const auto* data = static_cast<const uint8_t*>(native);
    const baler_array slab = middle_slab(array, data);
    const Layout layout(slab), flat = Layout::flat(slab);
    std::vector<ColumnExceptions> exceptions;
    ByteWriter coded;
    Table table = split(layout, std::vector<Lattice>(layout.columns, lattice), slab.itemsize, data, &exceptions);
    write_exceptions(exceptions, slab.itemsize, coded);
    builtin_encode(table, coded);
    if (layout.columns > 1) {
        exceptions.clear();
        table = split(flat, {lattice}, slab.itemsize, data, &exceptions);
    }
    const GridChunk chunk{dtype_of(slab), flat.shape, &lattice, data, 0};
    const double a = static_cast<double>(coded.bytes.size()) * kTablesInPiece;
    const double b = grid_estimate(chunk, Layout::flat(array).shape, table.columns[0].k, exceptions[0], a);
    // the coder of tables takes much memory for small items: then it has to be better, not only nearly as good
    const bool heavy = slab.itemsize == 1 && value_count(array) > (1u << 20);
    const bool unclear = a < kFewBytesOfSlab && !heavy;
    return {unclear || a < b * (heavy ? 0.95 : kWorseThanGrid), unclear || b < a * kClearlyWorse};
}

bool bytes_could_win(const uint8_t* data, size_t size, uint32_t itemsize, size_t best) {
    const size_t length = piece_size(size, itemsize);
    if (size < 4 * length || length == 0) return true;
    double once;
    if (piece_could_win(data + (size - length) / 2 / itemsize * itemsize, length, size, itemsize, best, once)) return true;
    // what repeats over longer distances than the piece is long
    const double share = repeated(data, size, itemsize);
    return 1 - share < once && matches_are_long(data, size, itemsize, share, best);
}

bool bytes_could_win(const Layout& layout, const Table& table, const std::vector<ColumnExceptions>& exceptions,
                     uint32_t itemsize, size_t best) {
    const size_t row = layout.columns * itemsize, size = table.rows * row, rows = piece_size(size, row) / row;
    if (table.rows < 4 * rows || rows == 0) return true;
    std::vector<uint8_t> piece(rows * row);
    join_rows(layout, table, exceptions, itemsize, (table.rows - rows) / 2, rows, piece.data());
    double once;
    if (piece_could_win(piece.data(), piece.size(), size, itemsize, best, once)) return true;
    return 1 - repeated_rows(table) < once;
}

}  // namespace baler
