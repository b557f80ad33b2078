// Bodies of the loops of the decoder of grids. The including file gives BALER_TARGET, the attribute that names the
// instruction set, a namespace, and the vectors: Eight (int32) and Long (int64), of eight lanes each.

BALER_TARGET static inline int64_t least_of(int64_t a, int64_t b) { return a < b ? a : b; }
BALER_TARGET static inline int64_t most_of(int64_t a, int64_t b) { return a > b ? a : b; }
BALER_TARGET static inline int64_t clipped(int64_t x, int64_t low, int64_t high) { return most_of(low, least_of(high, x)); }
BALER_TARGET static inline int64_t without_sign(int64_t x) { return x < 0 ? -x : x; }

BALER_TARGET static inline uint64_t word64(const uint8_t* p) {
    return static_cast<uint64_t>(p[0]) | static_cast<uint64_t>(p[1]) << 8 | static_cast<uint64_t>(p[2]) << 16 |
           static_cast<uint64_t>(p[3]) << 24 | static_cast<uint64_t>(p[4]) << 32 | static_cast<uint64_t>(p[5]) << 40 |
           static_cast<uint64_t>(p[6]) << 48 | static_cast<uint64_t>(p[7]) << 56;
}

// n <= 33 (or the low bits of a number, at most 31)
BALER_TARGET static inline uint64_t take_bits(GridCoder& coder, int n) {
    const uint64_t v = word64(coder.bits + (coder.bit >> 3)) >> (coder.bit & 7);
    coder.bit += static_cast<uint64_t>(n);
    return v & ((uint64_t(1) << n) - 1);
}

// A number behind an escape; impossible ones are damage.
BALER_TARGET static int64_t escaped(GridCoder& coder, int shift) {
    const int n = static_cast<int>(take_bits(coder, 7));
    if (n > 33) {
        coder.damaged = true;
        return 0;
    }
    const uint64_t z = take_bits(coder, n);
    int64_t number = static_cast<int64_t>(z >> 1) ^ -static_cast<int64_t>(z & 1);
    if (shift) {
        const uint64_t part = take_bits(coder, shift);
        number = static_cast<int64_t>(static_cast<uint64_t>(number) << shift | part) - (int64_t(1) << (shift - 1));
    }
    constexpr int64_t most = int64_t(1) << 32;
    if (number > most || number < -most) {
        coder.damaged = true;
        return 0;
    }
    return number;
}

// The u of a cell whose prediction is P; anything when the stream is damaged.
BALER_TARGET static inline int64_t decoded(const GridContext& context, int64_t P, int fine, const GridLimits& limits, GridCoder& coder) {
    const GridSymbols& table = context.tables[static_cast<uint32_t>(P >> 5) & context.phases];
    uint32_t& state = coder.state[coder.lane];
    coder.lane = (coder.lane + 1) & (coder.lanes - 1);
    const uint32_t slot = state & 0xffff;
    uint32_t s = table.first[slot >> 8];
    s += static_cast<uint32_t>(table.start[s + 1] <= slot) + (table.start[s + 2] <= slot) + (table.start[s + 3] <= slot);
    while (__builtin_expect(table.start[s + 1] <= slot, 0)) s++;
    const uint32_t start = table.start[s];
    const uint32_t x = (table.start[s + 1] - start) * (state >> 16) + slot - start;
    const uint32_t low = x < 65536;
    const uint32_t word = static_cast<uint32_t>(coder.words[0]) | static_cast<uint32_t>(coder.words[1]) << 8;
    state = x << (16 * low) | (word & (0 - low));
    coder.words += 2 * low;
    int64_t number = static_cast<int64_t>(s) - table.reach;
    if (__builtin_expect(s + 1 == table.n, 0)) {
        number = escaped(coder, context.shift);
    } else if (context.shift) {
        const uint64_t part = take_bits(coder, context.shift);
        number = static_cast<int64_t>(static_cast<uint64_t>(number) << context.shift | part) - (int64_t(1) << (context.shift - 1));
    }
    const int64_t u = ((P + context.half) >> 8) + static_cast<int64_t>(static_cast<uint64_t>(number) << fine);
    if (__builtin_expect(static_cast<uint64_t>(u - limits.least) > limits.span, 0)) {
        coder.damaged = true;
        return limits.least;
    }
    return u;
}

