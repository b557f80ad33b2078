// A grid as those who choose for it look at it: the whole, lent and turned by strides alone, and a block of it.
#pragma once

#include "grid_choose.h"

namespace baler::grid {

// Of a grid, filled where cells are not coded.
class Whole {
  public:
    explicit Whole(const Subject& subject);
    Lent turned(int by) const;

  private:
    const Subject& subject_;
    Lent lent_;
    std::vector<int32_t> filled_;
};

// A block of a grid, or all of it, turned.
class Sample {
  public:
    Sample(const Subject& subject, const Whole& whole, int by);
    const Extents& extents() const { return extents_; }
    const std::vector<int32_t>& open() const { return open_; }
    const std::vector<int32_t>& closed() const { return closed_; }
    const uint8_t* of() const { return of_.empty() ? nullptr : of_.data(); }
    bool whole() const { return whole_; }  // that is all there is

  private:
    Extents extents_;
    bool whole_ = false;
    std::vector<int32_t> open_, closed_;
    std::vector<uint8_t> of_;
};

}  // namespace baler::grid
