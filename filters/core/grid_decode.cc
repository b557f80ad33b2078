#include <algorithm>

#include "grid_cell_decoder.h"
#include "grid_coder.h"
#include "grid_turn.h"
#include "scalar.h"

namespace baler {
namespace {

using namespace grid;

[[noreturn]] void damaged(const char* why) { fail(BALER_ERR_CORRUPT, "grid payload is damaged: %s", why); }

void put_item(void* out, size_t i, uint64_t bits, uint32_t itemsize) {
    auto* p = static_cast<uint8_t*>(out) + i * itemsize;
    switch (itemsize) {
        case 1: *p = static_cast<uint8_t>(bits); break;
        case 2: { const auto v = static_cast<uint16_t>(bits); std::memcpy(p, &v, 2); break; }
        case 4: { const auto v = static_cast<uint32_t>(bits); std::memcpy(p, &v, 4); break; }
        default: std::memcpy(p, &bits, 8);
    }
}

// The value of an index, as put_item() wants it.
uint64_t item_of(const GridChunk& chunk, int64_t k) {
    uint64_t item = 0;
    with_dtype(chunk.dtype.kind, chunk.dtype.size, [&](auto zero) {
        chunk.lattice->restore(&k, 1, &zero, 1);
        if constexpr (sizeof zero == 1) { uint8_t x; std::memcpy(&x, &zero, 1); item = x; }
        else if constexpr (sizeof zero == 2) { uint16_t x; std::memcpy(&x, &zero, 2); item = x; }
        else if constexpr (sizeof zero == 4) { uint32_t x; std::memcpy(&x, &zero, 4); item = x; }
        else std::memcpy(&item, &zero, 8);
        return 0;
    });
    return item;
}

// The values of all cells but those of classes.
void put_values(const GridChunk& chunk, const Units& units, const Classes& classes, const int32_t* u, size_t n, void* out) {
    if (units.kind == Units::direct) {
        with_dtype(chunk.dtype.kind, chunk.dtype.size, [&](auto zero) {
            using T = decltype(zero);
            T* x = static_cast<T*>(out);
            for (size_t i = 0; i < n; i++) x[i] = nearest_value<T>(units.offset + units.quantum * u[i]);
            return 0;
        });
        return;
    }
    int64_t k[1024];
    for (size_t begin = 0; begin < n; begin += 1024) {
        const size_t some = std::min<size_t>(1024, n - begin);
        from_units(units, *chunk.lattice, classes, u + begin, begin, some, k);
        chunk.lattice->restore(k, some, static_cast<uint8_t*>(out) + begin * chunk.dtype.size, 1);
    }
}

// Cells of the classes, whose values do not come from u.
uint64_t put_classes(const GridChunk& chunk, const Classes& classes, void* out) {
    const uint32_t itemsize = chunk.dtype.size;
    std::vector<uint64_t> items;  // of the classes of one value
    for (const CellClass& c : classes.list) {
        items.push_back(c.bits);
        if (c.type == CellClass::index) items.back() = item_of(chunk, c.k);
    }
    uint64_t exact = 0;
    size_t literal = 0, far = 0;
    const size_t n = classes.of.size();
    for (size_t i = 0; i < n; i++) {
        if (!classes.of[i]) continue;
        const size_t j = classes.of[i] - size_t(1);
        switch (classes.list[j].type) {
            case CellClass::far: put_item(out, i, item_of(chunk, classes.far[far++]), itemsize); break;
            case CellClass::literal: put_item(out, i, classes.literals[literal++], itemsize); exact++; break;
            case CellClass::item: exact++; [[fallthrough]];
            default: put_item(out, i, items[j], itemsize);
        }
    }
    return exact;
}

}  // namespace

void grid_decode(const GridChunk& chunk, bool stable, uint64_t n_exceptions, ByteReader& in, void* out) {
    ByteReader side_bytes = in.sub(in.varint(), "grid payload");
    const size_t n_side = side_bytes.left();
    SideReader side(side_bytes.raw(n_side), n_side);
    const Extents extents(chunk.shape);
    const size_t n = extents.cells();
    builtin::Number scans, turns, finenesses, ranges, lane_counts;
    builtin::Bit closed_bit, net_bit;
    uint8_t scan = 0, closed = 0, net = 0;
    int fineness = 0, by = 0;
    builtin::field(side, scans, scan, kScans - 1);
    if (can_turn(extents)) builtin::field(side, turns, by, kTurns - 1);
    const Extents grid_extents = turned(extents, by);
    if (!Order::possible(static_cast<Scan>(scan), grid_extents)) damaged("its scan is not for this shape");
    side.bit(closed_bit, closed);
    if (closed) builtin::field(side, finenesses, fineness, 10);
    if (closed && fineness < 4) damaged("its steps are too coarse");
    if ((closed != 0) == stable) damaged("its payload and its stable flag disagree");
    Classes classes = read_classes(side, extents, chunk.dtype.size);
    check_classes(classes, *chunk.lattice);
    const Units units = read_units(side, closed != 0, n);
    int64_t low = 0, high = 0;
    builtin::signed_field(side, ranges, low);
    builtin::signed_field(side, ranges, high);
    if (low > high || low < -kMostUnits || high > kMostUnits) damaged("its range is impossible");
    const auto coded = static_cast<size_t>(classes.of.empty() ? n : static_cast<size_t>(std::count(classes.of.begin(), classes.of.end(), 0)));

    ByteReader symbols = in.sub(in.varint(), "grid payload's symbols");
    size_t n_symbols = symbols.left();
    const uint8_t* stream = symbols.raw(n_symbols);
    ByteReader bits = in.sub(in.varint(), "grid payload's bits");
    const size_t n_bits = bits.left();
    const auto restore = [&](const int32_t* u) { put_values(chunk, units, classes, u, n, out); };
    if (low < high && coded) {
        side.bit(net_bit, net);
        if (net && (!chunk.net || scan != 0 || by || closed || !GridNet::fits(*chunk.net, extents)))
            damaged("it wants a network that its model has not");
        const Order order(static_cast<Scan>(scan), grid_extents);
        Params params(order);
        params.closed = closed != 0;
        params.net = net != 0;
        params.fineness = fineness;
        params.low = static_cast<int32_t>(low);
        params.high = static_cast<int32_t>(high);
        read_params(side, order, params);
        int lane_bits = 0;
        builtin::field(side, lane_counts, lane_bits, kMostLaneBits);
        side.finish();
        const int lanes = 1 << lane_bits;
        std::vector<uint8_t> idle;
        if (n_symbols == 0) {
            for (int l = 0; l < lanes; l++) idle.insert(idle.end(), {0, 0, 1, 0});
            stream = idle.data();
            n_symbols = idle.size();
        }
        Classes in_order;
        if (by) in_order.of = turn(classes.of, extents, by);
        const std::vector<uint8_t>& of = by ? in_order.of : classes.of;
        CellDecoder decoder(order, params, of.empty() ? nullptr : of.data(), chunk.net, lanes, {stream, n_symbols},
                            {bits.raw(n_bits), n_bits});
        const int32_t* cells = decoder.run();
        if (by) {
            std::vector<int32_t> back(n);
            each_turned(extents, by, [&](size_t memory, size_t grid) { back[memory] = cells[grid]; });
            restore(back.data());
        } else {
            restore(cells);
        }
    } else {
        side.finish();
        if (n_symbols || n_bits) damaged("symbols that nobody asked for");
        restore(std::vector<int32_t>(n, static_cast<int32_t>(low)).data());
    }
    if (put_classes(chunk, classes, out) != n_exceptions) damaged("the number of exceptions is not the header's");
}

}  // namespace baler
