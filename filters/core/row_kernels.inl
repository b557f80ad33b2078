// Bodies of the row kernels. The including file gives BALER_TARGET, the attribute that names the instruction set, a
// namespace, and refill(), which feeds the lanes that have run low; nothing of the library may be called from here but what has internal linkage.

// What a kernel writes is never what it looks up.
#if defined(__clang__)
#define BALER_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define BALER_INDEPENDENT _Pragma("GCC ivdep")
#endif

BALER_TARGET static inline int32_t at_least(int32_t a, int32_t b) { return a < b ? b : a; }
BALER_TARGET static inline int32_t at_most(int32_t a, int32_t b) { return a > b ? b : a; }

BALER_TARGET static void intervals(const IntervalCall& call) {
    Intervals& out = *call.out;
    const size_t n = call.rows;
    constexpr int32_t far = 1 << 20, limit = 8 << 14;  // clipping twice keeps the sum in 32 bits and changes nothing
    const int32_t *y = call.mean, *scale = call.scale;
    const int32_t *inverse = call.inverse, *reach = call.reach;
    const uint32_t* probability = call.probability;
    if (const int32_t* hint = call.hint) {
        for (size_t r = 0; r < n; r++)
            out.mean[r] = at_most(at_least(at_most(at_least(y[r], -far), far) + hint[r], -limit), limit);
    } else {
        for (size_t r = 0; r < n; r++) out.mean[r] = at_most(at_least(y[r], -limit), limit);
    }
    int32_t *__restrict out_inverse = out.inverse, *__restrict out_reach = out.reach;
BALER_INDEPENDENT
    for (size_t r = 0; r < n; r++) {
        const int32_t s = at_most(at_least(scale[r], -104), 24) + 104;
        out_inverse[r] = inverse[s];
        out_reach[r] = reach[s];
    }
    uint32_t *__restrict base = out.base, *__restrict zero = out.zero, *__restrict rest = out.rest;
    const uint32_t escape = call.escape, left = 65536 - escape;
    out.escape = escape;
    if (const int32_t* repeat = call.repeat) {
BALER_INDEPENDENT
        for (size_t r = 0; r < n; r++)
            base[r] = escape + ((left * probability[at_most(at_least(repeat[r], -2048), 2047) + 2048]) >> 16);
    } else {
        for (size_t r = 0; r < n; r++) base[r] = escape;
    }
    if (const int32_t* spike = call.spike) {
BALER_INDEPENDENT
        for (size_t r = 0; r < n; r++) {
            const uint32_t room = 65536 - base[r];
            zero[r] = (room * probability[at_most(at_least(spike[r], -2048), 2047) + 2048]) >> 16;
            rest[r] = room - zero[r];
        }
    } else {
        for (size_t r = 0; r < n; r++) {
            zero[r] = 0;
            rest[r] = 65536 - base[r];
        }
    }
}

BALER_TARGET static inline int32_t first_of(uint64_t pair) { return static_cast<int32_t>(static_cast<uint32_t>(pair)); }
BALER_TARGET static inline int32_t second_of(uint64_t pair) { return static_cast<int32_t>(static_cast<uint32_t>(pair >> 32)); }
BALER_TARGET static inline float as_float(int32_t bits) {
    float v;
    __builtin_memcpy(&v, &bits, 4);
    return v;
}

// rest * F of one edge, without the spike
BALER_TARGET static inline uint32_t mass_below(const uint64_t* shapes, int32_t bound, int32_t mean, int32_t inverse,
                                               int32_t reach, uint32_t rest) {
    const int32_t d = at_most(at_least(bound - mean, -reach), reach);
    const int32_t u = at_most(at_least(((d * inverse) >> 16) + 16384, 0), 32768);
    const uint64_t two = shapes[u >> 5];
    const auto a = static_cast<uint32_t>(two), b = static_cast<uint32_t>(two >> 32);
    const uint32_t f = a + (((b - a) * static_cast<uint32_t>(u & 31)) >> 5);
    return (rest * f) >> 16;  // below 2^32: rest < 2^16, F <= 2^16
}

