#include <algorithm>

#include "builtin.h"

namespace baler::builtin {

RowTables::RowTables(const Plan& plan, uint32_t position) : column_(plan.columns[position]), position_(position) {
    for (size_t which = 0; which < 2; which++) {
        const Factor& f = column_.factors[which];
        for (size_t i = 0; i < f.inputs.size(); i++) {
            const Source& s = f.inputs[i];
            const Feature& feature = plan.columns[s.position].feature;
            const int32_t weight = f.kind == Factor::score ? f.weights[i] : 0;
            Input input{s.position, s.lag, {}, 0};
            for (size_t g = 0; g < feature.first.size(); g++) {
                const int32_t v = f.kind == Factor::score ? weight * feature.z[g] : static_cast<int32_t>(g);
                std::fill(input.value + feature.first[g], input.value + kMaxTokens, v);
            }
            input.outside = input.value[0];
            inputs_[which].push_back(input);
        }
        if (f.kind != Factor::none) sums_[which].resize(kBlock);
    }
    across_ = groups_of(column_.factors[1], plan);
}

bool RowTables::serial(size_t n) const {
    for (const auto& inputs : inputs_)
        for (const Input& i : inputs)
            if (i.position == position_ && i.lag < n) return true;
    return false;
}

void RowTables::sum(const std::vector<std::vector<uint8_t>>& tokens, size_t begin, size_t end, bool own_too) {
    const size_t n = end - begin;
    for (size_t which = 0; which < 2; which++) {
        int32_t* sum = sums_[which].data();
        if (column_.factors[which].kind == Factor::none) continue;
        std::fill_n(sum, n, 0);
        for (const Input& input : inputs_[which]) {
            if (!own_too && input.position == position_) continue;
            const size_t outside = input.lag > begin
                ? static_cast<size_t>(std::min<uint64_t>(n, input.lag - begin)) : 0;
            for (size_t r = 0; r < outside; r++) sum[r] += input.outside;
            if (outside == n) continue;
            const uint8_t* token = tokens[input.position].data() + (begin + outside - static_cast<size_t>(input.lag));
            for (size_t r = outside; r < n; r++) sum[r] += input.value[token[r - outside]];
        }
    }
}

void RowTables::cells(const std::vector<std::vector<uint8_t>>& tokens, size_t begin, size_t end, uint16_t* cell) {
    const size_t n = end - begin;
    std::fill_n(cell, n, uint16_t(0));
    sum(tokens, begin, end, true);
    for (size_t which = 0; which < 2; which++) {
        const Factor& f = column_.factors[which];
        const int32_t* s = sums_[which].data();
        const uint32_t groups = which ? across_ : 1;
        if (f.kind == Factor::none) continue;
        for (size_t r = 0; r < n; r++) cell[r] = static_cast<uint16_t>(cell[r] * groups);
        if (f.kind == Factor::source) {
            for (size_t r = 0; r < n; r++) cell[r] = static_cast<uint16_t>(cell[r] + s[r]);
        } else {
            for (int32_t t : f.thresholds)
                for (size_t r = 0; r < n; r++) cell[r] = static_cast<uint16_t>(cell[r] + (s[r] >= t));
        }
    }
}

void RowTables::block(const std::vector<std::vector<uint8_t>>& tokens, size_t begin, size_t end, uint8_t* out) {
    uint16_t cell[kBlock];
    if (column_.tables.size() == 1) {
        std::fill_n(out, end - begin, uint8_t(0));
        return;
    }
    cells(tokens, begin, end, cell);
    for (size_t r = 0; r < end - begin; r++) out[r] = column_.map[cell[r]];
}

void RowTables::start(const std::vector<std::vector<uint8_t>>& tokens, size_t begin, size_t end) {
    begin_ = begin;
    sum(tokens, begin, end, false);
}

uint8_t RowTables::row(const uint8_t* own_tokens, size_t row) const {
    uint32_t cell = 0;
    for (size_t which = 0; which < 2; which++) {
        const Factor& f = column_.factors[which];
        if (f.kind == Factor::none) continue;
        int32_t sum = sums_[which][row - begin_];
        for (const Input& i : inputs_[which]) {
            if (i.position != position_) continue;
            sum += i.lag > row ? i.outside : i.value[own_tokens[row - static_cast<size_t>(i.lag)]];
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
