// The layer kernel, one for all instruction sets that have vectors. The including file gives BALER_TARGET, the attribute
// that names the instruction set, a namespace, and a class Vector:
//   Sum                        32-bit sums of as many rows as it has lanes; Half: shifted and clipped sums of kRows
//   kRows, kOutputs            a tile is kRows rows (two Sums) by up to kOutputs outputs, all in registers
//   Pair load(a, b)            kRows rows of two inputs
//   Sum all(v)                 v in every lane
//   multiply_add(low, high, pair, w)   w: two weights; low and high: sums of the pair's rows
//   hidden(low, high, shift, slope, to)   shifted, clipped to int16, activated, rows in order
//   last(low, high, shift, to)            shifted, rows in order
// Nothing but plain pointers in here, so that no inline library function gets compiled for a processor that others may
// not have.

template <int N>
BALER_TARGET static inline void tile(const LayerCall& call, size_t o, size_t r) {
    typename Vector::Sum low[N], high[N];
#pragma GCC unroll 16
    for (int i = 0; i < N; i++) low[i] = high[i] = Vector::all(call.bias[o + static_cast<size_t>(i)]);
    const int32_t* w = call.pairs ? call.weights + o : nullptr;  // a layer without inputs has none
    for (size_t p = 0; p < call.pairs; p++, w += call.outputs) {
        const typename Vector::Pair x = Vector::load(call.in[2 * p] + r, call.in[2 * p + 1] + r);
#pragma GCC unroll 16
        for (int i = 0; i < N; i++) Vector::multiply_add(low[i], high[i], x, w + i);
    }
#pragma GCC unroll 16
    for (int i = 0; i < N; i++) {
        const size_t at = (o + static_cast<size_t>(i)) * call.stride + r;
        const int shift = call.shift[o + static_cast<size_t>(i)];
        if (call.last) Vector::last(low[i], high[i], shift, call.last + at);
        else Vector::hidden(low[i], high[i], shift, call.activation, call.hidden + at);
    }
}

template <int N>
BALER_TARGET static void tiles(const LayerCall& call, size_t o) {
    for (size_t r = 0; r < call.rows; r += Vector::kRows) tile<N>(call, o, r);
}

template <int N>
BALER_TARGET static void tiles_of(size_t n, const LayerCall& call, size_t o) {
    if (n == static_cast<size_t>(N)) return tiles<N>(call, o);
    if constexpr (N > 1) tiles_of<N - 1>(n, call, o);
}

// Outputs in tiles of about the same size.
BALER_TARGET static void layer(const LayerCall& call) {
    constexpr size_t most = Vector::kOutputs;
    for (size_t o = 0; o < call.outputs;) {
        const size_t left = call.outputs - o, tiles_left = (left + most - 1) / most, n = (left + tiles_left - 1) / tiles_left;
        tiles_of<Vector::kOutputs>(n, call, o);
        o += n;
    }
}
