#include <algorithm>
#include <cmath>

#include "grid_choose.h"
#include "grid_coder.h"
#include "scalar.h"
#include "spare_memory.h"
#include "spare_rows.h"

namespace baler {
namespace {

using namespace grid;

constexpr int kFineness = 7, kLeastFineness = 4;
constexpr double kLookCloser[2] = {0.5, 1.7};  // another coder's bytes to a hasty estimate

// Units of a closed loop: steps of the bound divided by 2^fineness + 1, so that the nearest of them and half a step of
// the loop stay inside the bound, and half a unit of the dtype's last place beside it.
struct Loop {
    Units units;
    int fineness = 0;
    std::vector<int32_t> u;
};

bool find_loop(const GridChunk& chunk, const Classes& classes, size_t n, Loop& loop) {
    if (!(chunk.tolerance > 0)) return false;
    const uint8_t* of = classes.of.empty() ? nullptr : classes.of.data();
    return with_dtype(chunk.dtype.kind, chunk.dtype.size, [&](auto zero) {
        using T = decltype(zero);
        const T* x = static_cast<const T*>(chunk.values);
        const auto number = [&](size_t i) {
            if constexpr (is_float<T>) return to_double(x[i]);
            else return static_cast<double>(x[i]);
        };
        double low = HUGE_VAL, high = -HUGE_VAL;
        for (size_t i = 0; i < n; i++) {
            if (of && of[i]) continue;
            low = std::min(low, number(i));
            high = std::max(high, number(i));
        }
        if (!(low < high)) return false;
        const double largest = std::max(std::fabs(low), std::fabs(high));
        // what the cast may add; whole numbers are rounded to the nearest, so that half of one more is free
        double half = std::floor(chunk.tolerance) - chunk.tolerance - 0.5;
        if constexpr (is_float<T>) {
            int e = 0;
            std::frexp(largest, &e);
            half = std::ldexp(1.0, std::max(e - 1, Float<T>::emin) - Float<T>::p - 1);
        }
        const double inside = (chunk.tolerance - half) * (1 - 0x1p-20);
        if (!(inside > chunk.tolerance * 0.75)) return false;
        for (loop.fineness = kFineness; loop.fineness >= kLeastFineness; loop.fineness--) {
            loop.units.quantum = 2 * inside / ((1 << loop.fineness) + 1);
            if ((high - low) / loop.units.quantum < 0.9 * kMostUnits) break;
        }
        if (!(high - low > loop.units.quantum)) return false;  // all the same in a loop's units: nothing to gain
        if (loop.fineness < kLeastFineness || !(loop.units.quantum > largest * 0x1p-48)) return false;
        loop.units.kind = Units::direct;
        loop.units.offset = low;
        loop.u.resize(n);
        for (size_t i = 0; i < n; i++)
            loop.u[i] = of && of[i] ? 0 : static_cast<int32_t>(std::lrint((number(i) - low) / loop.units.quantum));
        return true;
    });
}

// Every value of a closed loop is looked at again, as the decoder will give it.
bool keeps_bound(const GridChunk& chunk, const Classes& classes, const Units& units, const std::vector<int32_t>& u) {
    return with_dtype(chunk.dtype.kind, chunk.dtype.size, [&](auto zero) {
        using T = decltype(zero);
        const T* x = static_cast<const T*>(chunk.values);
        for (size_t i = 0; i < u.size(); i++) {
            if (!classes.of.empty() && classes.of[i]) continue;
            const T y = nearest_value<T>(units.offset + units.quantum * u[i]);
            double off;
            if constexpr (is_float<T>) off = to_double(y) - to_double(x[i]);
            else off = x[i] > y ? static_cast<double>(static_cast<uint64_t>(x[i]) - static_cast<uint64_t>(y))
                                : static_cast<double>(static_cast<uint64_t>(y) - static_cast<uint64_t>(x[i]));
            if (!(std::fabs(off) <= chunk.tolerance)) return false;
        }
        return true;
    });
}

uint64_t exact_cells(const Classes& classes) {
    uint64_t n = 0;
    for (uint8_t c : classes.of)
        n += c && (classes.list[c - 1u].type == CellClass::item || classes.list[c - 1u].type == CellClass::literal);
    return n;
}

void put_part(ByteWriter& out, const std::vector<uint8_t>& part) {
    out.varint(part.size());
    out.raw(part.data(), part.size());
}

}  // namespace

double grid_estimate(const GridChunk& chunk, const std::vector<uint64_t>& whole, const std::vector<int64_t>& k,
                     const ColumnExceptions& exceptions, double other) {
    const Extents extents(chunk.shape), all(whole);
    const Classes classes = find_classes(extents, k, exceptions);
    Units units;
    std::vector<int32_t> u;
    if (!find_units(*chunk.lattice, k, classes, units, u, &extents)) return HUGE_VAL;
    SideWriter about_classes, about_units;
    write_classes(about_classes, extents, chunk.dtype.size, classes);
    write_units(about_units, units);
    Subject subject;
    subject.extents = extents;
    subject.of = classes.of.empty() ? nullptr : classes.of.data();
    subject.open = &u;
    // parameters are paid once
    const double part = static_cast<double>(extents.cells()) / static_cast<double>(all.cells());
    const double fixed = 8 * static_cast<double>(about_classes.finish().size()) +
                         8 * static_cast<double>(about_units.finish().size()) * part;
    const auto bytes = [&](const Cost& c) { return (fixed + c.symbols + c.side * part) / 8; };
    const double hasty = bytes(hasty_raster(subject));
    return other > kLookCloser[0] * hasty && other < kLookCloser[1] * hasty ? bytes(rough_raster(subject, all)) : hasty;
}

bool grid_encode(const GridChunk& chunk, std::vector<int64_t>&& k, const ColumnExceptions& exceptions,
                 GridPayload& out) {
    const MemoryKept kept;
    const Extents extents(chunk.shape);
    const size_t n = extents.cells();
    Classes classes = find_classes(extents, k, exceptions);
    Units units;
    std::vector<int32_t> u;
    if (!find_units(*chunk.lattice, k, classes, units, u, &extents)) return false;
    give_rows(std::move(k));
    const uint8_t* of = classes.of.empty() ? nullptr : classes.of.data();

    Loop loop;
    const bool can_close = find_loop(chunk, classes, n, loop);
    Subject subject;
    subject.extents = extents;
    subject.of = of;
    subject.open = &u;
    subject.closed = can_close ? &loop.u : nullptr;
    subject.fineness = loop.fineness;
    if (chunk.net && GridNet::fits(*chunk.net, extents)) subject.net = chunk.net;
    int32_t low = INT32_MAX, high = INT32_MIN;
    size_t coded = 0;
    for (size_t i = 0; i < n; i++) {
        if (of && of[i]) continue;
        coded++;
        low = std::min(low, u[i]);
        high = std::max(high, u[i]);
    }
    const bool trivial = coded == 0 || low == high;
    if (!coded) low = high = 0;

    for (int attempt = 0; attempt < 2; attempt++) {
        Chosen chosen;
        if (!trivial) chosen = choose(subject);
        Choice& choice = chosen.choice;
        out.close = chosen.close;
        SideWriter side;
        builtin::Number scans, turns, finenesses, ranges, lanes;
        builtin::Bit closed_bit, net_bit;
        auto scan = static_cast<uint8_t>(choice.scan);
        uint8_t closed = choice.closed, net = choice.net != nullptr;
        builtin::field(side, scans, scan, kScans - 1);
        if (can_turn(extents)) builtin::field(side, turns, choice.turn, kTurns - 1);
        side.bit(closed_bit, closed);
        if (closed) builtin::field(side, finenesses, choice.fineness, 10);
        write_classes(side, extents, chunk.dtype.size, classes);
        write_units(side, choice.closed ? loop.units : units);
        std::vector<uint8_t> symbols, plain;
        if (trivial) {
            int64_t l = low, h = high;
            builtin::signed_field(side, ranges, l);
            builtin::signed_field(side, ranges, h);
        } else {
            if (!chosen.encoder) {
                chosen.encoder = whole_encoder(subject, choice, std::move(choice.closed ? loop.u : u), chosen.of);
                chosen.encoder->fit();
            }
            // what was given away or copied is not needed any more
            std::vector<int32_t>().swap(loop.u);
            if (!choice.closed) std::vector<int32_t>().swap(u);
            Encoder& encoder = *chosen.encoder;
            encoder.release_truth();
            if (choice.closed && !keeps_bound(chunk, classes, loop.units, turn_back(std::vector<int32_t>(encoder.u()), extents, choice.turn))) {
                subject.closed = nullptr;  // not seen; the fixed lattice never fails
                continue;
            }
            int64_t l = encoder.params().low, h = encoder.params().high;
            builtin::signed_field(side, ranges, l);
            builtin::signed_field(side, ranges, h);
            side.bit(net_bit, net);
            write_params(side, encoder.order(), encoder.params());
            BitWriter bits;
            int lane_bits = 0;
            symbols = encoder.code(bits, lane_bits);
            builtin::field(side, lanes, lane_bits, kMostLaneBits);
            plain = bits.finish();
        }
        ByteWriter w;
        put_part(w, side.finish());
        put_part(w, symbols);
        put_part(w, plain);
        out.bytes = std::move(w.bytes);
        out.closed = choice.closed;
        out.net = net != 0;
        out.n_exceptions = exact_cells(classes);
        return true;
    }
    return false;
}

}  // namespace baler
