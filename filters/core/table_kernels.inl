// The table kernels, once for every instruction set: the file that includes this says what BALER_TARGET is, gives Scores
// (some rows' 16-bit sums at once) and Lanes (32 symbols a round). Inside a namespace of its own.

BALER_TARGET static uint8_t score_of(const ScoreCall& c, size_t row) {
    int sum = 0;
    for (size_t i = 0; i < c.inputs; i++) sum += c.values[i * kScoreValues + c.groups[i][row]];
    uint8_t group = 0;
    for (size_t t = 0; t < c.n_thresholds; t++) group = static_cast<uint8_t>(group + (c.thresholds[t] <= sum));
    return group;
}

BALER_TARGET static void scores(const ScoreCall& c) {
    size_t row = 0;
    for (; row + Scores::kRows <= c.rows; row += Scores::kRows) {
        Scores s;
        for (size_t i = 0; i < c.inputs; i++) s.add(c.groups[i] + row, c.values + i * kScoreValues);
        for (size_t t = 0; t < c.n_thresholds; t++) s.count(c.thresholds[t]);
        s.store(c.out + row);
    }
    for (; row < c.rows; row++) c.out[row] = score_of(c, row);
}

BALER_TARGET static const uint8_t* tokens(const TokenCall& c) {
    const uint8_t* at = c.at;
    Lanes lanes(c.state);
    for (size_t r = 0; r < c.rounds; r++)
        at = lanes.round(c, at, c.table + r * kTokenLanes, c.token + r * kTokenLanes);
    lanes.store(c.state);
    return at;
}

BALER_TARGET static void range(const int64_t* v, size_t n, int64_t* low, int64_t* high) {
    int64_t least = v[0], most = v[0];
    for (size_t i = 0; i < n; i++) {
        least = v[i] < least ? v[i] : least;
        most = v[i] > most ? v[i] : most;
    }
    *low = least;
    *high = most;
}

BALER_TARGET static int32_t dot(const int16_t* a, const int16_t* b, size_t n) {
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}
