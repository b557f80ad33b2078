// Records: chunks whose items are numbers and other bytes at fixed places. docs/format.md, section 13.
#pragma once

#include <cstdint>
#include <vector>

#include "bytes.h"
#include "lattice.h"

namespace baler {

constexpr uint32_t kMaxFields = 1024, kMaxRecordColumns = 1024;
constexpr uint32_t kMaxElements = 16;  // of a field whose elements are columns of the record table

struct Field {
    uint32_t offset = 0;
    DType dtype{'V', 1};            // of one item; kind V: of the whole field
    bool big_endian = false;
    std::vector<uint32_t> extents;  // empty: one item
    uint32_t elements = 1;          // product of the extents
    Bound bound;

    bool number() const { return dtype.kind != 'V'; }
    bool wide() const { return elements > kMaxElements; }
    uint32_t bytes() const { return dtype.size * elements; }
    uint32_t end() const { return offset + bytes(); }
};

struct Record {
    uint32_t itemsize = 0;
    std::vector<Field> fields;  // by place, without overlap

    // Places of what is no number: gaps and fields of kind V, in their order.
    struct Piece {
        uint32_t offset, size;
    };
    std::vector<Piece> pieces() const;
    size_t columns() const;  // of the record table
};

// with_bounds: in frames; in models the bounds have a section of their own.
Record read_fields(ByteReader& in, uint32_t itemsize, bool with_bounds);
void write_fields(const Record& record, bool with_bounds, ByteWriter& out);

// The payload of mode 6. Returns the number of exceptions; `image` is what decoding gives back.
uint64_t record_encode(const Record& record, const uint8_t* records, size_t n, std::vector<uint8_t>& image,
                       ByteWriter& out);
uint64_t record_decode(ByteReader& in, uint32_t itemsize, size_t n, uint8_t* records);

}  // namespace baler