BALER_TARGET static inline void bucket_interval(const Intervals& in, const BucketTables& t, size_t row, uint32_t bucket,
                                                uint32_t& start, uint32_t& end) {
    const int32_t m = in.mean[row], inverse = in.inverse[row], reach = in.reach[row];
    const uint32_t base = in.base[row], zero = in.zero[row], rest = in.rest[row];
    const uint64_t edges = t.bounds[bucket];
    start = base + mass_below(t.shapes, first_of(edges), m, inverse, reach, rest) + (bucket > t.spike_bucket ? zero : 0);
    end = base + mass_below(t.shapes, second_of(edges), m, inverse, reach, rest) + (bucket >= t.spike_bucket ? zero : 0);
}

BALER_TARGET static void cumulative(const CumulativeCall& call) {
    const Intervals& in = *call.in;
    const BucketTables t = *call.tables;
    const uint32_t* bucket = call.bucket;
    uint32_t *__restrict start = call.start, *__restrict end = call.end;
BALER_INDEPENDENT
    for (size_t r = 0; r < call.rows; r++) {
        uint32_t a, b;
        bucket_interval(in, t, r, bucket[r], a, b);
        start[r] = a;
        end[r] = b;
    }
}

// The bucket of a slot, looked for from `bucket`: its neighbours first, then by halving.
BALER_TARGET static uint32_t step_to(const Intervals& in, const BucketTables& t, size_t row, uint32_t slot,
                                     uint32_t bucket, uint32_t& start, uint32_t& end) {
    for (int tries = 0; tries < 4; tries++) {
        bucket = slot < start ? bucket - 1 : bucket + 1;
        bucket_interval(in, t, row, bucket, start, end);
        if (slot >= start && slot < end) return bucket;
    }
    uint32_t low = 0, high = t.buckets;
    while (high - low > 1) {
        const uint32_t middle = (low + high) / 2;
        bucket_interval(in, t, row, middle, start, end);
        if (start <= slot) low = middle;
        else high = middle;
    }
    bucket_interval(in, t, row, low, start, end);
    return low;
}

BALER_TARGET static size_t decode(const DecodeCall& call) {
    const Intervals& in = *call.in;
    const BucketTables t = *call.tables;
    StreamState& stream = *call.stream;
    const int32_t span = t.z_high - t.z_low;
    const uint32_t escape = in.escape;
    const bool spiked = t.spike_bucket != kNoBucket;
    for (size_t first = 0; first < call.rows; first += kGroup) {
        if (stream.end - stream.at < static_cast<ptrdiff_t>(2 * kGroup)) return first;
        alignas(64) uint32_t slot[kGroup], mass[kGroup], bucket[kGroup], start[kGroup], end[kGroup], miss[kGroup];
        alignas(64) int32_t place[kGroup];
        uint32_t* state = stream.state;
        for (size_t i = 0; i < kGroup; i++) {
            slot[i] = state[i] & 0xffff;
            const uint32_t base = in.base[first + i];
            mass[i] = slot[i] < base ? 0 : slot[i] - base;
        }
        if (spiked) {
            const int32_t below_edge = t.bound[t.spike_bucket], above_edge = t.bound[t.spike_bucket + 1];
            for (size_t i = 0; i < kGroup; i++) {
                const size_t r = first + i;
                const uint32_t below = mass_below(t.shapes, below_edge, in.mean[r], in.inverse[r], in.reach[r], in.rest[r]);
                const uint32_t above = mass_below(t.shapes, above_edge, in.mean[r], in.inverse[r], in.reach[r], in.rest[r]);
                const uint32_t with = above + in.zero[r];
                bucket[i] = mass[i] >= below && mass[i] < with ? 1 : 0;
                mass[i] = mass[i] >= with ? mass[i] - in.zero[r] : bucket[i] ? 0 : mass[i];
            }
        } else {
            for (size_t i = 0; i < kGroup; i++) bucket[i] = 0;
        }
        // The table inverted in floating point says where to look; what is found is checked in integers.
        for (size_t i = 0; i < kGroup; i++) {
            const size_t r = first + i;
            const float q = (static_cast<float>(static_cast<int32_t>(mass[i])) + 0.5f) *
                            (1024.0f / static_cast<float>(static_cast<int32_t>(in.rest[r])));
            const int32_t j = at_most(static_cast<int32_t>(q), 1024);
            const uint64_t two = t.unshapes[j];
            const float u0 = as_float(first_of(two)), u1 = as_float(second_of(two));
            const float u = u0 + (u1 - u0) * (q - static_cast<float>(j));
            const float z = u * (65536.0f / static_cast<float>(in.inverse[r]));
            const int32_t near = static_cast<int32_t>(z) + in.mean[r] - t.z_low;
            place[i] = at_most(at_least(near, 0), span);
        }
        for (size_t i = 0; i < kGroup; i++) {
            const uint64_t two = t.near[place[i] >> t.z_shift];
            const uint32_t near = static_cast<uint32_t>(two), next = place[i] >= second_of(two) ? 1 : 0;
            bucket[i] = bucket[i] ? t.spike_bucket : near + next;
        }
        uint32_t missed = 0;
        for (size_t i = 0; i < kGroup; i++) {
            uint32_t a, b;
            bucket_interval(in, t, first + i, bucket[i], a, b);
            start[i] = a;
            end[i] = b;
            miss[i] = slot[i] >= in.base[first + i] && (slot[i] < a || slot[i] >= b) ? 1 : 0;
            missed += miss[i];
        }
        for (size_t i = 0; missed; i++) {
            if (!miss[i]) continue;
            missed--;
            bucket[i] = step_to(in, t, first + i, slot[i], bucket[i], start[i], end[i]);
        }
        for (size_t i = 0; i < kGroup; i++) {
            const uint32_t base = in.base[first + i];
            const bool special = slot[i] < base, escaped = slot[i] < escape;
            start[i] = special ? (escaped ? 0 : escape) : start[i];
            end[i] = special ? (escaped ? escape : base) : end[i];
            bucket[i] = special ? (escaped ? kEscaped : kRepeated) : bucket[i];
        }
        if (const uint8_t* masked = call.masked)
            for (size_t i = 0; i < kGroup && first + i < call.rows; i++)
                if (masked[first + i]) {
                    start[i] = 0;
                    end[i] = 65536;  // leaves its lane as it is
                    bucket[i] = kMasked;
                }
        for (size_t i = call.rows - first; i < kGroup; i++) {
            start[i] = 0;
            end[i] = 65536;
        }
        for (size_t i = 0; i < kGroup; i++) {
            state[i] = (end[i] - start[i]) * (state[i] >> 16) + slot[i] - start[i];
            call.bucket[first + i] = bucket[i];
        }
        stream.at = refill(state, stream.at);
    }
    return call.rows;
}

