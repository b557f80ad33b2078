#include "exceptions.h"

#include <algorithm>

#include "entropy.h"

namespace baler {
namespace {

constexpr size_t kMaxDictionary = 254;

// Items that come up at least twice, the most frequent first, at most kMaxDictionary; ascending in the end.
std::vector<uint64_t> frequent(std::vector<uint64_t> items) {
    std::sort(items.begin(), items.end());
    std::vector<std::pair<uint64_t, uint64_t>> found;  // count, item
    for (size_t i = 0; i < items.size();) {
        size_t j = i;
        while (j < items.size() && items[j] == items[i]) j++;
        if (j - i > 1) found.emplace_back(j - i, items[i]);
        i = j;
    }
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
        return a.first != b.first ? a.first > b.first : a.second < b.second;
    });
    if (found.size() > kMaxDictionary) found.resize(kMaxDictionary);
    std::vector<uint64_t> dictionary;
    for (const auto& f : found) dictionary.push_back(f.second);
    std::sort(dictionary.begin(), dictionary.end());
    return dictionary;
}

void put_item(std::vector<uint8_t>& out, uint64_t item, uint32_t itemsize) {
    for (uint32_t i = 0; i < itemsize; i++) out.push_back(static_cast<uint8_t>(item >> (8 * i)));
}

uint64_t get_item(const uint8_t* p, uint32_t itemsize) {
    uint64_t v = 0;
    for (uint32_t i = 0; i < itemsize; i++) v |= static_cast<uint64_t>(p[i]) << (8 * i);
    return v;
}

}  // namespace

ColumnExceptions collect(const std::vector<uint64_t>& rows, const std::vector<uint64_t>& items) {
    ColumnExceptions c;
    c.dictionary = frequent(items);
    c.count = rows.size();
    uint64_t end = 0;
    for (size_t i = 0; i < rows.size(); i++) {
        auto at = std::lower_bound(c.dictionary.begin(), c.dictionary.end(), items[i]);
        uint8_t item = kLiteral;
        if (at != c.dictionary.end() && *at == items[i]) item = static_cast<uint8_t>(at - c.dictionary.begin());
        else c.literals.push_back(items[i]);
        if (!c.runs.empty() && rows[i] == end && c.runs.back().item == item) c.runs.back().length++;
        else c.runs.push_back({rows[i], 1, item});
        end = rows[i] + 1;
    }
    return c;
}

void write_exceptions(const std::vector<ColumnExceptions>& columns, uint32_t itemsize, ByteWriter& out) {
    write_exceptions(columns, std::vector<uint32_t>(columns.size(), itemsize), out);
}

std::vector<ColumnExceptions> read_exceptions(Table& table, uint32_t itemsize, ByteReader& in) {
    return read_exceptions(table, std::vector<uint32_t>(table.columns.size(), itemsize), in);
}

void write_exceptions(const std::vector<ColumnExceptions>& columns, const std::vector<uint32_t>& itemsizes,
                      ByteWriter& out) {
    uint64_t with = 0;
    for (const auto& c : columns) with += c.count > 0;
    out.varint(with);
    for (size_t i = 0; i < columns.size(); i++) {
        const ColumnExceptions& c = columns[i];
        if (!c.count) continue;
        const uint32_t itemsize = itemsizes[i];
        ByteWriter positions;
        std::vector<uint8_t> literals;
        uint64_t end = 0;
        for (const auto& r : c.runs) {
            positions.varint(r.begin - end);
            positions.varint(r.length - 1);
            positions.u8(r.item);
            end = r.begin + r.length;
        }
        for (uint64_t v : c.literals) put_item(literals, v, itemsize);
        out.varint(i);
        out.varint(c.runs.size());
        out.u8(static_cast<uint8_t>(c.dictionary.size()));
        for (uint64_t v : c.dictionary) put_item(out.bytes, v, itemsize);
        put_bytes(out, positions.bytes);
        put_bytes(out, literals);
    }
}

std::vector<ColumnExceptions> read_exceptions(Table& table, const std::vector<uint32_t>& itemsizes, ByteReader& in) {
    std::vector<ColumnExceptions> columns(table.columns.size());
    const uint64_t with = in.varint();
    if (with > columns.size()) in.damaged("exceptions in more columns than there are");
    uint64_t next = 0;
    for (uint64_t n = 0; n < with; n++) {
        const uint64_t index = in.varint();
        if (index < next || index >= columns.size()) in.damaged("the columns of the exceptions are out of order");
        next = index + 1;
        ColumnExceptions& c = columns[static_cast<size_t>(index)];
        Column& column = table.columns[static_cast<size_t>(index)];
        const uint32_t itemsize = itemsizes[static_cast<size_t>(index)];
        const uint64_t runs = in.varint();
        if (runs == 0 || runs > table.rows) in.damaged("an impossible number of exception runs");
        const size_t d = in.u8();
        if (d > kMaxDictionary) in.damaged("the dictionary of the exceptions is too large");
        for (size_t i = 0; i < d; i++) c.dictionary.push_back(get_item(in.raw(itemsize), itemsize));
        // a run's position takes at most 21 bytes, a literal itemsize bytes
        std::vector<uint8_t> positions = get_bytes(in, static_cast<size_t>(runs) * 21);
        std::vector<uint8_t> literals = get_bytes(in, table.rows * itemsize);
        ByteReader p(positions.data(), positions.size(), "exception section");
        column.mask.assign(table.rows, 0);
        uint64_t end = 0, wanted = 0;
        for (uint64_t r = 0; r < runs; r++) {
            const uint64_t gap = p.varint();
            if (gap > table.rows - end) p.damaged("a run of exceptions begins behind the last row");
            const uint64_t begin = end + gap, length = p.varint();
            if (length >= table.rows - begin) p.damaged("a run of exceptions ends behind the last row");
            const uint8_t item = p.u8();
            if (item != kLiteral && item >= d) p.damaged("an exception names an item that the dictionary has not");
            end = begin + length + 1;
            if (item == kLiteral) wanted += length + 1;
            c.runs.push_back({begin, length + 1, item});
            c.count += length + 1;
            std::fill_n(column.mask.begin() + static_cast<ptrdiff_t>(begin), length + 1, uint8_t(1));
        }
        p.finish();
        if (wanted * itemsize != literals.size()) p.damaged("the number of exact values is not what the runs ask for");
        for (size_t i = 0; i < literals.size(); i += itemsize)
            c.literals.push_back(get_item(literals.data() + i, itemsize));
    }
    return columns;
}

}  // namespace baler
