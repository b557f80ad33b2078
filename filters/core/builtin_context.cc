#include <algorithm>

#include "builtin.h"
#include "instruction_set.h"

namespace baler::builtin {

RowTables::RowTables(const Plan& plan, uint32_t position) : column_(plan.columns[position]), position_(position) {
    for (size_t which = 0; which < 2; which++) {
        const Factor& f = column_.factors[which];
        int32_t most = 0;
        for (size_t i = 0; i < f.inputs.size(); i++) {
            const Source& s = f.inputs[i];
            const Feature& feature = plan.columns[s.position].feature;
            const int32_t weight = f.kind == Factor::score ? f.weights[i] : 0;
            Input input{s.position, s.lag, {}};
            int32_t largest = 0;
            for (size_t g = 0; g < kMaxGroups; g++) {
                const size_t known = std::min(g, feature.first.size() - 1);
                input.value[g] = f.kind == Factor::score ? weight * feature.z[known] : static_cast<int32_t>(known);
                largest = std::max(largest, std::abs(input.value[g]));
            }
            most += largest;
            inputs_[which].push_back(input);
        }
        if (f.kind == Factor::none) continue;
        groups_[which].resize(kBlock);
        sums_[which].resize(kBlock);
        const auto here = [](const Input& i) { return i.lag == 0; };
        if (f.kind != Factor::score || most > INT16_MAX || !std::all_of(inputs_[which].begin(), inputs_[which].end(), here))
            continue;
        Quick& q = quick_[which];
        for (const Input& input : inputs_[which])
            for (int32_t v : input.value) q.values.push_back(static_cast<int16_t>(v));
        for (int32_t t : f.thresholds)
            if (t <= INT16_MAX) q.thresholds.push_back(static_cast<int16_t>(std::max<int32_t>(t, INT16_MIN)));
        q.at.resize(f.inputs.size());
    }
    across_ = groups_of(column_.factors[1], plan);
}

bool RowTables::serial(size_t n) const {
    for (const auto& inputs : inputs_)
        for (const Input& i : inputs)
            if (i.position == position_ && i.lag < n) return true;
    return false;
}

void RowTables::sum(const Groups& groups, size_t which, size_t begin, size_t end, bool own_too) {
    const size_t n = end - begin;
    int32_t* sum = sums_[which].data();
    std::fill_n(sum, n, 0);
    for (const Input& input : inputs_[which]) {
        if (!own_too && input.position == position_) continue;
        const size_t outside = input.lag > begin ? static_cast<size_t>(std::min<uint64_t>(n, input.lag - begin)) : 0;
        for (size_t r = 0; r < outside; r++) sum[r] += input.value[0];
        if (outside == n) continue;
        const uint8_t* group = groups[input.position].data() + (begin + outside - static_cast<size_t>(input.lag));
        for (size_t r = outside; r < n; r++) sum[r] += input.value[group[r - outside]];
    }
}

// The groups of a factor in the rows of a block.
const uint8_t* RowTables::factor(const Groups& groups, size_t which, size_t begin, size_t end) {
    const Factor& f = column_.factors[which];
    const size_t n = end - begin;
    uint8_t* out = groups_[which].data();
    if (f.kind == Factor::source && f.inputs[0].lag == 0) return groups[f.inputs[0].position].data() + begin;
    Quick& q = quick_[which];
    if (!q.values.empty()) {
        for (size_t i = 0; i < q.at.size(); i++) q.at[i] = groups[f.inputs[i].position].data() + begin;
        instruction_set().tables.scores({q.at.data(), q.values.data(), q.at.size(), q.thresholds.data(),
                                         q.thresholds.size(), n, out});
        return out;
    }
    sum(groups, which, begin, end, true);
    const int32_t* s = sums_[which].data();
    if (f.kind == Factor::source) {
        for (size_t r = 0; r < n; r++) out[r] = static_cast<uint8_t>(s[r]);
        return out;
    }
    std::fill_n(out, n, uint8_t(0));
    for (int32_t t : f.thresholds)
        for (size_t r = 0; r < n; r++) out[r] = static_cast<uint8_t>(out[r] + (s[r] >= t));
    return out;
}

void RowTables::cells(const Groups& groups, size_t begin, size_t end, uint16_t* cell) {
    const size_t n = end - begin;
    const uint8_t* g[2] = {};
    for (size_t which = 0; which < 2; which++)
        if (column_.factors[which].kind != Factor::none) g[which] = factor(groups, which, begin, end);
    if (g[0] && g[1])
        for (size_t r = 0; r < n; r++) cell[r] = static_cast<uint16_t>(g[0][r] * across_ + g[1][r]);
    else if (g[0] || g[1])
        std::copy_n(g[0] ? g[0] : g[1], n, cell);
    else
        std::fill_n(cell, n, uint16_t(0));
}

void RowTables::block(const Groups& groups, size_t begin, size_t end, uint8_t* out) {
    if (column_.tables.size() == 1) {
        std::fill_n(out, end - begin, uint8_t(0));
        return;
    }
    uint16_t cell[kBlock];
    cells(groups, begin, end, cell);
    for (size_t r = 0; r < end - begin; r++) out[r] = column_.map[cell[r]];
}

void RowTables::start(const Groups& groups, size_t begin, size_t end) {
    begin_ = begin;
    for (size_t which = 0; which < 2; which++)
        if (column_.factors[which].kind != Factor::none) sum(groups, which, begin, end, false);
}

uint8_t RowTables::row(const uint8_t* own_groups, size_t row) const {
    uint32_t cell = 0;
    for (size_t which = 0; which < 2; which++) {
        const Factor& f = column_.factors[which];
        if (f.kind == Factor::none) continue;
        int32_t sum = sums_[which][row - begin_];
        for (const Input& i : inputs_[which]) {
            if (i.position != position_) continue;
            sum += i.value[i.lag > row ? 0 : own_groups[row - static_cast<size_t>(i.lag)]];
        }
        if (f.kind == Factor::score) {
            int32_t group = 0;
            for (int32_t t : f.thresholds) group += sum >= t;
            sum = group;
        }
        cell = cell * (which ? across_ : 1) + static_cast<uint32_t>(sum);
    }
    return column_.map[cell];
}

}  // namespace baler::builtin
