#include <algorithm>
#include <cstring>

#include "builtin_encoder.h"
#include "builtin_measure.h"

namespace baler::builtin {

namespace {

constexpr size_t kQuick = 1024, kMaxEntries = 65536;

// Of x >= 1, within a tenth.
double rough_log2(double x) {
    uint64_t u;
    std::memcpy(&u, &x, 8);
    return static_cast<double>(u >> 52) - 1023 + static_cast<double>(u << 12 >> 12) * 0x1p-52;
}

class Preparer {
  public:
    Preparer(Work& work, size_t position)
        : work_(work), position_(position), column_(work.column(position)), plan_(work.plan.columns[position]) {}

    void run(const std::vector<Term>& terms) {
        const Range range = range_of(column_.k.data(), column_);
        if (range.low >= range.high) {  // equal, or all masked
            plan_.method = ColumnPlan::constant;
            plan_.value = range.low <= range.high ? range.low : 0;
            return;
        }
        const size_t step = std::max<size_t>(work_.sample.size() / kQuick, 1);
        // Quick looks are at whole runs of neighbours.
        for (size_t i = 0; i < work_.sample.size(); i++)
            if (i / kSampleRun % step == 0 && !column_.masked(work_.sample[i])) quick_.push_back(work_.sample[i]);
        each_ = static_cast<double>(work_.table.rows) / static_cast<double>(std::max<size_t>(quick_.size(), 1));
        // Columns that need no change stay where they are.
        std::vector<int64_t>& changed = work_.columns[position_].u;
        map_and_stride(range);
        if (plan_.by_value || plan_.reduction != ColumnPlan::plain) to_units(plan_, column_, changed);
        try_dictionary(changed);
        const int64_t* u = work_.residuals(position_);
        const size_t n = column_.k.size();
        const double cost = predict(u);
        if (!terms.empty()) try_relation(terms, cost, changed);
        if (plan_.same) {
            auto& same = work_.columns[position_].same;
            same.assign(n, 0);
            for (size_t i = 1; i < n; i++) same[i] = u[i] == u[i - 1];
        }
        if (plan_.predictor == ColumnPlan::differences) {
            if (changed.empty()) {
                changed = take_rows(n);
                std::copy(column_.k.begin(), column_.k.end(), changed.begin());
            }
            subtract_prediction(plan_, work_.axes, changed);
        }
    }

  private:
    void map_and_stride(const Range& range) {
        plan_.stride = stride_of(column_.k.data(), column_, range, plan_.base);
        uint64_t span = range.span() / plan_.stride;
        std::vector<int64_t> v;
        int scale = 0;
        if (column_.lattice.kind() == Lattice::Kind::ordinal && span > 1 && integers(work_, column_, scale, v)) {
            const Range values = range_of(v.data(), column_);
            int64_t base = 0;
            const uint64_t stride = stride_of(v.data(), column_, values, base);
            if (length_of(values.span() / stride) < length_of(span)) {
                plan_.by_value = 1;
                plan_.scale = scale;
                plan_.base = base;
                plan_.stride = stride;
                span = values.span() / stride;
            }
        }
        // Without a stride the values stay as they are, and zero stays zero.
        plan_.reduction = plan_.stride > 1 ? ColumnPlan::affine : ColumnPlan::plain;
    }

    std::vector<int64_t> at(const int64_t* u) const {
        std::vector<int64_t> x;
        x.reserve(quick_.size());
        for (size_t row : quick_) x.push_back(u[row]);
        return x;
    }