BALER_TARGET static bool features(const FeatureCall& call) {
    const BucketTables t = *call.tables;
    const uint32_t* bucket = call.bucket;
    const int64_t* k = call.k;
    const int64_t low = t.low, high = t.high;
    uint64_t outside = 0;
    for (size_t r = 0; r < call.rows; r++) {
        const auto at = static_cast<uint64_t>(k[r]);
        outside |= (at - static_cast<uint64_t>(low)) | (static_cast<uint64_t>(high) - at);
    }
    if (int16_t* __restrict out = call.z) {
BALER_INDEPENDENT
        for (size_t r = 0; r < call.rows; r++) {
            const uint32_t b = bucket[r];
            const int32_t edge = t.edge[b], wide = t.edge[b + 1] - edge, bits = t.bits[b];
            const int32_t more = bits > 14 ? bits - 14 : 0;
            const uint32_t offset = (static_cast<uint32_t>(k[r]) - t.start[b]) >> more;
            const int32_t z = edge + (static_cast<int32_t>(static_cast<uint32_t>(wide) * (2 * offset + 1)) >> (bits - more + 1));
            const int32_t feature = at_most(at_least((z + 2) >> 2, -16384), 16384);
            out[r] = static_cast<int16_t>(b == t.spike_bucket ? -16384 : feature);
        }
    }
    if (int16_t* __restrict out = call.spike)
        for (size_t r = 0; r < call.rows; r++) out[r] = bucket[r] == t.spike_bucket ? 8192 : 0;
    return !(outside >> 63);
}

