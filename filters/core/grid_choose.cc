#include "grid_choose.h"

#include <algorithm>
#include <cstdlib>

namespace baler::grid {
namespace {

constexpr size_t kSketch = 32768; // cells looked at for an estimate on the fixed lattice
constexpr double kCloseBelow = 6;  // bits a cell from which on a closed loop gains nothing
constexpr size_t kPiece = 24576;  // cells of the piece on which choices are tried

// A corner-to-corner part around the middle, with the longest axes cut first.
struct Piece {
    Extents extents;
    std::array<size_t, 4> from{};
    size_t block = 0;
    double share = 1;  // of all cells

    explicit Piece(const Extents& whole) {
        extents = whole;
        if (whole.blocks > 1) {
            block = whole.blocks / 2;
            extents.blocks = 1;
        }
        while (extents.cells() > kPiece) {
            auto longest = std::max_element(extents.n.begin(), extents.n.end());
            const size_t others = extents.cells() / *longest;
            // not below a half at a time, so that all axes keep their share
            *longest = std::max({(*longest + 1) / 2, kPiece / others, size_t(1)});
        }
        for (size_t d = 0; d < 4; d++) from[d] = (whole.n[d] - extents.n[d]) / 2;
        share = static_cast<double>(extents.cells()) / static_cast<double>(whole.cells());
    }

    template <class T>
    std::vector<T> cut(const T* all, const Extents& whole) const {
        std::vector<T> part;
        part.reserve(extents.cells());
        const auto& n = whole.n;
        for (size_t v = 0; v < extents.n[0]; v++)
            for (size_t t = 0; t < extents.n[1]; t++)
                for (size_t y = 0; y < extents.n[2]; y++) {
                    const size_t row = ((v + from[0]) * n[1] + t + from[1]) * n[2] + y + from[2];
                    const T* p = all + block * whole.block() + row * n[3] + from[3];
                    part.insert(part.end(), p, p + extents.n[3]);
                }
        return part;
    }
};

// Bits of the piece.
double price(const Subject& subject, const Piece& piece, Choice choice) {
    const std::vector<int32_t>& u = choice.closed ? *subject.closed : *subject.open;
    std::vector<uint8_t> of;
    if (subject.of) of = piece.cut(subject.of, subject.extents);
    choice.share = piece.share;
    Encoder encoder(piece.extents, piece.cut(u.data(), subject.extents), of.empty() ? nullptr : of.data(), choice);
    encoder.fit();
    return encoder.estimate().symbols;
}

// Bits of the whole on the fixed lattice, from a part of its cells.
double sketch(const Subject& subject, Choice choice) {
    choice.closed = false;
    choice.sketch = std::min(0.999, static_cast<double>(kSketch) / static_cast<double>(subject.extents.cells()));
    Encoder encoder(subject.extents, *subject.open, subject.of, choice);
    encoder.fit();
    const Cost cost = encoder.estimate();
    return cost.symbols + cost.side;
}

}  // namespace

Choice choose(const Subject& subject) {
    const Piece piece(subject.extents);
    Choice best;
    double least = 1e300;
    const auto offer = [&](const Choice& c, double bits) {
        if (bits >= least) return;
        least = bits;
        best = c;
    };
    const auto cells = static_cast<double>(subject.extents.cells());
    for (int scan = 0; scan < kScans; scan++) {
        Choice c;
        c.scan = static_cast<Scan>(scan);
        c.fineness = subject.fineness;
        if (!Order::possible(c.scan, subject.extents)) continue;
        const double open = sketch(subject, c);
        offer(c, open);
        if (c.scan == Scan::raster) {
            Choice plain = c;
            plain.fitted = false;
            offer(plain, sketch(subject, plain));
            if (subject.net) {
                Choice learned = c;
                learned.net = subject.net;
                offer(learned, sketch(subject, learned));
            }
        }
        if (!subject.closed || open > kCloseBelow * cells || !Order::possible(c.scan, piece.extents)) continue;
        Choice loop = c;
        loop.closed = true;
        offer(loop, open * price(subject, piece, loop) / std::max(price(subject, piece, c), 1.0));
    }
    return best;
}

}  // namespace baler::grid
