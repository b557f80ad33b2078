// Finding the step of data that was packed before it came here: values offset + quantum * integer, blurred by the
// rounding to floats and to the lattice. docs/format.md, section 12.3, kind source. For the writer alone.
#include <algorithm>
#include <cmath>

#include "grid_units.h"

namespace baler::grid {
namespace {

constexpr size_t kLeastValues = 12;
constexpr double kLeastGain = 1.3;  // cells of the lattice in a quantum

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
    for (size_t i = start + 1; i < v.size(); i++) take(i, i - 1);
    for (size_t i = start; i-- > 0;) take(i, i + 1);
    if (!(quantum > 0) || !std::isfinite(quantum)) return false;
    line = {origin + (sv - quantum * su) / n, quantum};
    size_t off = 0;
    for (size_t i = 0; i < v.size(); i++) off += std::fabs(line.offset + quantum * u[i] - v[i]) > blur[i];
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

}  // namespace

bool find_source(const Lattice& lattice, const std::vector<int64_t>& distinct, Units& units) {
    if (lattice.dtype().kind != 'f' || distinct.size() < kLeastValues) return false;
    // among many values, a stretch of the densest; the whole is verified by whoever uses the result
    std::vector<double> v(distinct.size()), blur(distinct.size());
    for (size_t i = 0; i < distinct.size(); i++) {
        v[i] = lattice.value(distinct[i]);
        blur[i] = lattice.edge(std::min(distinct[i], lattice.highest()) + 1) - lattice.edge(distinct[i]);
    }
    std::vector<double> guesses;
    std::vector<size_t> starts;
    for (size_t stretch : {size_t(8), size_t(32), size_t(128), size_t(512)}) {
        if (stretch >= v.size()) break;
        size_t at = 0;
        double least = INFINITY;
        for (size_t i = 0; i + stretch < v.size(); i++) {
            if (v[i + stretch] - v[i] >= least) continue;
            least = v[i + stretch] - v[i];
            at = i;
        }
        guesses.push_back(least / static_cast<double>(stretch));
        starts.push_back(at);
        // the shortest differences there, for data that leave gaps everywhere
        std::vector<double> d;
        for (size_t i = at; i < at + stretch; i++) d.push_back(v[i + 1] - v[i]);
        std::sort(d.begin(), d.end());
        size_t same = 0;
        double sum = 0;
        while (same < d.size() && d[same] <= 1.5 * d[0]) sum += d[same++];
        guesses.push_back(sum / static_cast<double>(same));
        starts.push_back(at);
    }
    Line best{0, 0};
    for (size_t g = 0; g < guesses.size(); g++) {
        Line line{};
        if (!(guesses[g] >= kLeastGain * blur[starts[g]]) || !follow(v, blur, starts[g], guesses[g], line)) continue;
        if (line.quantum > best.quantum && line.quantum >= kLeastGain * blur[starts[g]]) best = line;
    }
    if (!(best.quantum > 0)) return false;
    units = Units{};
    units.kind = Units::source;
    units.offset = best.offset;
    units.quantum = best.quantum;
    // Round numbers are more likely, and then exact: decimal fractions first of all.
    const double span = v.back() - v.front(), slack = *std::max_element(blur.begin(), blur.end()) * best.quantum / (span + best.quantum) * 2;
    double round = 0;
    const auto whole = std::fabs(best.offset - best.quantum * std::nearbyint(best.offset / best.quantum)) <= 2 * blur[0] + best.quantum * 1e-3;
    if (whole && best.quantum < 1 && few_digits(1 / best.quantum, slack / best.quantum / best.quantum, round)) {
        units.divides = true;
        units.quantum = round;
        units.offset = 0;
    } else if (few_digits(best.quantum, slack, round)) {
        units.quantum = round;
        if (whole) units.offset = 0;
    }
    if (!units.divides && !(whole && units.offset == 0)) {
        // numbers near zero where the values are
        const double middle = std::nearbyint((v[v.size() / 2] - units.offset) / units.quantum);
        (void)middle;
    }
    return true;
}

}  // namespace baler::grid
