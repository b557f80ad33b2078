#include "entropy.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "instruction_set.h"

namespace baler {

void RansEncoder::finish(std::vector<uint8_t>& out) {
    if (runs_.empty() || runs_[0] != 0) runs_.insert(runs_.begin(), 0);
    std::array<uint32_t, kMaxLanes> state;
    state.fill(kRansLow);
    // Words come out last first: filled from the back of the worst case, one word a symbol. Most of it is never touched.
    const std::unique_ptr<uint16_t[]> words(new uint16_t[used_ + kMaxLanes]);
    uint16_t* const words_end = words.get() + used_ + kMaxLanes;
    uint16_t* w = words_end;
    const auto encode_group = lanes_ == static_cast<int>(kGroup) ? instruction_set().rows.encode : nullptr;
    size_t end = used_;
    for (size_t r = runs_.size(); r-- > 0; end = runs_[r]) {
        const size_t begin = runs_[r];
        // the last symbols one by one until whole groups are left
        const size_t whole = encode_group ? (end - begin) / kGroup * kGroup : 0;
        size_t lane = (end - begin) % static_cast<size_t>(lanes_);
        for (size_t i = end; i-- > begin + whole;) {
            lane = (lane ? lane : static_cast<size_t>(lanes_)) - 1;
            const uint32_t symbol = symbols_[i];
            const uint32_t start = symbol & 0xffff, freq = (symbol >> 16) + 1;
            if (freq == kScale) continue;
            uint32_t x = state[lane];
            if (x >> 16 >= freq) {
                *--w = static_cast<uint16_t>(x);
                x >>= 16;
            }
            state[lane] = (x / freq << 16) + x % freq + start;
        }
        if (whole) w = encode_group(state.data(), symbols_.data() + begin, whole, w);
    }
    const auto n_words = static_cast<size_t>(words_end - w);
    out.reserve(out.size() + 4 * static_cast<size_t>(lanes_) + 2 * n_words);
    for (int l = 0; l < lanes_; l++)
        for (int b = 0; b < 4; b++) out.push_back(static_cast<uint8_t>(state[static_cast<size_t>(l)] >> (8 * b)));
    const size_t at = out.size();
    out.resize(at + 2 * n_words);
    for (size_t i = 0; i < n_words; i++) {
        out[at + 2 * i] = static_cast<uint8_t>(w[i]);
        out[at + 2 * i + 1] = static_cast<uint8_t>(w[i] >> 8);
    }
}

double RansEncoder::bits() const {
    double sum = 0;
    for (size_t i = 0; i < used_; i++) sum += 16.0 - std::log2(static_cast<double>((symbols_[i] >> 16) + 1));
    return sum;
}

RansDecoder::RansDecoder(const uint8_t* p, size_t n, int lanes) : p_(p), end_(p + n), lanes_(lanes) {
    if (lanes < 1 || lanes > kMaxLanes) fail(BALER_ERR_ARGUMENT, "a coder has 1 to %d lanes, not %d", kMaxLanes, lanes);
    if (n < 4 * static_cast<size_t>(lanes) || (n & 1))
        fail(BALER_ERR_CORRUPT, "entropy stream of %zu bytes cannot hold %d states and whole words", n, lanes);
    for (int l = 0; l < lanes; l++, p_ += 4) {
        state_[l] = static_cast<uint32_t>(p_[0]) | static_cast<uint32_t>(p_[1]) << 8 |
                    static_cast<uint32_t>(p_[2]) << 16 | static_cast<uint32_t>(p_[3]) << 24;
        if (state_[l] < kRansLow) fail(BALER_ERR_CORRUPT, "entropy stream starts with an impossible state");
    }
}

void RansDecoder::finish() const {
    if (overrun_) fail(BALER_ERR_CORRUPT, "entropy stream ends early");
    if (p_ != end_) fail(BALER_ERR_CORRUPT, "entropy stream has %zu bytes too many", static_cast<size_t>(end_ - p_));
    for (int l = 0; l < lanes_; l++)
        if (state_[l] != kRansLow) fail(BALER_ERR_CORRUPT, "entropy stream does not end in its final state");
}

void BitReader::finish() const {
    const auto bytes = static_cast<uint64_t>(size_);
    if (at_ > 8 * bytes) fail(BALER_ERR_CORRUPT, "bit stream ends early");
    if (8 * bytes - at_ >= 8) fail(BALER_ERR_CORRUPT, "bit stream is longer than what is read from it");
    if (at_ & 7 && p_[size_ - 1] >> (at_ & 7)) fail(BALER_ERR_CORRUPT, "bit stream does not end in zero bits");
}

void normalise(const uint32_t* counts, size_t n, uint32_t total, uint32_t* freq) {
    uint64_t sum = 0, used = 0;
    for (size_t i = 0; i < n; i++) {
        sum += counts[i];
        used += counts[i] != 0;
    }
    if (sum == 0 || used > total) fail(BALER_ERR_ARGUMENT, "cannot share %u among %zu symbols", total, n);
    int64_t rest = total;
    for (size_t i = 0; i < n; i++) {
        freq[i] = counts[i] ? std::max<uint32_t>(1, static_cast<uint32_t>(uint64_t(counts[i]) * total / sum)) : 0;
        rest -= freq[i];
    }
    while (rest != 0) {
        uint32_t* largest = std::max_element(freq, freq + n);
        const int64_t step = std::max<int64_t>(rest, 1 - static_cast<int64_t>(*largest));
        *largest = static_cast<uint32_t>(*largest + step);
        rest -= step;
    }
}

namespace {
enum : uint8_t { plain = 0, constant = 1, order0 = 2 };
constexpr uint32_t kByteScale = 4096, kByteShift = 4;
}  // namespace

void put_bytes(ByteWriter& out, const std::vector<uint8_t>& bytes) {
    const size_t n = bytes.size();
    std::array<uint32_t, 256> counts{}, freq{};
    for (uint8_t b : bytes) counts[b]++;
    if (n > 1 && counts[bytes[0]] == n) {
        out.u8(constant);
        out.varint(n);
        out.u8(bytes[0]);
        return;
    }
    if (n > 8 && n < UINT32_MAX) {
        normalise(counts.data(), 256, kByteScale, freq.data());
        ByteWriter coded;
        coded.varint(static_cast<uint64_t>(std::count_if(freq.begin(), freq.end(), [](uint32_t f) { return f != 0; })));
        std::array<uint32_t, 256> start{};
        uint32_t at = 0;
        int last = -1;
        for (int s = 0; s < 256; s++) {
            const auto i = static_cast<size_t>(s);
            start[i] = at;
            at += freq[i];
            if (!freq[i]) continue;
            coded.u8(static_cast<uint8_t>(s - last - 1));
            coded.varint(freq[i]);
            last = s;
        }
        RansEncoder coder(1);
        uint32_t* symbols = coder.append(n);
        for (size_t i = 0; i < n; i++)
            symbols[i] = RansEncoder::pack(start[bytes[i]] << kByteShift, freq[bytes[i]] << kByteShift);
        std::vector<uint8_t> stream;
        coder.finish(stream);
        coded.varint(stream.size());
        if (coded.bytes.size() + stream.size() < n) {
            out.u8(order0);
            out.varint(n);
            out.raw(coded.bytes.data(), coded.bytes.size());
            out.raw(stream.data(), stream.size());
            return;
        }
    }
    out.u8(plain);
    out.varint(n);
    out.raw(bytes.data(), n);
}

std::vector<uint8_t> get_bytes(ByteReader& in, size_t limit) {
    const uint8_t method = in.u8();
    const uint64_t n64 = in.varint();
    if (n64 > limit) in.damaged("a byte run is longer than it can be");
    const auto n = static_cast<size_t>(n64);
    if (method == plain) {
        const uint8_t* p = in.raw(n);
        return std::vector<uint8_t>(p, p + n);
    }
    if (method == constant) return std::vector<uint8_t>(n, in.u8());
    if (method != order0) in.damaged("a byte run has an unknown method");
    const uint64_t used = in.varint();
    if (used < 1 || used > 256) in.damaged("a byte run's table has an impossible size");
    std::array<uint32_t, 256> start{}, freq{};
    std::vector<uint8_t> symbol_of(kByteScale);
    uint32_t at = 0;
    int last = -1;
    for (uint64_t u = 0; u < used; u++) {
        last += in.u8() + 1;
        const uint64_t f = in.varint();
        if (last > 255 || f < 1 || f > kByteScale - at) in.damaged("a byte run's table does not add up");
        const auto s = static_cast<size_t>(last);
        start[s] = at;
        freq[s] = static_cast<uint32_t>(f);
        std::fill_n(symbol_of.data() + at, f, static_cast<uint8_t>(last));
        at += freq[s];
    }
    if (at != kByteScale) in.damaged("a byte run's table does not add up");
    const uint64_t size = in.varint();
    ByteReader stream = in.sub(size, "byte run");
    RansDecoder coder(stream.raw(static_cast<size_t>(size)), static_cast<size_t>(size), 1);
    std::vector<uint8_t> bytes(n);
    for (uint8_t& b : bytes) {
        b = symbol_of[coder.slot(0) >> kByteShift];
        coder.advance(0, start[b] << kByteShift, freq[b] << kByteShift);
    }
    coder.finish();
    return bytes;
}

}  // namespace baler
