#include <cmath>

#include "table_stream.h"

namespace baler {

namespace {

uint64_t unzigzag(uint64_t v) { return v >> 1 ^ (v & 1 ? ~uint64_t(0) : 0); }

// The bucket b with C(b) <= slot < C(b + 1), and its interval.
struct Found {
    uint32_t bucket, start, end;
};

class BucketFinder {
  public:
    BucketFinder(const Variable& variable, const Cells& cells, const Intervals& in)
        : variable_(variable), cells_(cells), in_(in), shape_(variable.shape.data()) {}

    // slot >= base
    Found find(uint32_t slot, size_t row) const {
        const uint32_t base = in_.base[row];
        uint32_t mass = slot - base;  // of the buckets before, without the spike
        if (cells_.has_spike) {
            const uint32_t b = cells_.spike_bucket;
            const uint32_t below = mass_below(shape_, cells_.bound[b], in_, row);
            if (mass >= below) {
                const uint32_t with = mass_below(shape_, cells_.bound[b + 1], in_, row) + in_.zero[row];
                if (mass < with) return {b, base + below, base + with};
                mass -= in_.zero[row];
            }
        }
        // The table inverted in floating point says where to look; what is found is checked in integers.
        const float q = (static_cast<float>(mass) + 0.5f) * (1024.0f / static_cast<float>(in_.rest[row]));
        const auto i = static_cast<uint32_t>(q);
        const float* u = variable_.unshape.data() + std::min<uint32_t>(i, 1024);
        const float t = u[0] + (u[1] - u[0]) * (q - static_cast<float>(i));
        const float z = static_cast<float>(in_.mean[row]) + t * (65536.0f / static_cast<float>(in_.inverse[row]));
        const auto first = static_cast<float>(cells_.edge.front()), last = static_cast<float>(cells_.edge.back());
        const auto near = static_cast<uint32_t>(static_cast<int32_t>(std::min(std::max(z, first), last)) - cells_.edge.front());
        uint32_t b = cells_.by_z[near >> cells_.z_shift];
        uint32_t start = cumulative(cells_, shape_, b, in_, row), end = cumulative(cells_, shape_, b + 1, in_, row);
        for (int tries = 0; tries < 6; tries++) {
            if (slot >= end) {
                b++;
                start = end;
                end = cumulative(cells_, shape_, b + 1, in_, row);
            } else if (slot < start) {
                b--;
                end = start;
                start = cumulative(cells_, shape_, b, in_, row);
            } else {
                return {b, start, end};
            }
        }
        return search(slot, row);
    }

  private:
    Found search(uint32_t slot, size_t row) const {
        uint32_t b = 0;
        for (uint32_t e = cells_.n; e - b > 1;) {
            const uint32_t m = (b + e) / 2;
            if (cumulative(cells_, shape_, m, in_, row) <= slot) b = m;
            else e = m;
        }
        return {b, cumulative(cells_, shape_, b, in_, row), cumulative(cells_, shape_, b + 1, in_, row)};
    }
    const Variable& variable_;
    const Cells& cells_;
    const Intervals& in_;
    const uint32_t* shape_;
};

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
    const BucketFinder finder(steps_.variable(v), cells, in);
    int64_t* k = steps_.k(v);
    const int64_t* before = steps_.before(v);
    const uint64_t centre = middle(cells.low, cells.high);
    RansDecoder& rans = *rans_;
    const int lanes = rans.lanes();
    uint32_t bucket[kSliceRows];
    const size_t n = steps_.width();
    const auto clipped = [&](int64_t at) { return cells.bucket_of(std::min(std::max(at, cells.low), cells.high)); };
    for (size_t i = 0; i < n; i++) {
        if (masked && masked[i]) {
            k[i] = before[i];
            bucket[i] = clipped(k[i]);
            continue;
        }
        const int lane = static_cast<int>(i) & (lanes - 1);
        const uint32_t slot = rans.slot(lane);
        if (slot >= in.base[i]) {
            const Found found = finder.find(slot, i);
            rans.advance(lane, found.start, found.end - found.start);
            const uint32_t b = found.bucket;
            auto at = static_cast<uint64_t>(cells.start[b]);
            if (cells.bits[b]) at += bits_->get(cells.bits[b]);
            k[i] = static_cast<int64_t>(at);
            bucket[i] = b;
            continue;
        }
        if (slot >= in.escape) {
            rans.advance(lane, in.escape, in.base[i] - in.escape);
            k[i] = before[i];
        } else {
            rans.advance(lane, 0, in.escape);
            k[i] = static_cast<int64_t>(centre + escape());
        }
        bucket[i] = clipped(k[i]);
    }
    steps_.settle(v, bucket);
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