BALER_TARGET static bool symbols(const SymbolCall& call) {
    const Intervals& in = *call.in;
    const uint32_t *start = call.start, *end = call.end;
    const int64_t *k = call.k, *before = call.before;
    const uint32_t escape = in.escape, escaped = (escape - 1) << 16;
    uint32_t* __restrict symbol = call.symbol;
    uint32_t* __restrict how = call.how;
    uint32_t escapes = 0;
    uint32_t no[kSliceRows];
    const size_t n = call.rows < kSliceRows ? call.rows : kSliceRows;
    const auto low = static_cast<uint64_t>(call.low), high = static_cast<uint64_t>(call.high);
    for (size_t r = 0; r < n; r++) {
        const auto at = static_cast<uint64_t>(k[r]);
        no[r] = static_cast<uint32_t>(((at - low) | (high - at)) >> 63);
    }
    for (size_t r = 0; r < n; r++) {
        const uint32_t a = start[r], b = end[r], none = no[r] | (a >= b ? 1 : 0), packed = a | (b - a - 1) << 16;
        symbol[r] = none ? escaped : packed;
        how[r] = none ? kEscape : kBits;
        escapes |= none;
    }
    if (before) {
        for (size_t r = 0; r < n; r++) {
            const uint64_t other = static_cast<uint64_t>(k[r]) ^ static_cast<uint64_t>(before[r]);
            no[r] = static_cast<uint32_t>((other | (0 - other)) >> 63);
        }
        for (size_t r = 0; r < n; r++) {
            const uint32_t base = in.base[r], again = no[r] == 0 && base > escape ? 1 : 0;
            symbol[r] = again ? escape | (base - escape - 1) << 16 : symbol[r];
            how[r] = again ? kRepeat : how[r];
        }
    }
    return !escapes;
}

BALER_TARGET static void buckets(const BucketCall& call) {
    const BucketTables t = *call.tables;
    const int64_t low = t.low, high = t.high;
    const uint32_t first = t.start[0];
    uint32_t* __restrict bucket = call.bucket;
    uint32_t place[kSliceRows];
    const size_t n = call.rows < kSliceRows ? call.rows : kSliceRows;
    for (size_t r = 0; r < n; r++) {
        const int64_t k = call.k[r] < low ? low : call.k[r] > high ? high : call.k[r];
        place[r] = static_cast<uint32_t>(k) - first;
    }
BALER_INDEPENDENT
    for (size_t r = 0; r < n; r++) bucket[r] = t.by_cell[place[r] >> t.cell_shift];
    for (int s = 0; s < t.steps; s++) {
BALER_INDEPENDENT
        for (size_t r = 0; r < n; r++) bucket[r] += t.start[bucket[r] + 1] - first <= place[r] ? 1 : 0;
    }
}

BALER_TARGET static uint64_t places(const PlaceCall& call) {
    const uint32_t *start = call.tables->start, *bucket = call.bucket;
    const int32_t* bits = call.tables->bits;
    const uint32_t first = start[0];
    const auto low = static_cast<uint64_t>(call.tables->low);
    uint64_t at = call.at;
    for (size_t r = 0; r < call.rows; r++) {
        const uint32_t b = bucket[r];
        const int w = bits[b];
        uint64_t next;
        __builtin_memcpy(&next, call.stream + (at >> 3), 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        next = __builtin_bswap64(next);
#endif
        next = (next >> (at & 7)) & ((uint64_t(1) << w) - 1);
        call.k[r] = static_cast<int64_t>(low + (start[b] - first) + next);
        at += static_cast<uint64_t>(w);
    }
    return at - call.at;
}

// Divisions of whole numbers below 2^32 come out right in double.
BALER_TARGET static uint16_t* encode(uint32_t* states, const uint32_t* symbols, size_t n, uint16_t* words) {
    alignas(64) uint32_t x[kGroup];
    for (size_t i = 0; i < kGroup; i++) x[i] = states[i];
    while (n) {
        n -= kGroup;
        const uint32_t* symbol = symbols + n;
        alignas(64) uint32_t low[kGroup], full[kGroup];
        for (size_t i = 0; i < kGroup; i++) {
            const uint32_t freq = (symbol[i] >> 16) + 1;
            full[i] = x[i] >> 16 >= freq ? 1 : 0;  // never with freq 65536
            low[i] = x[i];
            x[i] = full[i] ? x[i] >> 16 : x[i];
        }
        words = push(low, full, words);
        for (size_t i = 0; i < kGroup; i++) {
            const uint32_t start = symbol[i] & 0xffff, freq = (symbol[i] >> 16) + 1;
            const double whole = static_cast<double>(static_cast<int32_t>(x[i] >> 16)) * 65536.0 + static_cast<double>(static_cast<int32_t>(x[i] & 0xffff));
            const auto q = static_cast<uint32_t>(static_cast<int32_t>(whole / static_cast<double>(static_cast<int32_t>(freq))));
            x[i] = (q << 16) + (x[i] - q * freq) + start;  // the same as before where freq is 65536
        }
    }
    for (size_t i = 0; i < kGroup; i++) states[i] = x[i];
    return words;
}
