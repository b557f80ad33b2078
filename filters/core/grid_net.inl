// Bodies of the loops of a grid's network: outputs in lanes, pairs of inputs broadcast; the two last outputs with inputs
// in lanes. The including file gives BALER_TARGET, a namespace and Lanes, a vector of int32 or of pairs of int16:
//   size: of its int32 lanes; load, all; dot(a, b): + products of pairs; plus, least, most, times; left by one number
//   (right) or each by its own (right_each); total; narrow(low, high, most): int16 of two vectors, clipped, stored.

// The ratios of a cell.
BALER_TARGET static inline void enter(const GridNetShape& shape, GridNetCell& cell) {
    const Lanes bound = Lanes::all(cell.bound), below = Lanes::all(-cell.bound), reciprocal = Lanes::all(cell.reciprocal);
    for (size_t i = 0; i < shape.ratios; i += 2 * Lanes::size) {
        Lanes half[2];
        for (size_t k = 0; k < 2; k++) {
            const Lanes z = Lanes::load(cell.z + i + k * Lanes::size).least(bound).most(below);
            half[k] = z.right(cell.down).times(reciprocal).right(cell.up);
        }
        Lanes::narrow(half[0], half[1]).clipped(8192).store(cell.x + i);
    }
    for (size_t i = 0; i < shape.others; i++) cell.x[shape.ratios + i] = cell.other[i];
}

// 32 outputs of a layer for M cells.
template <size_t M>
BALER_TARGET static inline void tile(const GridNetLayer& layer, size_t o, const int16_t* const* in, int16_t* const* out) {
    constexpr size_t N = kGridLanes / Lanes::size, K = N > 2 ? 1 : 2;  // K sums each need not wait for each other
    Lanes sum[M][N], more[M][N];
    for (size_t m = 0; m < M; m++)
        for (size_t i = 0; i < N; i++) {
            sum[m][i] = Lanes::load(layer.bias + o + i * Lanes::size);
            if (K > 1) more[m][i] = Lanes::all(0);
        }
    const int16_t* w = layer.weights + 2 * o;
    const size_t step = 2 * layer.outputs;
    const auto add = [&](Lanes (&to)[M][N], size_t p, const int16_t* at) BALER_TARGET {
        for (size_t m = 0; m < M; m++) {
            int32_t pair;
            __builtin_memcpy(&pair, in[m] + 2 * p, 4);
            const Lanes x = Lanes::all(pair);
            for (size_t i = 0; i < N; i++) to[m][i] = to[m][i].dot(x, Lanes::load(at + 2 * i * Lanes::size));
        }
    };
    for (size_t p = 0; p < layer.pairs; p += K, w += K * step) {
        add(sum, p, w);
        if (K > 1) add(more, p + 1, w + step);
    }
    for (size_t m = 0; m < M; m++)
        for (size_t i = 0; K > 1 && i < N; i++) sum[m][i] = sum[m][i].plus(more[m][i]);
    for (size_t m = 0; m < M; m++)
        for (size_t i = 0; i < N; i += 2) {
            const Lanes low = sum[m][i].right_each(Lanes::load(layer.shift + o + i * Lanes::size));
            const Lanes high = sum[m][i + 1].right_each(Lanes::load(layer.shift + o + (i + 1) * Lanes::size));
            Lanes v = Lanes::narrow(low, high);
            if (layer.activation) v = v.leaky(layer.activation);
            v.store(out[m] + o + i * Lanes::size);
        }
}

template <size_t M>
BALER_TARGET static void run(const GridNetShape& shape, GridNetCell* const* cell) {
    const int16_t* in[M];
    int16_t* out[M];
    for (size_t m = 0; m < M; m++) {
        enter(shape, *cell[m]);
        in[m] = cell[m]->x;
        out[m] = cell[m]->hidden;
    }
    for (size_t l = 0; l < shape.n_layers; l++) {
        const GridNetLayer& layer = shape.layers[l];
        for (size_t o = 0; o < layer.outputs; o += kGridLanes) tile<M>(layer, o, in, out);
        for (size_t m = 0; m < M; m++) {
            in[m] = out[m];
            out[m] = out[m] == cell[m]->hidden ? cell[m]->hidden + shape.widest : cell[m]->hidden;
        }
    }
    for (size_t m = 0; m < M; m++)
        for (size_t o = 0; o < 2; o++) {
            const int16_t* w = shape.last + o * (shape.of_hidden + shape.of_x);
            Lanes sum = Lanes::all(0);
            for (size_t i = 0; i < shape.of_hidden; i += 2 * Lanes::size) sum = sum.dot(Lanes::load(w + i), Lanes::load(in[m] + i));
            w += shape.of_hidden;
            for (size_t i = 0; i < shape.of_x; i += 2 * Lanes::size) sum = sum.dot(Lanes::load(w + i), Lanes::load(cell[m]->x + i));
            cell[m]->y[o] = (shape.bias[o] + sum.total()) >> shape.shift[o];
        }
}
