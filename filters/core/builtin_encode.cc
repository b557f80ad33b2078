#include <algorithm>

#include "builtin_encoder.h"
#include "coders.h"
#include "parallel.h"

namespace baler {

namespace {

using namespace builtin;

// Features that no later column looks at need not be stored.
void drop_unused_features(Plan& plan) {
    std::vector<bool> used(plan.columns.size());
    for (const ColumnPlan& c : plan.columns)
        for (const Factor& f : c.factors)
            for (const Source& s : f.inputs) used[s.position] = true;
    for (size_t p = 0; p < plan.columns.size(); p++)
        if (!used[p]) plan.columns[p].feature = Feature{};
}

// The blocks' bits of all columns one after the other, as bytes.
std::vector<uint8_t> join_bits(const std::vector<BlockBits>& columns) {
    size_t bits = 0, blocks = 0;
    for (const BlockBits& c : columns) {
        for (size_t b : c.bits) bits += b;
        blocks = std::max(blocks, c.bits.size());
    }
    std::vector<uint64_t> words(bits / 64 + 2);
    size_t at = 0;
    for (size_t b = 0; b < blocks; b++)
        for (const BlockBits& c : columns) {
            if (c.bits.empty() || c.bits[b] == 0) continue;
            const uint64_t* from = &c.words[c.begin[b]];
            const size_t n = (c.bits[b] + 63) / 64;
            const auto shift = static_cast<int>(at & 63);
            uint64_t* to = &words[at >> 6];
            for (size_t i = 0; i < n; i++) {
                to[i] |= from[i] << shift;
                if (shift) to[i + 1] |= from[i] >> (64 - shift);
            }
            at += c.bits[b];
        }
    std::vector<uint8_t> bytes((bits + 7) / 8);
    for (size_t i = 0; i < bytes.size(); i++) bytes[i] = static_cast<uint8_t>(words[i >> 3] >> (8 * (i & 7)));
    return bytes;
}

}  // namespace

void builtin_encode(const Table& table, ByteWriter& out) {
    Work work(table);
    const size_t C = table.columns.size(), n = table.rows;
    const auto relations = find_relations(work);
    parallel_for(C, [&](size_t p) {
        prepare_column(work, p, relations[p]);
        survey_column(work, p);
    });
    parallel_for(C, [&](size_t p) { fit_column(work, p); });

    std::vector<size_t> coded;
    for (size_t p = 0; p < C; p++)
        if (work.plan.columns[p].method == ColumnPlan::coded) coded.push_back(p);
    RansEncoder coder(lanes_for(n));
    coder.expect(n * coded.size());
    for (size_t begin = 0; begin < n; begin += kBlock)
        for (size_t i = 0; i < coded.size(); i++) {
            coder.begin_run();
            coder.append(std::min(n, begin + kBlock) - begin);
        }
    std::vector<BlockBits> bits(coded.size());
    std::vector<uint8_t> says(coded.size());
    parallel_for(coded.size(), [&](size_t i) {
        says[i] = finish_column(work, coded[i], &coder.symbol(0), i, coded.size(), bits[i]);
    });
    drop_unused_features(work.plan);

    const std::vector<uint8_t> side = write_plan(work.plan, table);
    std::vector<uint8_t> stream;
    if (std::any_of(says.begin(), says.end(), [](uint8_t s) { return s != 0; })) coder.finish(stream);
    const std::vector<uint8_t> plain = join_bits(bits);
    for (const std::vector<uint8_t>* part : {&side, static_cast<const std::vector<uint8_t>*>(&stream), &plain}) {
        out.varint(part->size());
        out.raw(part->data(), part->size());
    }
}

}  // namespace baler
