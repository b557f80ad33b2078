// Bodies of the column kernels. The including file gives BALER_TARGET, the attribute that names the instruction set, and
// a namespace; nothing of the library may be called from here but what has internal linkage.
// Comparisons are done on the bits (non-negative doubles order as integers, NaN above all), since compilers do not
// vectorise floating-point ones.

constexpr double kRound = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds |x| < 2^51 to an integer
constexpr uint64_t kNoSign = ~uint64_t(0) >> 1;

BALER_TARGET static inline uint64_t bits64(double x) {
    uint64_t b;
    __builtin_memcpy(&b, &x, 8);
    return b;
}

BALER_TARGET static inline double from64(uint64_t b) {
    double x;
    __builtin_memcpy(&x, &b, 8);
    return x;
}

template <class T>
BALER_TARGET static inline uint64_t place(const UniformRange& range, const T* __restrict x, size_t n, int64_t* __restrict k,
                                          uint64_t* __restrict bad) {
    const double step = range.step;
    const uint64_t above = bits64(range.above) - 1, other_below = above ^ (bits64(range.below) - 1);
    const uint64_t allowed = bits64(range.bound), zero = bits64(kRound);
    uint64_t any = 0;
    for (size_t i = 0; i < n; i++) {
        const double v = static_cast<double>(x[i]);
        const double shifted = v / step + kRound;
        const double y = static_cast<double>(static_cast<T>((shifted - kRound) * step));
        const uint64_t other = bits64(y / step + kRound) ^ bits64(shifted);
        const uint64_t b = bits64(v);
        const uint64_t last = above ^ (other_below & (0 - (b >> 63)));
        uint64_t f = last - (b & kNoSign);          // |x| >= near, or NaN
        f |= last - (bits64(y) & kNoSign);          // the same for the value given back (its cell is no mark's)
        f |= allowed - (bits64(y - v) & kNoSign);   // error > bound
        f |= other | (0 - other);                   // another index the second time
        f |= b & ~(b << 1 | (0 - (b << 1)));        // -0 alone has a sign and nothing else
        bad[i] = f;
        any |= f;
        k[i] = static_cast<int64_t>(bits64(shifted) - zero);
    }
    return any;
}

template <class T>
BALER_TARGET static inline bool restore(const UniformRange& range, const int64_t* __restrict k, size_t n, T* __restrict x) {
    const double step = range.step;
    const auto low = static_cast<uint64_t>(range.low), high = static_cast<uint64_t>(range.high);
    const uint64_t zero = bits64(kRound);
    uint64_t out = 0;
    for (size_t i = 0; i < n; i++) {
        const auto at = static_cast<uint64_t>(k[i]);
        out |= ~(low - at) | ~(at - high);  // top bit set where a difference is not negative
        x[i] = static_cast<T>((from64(at + zero) - kRound) * step);
    }
    return !(out >> 63);
}

BALER_TARGET static uint64_t place_f4(const UniformRange& r, const float* x, size_t n, int64_t* k, uint64_t* bad) { return place(r, x, n, k, bad); }
BALER_TARGET static uint64_t place_f8(const UniformRange& r, const double* x, size_t n, int64_t* k, uint64_t* bad) { return place(r, x, n, k, bad); }
BALER_TARGET static bool restore_f4(const UniformRange& r, const int64_t* k, size_t n, float* x) { return restore(r, k, n, x); }
BALER_TARGET static bool restore_f8(const UniformRange& r, const int64_t* k, size_t n, double* x) { return restore(r, k, n, x); }

template <class T>
BALER_TARGET static inline bool far_values(const UniformRange& range, const FarCells& cells, const int64_t* __restrict k,
                                           size_t n, T* __restrict x) {
    constexpr size_t most = 256;
    const double step = range.step;
    const uint64_t zero = bits64(kRound);
    for (size_t done = 0; done < n; done += most) {
        const size_t m = n - done < most ? n - done : most;
        int32_t j[most], first[most];
        uint32_t begin[most], end[most], width[most], bits[most];
        uint64_t out = 0;
        int32_t least = INT32_MAX, greatest = 0;
        for (size_t i = 0; i < m; i++) {
            const auto at = static_cast<uint64_t>(k[done + i]);
            out |= ~(static_cast<uint64_t>(range.low) - at) | ~(at - static_cast<uint64_t>(range.high));
            const auto narrow = static_cast<int32_t>(k[done + i]), sign = narrow >> 31;
            j[i] = (narrow ^ sign) - sign;
            least = j[i] < least ? j[i] : least;
            greatest = j[i] > greatest ? j[i] : greatest;
        }
        if (out >> 63) return false;
        int octave = 0;
        while (octave + 1 < cells.octaves && cells.first[octave + 1] <= least) octave++;
        for (size_t i = 0; i < m; i++) {
            first[i] = cells.first[octave];
            begin[i] = cells.begin[octave];
            end[i] = cells.end[octave];
            width[i] = cells.width[octave];
        }
        while (++octave < cells.octaves && cells.first[octave] <= greatest) {
            const int32_t f = cells.first[octave];
            const uint32_t b = cells.begin[octave], e = cells.end[octave], w = cells.width[octave];
            for (size_t i = 0; i < m; i++) {
                first[i] = f <= j[i] ? f : first[i];
                begin[i] = f <= j[i] ? b : begin[i];
                end[i] = f <= j[i] ? e : end[i];
                width[i] = f <= j[i] ? w : width[i];
            }
        }
        for (size_t i = 0; i < m; i++) {
            const uint32_t a = begin[i] + static_cast<uint32_t>(j[i] - first[i]) * width[i], left = end[i] - a;
            const uint32_t sign = static_cast<uint32_t>(k[done + i] >> 63) & 0x80000000u;
            bits[i] = (a + (((left < width[i] ? left : width[i]) - 1) >> 1)) | sign;
        }
        for (size_t i = 0; i < m; i++) {
            float far;
            __builtin_memcpy(&far, &bits[i], sizeof far);
            const double near = (from64(static_cast<uint64_t>(k[done + i]) + zero) - kRound) * step;
            const T one = static_cast<T>(near), other = static_cast<T>(far);
            x[done + i] = j[i] < cells.limit ? one : other;
        }
    }
    return true;
}

