#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "builtin_encoder.h"
#include "bytes_format.h"
#include "bytes_match.h"
#include "coders.h"

namespace baler {

namespace {

using namespace lz;

constexpr size_t kProbe = size_t(1) << 17, kLeast = 32;

FrequencyTable table_of(const std::vector<uint8_t>& codes, size_t tokens) {
    std::vector<uint32_t> counts(tokens);
    for (uint8_t c : codes) counts[c]++;
    return builtin::measured_table(counts.data(), tokens);
}

// Coded with one choice of planes; false when it is not worth it.
bool encode_planes(const uint8_t* data, size_t n, size_t width, std::vector<uint8_t>& out) {
    std::vector<uint8_t> planes;
    if (width > 1) {
        planes.resize(n);
        to_planes(data, n, width, planes.data());
        data = planes.data();
    }
    size_t segment = width > 1 && width <= kMaxSegments && n / width > 0 ? n / width : std::max<size_t>(65536, n / 32);
    segment = std::max(segment, n / (kMaxSegments - 1) + 1);
    const size_t segments = (n + segment - 1) / segment;
    const std::vector<Sequence> sequences = find_matches(data, n, segment);

    std::vector<uint8_t> literals, runs, lengths, offsets;
    std::vector<size_t> literals_in(segments);
    BitWriter plain;
    Repeats repeats;
    size_t at = 0;
    const auto take = [&](size_t count) {
        literals.insert(literals.end(), data + at, data + at + count);
        for (size_t end = at + count; at < end;) {
            const size_t stop = std::min(end, (at / segment + 1) * segment);
            literals_in[at / segment] += stop - at;
            at = stop;
        }
    };
    for (const Sequence& s : sequences) {
        take(static_cast<size_t>(s.literals));
        const Bucket run = bucket(s.literals), length = bucket(s.length - kShortest);
        runs.push_back(static_cast<uint8_t>(run.code));
        lengths.push_back(static_cast<uint8_t>(length.code));
        plain.put(run.rest, run.bits);
        plain.put(length.rest, length.bits);
        const auto known = std::find(repeats.offset, repeats.offset + kRepeats, s.offset) - repeats.offset;
        if (known < static_cast<std::ptrdiff_t>(kRepeats)) {
            offsets.push_back(static_cast<uint8_t>(known));
        } else {
            const Bucket b = bucket(s.offset - 1);
            offsets.push_back(static_cast<uint8_t>(b.code + kRepeats));
            plain.put(b.rest, b.bits);
        }
        repeats.use(s.offset);
        at += static_cast<size_t>(s.length);
    }
    take(n - at);

    Layout layout;
    if (!sequences.empty()) {
        layout.runs.push_back(table_of(runs, kCodes));
        layout.lengths.push_back(table_of(lengths, kCodes));
        layout.offsets.push_back(table_of(offsets, kCodes + kRepeats));
    }
    if (!literals.empty()) {
        const size_t cells = segments * kPrevious;
        std::vector<uint32_t> counts(cells * 256);
        uint8_t last = 0;
        size_t i = 0;
        for (size_t s = 0; s < segments; s++)
            for (size_t end = i + literals_in[s]; i < end; i++) {
                counts[((s * kPrevious) + (last >> 4)) * 256 + literals[i]]++;
                last = literals[i];
            }
        size_t tables = 0;
        layout.map = builtin::join_cells(counts, cells, 256, kPrevious, kMaxTables, 1, tables);
        std::vector<uint32_t> joined(tables * 256);
        for (size_t c = 0; c < cells; c++)
            for (size_t b = 0; b < 256; b++) joined[layout.map[c] * 256 + b] += counts[c * 256 + b];
        for (size_t t = 0; t < tables; t++) layout.literals.push_back(builtin::measured_table(&joined[t * 256], 256));
    }

    RansEncoder coder(lanes_for(n));
    bool any = false;
    const auto put = [&](const FrequencyTable& t, uint8_t symbol, uint32_t* to) {
        *to = t.packed(symbol);
        any |= *to != RansEncoder::pack(0, kScale);
    };
    for (const auto& [codes, table] : {std::make_pair(&runs, &layout.runs), std::make_pair(&lengths, &layout.lengths),
                                       std::make_pair(&offsets, &layout.offsets)}) {
        coder.begin_run();
        uint32_t* to = coder.append(codes->size());
        for (uint8_t c : *codes) put((*table)[0], c, to++);
    }
    coder.begin_run();
    uint32_t* to = coder.append(literals.size());
    uint8_t last = 0;
    size_t i = 0;
    for (size_t s = 0; s < segments; s++)
        for (size_t end = i + literals_in[s]; i < end; i++) {
            put(layout.literals[layout.map[s * kPrevious + (last >> 4)]], literals[i], to++);
            last = literals[i];
        }
    builtin::SideWriter side_writer;
    code_layout(side_writer, layout, segments, !literals.empty(), !sequences.empty());
    const std::vector<uint8_t> side = side_writer.finish(), bits = plain.finish();
    std::vector<uint8_t> stream;
    if (any) coder.finish(stream);
    ByteWriter w;
    w.u8(kSequences);
    w.varint(width);
    w.varint(segment);
    w.varint(sequences.size());
    w.varint(literals.size());
    for (const std::vector<uint8_t>* part : std::initializer_list<const std::vector<uint8_t>*>{&side, &stream, &bits}) {
        w.varint(part->size());
        w.raw(part->data(), part->size());
    }
    out = std::move(w.bytes);
    return out.size() < n + 1;
}

}  // namespace

void bytes_encode(const uint8_t* data, size_t size, uint32_t itemsize, ByteWriter& out) {
    std::vector<uint8_t> coded, other;
    const auto keep_plain = [&] {
        out.u8(kPlain);
        out.raw(data, size);
    };
    if (size < kLeast) return keep_plain();
    // A piece out of the middle shows whether planes help, and whether anything does.
    const size_t items = std::max<size_t>(size / itemsize, 1);
    size_t width = itemsize;
    if (itemsize > 1 || size > 4 * kProbe) {
        const size_t length = std::min(size, kProbe) / itemsize * itemsize;
        const uint8_t* middle = data + (size / itemsize > 0 ? (items - length / itemsize) / 2 * itemsize : 0);
        encode_planes(middle, length ? length : size, 1, coded);
        size_t least = coded.size();
        width = 1;
        if (itemsize > 1 && length > 0) {
            encode_planes(middle, length, itemsize, other);
            if (other.size() < least) {
                width = itemsize;
                coded.swap(other);
            }
            least = coded.size();
        }
        if (length == size) {
            if (least >= size + 1) return keep_plain();
            return out.raw(coded.data(), coded.size());
        }
        if (length > 65536 && least > length - length / 256) return keep_plain();
    }
    if (!encode_planes(data, size, width, coded)) return keep_plain();
    out.raw(coded.data(), coded.size());
}

}  // namespace baler
