// Symbols of the table model's variables in the entropy coder's streams, one slice of one variable at a time.
// docs/format.md, section 8.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "entropy.h"
#include "steps.h"

namespace baler {

constexpr int kResidualSymbols = 18;    // -8 ... 8 and escape
constexpr int kResidualContexts = 3;

// floor((a + b) / 2): escapes are told from here
inline uint64_t middle(int64_t a, int64_t b) {
    return static_cast<uint64_t>((a >> 1) + (b >> 1) + (a & b & 1));
}

class TableEncoder {
  public:
    explicit TableEncoder(Steps& steps) : steps_(steps), rans_(lanes_for(steps.slices().rows)) {
        rans_.expect(steps.slices().rows * steps.order().size());
    }
    // Codes steps.k(v) of the current slice; masked[i] != 0: costs nothing. masked may be null.
    void variable(uint32_t v, const uint8_t* masked);
    void derived(uint32_t v, const uint8_t* masked);
    // varint size, stream, bits; residual tables go before it.
    void finish(ByteWriter& out);

  private:
    void escape(uint64_t zigzag);
    struct Residuals {
        uint32_t counts[kResidualContexts][kResidualSymbols] = {};
        struct Run {
            size_t first;                 // in the entropy coder
            std::vector<uint8_t> symbols; // context << 5 | symbol; 255: masked
        };
        std::vector<Run> runs;
    };
    Steps& steps_;
    RansEncoder rans_;
    BitWriter bits_;
    std::vector<std::pair<uint32_t, Residuals>> residuals_;  // by derived variable, in coding order
};

class TableDecoder {
  public:
    // Reads residual tables and finds the streams; `in` is used up.
    TableDecoder(Steps& steps, ByteReader& in);
    void variable(uint32_t v, const uint8_t* masked);
    void derived(uint32_t v, const uint8_t* masked);
    void finish() const;

  private:
    size_t find_groups(const Intervals& in, const Cells& cells, const uint8_t* masked, size_t n, uint32_t* bucket);
    uint32_t find(const Intervals& in, const Cells& cells, size_t row);
    uint64_t escape();
    struct Residuals {
        uint32_t start[kResidualContexts][kResidualSymbols + 1] = {};  // all 0: no table
        uint8_t likely[kResidualContexts] = {};
    };
    static Residuals read_residuals(ByteReader& in);

    Steps& steps_;
    std::vector<Residuals> residuals_;  // by variable
    std::unique_ptr<RansDecoder> rans_;
    std::unique_ptr<BitReader> bits_;
};

}  // namespace baler
