#include "record.h"

#include <cmath>

namespace baler {
namespace {

constexpr char kKinds[] = {'f', 'i', 'u', 'V'};
constexpr uint8_t kVoid = 3, kBigEndian = 1 << 4, kExtents = 1 << 5;
constexpr int kSizeShift = 2, kBoundShift = 6;
constexpr uint8_t kSameBound = 3;
constexpr size_t kMaxAxes = 8;

Field read_field(ByteReader& in, uint32_t begin, uint32_t itemsize, bool with_bounds, Bound& last) {
    Field f;
    const uint64_t gap = in.varint();
    if (gap >= itemsize - begin) in.damaged("a field begins behind the record");
    f.offset = begin + static_cast<uint32_t>(gap);
    uint32_t room = itemsize - f.offset;
    const uint8_t type = in.u8();
    f.dtype.kind = kKinds[type & 3];
    if (!f.number()) {
        if (type != kVoid) in.damaged("a field of bytes has the marks of numbers");
        const uint64_t size = in.varint();
        if (size == 0 || size > room) in.damaged("a field ends behind the record");
        f.dtype.size = static_cast<uint32_t>(size);
        return f;
    }
    f.dtype.size = 1u << (type >> kSizeShift & 3);
    f.big_endian = (type & kBigEndian) != 0;
    if (f.dtype.size == 1 && (f.big_endian || f.dtype.kind == 'f')) in.damaged("a field of an impossible type");
    room /= f.dtype.size;
    if (room == 0) in.damaged("a field ends behind the record");
    if (type & kExtents) {
        const size_t axes = in.u8();
        if (axes < 1 || axes > kMaxAxes) in.damaged("a field with an impossible number of axes");
        for (size_t a = 0; a < axes; a++) {
            const uint64_t extent = in.varint();
            if (extent == 0 || extent > room) in.damaged("a field ends behind the record");
            f.extents.push_back(static_cast<uint32_t>(extent));
            f.elements *= f.extents.back();
            room /= f.extents.back();
        }
    }
    f.bound.kind = type >> kBoundShift;
    if (!with_bounds && f.bound.kind) in.damaged("a field's bound is in the wrong place");
    if (f.bound.kind == kSameBound) {
        if (last.kind == BALER_BOUND_EXACT) in.damaged("a field repeats a bound that there is not");
        f.bound = last;
    } else if (f.bound.kind != BALER_BOUND_EXACT) {
        f.bound.value = in.f64();
        if (!(f.bound.value > 0 && std::isfinite(f.bound.value)) ||
            (f.bound.kind == BALER_BOUND_PW_REL && f.bound.value >= 1))
            in.damaged("a field's bound is not a possible one");
        last = f.bound;
    }
    return f;
}

}  // namespace

std::vector<Record::Piece> Record::pieces() const {
    std::vector<Piece> found;
    uint32_t end = 0;
    for (const Field& f : fields) {
        if (f.offset > end) found.push_back({end, f.offset - end});
        if (!f.number()) found.push_back({f.offset, f.dtype.size});
        end = f.end();
    }
    if (end < itemsize) found.push_back({end, itemsize - end});
    return found;
}

size_t Record::columns() const {
    size_t n = 0;
    for (const Field& f : fields)
        if (f.number() && !f.wide()) n += f.elements;
    return n;
}

Record read_fields(ByteReader& in, uint32_t itemsize, bool with_bounds) {
    Record record;
    record.itemsize = itemsize;
    const uint64_t n = in.varint();
    if (n < 1 || n > kMaxFields) in.damaged("an impossible number of fields");
    Bound last;
    uint32_t end = 0;
    for (uint64_t i = 0; i < n; i++) {
        record.fields.push_back(read_field(in, end, itemsize, with_bounds, last));
        end = record.fields.back().end();
    }
    if (record.columns() > kMaxRecordColumns) in.damaged("a record of too many columns");
    return record;
}

void write_fields(const Record& record, bool with_bounds, ByteWriter& out) {
    out.varint(record.fields.size());
    Bound last;
    uint32_t end = 0;
    for (const Field& f : record.fields) {
        out.varint(f.offset - end);
        end = f.end();
        if (!f.number()) {
            out.u8(kVoid);
            out.varint(f.dtype.size);
            continue;
        }
        uint8_t type = f.dtype.kind == 'f' ? 0 : f.dtype.kind == 'i' ? 1 : 2;
        for (int log = 1; log < 4; log++)
            if (f.dtype.size == 1u << log) type = static_cast<uint8_t>(type | log << kSizeShift);
        if (f.big_endian) type |= kBigEndian;
        if (!f.extents.empty()) type |= kExtents;
        const bool bounded = with_bounds && f.bound.kind != BALER_BOUND_EXACT;
        const bool same = bounded && f.bound.kind == last.kind && f.bound.value == last.value;
        if (bounded) type = static_cast<uint8_t>(type | (same ? kSameBound : f.bound.kind) << kBoundShift);
        out.u8(type);
        if (!f.extents.empty()) out.u8(static_cast<uint8_t>(f.extents.size()));
        for (uint32_t extent : f.extents) out.varint(extent);
        if (bounded && !same) out.f64(f.bound.value);
        if (bounded) last = f.bound;
    }
}

}  // namespace baler