    void try_dictionary(std::vector<int64_t>& changed) {
        const int64_t* u = work_.residuals(position_);
        std::vector<int64_t> x = at(u);
        std::sort(x.begin(), x.end());
        // How many values there are once, and twice, tells how many there are in all (Chao's estimate).
        size_t once = 0, twice = 0;
        for (size_t i = 0, j = 0; i < x.size(); i = j) {
            while (j < x.size() && x[j] == x[i]) j++;
            once += j - i == 1;
            twice += j - i == 2;
        }
        const auto different = static_cast<size_t>(std::unique(x.begin(), x.end()) - x.begin());
        const Range range = range_of(u, column_);
        if (different * 20 > quick_.size() * 19 || range.span() < 2 * different || range.span() < 64) return;
        const size_t rows = column_.k.size();
        const size_t most = static_cast<size_t>(std::min<uint64_t>({kMaxEntries, rows / 4, range.span() / 2}));
        if (different + once * once / (2 * twice + 2) > most + most / 2) return;
        std::vector<int64_t> entries;
        if (!distinct_values(u, column_, most, entries)) return;
        const double direct = bits_each(at(u), each_);
        if (range.span() / 2 < entries.size()) return;
        // Gaps between entries: their lengths' entropy and the bits below the two highest.
        std::vector<uint32_t> lengths(65);
        double cost = 0;
        for (size_t i = 1; i < entries.size(); i++) {
            const int b = length_of(static_cast<uint64_t>(entries[i]) - static_cast<uint64_t>(entries[i - 1]) - 1);
            lengths[static_cast<size_t>(b)]++;
            cost += std::max(b - 1, 0);
        }
        cost += n_log_n(entries.size());
        for (uint32_t n : lengths) cost -= n_log_n(n);
        for (int64_t& v : x) v = 0;
        x = at(u);
        for (int64_t& v : x) v = std::lower_bound(entries.begin(), entries.end(), v) - entries.begin();
        const auto cells = static_cast<double>(rows);
        if (bits_each(x, each_) * cells + cost + 64 > direct * cells * 0.995) return;
        if (plan_.reduction == ColumnPlan::affine)
            for (int64_t& e : entries)
                e = static_cast<int64_t>(static_cast<uint64_t>(plan_.base) + plan_.stride * static_cast<uint64_t>(e));
        plan_.reduction = ColumnPlan::dictionary;
        plan_.entries = std::move(entries);
        to_units(plan_, column_, changed);
    }

    // Bits of `count` of n cells having a flag.
    static double flag_bits(size_t count, size_t n) { return n_log_n(n) - n_log_n(count) - n_log_n(n - count); }

    double predict(const int64_t* u) {
        const auto n = static_cast<double>(std::max<size_t>(quick_.size(), 1));
        std::vector<int64_t> x = at(u), fresh;
        double best = bits_each(x, each_);
        plan_.predictor = ColumnPlan::none;
        for (size_t row : quick_)
            if (row == 0 || u[row] != u[row - 1]) fresh.push_back(u[row]);
        if (fresh.size() * 32 < quick_.size() * 31) {
            const double cost = (bits_each(fresh, each_) * static_cast<double>(fresh.size()) +
                                 flag_bits(fresh.size(), quick_.size())) / n;
            if (cost < best) {
                best = cost;
                plan_.same = 1;
            }
        }
        const auto axes = static_cast<uint8_t>(work_.axes.size());
        const uint8_t first = axes > kMaxAxes ? static_cast<uint8_t>(axes - kMaxAxes) : uint8_t(0);
        std::vector<std::vector<uint8_t>> lists;
        for (uint32_t subset = 1; subset < 1u << (axes - first); subset++) {
            std::vector<uint8_t> list;
            for (uint8_t a = first; a < axes; a++)
                if (subset >> (a - first) & 1) list.push_back(a);
            lists.push_back(list);
        }
        lists.push_back({static_cast<uint8_t>(axes - 1), static_cast<uint8_t>(axes - 1)});
        // Only differences that are about as small as the values themselves, the three smallest, are looked at closely.
        std::vector<std::pair<double, size_t>> by_size;
        const double plain_size = size_of(x);
        for (size_t i = 0; i < lists.size(); i++) {
            residuals(lists[i], u, x);
            const double size = size_of(x);
            if (size < plain_size + 0.3) by_size.emplace_back(size, i);
        }
        std::sort(by_size.begin(), by_size.end());
        if (by_size.size() > 3) by_size.resize(3);
        for (const auto& [size, i] : by_size) {
            const auto& list = lists[i];
            residuals(list, u, x);
            const double cost = bits_each(x, each_) * 1.002 + 0.002;
            if (cost < best) {
                best = cost;
                plan_.same = 0;
                plan_.predictor = ColumnPlan::differences;
                plan_.axes = list;
            }
        }
        return best;
    }

