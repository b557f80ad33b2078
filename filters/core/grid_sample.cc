#include "grid_sample.h"

#include <algorithm>

namespace baler::grid {
namespace {

constexpr size_t kLeastSample = 32768, kMostSample = 65536;  // cells
constexpr size_t kShare = 4;       // of the grid's cells: one in so many
constexpr size_t kLeastSide = 8;   // of a block along an axis

Lent lend(const Extents& extents, const std::vector<int32_t>& u, const uint8_t* of) {
    Lent lent{u.data(), of, extents, Walker::strides_of(extents), INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < u.size(); i++) {
        lent.low = std::min(lent.low, u[i]);
        lent.high = std::max(lent.high, u[i]);
    }
    return lent;
}

}  // namespace

Whole::Whole(const Subject& subject) : subject_(subject) {
    if (!subject.of) {
        lent_ = lend(subject.extents, *subject.open, nullptr);
        return;
    }
    // as a raster will fill what is not coded
    Choice raster;
    raster.fitted = false;
    filled_ = Encoder(subject.extents, std::vector<int32_t>(*subject.open), subject.of, raster).filled();
    lent_ = lend(subject.extents, filled_, subject.of);
}

Lent Whole::turned(int by) const {
    Lent lent = lent_;
    lent.extents = grid::turned(subject_.extents, by);
    for (size_t d = 0; d < 3; d++) lent.strides[1 + d] = lent_.strides[1 + (d + static_cast<size_t>(by)) % 3];
    return lent;
}

Sample::Sample(const Subject& subject, const Whole& whole, int by) {
    const Extents& all = subject.extents;
    Extents part = all;
    part.blocks = 1;
    const size_t wanted = std::clamp(all.cells() / kShare, subject.closed ? kMostSample : kLeastSample, kMostSample);
    whole_ = 2 * all.cells() <= 3 * wanted;
    if (!whole_) {
        // the longest side is halved; rows may be longer
        while (part.cells() > wanted) {
            size_t longest = 0;
            const auto length = [&](size_t d) { return d == 3 ? part.n[d] / 2 : part.n[d]; };
            for (size_t d = 0; d < 4; d++)
                if (length(d) >= length(longest)) longest = d;
            if (part.n[longest] < 2 * kLeastSide) break;
            part.n[longest] = (part.n[longest] + 1) / 2;
        }
    } else {
        part = all;
    }
    extents_ = turned(part, by);
    const Lent lent = whole.turned(by);
    const auto& strides = lent.strides;
    const size_t cells = extents_.cells();
    open_.reserve(cells);
    if (subject.closed) closed_.reserve(cells);
    if (subject.of) of_.reserve(cells);
    for (size_t b = 0; b < extents_.blocks; b++) {
        // a block is all of a grid or lies in the middle of the grid in the middle
        size_t origin = (whole_ ? b : all.blocks / 2) * all.block();
        for (size_t d = 0; d < 4; d++) origin += (lent.extents.n[d] - extents_.n[d]) / 2 * strides[d];
        for (size_t v = 0; v < extents_.n[0]; v++)
            for (size_t t = 0; t < extents_.n[1]; t++)
                for (size_t y = 0; y < extents_.n[2]; y++) {
                    size_t cell = origin + v * strides[0] + t * strides[1] + y * strides[2];
                    for (size_t x = 0; x < extents_.n[3]; x++, cell += strides[3]) {
                        open_.push_back(lent.u[cell]);
                        if (subject.closed) closed_.push_back((*subject.closed)[cell]);
                        if (subject.of) of_.push_back(subject.of[cell]);
                    }
                }
    }
}

}  // namespace baler::grid
