// Finding the step of data that was packed before it came here: values offset + quantum * integer, blurred by the
// rounding to floats and to the lattice. docs/format.md, section 12.3, kind source. For the writer alone.
#include <algorithm>
#include <cmath>

#include "grid_units.h"

namespace baler::grid {
namespace {

constexpr size_t kLeastValues = 12;
constexpr double kLeastGain = 1.3;  // cells of the lattice in a quantum

constexpr double kOnLine = 1.0 / 64;  // of a quantum: near enough to be no chance

struct Line {
    double offset, quantum;
};

// Follows the values from `start` on both sides with a quantum that becomes the better known the farther it comes.
// blur: how far a value may be from the line. false: too many values are off.
bool follow(const std::vector<double>& v, const std::vector<double>& blur, size_t start, double quantum, Line& line) {
    const double origin = v[start];
    double n = 1, su = 0, sv = 0, suu = 0, suv = 0;
    std::vector<double> u(v.size());
    const auto take = [&](size_t i, size_t from) {
        u[i] = u[from] + std::nearbyint((v[i] - v[from]) / quantum);
        const double y = v[i] - origin;
        n++;
        su += u[i];
        sv += y;
        suu += u[i] * u[i];
        suv += u[i] * y;
        const double d = n * suu - su * su;
        if (d > 0) quantum = (n * suv - su * sv) / d;
    };
    const auto off_line = [&](size_t i) {
        const double offset = origin + (sv - quantum * su) / n;
        return std::fabs(offset + quantum * u[i] - v[i]) > std::max(blur[i], quantum * kOnLine);
    };
    size_t wrong = 0;
    for (size_t i = start + 1; i < v.size(); i++) {
        take(i, i - 1);
        // most guesses are wrong, and it shows soon
        wrong += off_line(i);
        if (wrong > 8 && wrong > (i - start) / 4) return false;
    }
    for (size_t i = start; i-- > 0;) take(i, i + 1);
    if (!(quantum > 0) || !std::isfinite(quantum)) return false;
    line = {origin + (sv - quantum * su) / n, quantum};
    size_t off = 0;
    for (size_t i = 0; i < v.size(); i++)
        off += std::fabs(line.offset + quantum * u[i] - v[i]) > std::max(blur[i], quantum * kOnLine);
    return off <= v.size() / 50;
}

// The nearest number of few decimal digits, if there is one as near as `slack`.
bool few_digits(double x, double slack, double& rounded) {
    for (int digits = 1; digits <= 9; digits++) {
        const int e = digits - 1 - static_cast<int>(std::floor(std::log10(x)));
        const double scale = std::pow(10.0, std::abs(e));
        const double y = e > 0 ? std::nearbyint(x * scale) / scale : std::nearbyint(x / scale) * scale;
        if (std::fabs(y - x) <= slack) {
            rounded = y;
            return true;
        }
    }
    return false;
}

// Whole numbers of tenths, hundredths … as tables and text files have them: the coarsest that holds all the values.
bool decimal_fractions(const std::vector<double>& v, const std::vector<double>& blur, Units& units) {
    const size_t some = std::min<size_t>(v.size(), 256);
    double scale = 1;
    for (int digits = 0; digits <= 12; digits++, scale *= 10) {
        size_t i = 0;
        for (; i < some; i++) {
            const size_t at = i * (v.size() - 1) / (some - 1);
            const double slack = blur[at] * scale, y = v[at] * scale;
            if (!(slack * kLeastGain <= 1)) return false;  // finer than the lattice
            if (std::fabs(y) > kMostUnits) break;
            if (std::fabs(y - std::nearbyint(y)) > 0.6 * slack + std::fabs(y) * 0x1p-52) break;
        }
        if (i < some) continue;
        units.divides = true;
        units.offset = 0;
        units.quantum = scale;
        return true;
    }
    return false;
}

// The distance of neighbouring lines in the densest parts, if all values are on such lines.
bool equal_steps(const std::vector<double>& v, const std::vector<double>& blur, Units& units) {
    Line best{0, 0};
    const auto attempt = [&](double guess, size_t start) {
        Line line{};
        if (!(guess >= kLeastGain * blur[start]) || !follow(v, blur, start, guess, line)) return;
        if (line.quantum > best.quantum && line.quantum >= kLeastGain * blur[start]) best = line;
    };
    for (size_t stretch : {size_t(8), size_t(32), size_t(128), size_t(512)}) {
        if (stretch >= v.size()) break;
        size_t at = 0;
        double least = INFINITY;
        for (size_t i = 0; i + stretch < v.size(); i++) {
            if (v[i + stretch] - v[i] >= least) continue;
            least = v[i + stretch] - v[i];
            at = i;
        }
        attempt(least / static_cast<double>(stretch), at);
        // the shortest differences there, for data that leave gaps everywhere
        std::vector<double> d;
        for (size_t i = at; i < at + stretch; i++) d.push_back(v[i + 1] - v[i]);
        std::sort(d.begin(), d.end());
        size_t same = 0;
        double sum = 0;
        while (same < d.size() && d[same] <= 1.5 * d[0]) sum += d[same++];
        attempt(sum / static_cast<double>(same), at);
    }
    if (!(best.quantum > 0)) return false;
    units.offset = best.offset;
    units.quantum = best.quantum;
    return true;
}

// Some of the indices, and how many of them units do not give back.
struct Trial {
    const Lattice& lattice;
    std::vector<int64_t> k, back;
    std::vector<double> v;
    std::vector<int32_t> u;

