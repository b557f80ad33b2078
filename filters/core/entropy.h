// Entropy coding: interleaved rANS with 16-bit frequencies, and a stream of plain bits beside it.
//
// A coder owns `lanes` states of 32 bit in [2^16, 2^32) and one stream of 16-bit words. Symbols come in runs: the i-th
// symbol of a run belongs to lane i % lanes. Every symbol is an interval [start, start + freq) of [0, 65536); a symbol
// with freq 65536 costs nothing and leaves its lane as it was. docs/format.md, "Entropy coding".
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "bytes.h"
#include "spare_rows.h"

namespace baler {

constexpr int kMaxLanes = 32;
constexpr uint32_t kScaleBits = 16;
constexpr uint32_t kScale = 1u << kScaleBits;
constexpr uint32_t kRansLow = 1u << 16;

// Lanes that a chunk of so many rows gets: states cost 4 bytes each, and small chunks feel it.
inline int lanes_for(size_t rows) { return rows >= 8192 ? 32 : rows >= 2048 ? 8 : rows >= 256 ? 2 : 1; }

// rANS codes backwards, so the encoder keeps the intervals and works in finish().
class RansEncoder {
  public:
    explicit RansEncoder(int lanes) : lanes_(lanes) {}
    RansEncoder(const RansEncoder&) = delete;
    RansEncoder& operator=(const RansEncoder&) = delete;
    ~RansEncoder() {
        if (kept_) give_spare(std::move(symbols_));
    }
    void begin_run() { runs_.push_back(used_); }
    void put(uint32_t start, uint32_t freq) { *append(1) = pack(start, freq); }
    // Room for n symbols of the current run, to be filled with start | (freq - 1) << 16.
    uint32_t* append(size_t n) {
        used_ += n;
        if (used_ > symbols_.size()) symbols_.resize(std::max(used_, symbols_.size() * 2));
        return symbols_.data() + used_ - n;
    }
    static uint32_t pack(uint32_t start, uint32_t freq) { return start | (freq - 1) << 16; }
    // Before anything is put: about so much will be.
    void expect(size_t n) {
        symbols_ = take_spare<uint32_t>(n);
        kept_ = true;
    }
    // What was put so far, for symbols whose intervals are known only at the end.
    size_t size() const { return used_; }
    uint32_t& symbol(size_t i) { return symbols_[i]; }
    // lanes x u32 states, then the words; appended to `out`
    void finish(std::vector<uint8_t>& out);
    double bits() const;  // ideal code length of what was put, for choosing between alternatives

  private:
    int lanes_;
    std::vector<size_t> runs_;
    std::vector<uint32_t> symbols_;  // room; used_ of them are there
    size_t used_ = 0;
    bool kept_ = false;
};

class RansDecoder {
  public:
    RansDecoder(const uint8_t* p, size_t n, int lanes);
    uint32_t slot(int lane) const { return state_[lane] & (kScale - 1); }
    void advance(int lane, uint32_t start, uint32_t freq) {
        uint32_t x = freq * (state_[lane] >> kScaleBits) + (state_[lane] & (kScale - 1)) - start;
        if (x < kRansLow) {
            // past the end zeros are read; finish() then finds the stream damaged
            uint32_t w = 0;
            if (end_ - p_ >= 2) {
                w = static_cast<uint32_t>(p_[0]) | static_cast<uint32_t>(p_[1]) << 8;
                p_ += 2;
            } else {
                overrun_ = true;
            }
            x = x << 16 | w;
        }
        state_[lane] = x;
    }
    int lanes() const { return lanes_; }
    // For decoders of many rows at once, which go on where this one stands and put it where they stop.
    uint32_t* states() { return state_; }
    const uint8_t* at() const { return p_; }
    const uint8_t* end() const { return end_; }
    void move_to(const uint8_t* p) { p_ = p; }
    // Every state is back at its start and every word was used, or the stream is damaged.
    void finish() const;

  private:
    const uint8_t* p_;
    const uint8_t* end_;
    int lanes_;
    bool overrun_ = false;
    uint32_t state_[kMaxLanes];
};

class BitWriter {
  public:
    void put(uint64_t v, int n) {
        if (n > 32) {
            put(v & 0xffffffffu, 32);
            v >>= 32;
            n -= 32;
        }
        acc_ |= (v & ((uint64_t(1) << n) - 1)) << fill_;
        fill_ += n;
        if (fill_ >= 32) {
            const uint8_t four[4] = {static_cast<uint8_t>(acc_), static_cast<uint8_t>(acc_ >> 8),
                                     static_cast<uint8_t>(acc_ >> 16), static_cast<uint8_t>(acc_ >> 24)};
            bytes_.insert(bytes_.end(), four, four + 4);
            acc_ >>= 32;
            fill_ -= 32;
        }
    }
    std::vector<uint8_t> finish() {
        for (; fill_ > 0; fill_ -= 8, acc_ >>= 8) bytes_.push_back(static_cast<uint8_t>(acc_));
        acc_ = 0;
        fill_ = 0;
        return std::move(bytes_);
    }
    size_t bits() const { return bytes_.size() * 8 + static_cast<size_t>(fill_); }

  private:
    std::vector<uint8_t> bytes_;
    uint64_t acc_ = 0;
    int fill_ = 0;
};

class BitReader {
  public:
    BitReader(const uint8_t* p, size_t n) : p_(p), size_(n) {}
    uint64_t get(int n) {
        if (n > 32) {
            const uint64_t low = get(32);
            return low | get(n - 32) << 32;
        }
        const auto byte = static_cast<size_t>(at_ >> 3);
        uint64_t next = 0;
        if (size_ >= 8 && byte <= size_ - 8) {
            for (size_t i = 0; i < 8; i++) next |= static_cast<uint64_t>(p_[byte + i]) << (8 * i);
        } else {
            // past the end zeros are read; finish() then finds the stream damaged
            for (size_t i = 0; i < 8 && byte < size_ && i < size_ - byte; i++) next |= static_cast<uint64_t>(p_[byte + i]) << (8 * i);
        }
        const uint64_t v = next >> (at_ & 7) & ((uint64_t(1) << n) - 1);
        at_ += static_cast<uint64_t>(n);
        return v;
    }
    // For those who take many at once: are there n more, where do they stand, so many were taken.
    bool has(uint64_t n) const { return at_ + n <= 8 * static_cast<uint64_t>(size_); }
    const uint8_t* bytes() const { return p_; }
    uint64_t at() const { return at_; }
    void skip(uint64_t n) { at_ += n; }
    // Nothing was read past the end, and what is left are less than 8 zero bits.
    void finish() const;

  private:
    const uint8_t* p_;
    size_t size_;
    uint64_t at_ = 0;  // bits read
};

// Counts -> frequencies that sum to `total`, every non-zero count at least 1. A fixed integer program (format).
void normalise(const uint32_t* counts, size_t n, uint32_t total, uint32_t* freq);

// A self-delimiting, order-0 coded run of bytes for side data (exceptions, tables): mode byte, length, payload.
void put_bytes(ByteWriter& out, const std::vector<uint8_t>& bytes);
std::vector<uint8_t> get_bytes(ByteReader& in, size_t limit);

}  // namespace baler