BALER_TARGET static bool restore_far(const UniformRange& r, const FarCells& c, const int64_t* k, size_t n, float* x) { return far_values(r, c, k, n, x); }
BALER_TARGET static bool values_far(const UniformRange& r, const FarCells& c, const int64_t* k, size_t n, double* x) { return far_values(r, c, k, n, x); }

BALER_TARGET static bool indices(const UniformRange& range, const double* __restrict x, size_t n, int64_t* __restrict k) {
    const double step = range.step;
    const uint64_t near = bits64(range.above) - 1, zero = bits64(kRound);
    const int64_t high = range.high;
    uint64_t out = 0;
    for (size_t i = 0; i < n; i++) {
        out |= near - (bits64(x[i]) & kNoSign);
        const auto at = static_cast<int64_t>(bits64(x[i] / step + kRound) - zero);
        out |= static_cast<uint64_t>(high - 1 - at) | static_cast<uint64_t>(high - 1 + at);
        k[i] = at;
    }
    return !(out >> 63);
}

BALER_TARGET static uint64_t place_log(const LogCells& cells, double bound, const float* __restrict x, size_t n,
                                       int64_t* __restrict k, uint64_t* __restrict bad) {
    constexpr size_t most = 256;
    uint32_t cell[most];
    const uint32_t *start = cells.start, *centre = cells.centre, *guess = cells.guess;
    const int shift = cells.shift;
    uint64_t any = 0;
    for (size_t first = 0; first < n; first += most) {
        const size_t m = n - first < most ? n - first : most;
        const float* v = x + first;
        uint32_t bits[most];
        __builtin_memcpy(bits, v, m * sizeof(float));
        for (size_t i = 0; i < m; i++) cell[i] = guess[(bits[i] & 0x7fffff) >> shift];
        for (int s = 0; s < cells.steps; s++)
            for (size_t i = 0; i < m; i++) cell[i] += start[cell[i] + 1] <= (bits[i] & 0x7fffff) ? 1 : 0;
        for (size_t i = 0; i < m; i++) {
            const uint32_t size = bits[i] & 0x7fffffff, octave = size >> 23, mantissa = size & 0x7fffff;
            const uint32_t some = size == 0 ? 0 : ~uint32_t(0);
            const float to = static_cast<float>(static_cast<int32_t>(centre[cell[i]]) - static_cast<int32_t>(mantissa));
            // error and bound in units of the last place: (2^23 + mantissa) is the value
            const double far = static_cast<double>(to), whole = static_cast<double>(static_cast<int32_t>(mantissa + 0x800000));
            const uint64_t over = bits64(bound * whole) - (bits64(far) & kNoSign);
            const int32_t j = static_cast<int32_t>((1 + (octave - 1) * static_cast<uint32_t>(cells.cells) + cell[i]) & some);
            const int32_t sign = static_cast<int32_t>(bits[i]) >> 31;
            uint32_t f = static_cast<uint32_t>(over >> 32);
            f |= (octave - 1) & some;                         // subnormals other than 0
            f |= 0x7f7fffff - size;                           // NaN and infinity
            f |= bits[i] & ~some;                             // -0
            bad[first + i] = static_cast<uint64_t>(f) << 32;
            any |= static_cast<uint64_t>(f) << 32;
            k[first + i] = (j ^ sign) - sign;
        }
    }
    return any;
}

BALER_TARGET static bool restore_log(const LogCells& cells, int64_t last, const int64_t* __restrict k, size_t n,
                                     float* __restrict x) {
    constexpr size_t most = 256;
    const uint32_t* centre = cells.centre;
    const int32_t per = cells.cells;
    const auto highest = static_cast<uint64_t>(last);
    uint64_t out = 0;
    for (size_t i = 0; i < n; i++) out |= ~(~highest - static_cast<uint64_t>(k[i])) | ~(static_cast<uint64_t>(k[i]) - highest - 1);
    if (out >> 63) return false;
    for (size_t first = 0; first < n; first += most) {
        const size_t m = n - first < most ? n - first : most;
        uint32_t bits[most];
        for (size_t i = 0; i < m; i++) {
            const auto narrow = static_cast<int32_t>(k[first + i]);
            const int32_t sign = narrow >> 31, size = (narrow ^ sign) - sign, j = size - 1;
            int32_t octave = static_cast<int32_t>(static_cast<double>(j) * cells.per_octave);
            octave -= octave * per > j ? 1 : 0;
            octave += (octave + 1) * per <= j ? 1 : 0;
            const int32_t cell = j - octave * per;
            const uint32_t made = (static_cast<uint32_t>(octave + 1) << 23) + centre[cell < 0 ? 0 : cell];
            bits[i] = (size ? made : 0) | (static_cast<uint32_t>(sign) & 0x80000000u);
        }
        __builtin_memcpy(x + first, bits, m * sizeof(float));
    }
    return true;
}
