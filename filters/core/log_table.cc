#include "log_table.h"

#include <algorithm>
#include <cstring>
#include <list>
#include <mutex>

namespace baler {
namespace {

constexpr size_t kMaxCells = 4096;

// Is a value `far` mantissas away inside the bound of the number with mantissa m?
bool inside(double bound, int p, uint64_t far, uint64_t m) {
    return static_cast<double>(far) <= bound * static_cast<double>((uint64_t(1) << p) + m);
}

// The widest cells from the lower end of the octave upwards; false when there are more than kMaxCells.
bool greedy(double bound, int p, std::vector<uint64_t>* start, std::vector<uint64_t>* centre, uint64_t* cells) {
    const uint64_t last = (uint64_t(1) << p) - 1;
    *cells = 0;
    for (uint64_t a = 0; a <= last;) {
        if (*cells == kMaxCells) return false;
        // the furthest centre that a allows, then the furthest b that the centre allows
        double reach = bound * static_cast<double>(last + 1 + a);
        uint64_t c = reach >= static_cast<double>(last - a) ? last : a + static_cast<uint64_t>(reach);
        double far = bound * static_cast<double>(last + 1 + c) / (1 - bound);
        uint64_t b = far >= static_cast<double>(last - c) ? last : c + static_cast<uint64_t>(far);
        while (b > c && !inside(bound, p, b - c, b)) b--;
        while (b < last && inside(bound, p, b + 1 - c, b + 1)) b++;
        if (start) {
            start->push_back(a);
            centre->push_back(c);
        }
        ++*cells;
        a = b + 1;
    }
    return true;
}

void finish_segments(Octave& o) {
    for (size_t s = 0; s < 64; s++) o.per_width[s] = 1 / static_cast<double>(o.width[s]);
    o.segment_shift = 0;
    while (o.cells >> o.segment_shift >= 512) o.segment_shift++;
    o.segment_guess.clear();
    uint8_t s = 0;
    for (uint64_t g = 0; g << o.segment_shift < o.cells; g++) {
        while (o.first[s + 1] <= g << o.segment_shift) s++;
        o.segment_guess.push_back(s);
    }
}

Octave make_octave(int p, double bound, bool balance) {
    Octave o;
    o.p = p;
    uint64_t n = 0;
    if (greedy(bound, p, nullptr, nullptr, &n)) {
        // The tightest bound that needs no more cells makes them equally wide: no stump at the end of the octave.
        double low = bound / 2, high = bound;
        for (int i = 0; balance && i < 20; i++) {
            double middle = (low + high) / 2;
            uint64_t m = 0;
            if (greedy(middle, p, nullptr, nullptr, &m) && m == n) high = middle;
            else low = middle;
        }
        greedy(high, p, &o.start, &o.centre, &o.cells);
        o.start.push_back(uint64_t(1) << p);
        o.guess_shift = std::max(0, p - 12);
        o.guess.resize(size_t(1) << (p - o.guess_shift));
        size_t i = 0;
        for (size_t g = 0; g < o.guess.size(); g++) {
            while (o.start[i + 1] <= static_cast<uint64_t>(g) << o.guess_shift) i++;
            o.guess[g] = static_cast<uint16_t>(i);
        }
        return o;
    }
    // more than 4096 cells: p > 12
    const uint64_t length = uint64_t(1) << (p - 6);
    for (size_t s = 0; s < 64; s++) {
        double reach = bound * static_cast<double>((uint64_t(1) << p) + s * length);
        o.width[s] = 2 * static_cast<uint64_t>(reach) + 1;
        o.first[s + 1] = o.first[s] + (length + o.width[s] - 1) / o.width[s];
    }
    o.cells = o.first[64];
    finish_segments(o);
    return o;
}

// The same cells with d more bits to the mantissa.
Octave widen(const Octave& from, int d) {
    Octave o = from;
    o.p += d;
    o.guess_shift += d;
    for (auto& v : o.start) v <<= d;
    for (auto& v : o.centre) v <<= d;
    for (auto& v : o.width) v <<= d;
    if (o.start.empty()) finish_segments(o);
    return o;
}

void make_narrow(LogTable& t) {
    const Octave& o = t.octaves[0];
    t.narrow_start.assign(o.start.begin(), o.start.end());
    t.narrow_centre.assign(o.centre.begin(), o.centre.end());
    t.narrow_guess.assign(o.guess.begin(), o.guess.end());
    uint32_t steps = 0;
    for (size_t g = 0; g < o.guess.size(); g++)
        steps = std::max<uint32_t>(steps, (g + 1 < o.guess.size() ? o.guess[g + 1] : static_cast<uint32_t>(o.cells) - 1) - o.guess[g]);
    t.narrow = {t.narrow_start.data(), t.narrow_centre.data(), t.narrow_guess.data(), o.guess_shift,
                static_cast<int>(steps), static_cast<int32_t>(o.cells), t.per_octave};
}

std::shared_ptr<const LogTable> make_table(int p, double bound) {
    auto t = std::make_shared<LogTable>();
    if (p >= 0) {
        t->octaves.push_back(make_octave(p, bound, true));
        t->subnormals = p == 10 ? 1023 : 0;
        t->per_octave = 1 / static_cast<double>(t->octaves[0].cells);
        if (p == 23 && !t->octaves[0].start.empty()) make_narrow(*t);
        return t;
    }
    t->whole = true;
    uint64_t first = 0;
    for (int e = 0; e < 64; e++) {
        // beyond 2^52 a double no longer counts mantissas one by one
        t->octaves.push_back(e <= 52 ? make_octave(e, bound, false) : widen(t->octaves[52], e - 52));
        t->first.push_back(first);
        first += t->octaves.back().cells;
    }
    return t;
}

struct Cached {
    int p;
    double bound;
    std::shared_ptr<const LogTable> table;
};

}  // namespace

std::shared_ptr<const LogTable> log_table(int p, double bound) {
    static std::mutex mutex;
    static auto* cache = new std::list<Cached>;  // most recent first; never destroyed: threads may outlive main
    std::lock_guard<std::mutex> lock(mutex);
    for (auto it = cache->begin(); it != cache->end(); ++it)
        if (it->p == p && std::memcmp(&it->bound, &bound, 8) == 0) {
            cache->splice(cache->begin(), *cache, it);
            return it->table;
        }
    auto table = make_table(p, bound);
    cache->push_front({p, bound, table});
    if (cache->size() > 32) cache->pop_back();
    return table;
}

}  // namespace baler
