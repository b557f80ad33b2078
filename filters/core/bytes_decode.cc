#include <algorithm>
#include <cstring>

#include "bytes_format.h"
#include "coders.h"

namespace baler {

namespace {

using namespace lz;

[[noreturn]] void damaged(const char* why) { fail(BALER_ERR_CORRUPT, "coded bytes are damaged: %s", why); }

std::vector<uint8_t> read_codes(RansDecoder& coder, const std::vector<FrequencyTable>& tables, size_t n) {
    std::vector<uint8_t> codes(n);
    if (n == 0) return codes;
    const builtin::TableLookup lookup(tables);
    int lane = 0;
    for (uint8_t& c : codes) {
        c = lookup.read(coder, lane, 0);
        if (++lane == coder.lanes()) lane = 0;
    }
    return codes;
}

// Literals in a run of their own; count[s] of them belong to segment s.
std::vector<uint8_t> read_literals(RansDecoder& coder, const Layout& layout, const std::vector<size_t>& count,
                                   size_t n) {
    std::vector<uint8_t> literals(n);
    if (n == 0) return literals;
    const builtin::TableLookup lookup(layout.literals);
    int lane = 0;
    uint8_t last = 0;
    size_t at = 0;
    for (size_t s = 0; s < count.size(); s++) {
        lookup.read_chain(coder, &layout.map[s * kPrevious], count[s], lane, last, literals.data() + at);
        at += count[s];
    }
    return literals;
}

// Where the pieces of a chunk come from, proved to fit.
struct Walk {
    std::vector<Sequence> sequences;
    std::vector<size_t> literals_in;  // by segment
    size_t last = 0;                  // literals behind the last match
};

Walk walk(const std::vector<uint8_t>& runs, const std::vector<uint8_t>& lengths, const std::vector<uint8_t>& offsets,
          BitReader& bits, size_t size, size_t segment, size_t n_literals) {
    Walk w;
    w.sequences.resize(runs.size());
    w.literals_in.resize((size + segment - 1) / segment);
    Repeats repeats;
    size_t at = 0, literals = 0;
    const auto take = [&](size_t n) {
        literals += n;
        for (const size_t end = at + n; at < end;) {
            const size_t stop = std::min(end, (at / segment + 1) * segment);
            w.literals_in[at / segment] += stop - at;
            at = stop;
        }
    };
    for (size_t i = 0; i < runs.size(); i++) {
        Sequence& s = w.sequences[i];
        s.literals = bucket_start(runs[i]) + bits.get(bucket_bits(runs[i]));
        s.length = bucket_start(lengths[i]) + bits.get(bucket_bits(lengths[i])) + kShortest;
        if (offsets[i] < kRepeats) {
            s.offset = repeats.offset[offsets[i]];
        } else {
            const uint32_t code = offsets[i] - static_cast<uint32_t>(kRepeats);
            s.offset = bucket_start(code) + bits.get(bucket_bits(code)) + 1;
        }
        if (s.literals > n_literals - literals || s.literals > size - at) damaged("more literals than there are");
        take(static_cast<size_t>(s.literals));
        if (s.length > size - at) damaged("a match beyond the end");
        if (s.offset > at) damaged("a match from before the start");
        at += static_cast<size_t>(s.length);
        repeats.use(s.offset);
    }
    w.last = size - at;
    if (w.last != n_literals - literals) damaged("literals do not fill the rest");
    take(w.last);
    return w;
}

void copy_match(uint8_t* to, size_t offset, size_t length) {
    const uint8_t* from = to - offset;
    if (offset >= length) {
        std::memcpy(to, from, length);
    } else if (offset == 1) {
        std::memset(to, *from, length);
    } else {
        for (size_t i = 0; i < length; i++) to[i] = from[i];
    }
}

}  // namespace

void bytes_decode(ByteReader& in, uint8_t* data, size_t size, uint32_t itemsize) {
    const uint8_t method = in.u8();
    if (method == kPlain) {
        if (size) std::memcpy(data, in.raw(size), size);
        return;
    }
    if (method != kSequences) in.damaged("unknown method");
    const uint64_t width = in.varint(), segment = in.varint(), n_sequences = in.varint(), n_literals = in.varint();
    if (width != 1 && width != itemsize) in.damaged("planes of another item size");
    if (size == 0 || segment == 0 || (size - 1) / segment >= kMaxSegments) in.damaged("segments");
    if (n_sequences > size / kShortest || n_literals > size) in.damaged("more pieces than bytes");
    const size_t step = static_cast<size_t>(std::min<uint64_t>(segment, size));

    ByteReader side_bytes = in.sub(in.varint(), "coded bytes");
    const size_t n_side = side_bytes.left();
    builtin::SideReader side(side_bytes.raw(n_side), n_side);
    Layout layout;
    code_layout(side, layout, (size + step - 1) / step, n_literals > 0, n_sequences > 0);
    side.finish();

    ByteReader symbols = in.sub(in.varint(), "coded bytes");
    size_t n_symbols = symbols.left();
    const uint8_t* stream = symbols.raw(n_symbols);
    const int lanes = lanes_for(size);
    const std::vector<uint8_t> idle = idle_stream(lanes);
    if (n_symbols == 0) {
        stream = idle.data();
        n_symbols = idle.size();
    }
    RansDecoder coder(stream, n_symbols, lanes);
    ByteReader plain = in.sub(in.varint(), "coded bytes");
    const size_t n_plain = plain.left();
    BitReader bits(plain.raw(n_plain), n_plain);

    const auto pieces = static_cast<size_t>(n_sequences);
    const std::vector<uint8_t> runs = read_codes(coder, layout.runs, pieces);
    const std::vector<uint8_t> lengths = read_codes(coder, layout.lengths, pieces);
    const std::vector<uint8_t> offsets = read_codes(coder, layout.offsets, pieces);
    const Walk w = walk(runs, lengths, offsets, bits, size, step, static_cast<size_t>(n_literals));
    bits.finish();
    const std::vector<uint8_t> literals = read_literals(coder, layout, w.literals_in, static_cast<size_t>(n_literals));
    coder.finish();

    std::vector<uint8_t> planes(width > 1 ? size : 0);
    uint8_t* to = width > 1 ? planes.data() : data;
    const uint8_t* from = literals.data();
    for (const Sequence& s : w.sequences) {
        std::copy_n(from, s.literals, to);
        from += s.literals;
        to += s.literals;
        copy_match(to, static_cast<size_t>(s.offset), static_cast<size_t>(s.length));
        to += s.length;
    }
    std::copy_n(from, w.last, to);
    if (width > 1) from_planes(planes.data(), size, static_cast<size_t>(width), data);
}

}  // namespace baler
