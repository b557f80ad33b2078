// Going through the cells that an encoder looks at, row by row.
#pragma once

#include "grid_encoder.h"

namespace baler::grid {

constexpr size_t kSketchPiece = 64;  // cells in a row of a sketch, at most

// Every so many of a sequence, spread evenly but in no rhythm.
class Spread {
  public:
    explicit Spread(double share) : below_(share >= 1 ? UINT64_MAX : static_cast<uint64_t>(share * 0x1p64)) {}
    bool next() { return (at_ += 0x9E3779B97F4A7C15u) <= below_; }

  private:
    uint64_t below_, at_ = 0x4F1BBCDCBFA53E0Bu;
};

template <class F>
void Encoder::pieces(F&& f) {
    if (choice_.sketch < 1) {
        for (const Piece& piece : chosen_) f(piece);
        return;
    }
    size_t index = 0;
    walker_.walk([&](uint32_t g, size_t p, size_t step, size_t count, const ptrdiff_t* taps) {
        for (size_t done = 0; done < count; done += kStrip) {
            const size_t some = std::min(kStrip, count - done);
            f(Piece{g, static_cast<uint32_t>(some), p + done * step, step, taps, index});
            index += some;
        }
    });
}

template <class InOrder, class F>
void Encoder::strips(InOrder&& in_order, F&& f) {
    if (choice_.sketch < 1) return pieces(f);
    walker_.walk_strips(in_order, [&](uint32_t g, size_t p, size_t step, size_t count, const ptrdiff_t* taps,
                                      size_t place, size_t apart) {
        for (size_t done = 0; done < count; done += kStrip) {
            const size_t some = std::min(kStrip, count - done);
            f(Piece{g, static_cast<uint32_t>(some), p + done * step, step, taps, place + done * apart, apart});
        }
    });
}

}  // namespace baler::grid
