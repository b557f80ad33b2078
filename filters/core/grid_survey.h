// What the indices of a chunk have in common: where its units come from. For the writer alone.
#pragma once

#include <algorithm>

#include "grid_units.h"

namespace baler::grid {

constexpr size_t kMostEntries = 65536;
constexpr size_t kLeastCellsPerEntry = 16;

inline bool is_coded(const Classes& c, size_t i) { return c.of.empty() || !c.of[i]; }

// What all coded indices have in common.
struct Survey {
    size_t cells = 0;
    int64_t low = INT64_MAX, high = INT64_MIN;
    uint64_t stride = 0;                // greatest common divisor of all differences
    std::vector<int64_t> distinct;      // ascending; some of them where there are too many
    bool all_distinct = true;
    std::vector<uint64_t> there;        // a bit for each of low … high, if they are not too many

    uint64_t span() const { return static_cast<uint64_t>(high) - static_cast<uint64_t>(low); }

    Survey(const std::vector<int64_t>& k, const Classes& c, bool with_distinct);
    bool dictionary_possible() const { return all_distinct && distinct.size() * kLeastCellsPerEntry <= cells; }
    bool affine_possible() const { return span() / stride <= static_cast<uint64_t>(2) * kMostUnits; }
};

// Ranks of indices among all distinct ones.
class Ranks {
  public:
    explicit Ranks(const Survey& s) : s_(s) {
        uint32_t before = 0;
        for (uint64_t word : s.there) {
            before_.push_back(before);
            before += static_cast<uint32_t>(__builtin_popcountll(word));
        }
    }
    size_t operator()(int64_t k) {
        if (!before_.empty()) {
            const auto at = static_cast<size_t>(k - s_.low);
            const uint64_t below = s_.there[at / 64] & ((uint64_t(1) << at % 64) - 1);
            return before_[at / 64] + static_cast<size_t>(__builtin_popcountll(below));
        }
        if (s_.distinct[last_] != k)
            last_ = static_cast<size_t>(std::lower_bound(s_.distinct.begin(), s_.distinct.end(), k) -
                                        s_.distinct.begin());
        return last_;
    }

  private:
    const Survey& s_;
    std::vector<uint32_t> before_;
    size_t last_ = 0;
};

}  // namespace baler::grid
