#include "bytes_match.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "bytes_format.h"

namespace baler::lz {

namespace {

constexpr int kHashBits = 17, kChain = 24, kEnough = 128;
constexpr size_t kLongest = 1 << 24;

uint32_t four(const uint8_t* p) {
    uint32_t v;
    std::memcpy(&v, p, 4);
    return v;
}
uint32_t hash(uint32_t v) { return v * 2654435761u >> (32 - kHashBits); }

// Bits of an order-0 coded byte.
float price(const uint8_t* p, size_t n) {
    uint32_t count[256] = {};
    const size_t step = std::max<size_t>(n / 16384, 1);
    size_t seen = 0;
    for (size_t i = 0; i < n; i += step, seen++) count[p[i]]++;
    double bits = 0;
    for (uint32_t c : count)
        if (c) bits -= c * std::log2(static_cast<double>(c) / static_cast<double>(seen));
    return static_cast<float>(seen ? bits / static_cast<double>(seen) : 8.0);
}

int log2_of(uint64_t v) {
    int e = 0;
    while (v >> (e + 1)) e++;
    return e;
}

struct Match {
    size_t length = 0, offset = 0;
    float gain = 0;
};

class Matcher {
  public:
    Matcher(const uint8_t* data, size_t n) : p_(data), n_(n), head_(size_t(1) << kHashBits, kNone), before_(n) {}

    // The match at i that saves most, against literals of `each` bits.
    Match best(size_t i, float each, const Repeats& repeats) {
        Match m;
        if (i + 4 > n_) return m;
        for (size_t r = 0; r < kRepeats; r++) {
            const uint64_t offset = repeats.offset[r];
            if (offset <= i) weigh(m, i, static_cast<size_t>(offset), each, 5.0f);
        }
        uint32_t at = head_[hash(four(p_ + i))];
        for (int tries = kChain; at != kNone && tries > 0; tries--) {
            if (four(p_ + at) == four(p_ + i) && (m.length == 0 || i + m.length >= n_ || p_[at + m.length] == p_[i + m.length])) {
                const size_t offset = i - at;
                weigh(m, i, offset, each, 7.0f + static_cast<float>(log2_of(offset)));
                if (m.length >= kEnough) break;
            }
            at = before_[at];
        }
        return m;
    }

    void insert(size_t i) {
        if (i + 4 > n_) return;
        uint32_t& head = head_[hash(four(p_ + i))];
        before_[i] = head;
        head = static_cast<uint32_t>(i);
    }

  private:
    static constexpr uint32_t kNone = UINT32_MAX;

    void weigh(Match& m, size_t i, size_t offset, float each, float cost) const {
        const uint8_t *a = p_ + i, *b = a - offset;
        const size_t most = std::min(n_ - i, kLongest);
        size_t length = 0;
        while (length + 8 <= most) {
            uint64_t x, y;
            std::memcpy(&x, a + length, 8);
            std::memcpy(&y, b + length, 8);
            if (x != y) break;
            length += 8;
        }
        while (length < most && a[length] == b[length]) length++;
        if (length < kShortest) return;
        const float gain = each * static_cast<float>(length) - cost;
        if (gain > m.gain) m = Match{length, offset, gain};
    }

    const uint8_t* p_;
    size_t n_;
    std::vector<uint32_t> head_, before_;
};

}  // namespace

std::vector<Sequence> find_matches(const uint8_t* data, size_t n, size_t segment) {
    std::vector<Sequence> found;
    if (n < 16 || n >= UINT32_MAX) return found;
    Matcher matcher(data, n);
    Repeats repeats;
    size_t literals_from = 0;
    size_t i = 0, misses = 0;
    float each = 8;
    size_t priced = SIZE_MAX;
    while (i < n) {
        if (i / segment != priced) {
            priced = i / segment;
            each = std::max(0.05f, price(data + priced * segment, std::min(segment, n - priced * segment)) * 0.95f);
            misses = 0;
        }
        Match m = matcher.best(i, each, repeats);
        matcher.insert(i);
        if (m.gain <= 0) {
            // the longer nothing is found the fewer places are tried
            misses++;
            const size_t skip = 1 + (misses >> 6);
            i += std::min<size_t>(skip, 64);
            continue;
        }
        misses = 0;
        while (m.length < kEnough && i + 1 < n) {
            const Match next = matcher.best(i + 1, each, repeats);
            if (next.gain <= m.gain) break;
            i++;
            matcher.insert(i);
            m = next;
        }
        // backwards, as far as literals go
        while (i > literals_from && m.offset < i && data[i - 1] == data[i - 1 - m.offset]) {
            i--;
            m.length++;
        }
        found.push_back(Sequence{i - literals_from, m.length, m.offset});
        repeats.use(m.offset);
        const size_t end = i + m.length;
        const size_t step = m.length > 1024 ? 16 : m.length > 64 ? 4 : 1;
        for (size_t j = i + 1; j < end; j += step) matcher.insert(j);
        i = end;
        literals_from = end;
    }
    return found;
}

}  // namespace baler::lz