BALER_TARGET static int64_t cell(const GridContext& context, int64_t P, int fine, const GridLimits& limits, GridCoder& coder) {
    return decoded(context, P, fine, limits, coder);
}

// Place of E among GridTaps::contexts.
BALER_TARGET static inline size_t context_of(uint64_t expected) {
    const int l = expected ? 63 - __builtin_clzll(expected) : -1;
    return static_cast<size_t>(4 * (l + 1)) + static_cast<size_t>((expected << 2) >> (l & 63));
}

BALER_TARGET static inline int64_t record_of(int64_t u, int64_t P, const GridLimits& limits) {
    return least_of(without_sign(u * 256 - ((P + limits.base_add) & limits.base_mask)) >> limits.down, 65535);
}

// A cell that is not coded; before: u of a cell without taps
BALER_TARGET static void fill(const GridTaps& taps, const GridCells& cell, int64_t first, const GridLimits& limits) {
    int64_t u = first >> 8, r = 16;
    if (taps.n_taps) {
        int64_t lowest = cell.u[taps.at[0]], highest = lowest;
        for (size_t i = 1; i < taps.n_taps; i++) {
            const int64_t x = cell.u[taps.at[i]];
            lowest = least_of(lowest, x);
            highest = most_of(highest, x);
        }
        const int64_t room = (highest - lowest) >> 2;
        u = clipped((first + 128) >> 8, lowest - room, highest + room);
        r = (static_cast<int64_t>(cell.r[taps.at[0]]) + cell.r[taps.at[taps.n_taps > 1 ? 1 : 0]]) >> 1;
    }
    *cell.u = static_cast<int32_t>(clipped(u, limits.low >> 8, limits.high >> 8));
    *cell.r = static_cast<uint16_t>(r);
    if (cell.s) *cell.s = 0;
}

// half + the sum of x at some taps, weighted.
BALER_TARGET static inline Long summed(const GridSum& sum, const int32_t* x, size_t stride, size_t count, int64_t half) {
    if (sum.narrow) {
        Eight all = Eight::zero();
        for (size_t i = 0; i < sum.n; i++) all = all.plus(Eight::load(x + sum.at[i], stride, count), sum.narrow_weight[i]);
        return Long::all(half).plus(all, int64_t(1) << sum.shift);
    }
    Long all = Long::all(half);
    for (size_t i = 0; i < sum.n; i++) all = all.plus(Eight::load(x + sum.at[i], stride, count), sum.weight[i]);
    return all;
}

BALER_TARGET static inline Long weighted(const GridTaps& taps, const int32_t* u, size_t stride, size_t count) {
    return summed(taps.weights, u, stride, count, 128);
}

BALER_TARGET static inline Long missed(const GridTaps& taps, const int32_t* s, size_t stride, size_t count) {
    return summed(taps.gains, s, stride, count, 1 << 15);
}

BALER_TARGET static inline Long recorded(const GridTaps& taps, const uint16_t* r, size_t stride, size_t count) {
    Long sum = Long::all(taps.constant);
    size_t i = 0;
    for (size_t part = 0; part < 3; part++) {
        if (i == taps.ends[part]) continue;
        Eight x = Eight::load(r + taps.near_at[i++], stride, count);
        while (i < taps.ends[part]) x = x.plus(Eight::load(r + taps.near_at[i++], stride, count));
        sum = sum.plus(x, taps.record[part]);
    }
    return sum;
}

BALER_TARGET static void prepare(const GridTaps& taps, const GridCells& cells, size_t lane, size_t count, GridBlock& block) {
    weighted(taps, cells.u, 1, count).store(block.weighted + lane);
    if (cells.s) missed(taps, cells.s, 1, count).store(block.missed + lane);
    recorded(taps, cells.r, 1, count).store(block.scaled + lane);
    for (size_t half = 0; half < 16; half += 8) {
        if (half >= taps.n_near && half) break;  // nobody counts what is there
        Eight row[8];
        for (size_t i = 0; i < 8; i++)
            row[i] = half + i < taps.n_near ? Eight::load(cells.u + taps.near_at[half + i], 1, count).times256() : Eight::zero();
        transpose(row);
        for (size_t i = 0; i < 8; i++) row[i].store(block.near[lane + i] + half);
    }
    for (size_t i = 0; i < count; i++) block.taps[lane + i] = &taps;
}