    // Mean length in bits of the distances from the middle value.
    static double size_of(const std::vector<int64_t>& x) {
        if (x.empty()) return 0;
        std::vector<int64_t> sorted(x);
        const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
        std::nth_element(sorted.begin(), middle, sorted.end());
        double sum = 0;
        for (int64_t v : x) {
            const uint64_t d = static_cast<uint64_t>(v) - static_cast<uint64_t>(*middle);
            sum += rough_log2(1.0 + static_cast<double>(v < *middle ? uint64_t(0) - d : d));
        }
        return sum / static_cast<double>(x.size());
    }

    // What subtract_prediction would leave at the quick rows.
    void residuals(const std::vector<uint8_t>& list, const int64_t* u, std::vector<int64_t>& x) const {
        const auto& axes = work_.axes;
        struct Corner {
            size_t offset = 0, back[kMaxAxes] = {};  // steps back along each axis of the list: repeated ones count at the first
            bool minus = false;
        };
        size_t stride[kMaxAxes], first[kMaxAxes];
        for (size_t a = 0; a < list.size(); a++) {
            stride[a] = 1;
            for (size_t b = list[a] + size_t(1); b < axes.size(); b++) stride[a] *= static_cast<size_t>(axes[b]);
            first[a] = static_cast<size_t>(std::find(list.begin(), list.end(), list[a]) - list.begin());
        }
        std::vector<Corner> corners(size_t(1) << list.size());
        for (size_t c = 1; c < corners.size(); c++)
            for (size_t a = 0; a < list.size(); a++) {
                if (!(c >> a & 1)) continue;
                corners[c].minus = !corners[c].minus;
                corners[c].offset += stride[a];
                corners[c].back[first[a]]++;
            }
        const bool line = axes.size() == 1;
        for (size_t s = 0; s < quick_.size(); s++) {
            const size_t i = quick_[s];
            size_t place[kMaxAxes] = {i};
            for (size_t a = 0; a < list.size() && !line; a++) place[a] = i / stride[a] % static_cast<size_t>(axes[list[a]]);
            uint64_t sum = 0;
            for (const Corner& c : corners) {
                bool inside = true;
                for (size_t a = 0; a < list.size(); a++) inside &= place[a] >= c.back[a];
                if (!inside) continue;
                const auto v = static_cast<uint64_t>(u[i - c.offset]);
                sum += c.minus ? uint64_t(0) - v : v;
            }
            x[s] = static_cast<int64_t>(sum);
        }
    }

    void try_relation(const std::vector<Term>& terms, double cost, std::vector<int64_t>& changed) {
        ColumnPlan with;
        with.predictor = ColumnPlan::relation;
        with.terms = terms;
        std::vector<int64_t> rest;
        relation(with, work_.plan, work_.table, column_.lattice, quick_, rest);
        for (size_t s = 0; s < quick_.size(); s++) rest[s] = less(column_.k[quick_[s]], rest[s]);
        if (bits_each(rest, each_) >= cost) return;
        relation(with, work_.plan, work_.table, column_.lattice, rest);
        for (size_t i = 0; i < rest.size(); i++) rest[i] = less(column_.k[i], rest[i]);
        plan_ = with;
        changed = std::move(rest);
    }

    static int64_t less(int64_t a, int64_t b) {
        return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
    }

    Work& work_;
    size_t position_;
    const Column& column_;
    ColumnPlan& plan_;
    std::vector<size_t> quick_;
    double each_ = 1;
};

}  // namespace

void prepare_column(Work& work, size_t position, const std::vector<Term>& terms) {
    Preparer(work, position).run(terms);
}

}  // namespace baler::builtin
