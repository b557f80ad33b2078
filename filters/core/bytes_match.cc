#include "bytes_match.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "bytes_format.h"

namespace baler::lz {

namespace {

constexpr size_t kEnough = 96;
constexpr size_t kLongest = 1 << 24;

uint32_t four(const uint8_t* p) {
    uint32_t v;
    std::memcpy(&v, p, 4);
    return v;
}

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

int log2_of(uint64_t v) { return 63 - __builtin_clzll(v); }  // of v >= 1

struct Match {
    size_t length = 0, offset = 0;
    float gain = 0;
};

// Positions by hash in rows of eight, the newest replacing the oldest: one cache line to look into for a place, and one
// byte of the hash beside each position keeps most false ones from being looked at.
class Matcher {
  public:
    Matcher(const uint8_t* data, size_t n) : p_(data), n_(n) {
        row_bits_ = std::clamp(log2_of(n) - 3, 6, 16);
        rows_.resize(size_t(1) << row_bits_);
    }

    // Literals of `each` bits from here on: cheap ones are worth long matches only, so more bytes are hashed.
    void price_literals(float each) {
        each_ = each;
        shift_ = each > 4 ? 32 : each > 2.5f ? 16 : 0;
    }

    // The match at i that saves most against literals; i itself is remembered.
    Match best(size_t i, const Repeats& repeats) {
        Match m;
        if (i + 8 > n_) return m;
        for (uint64_t offset : repeats.offset)
            if (offset <= i && four(p_ + i - offset) == four(p_ + i)) weigh(m, i, static_cast<size_t>(offset), 5.0f);
        const uint64_t h = hash(i);
        Row& row = rows_[static_cast<size_t>(h >> 8)];
        const auto tag = static_cast<uint8_t>(h);
        for (uint32_t back = 1; back <= kRow && m.length < kEnough; back++) {
            const uint32_t slot = (row.next - back) % kRow;
            if (row.tag[slot] != tag || row.at[slot] == kNone) continue;
            const size_t at = row.at[slot], offset = i - at;
            const float cost = 7.0f + static_cast<float>(log2_of(offset));
            // the byte that must agree for this to be the best so far
            const size_t needed = static_cast<size_t>((cost + m.gain) / each_);
            if (i + needed >= n_) break;
            if (p_[at + needed] != p_[i + needed] || four(p_ + at) != four(p_ + i)) continue;
            weigh(m, i, offset, cost);
        }
        put(row, tag, i);
        return m;
    }

    void insert(size_t i) {
        if (i + 8 > n_) return;
        const uint64_t h = hash(i);
        put(rows_[static_cast<size_t>(h >> 8)], static_cast<uint8_t>(h), i);
    }

  private:
    static constexpr uint32_t kNone = UINT32_MAX, kRow = 8;

    struct alignas(64) Row {
        uint32_t at[kRow] = {kNone, kNone, kNone, kNone, kNone, kNone, kNone, kNone};
        uint8_t tag[kRow] = {};
        uint32_t next = 0;
    };

    static void put(Row& row, uint8_t tag, size_t i) {
        row.at[row.next % kRow] = static_cast<uint32_t>(i);
        row.tag[row.next % kRow] = tag;
        row.next++;
    }

    uint64_t hash(size_t i) const {
        return (eight_bytes(p_ + i) << shift_) * 0x9E3779B97F4A7C15u >> (64 - 8 - row_bits_);
    }

    void weigh(Match& m, size_t i, size_t offset, float cost) const {
        const uint8_t *a = p_ + i, *b = a - offset;
        const size_t most = std::min(n_ - i, kLongest);
        size_t length = 0;
        while (length + 8 <= most) {
            if (eight_bytes(a + length) != eight_bytes(b + length)) break;
            length += 8;
        }
        while (length < most && a[length] == b[length]) length++;
        if (length < kShortest) return;
        const float gain = each_ * static_cast<float>(length) - cost;
        if (gain > m.gain) m = Match{length, offset, gain};
    }

    const uint8_t* p_;
    size_t n_;
    std::vector<Row> rows_;
    int row_bits_;
    float each_ = 8;
    int shift_ = 32;
};

}  // namespace

std::vector<Sequence> find_matches(const uint8_t* data, size_t n, size_t segment) {
    std::vector<Sequence> found;
    if (n < 16 || n >= UINT32_MAX) return found;
    Matcher matcher(data, n);
    Repeats repeats;
    size_t literals_from = 0, misses = 0, priced = SIZE_MAX;
    for (size_t i = 0; i < n;) {
        if (i / segment != priced) {
            priced = i / segment;
            matcher.price_literals(
                std::max(0.05f, price(data + priced * segment, std::min(segment, n - priced * segment)) * 0.95f));
            misses = 0;
        }
        Match m = matcher.best(i, repeats);
        if (m.gain <= 0) {
            // the longer nothing is found the fewer places are tried
            misses++;
            i += std::min<size_t>(1 + (misses >> 5), 64);
            continue;
        }
        misses = 0;
        size_t looked = i;  // the last place that the matcher remembers
        while (m.length < kEnough && looked + 1 < n) {
            const Match next = matcher.best(++looked, repeats);
            if (next.gain <= m.gain) break;
            i = looked;
            m = next;
        }
        const size_t end = i + m.length;
        // backwards, as far as literals go
        while (i > literals_from && m.offset < i && data[i - 1] == data[i - 1 - m.offset]) {
            i--;
            m.length++;
        }
        found.push_back(Sequence{i - literals_from, m.length, m.offset});
        repeats.use(m.offset);
        const size_t step = m.length > 1024 ? 16 : m.length > 64 ? 4 : m.length > 24 ? 2 : 1;
        for (size_t j = looked + 1; j < end; j += step) matcher.insert(j);
        i = literals_from = end;
    }
    return found;
}

}  // namespace baler::lz