// One strand, its latest cell in registers.
template <int N, bool feeds>
struct Runner {
    GridStrand* strand;
    int64_t u, s, r;
    int64_t first, P, expected = 0;
    size_t i;
    bool coded;

    BALER_TARGET inline __attribute__((always_inline)) void open(GridStrand* from) {
        strand = from;
        i = from->next;
        u = from->u;
        s = from->s;
        r = from->r;
    }
    BALER_TARGET inline __attribute__((always_inline)) void close() {
        strand->next = i;
        strand->u = u;
        strand->s = s;
        strand->r = r;
    }
    BALER_TARGET inline __attribute__((always_inline)) void look(const GridLimits& limits) {
        const GridBlock& block = strand->block;
        const GridTaps& taps = *block.taps[i];
        const int32_t* us = strand->cells.u + i - 1;
        int64_t sum = block.weighted[i] + u * taps.row_weight[0];
        for (int d = 1; d < N; d++) sum += us[-d] * taps.row_weight[d];
        first = clipped(sum >> 8, limits.low, limits.high);
        P = first;
        coded = !(strand->cells.of && strand->cells.of[i]);
        if (!coded) return;
        if (feeds) {
            int64_t misses = block.missed[i] + s * taps.row_gain[0];
            for (int d = 1; d < N; d++) misses += strand->cells.s[static_cast<ptrdiff_t>(i) - 1 - d] * taps.row_gain[d];
            P = clipped(P + (misses >> 16), limits.low, limits.high);
        }
        int64_t e = block.scaled[i] + r * taps.row_record[0];
        for (int d = 1; d < N; d++) e += strand->cells.r[static_cast<ptrdiff_t>(i) - 1 - d] * taps.row_record[d];
        for (int d = 3; d < N; d++) e += away(us[-d], limits) * taps.row_distance[d];
        e += distances(block.near[i], taps, static_cast<int32_t>(P), limits.down, static_cast<int32_t>(u), us[-1], us[-2]);
        expected = e >> 12;
    }
    BALER_TARGET inline __attribute__((always_inline)) int64_t away(int64_t x, const GridLimits& limits) const {
        return least_of(without_sign(x * 256 - P) >> limits.down, 1 << 24);
    }
    BALER_TARGET inline __attribute__((always_inline)) void pass(int64_t now, int64_t miss, int64_t record) {
        u = now;
        s = miss;
        r = record;
        i++;
    }
    BALER_TARGET inline __attribute__((always_inline)) void settle(size_t context, int64_t Q, const GridLimits& limits, GridCoder& coder) {
        const GridTaps& taps = *strand->block.taps[i];
        const GridCells& cells = strand->cells;
        if (!coded) {
            fill(taps, {cells.u + i, cells.r + i, feeds ? cells.s + i : nullptr, nullptr}, first, limits);
            pass(cells.u[i], 0, cells.r[i]);
            return;
        }
        const int64_t now = decoded(taps.contexts[context], Q, taps.fine, limits, coder);
        const int64_t miss = feeds ? now * 256 - first : 0, record = record_of(now, P, limits);
        cells.u[i] = static_cast<int32_t>(now);
        cells.r[i] = static_cast<uint16_t>(record);
        if (feeds) cells.s[i] = static_cast<int32_t>(miss);
        pass(now, miss, record);
    }
    BALER_TARGET inline __attribute__((always_inline)) void settle(const GridLimits& limits, GridCoder& coder) {
        settle(coded ? context_of(static_cast<uint64_t>(expected)) : 0, P, limits, coder);
    }
};