    Trial(const Lattice& l, const std::vector<int64_t>& distinct, const std::vector<double>& values) : lattice(l) {
        const size_t n = std::min<size_t>(distinct.size(), 2048);
        for (size_t i = 0; i < n; i++) {
            const size_t at = i * distinct.size() / n;
            k.push_back(distinct[at]);
            v.push_back(values[at]);
        }
        u.resize(n);
        back.resize(n);
    }
    // At least `most` where it is that many or more.
    size_t failures(const Units& units, size_t most) {
        size_t wrong = 0;
        for (size_t at = 0; at < k.size() && wrong < most; at += 4) {
            const size_t some = std::min<size_t>(4, k.size() - at);
            for (size_t i = at; i < at + some; i++) {
                const int64_t x = source_unit(units, v[i]);
                if (x == INT64_MIN) return most;
                u[i] = static_cast<int32_t>(x);
            }
            source_indices(units, lattice, &u[at], 0, some, &back[at]);
            for (size_t i = at; i < at + some; i++) wrong += back[i] != k[i];
        }
        return wrong;
    }
};

// The line as it was found is known to some digits only. What the data were made with is more likely a number of few
// digits, or has one as its inverse; and the value of 0 is likely among the values.
void make_exact(const Lattice& lattice, const std::vector<int64_t>& distinct, const std::vector<double>& v, double blur,
                Units& units) {
    Trial trial(lattice, distinct, v);
    const Units line = units;
    size_t least = trial.failures(line, SIZE_MAX);
    const auto attempt = [&](double offset, double quantum, bool divides, size_t most) {
        Units other = line;
        other.offset = offset;
        other.quantum = quantum;
        other.divides = divides;
        const size_t wrong = trial.failures(other, most);
        if (wrong >= most) return;
        least = wrong;
        units = other;
    };
    const double middle = v[v.size() / 2], u = std::nearbyint((middle - line.offset) / line.quantum);
    const double slack = line.quantum * (2 * blur / (v.back() - v.front() + line.quantum) + 1e-12);
    double q = line.quantum;
    if (few_digits(line.quantum, slack, q)) {
        attempt(line.offset + u * (line.quantum - q), q, false, least);
        attempt(0, q, false, least);
    }
    if (few_digits(1 / line.quantum, slack / line.quantum / line.quantum, q)) attempt(0, q, true, least);
    constexpr size_t kGood = 3;
    if (lattice.kind() != Lattice::Kind::ordinal || least * 4 < trial.k.size() || distinct.size() > 65536) return;
    few_digits(line.quantum, slack, q = line.quantum);
    for (int ulps : {0, 1, -1, 2, -2}) {
        double quantum = q;
        for (int i = 0; i < std::abs(ulps); i++) quantum = std::nextafter(quantum, ulps < 0 ? 0 : INFINITY);
        for (size_t i = 0; i < v.size() && least > kGood; i++) attempt(v[i], quantum, false, kGood);
    }
}

// Values of indices, and how far they may be off what was there before.
void look_at(const Lattice& lattice, const std::vector<int64_t>& distinct, std::vector<double>& v,
             std::vector<double>& blur) {
    for (int64_t k : distinct) {
        v.push_back(lattice.value(k));
        blur.push_back(lattice.edge(std::min(k, lattice.highest()) + 1) - lattice.edge(k));
    }
}

}  // namespace

std::vector<double> quanta(const Lattice& lattice, const std::vector<int64_t>& distinct) {
    std::vector<double> v, blur, list;
    look_at(lattice, distinct, v, blur);
    Units line;
    if (distinct.size() < kLeastValues || !equal_steps(v, blur, line)) return list;
    const double widest = *std::max_element(blur.begin(), blur.end()), q = line.quantum;
    const double slack = q * (2 * widest / (v.back() - v.front() + q) + 1e-12);
    double round = std::exp2(std::nearbyint(std::log2(q)));
    if (std::fabs(round - q) <= slack) list.push_back(round);
    if (few_digits(q, slack, round)) list.push_back(round);
    if (few_digits(1 / q, slack / q / q, round)) list.push_back(1 / round);
    return list;
}

bool find_source(const Lattice& lattice, const std::vector<int64_t>& distinct, Units& units) {
    if (lattice.dtype().kind != 'f' || lattice.kind() == Lattice::Kind::log) return false;
    if (distinct.size() < kLeastValues) return false;
    std::vector<double> v, blur;
    look_at(lattice, distinct, v, blur);
    units = Units{};
    units.kind = Units::source;
    if (decimal_fractions(v, blur, units)) return true;
    if (!equal_steps(v, blur, units)) return false;
    make_exact(lattice, distinct, v, *std::max_element(blur.begin(), blur.end()), units);
    return true;
}

}  // namespace baler::grid
