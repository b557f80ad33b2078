#include "grid_survey.h"

namespace baler::grid {

Survey::Survey(const std::vector<int64_t>& k, const Classes& c, bool with_distinct) {
    int64_t first = 0;
    for (size_t i = 0; i < k.size(); i++) {
        if (!is_coded(c, i)) continue;
        if (!cells++) first = k[i];
        low = std::min(low, k[i]);
        high = std::max(high, k[i]);
        if (stride == 1 || k[i] == first) continue;  // most data end up here soon
        uint64_t a = k[i] > first ? static_cast<uint64_t>(k[i]) - static_cast<uint64_t>(first)
                                  : static_cast<uint64_t>(first) - static_cast<uint64_t>(k[i]);
        if (stride && a % stride == 0) continue;
        uint64_t b = stride;
        while (b) std::swap(a %= b, b);
        stride = a;
    }
    if (!stride) stride = 1;
    if (!cells || !with_distinct) return;
    if (span() < 64 * std::max<uint64_t>(k.size(), 65536)) {
        there.resize(static_cast<size_t>(span()) / 64 + 1);
        for (size_t i = 0; i < k.size(); i++) {
            if (!is_coded(c, i)) continue;
            const auto at = static_cast<size_t>(k[i] - low);
            there[at / 64] |= uint64_t(1) << at % 64;
        }
        for (size_t i = 0; i < there.size() && distinct.size() <= kMostEntries; i++)
            for (uint64_t word = there[i]; word; word &= word - 1)
                distinct.push_back(low + static_cast<int64_t>(64 * i) + __builtin_ctzll(word));
        all_distinct = distinct.size() <= kMostEntries;
    } else {
        constexpr size_t kSlots = 4 * kMostEntries;
        std::vector<int64_t> slot(kSlots);
        std::vector<uint8_t> used(kSlots);
        int64_t last = low;
        distinct.push_back(low);
        for (size_t i = 0; i < k.size(); i++) {
            if (!is_coded(c, i) || k[i] == last || k[i] == low) continue;
            last = k[i];
            size_t s = static_cast<size_t>(static_cast<uint64_t>(last) * 0x9e3779b97f4a7c15 >> 46);
            while (used[s] && slot[s] != last) s = (s + 1) % kSlots;
            if (used[s]) continue;
            if (distinct.size() == kMostEntries) {
                all_distinct = false;
                break;
            }
            used[s] = 1;
            slot[s] = last;
            distinct.push_back(last);
        }
        std::sort(distinct.begin(), distinct.end());
    }
}

}  // namespace baler::grid