template <int N>
BALER_TARGET static void run_net(GridStrand* a, GridStrand* b, size_t steps, const GridLimits& limits, GridCoder& coder) {
    Runner<N, true> run[2];
    run[0].open(a);
    if (b) run[1].open(b);
    for (size_t step = 0; step < steps; step++) {
        GridAsk asks[2];
        size_t n = 0;
        for (int k = 0; k < (b ? 2 : 1); k++) {
            run[k].look(limits);
            if (run[k].coded) asks[n++] = {run[k].strand->place + run[k].i, run[k].P, least_of(run[k].expected, 1 << 30), 0};
        }
        if (n) limits.net(limits.self, asks, n);
        n = 0;
        for (int k = 0; k < (b ? 2 : 1); k++) {
            const GridAsk ask = run[k].coded ? asks[n++] : GridAsk{};
            // contexts that are given by their number lie behind their first place
            run[k].settle(static_cast<size_t>(ask.context ? ask.context + 7 : 0), ask.P, limits, coder);
        }
    }
    run[0].close();
    if (b) run[1].close();
}

template <int N, bool feeds>
BALER_TARGET static void run_strands(GridStrand* a, GridStrand* b, size_t steps, const GridLimits& limits, GridCoder& coder_of) {
    Runner<N, feeds> one;
    GridCoder& coder = coder_of;
    one.open(a);
    if (b) {
        Runner<N, feeds> two;
        two.open(b);
        for (size_t step = 0; step < steps; step++) {
            one.look(limits);
            two.look(limits);
            one.settle(limits, coder);
            two.settle(limits, coder);
        }
        two.close();
    } else {
        for (size_t step = 0; step < steps; step++) {
            one.look(limits);
            one.settle(limits, coder);
        }
    }
    one.close();
}

BALER_TARGET static void run(GridStrand* a, GridStrand* b, size_t steps, const GridLimits& limits, GridCoder& coder) {
    const bool feeds = a->cells.s != nullptr;
    // a strand alone may be all there is in its row
    if (limits.net) b ? run_net<3>(a, b, steps, limits, coder) : run_net<kGridRow>(a, b, steps, limits, coder);
    else if (b) feeds ? run_strands<3, true>(a, b, steps, limits, coder) : run_strands<3, false>(a, b, steps, limits, coder);
    else feeds ? run_strands<kGridRow, true>(a, b, steps, limits, coder) : run_strands<kGridRow, false>(a, b, steps, limits, coder);
}

BALER_TARGET static void row(const GridTaps& taps, GridCells cells, size_t stride, size_t count, const GridLimits& limits, GridCoder& coder) {
    const Eight most = Eight::all(1 << 24);
    while (count) {
        const size_t some = count < kGridBlock ? count : kGridBlock;
        const Eight one = weighted(taps, cells.u, stride, some).shifted(8).clipped(limits.low, limits.high);
        Eight P = one;
        if (cells.s) P = missed(taps, cells.s, stride, some).shifted(16).plus(one, 1).clipped(limits.low, limits.high);
        Long sum = recorded(taps, cells.r, stride, some);
        size_t i = 0;
        for (size_t part = 0; part < 3; part++) {
            Eight d = Eight::zero();
            for (; i < taps.ends[part]; i++)
                d = d.plus(Eight::load(cells.u + taps.near_at[i], stride, some).times256().away(P, limits.down).least(most));
            sum = sum.plus(d, taps.distance[part]);
        }
        int32_t first[kGridBlock], prediction[kGridBlock];
        int64_t expected[kGridBlock];
        one.store(first);
        P.store(prediction);
        sum.store(expected);
        for (i = 0; i < some; i++, cells.u += stride, cells.r += stride) {
            if (cells.of && *cells.of) {
                fill(taps, cells, first[i], limits);
            } else {
                const size_t context = context_of(static_cast<uint64_t>(expected[i] >> 12));
                const int64_t u = decoded(taps.contexts[context], prediction[i], taps.fine, limits, coder);
                *cells.u = static_cast<int32_t>(u);
                *cells.r = static_cast<uint16_t>(record_of(u, prediction[i], limits));
                if (cells.s) *cells.s = static_cast<int32_t>(u * 256 - first[i]);
            }
            if (cells.s) cells.s += stride;
            if (cells.of) cells.of += stride;
        }
        count -= some;
        // not past what the streams have behind their ends
        if (coder.damaged || coder.overrun()) return;
    }
}
