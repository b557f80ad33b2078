#include "table_stream.h"

namespace baler {

namespace {

uint64_t zigzag(uint64_t v) { return v << 1 ^ (v >> 63 ? ~uint64_t(0) : 0); }

}  // namespace

void TableEncoder::escape(uint64_t value) {
    const int n = value ? 64 - __builtin_clzll(value) : 0;
    bits_.put(static_cast<uint64_t>(n), 7);
    bits_.put(value, n);
}

void TableEncoder::variable(uint32_t v, const uint8_t* masked) {
    const Intervals& in = steps_.predict(v);
    const Cells& cells = steps_.cells(v);
    const Variable& variable = steps_.variable(v);
    const int64_t *k = steps_.k(v), *before = steps_.before(v);
    const size_t n = steps_.width();
    const uint64_t centre = middle(cells.low, cells.high);
    uint32_t bucket[kSliceRows];
    if (cells.tables.by_cell) steps_.kernels().buckets({&cells.tables, k, n, bucket});
    else for (size_t i = 0; i < n; i++) bucket[i] = cells.bucket_of(std::min(std::max(k[i], cells.low), cells.high));
    uint32_t starts[kSliceRows], ends[kSliceRows];
    steps_.kernels().cumulative({&in, &cells.tables, bucket, n, starts, ends});
    rans_.begin_run();
    uint32_t* symbols = rans_.append(n);
    uint32_t how[kSliceRows];
    const bool plain = steps_.kernels().symbols({&in, starts, ends, k, variable.repeat ? before : nullptr, cells.low, cells.high,
                                                 n, symbols, how});
    for (size_t i = 0; masked && i < n; i++) {
        if (!masked[i]) continue;
        symbols[i] = RansEncoder::pack(0, kScale);
        how[i] = kRepeat;  // nothing follows
    }
    if (!plain || cells.most_bits) {
        const int64_t* start = cells.start.data();
        const uint8_t* bits = cells.bits.data();
        for (size_t i = 0; i < n; i++) {
            const uint32_t b = bucket[i];
            if (how[i] == kBits) bits_.put(static_cast<uint64_t>(k[i]) - static_cast<uint64_t>(start[b]), bits[b]);
            else if (how[i] == kEscape) escape(zigzag(static_cast<uint64_t>(k[i]) - centre));
        }
    }
    steps_.settle(v, bucket);
}

void TableEncoder::derived(uint32_t v, const uint8_t* masked) {
    const size_t n = steps_.width();
    int64_t index[kSliceRows];
    uint8_t context[kSliceRows];
    steps_.derive(v, index, context);
    const int64_t* k = steps_.k(v);
    auto at = std::find_if(residuals_.begin(), residuals_.end(), [&](const auto& r) { return r.first == v; });
    if (at == residuals_.end()) at = residuals_.insert(residuals_.end(), {v, Residuals{}});
    Residuals& residuals = at->second;
    residuals.runs.push_back({rans_.size(), std::vector<uint8_t>(n)});
    uint8_t* symbols = residuals.runs.back().symbols.data();
    for (size_t i = 0; i < n; i++) {
        if (masked && masked[i]) {
            symbols[i] = 255;
            continue;
        }
        const uint64_t r = static_cast<uint64_t>(k[i]) - static_cast<uint64_t>(index[i]);
        const bool small = r + 8 <= 16;
        const auto s = static_cast<uint8_t>(small ? r + 8 : kResidualSymbols - 1);
        if (!small) escape(zigzag(r));
        symbols[i] = static_cast<uint8_t>(context[i] << 5 | s);
        residuals.counts[context[i]][s]++;
    }
    rans_.begin_run();
    rans_.append(n);  // intervals follow in finish(), when the counts are complete
    steps_.settle(v, nullptr);
}

void TableEncoder::finish(ByteWriter& out) {
    for (auto& [v, residuals] : residuals_) {
        uint32_t packed[kResidualContexts][kResidualSymbols] = {};
        for (int c = 0; c < kResidualContexts; c++) {
            const uint32_t* counts = residuals.counts[c];
            const auto used = static_cast<uint64_t>(std::count_if(counts, counts + kResidualSymbols, [](uint32_t n) { return n != 0; }));
            out.varint(used);
            if (!used) continue;
            uint32_t freq[kResidualSymbols], start = 0;
            normalise(counts, kResidualSymbols, kScale, freq);
            for (int s = 0, last = -1; s < kResidualSymbols; s++) {
                if (!freq[s]) continue;
                out.u8(static_cast<uint8_t>(s - last - 1));
                out.varint(freq[s]);
                packed[c][s] = RansEncoder::pack(start, freq[s]);
                start += freq[s];
                last = s;
            }
        }
        for (const auto& run : residuals.runs)
            for (size_t i = 0; i < run.symbols.size(); i++) {
                const uint8_t s = run.symbols[i];
                rans_.symbol(run.first + i) = s == 255 ? RansEncoder::pack(0, kScale) : packed[s >> 5][s & 31];
            }
    }
    std::vector<uint8_t> stream;
    rans_.finish(stream);
    out.varint(stream.size());
    out.raw(stream.data(), stream.size());
    const std::vector<uint8_t> bits = bits_.finish();
    out.raw(bits.data(), bits.size());
}

}  // namespace baler
