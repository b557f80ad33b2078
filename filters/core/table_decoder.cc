#include "table_stream.h"

namespace baler {

namespace {

uint64_t unzigzag(uint64_t v) { return v >> 1 ^ (v & 1 ? ~uint64_t(0) : 0); }

}  // namespace

TableDecoder::TableDecoder(Steps& steps, ByteReader& in) : steps_(steps) {
    for (uint16_t v : steps.order()) {
        if (!steps.variable(v).derived) continue;
        if (residuals_.size() <= v) residuals_.resize(v + 1u);
        residuals_[v] = read_residuals(in);
    }
    const uint64_t size = in.varint();
    ByteReader stream = in.sub(size, "rANS stream");
    const auto n = static_cast<size_t>(size);
    rans_ = std::make_unique<RansDecoder>(stream.raw(n), n, lanes_for(steps.slices().rows));
    const size_t rest = in.left();
    bits_ = std::make_unique<BitReader>(in.raw(rest), rest);
}

TableDecoder::Residuals TableDecoder::read_residuals(ByteReader& in) {
    Residuals residuals;
    for (int c = 0; c < kResidualContexts; c++) {
        const uint64_t used = in.varint();
        if (used > kResidualSymbols) in.damaged("a residual table has too many symbols");
        if (used == 0) continue;
        uint32_t freq[kResidualSymbols] = {}, sum = 0;
        int last = -1;
        for (uint64_t u = 0; u < used; u++) {
            last += in.u8() + 1;
            const uint64_t f = in.varint();
            if (last >= kResidualSymbols || f < 1 || f > kScale - sum) in.damaged("a residual table does not add up");
            freq[last] = static_cast<uint32_t>(f);
            sum += freq[last];
        }
        if (sum != kScale) in.damaged("a residual table does not add up");
        for (int s = 0; s < kResidualSymbols; s++) {
            residuals.start[c][s + 1] = residuals.start[c][s] + freq[s];
            if (freq[s] > freq[residuals.likely[c]]) residuals.likely[c] = static_cast<uint8_t>(s);
        }
    }
    return residuals;
}

uint64_t TableDecoder::escape() {
    const auto n = static_cast<int>(bits_->get(7));
    if (n > 64) fail(BALER_ERR_CORRUPT, "model payload is damaged: an escape is longer than a number");
    return unzigzag(bits_->get(n));
}

void TableDecoder::variable(uint32_t v, const uint8_t* masked) {
    const Intervals& in = steps_.predict(v);
    const Cells& cells = steps_.cells(v);
    uint32_t bucket[kSliceRows];
    const size_t n = steps_.width();
    const size_t done = find_groups(in, cells, masked, n, bucket);
    for (size_t i = done; i < n; i++) bucket[i] = masked && masked[i] ? kMasked : find(in, cells, i);
    // buckets to k: the plain bits stand in the order of the rows
    int64_t* k = steps_.k(v);
    const int64_t* before = steps_.before(v);
    const uint64_t centre = middle(cells.low, cells.high);
    BitReader& bits = *bits_;
    uint32_t most = 0;
    for (size_t i = 0; i < n; i++) most = std::max(most, bucket[i]);
    if (most < kMasked) {
        const int64_t* start = cells.start.data();
        const uint8_t* width = cells.bits.data();
        if (cells.tables.by_cell && bits.has(n * cells.most_bits + 64))
            bits.skip(steps_.kernels().places({&cells.tables, bucket, n, bits.bytes(), bits.at(), k}));
        else
            for (size_t i = 0; i < n; i++)
                k[i] = static_cast<int64_t>(static_cast<uint64_t>(start[bucket[i]]) + bits.get(width[bucket[i]]));
    }
    for (size_t i = 0; most >= kMasked && i < n; i++) {
        const uint32_t b = bucket[i];
        if (b < kMasked) {
            auto at = static_cast<uint64_t>(cells.start[b]);
            if (cells.bits[b]) at += bits.get(cells.bits[b]);
            k[i] = static_cast<int64_t>(at);
            continue;
        }
        k[i] = b == kEscaped ? static_cast<int64_t>(centre + escape()) : before[i];
        bucket[i] = cells.bucket_of(std::min(std::max(k[i], cells.low), cells.high));
    }
    steps_.settle(v, bucket);
}

// Groups of rows by the kernels, as far as the lanes and what is left of the stream allow.
size_t TableDecoder::find_groups(const Intervals& in, const Cells& cells, const uint8_t* masked, size_t n, uint32_t* bucket) {
    if (rans_->lanes() != static_cast<int>(kGroup)) return 0;
    StreamState stream{rans_->states(), rans_->at(), rans_->end()};
    const size_t done = steps_.kernels().decode({&in, &cells.tables, masked, &stream, n, bucket});
    rans_->move_to(stream.at);
    return done;
}

uint32_t TableDecoder::find(const Intervals& in, const Cells& cells, size_t row) {
    RansDecoder& rans = *rans_;
    const int lane = static_cast<int>(row) & (rans.lanes() - 1);
    const uint32_t slot = rans.slot(lane);
    if (slot < in.escape) {
        rans.advance(lane, 0, in.escape);
        return kEscaped;
    }
    if (slot < in.base[row]) {
        rans.advance(lane, in.escape, in.base[row] - in.escape);
        return kRepeated;
    }
    const Found found = find_bucket(cells.tables, in, row, slot);
    rans.advance(lane, found.start, found.end - found.start);
    return found.bucket;
}

void TableDecoder::derived(uint32_t v, const uint8_t* masked) {
    const size_t n = steps_.width();
    int64_t index[kSliceRows];
    uint8_t context[kSliceRows];
    steps_.derive(v, index, context);
    const Residuals& residuals = residuals_[v];
    int64_t* k = steps_.k(v);
    const int64_t* before = steps_.before(v);
    RansDecoder& rans = *rans_;
    const int lanes = rans.lanes();
    for (size_t i = 0; i < n; i++) {
        if (masked && masked[i]) {
            k[i] = before[i];
            continue;
        }
        const uint32_t* start = residuals.start[context[i]];
        const int lane = static_cast<int>(i) & (lanes - 1);
        const uint32_t slot = rans.slot(lane);
        int s = residuals.likely[context[i]];
        if (slot < start[s] || slot >= start[s + 1]) {
            if (!start[kResidualSymbols]) fail(BALER_ERR_CORRUPT, "model payload is damaged: a residual has no table");
            for (s = 0; slot >= start[s + 1];) s++;
        }
        rans.advance(lane, start[s], start[s + 1] - start[s]);
        const uint64_t r = s == kResidualSymbols - 1 ? escape() : static_cast<uint64_t>(int64_t(s) - 8);
        k[i] = static_cast<int64_t>(static_cast<uint64_t>(index[i]) + r);
    }
    steps_.settle(v, nullptr);
}

void TableDecoder::finish() const {
    rans_->finish();
    bits_->finish();
}

}  // namespace baler
