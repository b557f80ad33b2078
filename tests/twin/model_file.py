"""Section 7: the model file."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from . import lz
from .grid_net import LEVEL, PHASE, GridNet
from .lattice import ABS, EXACT, LATENT, PW_REL
from .reader import CorruptDataError, ModelInvalidError, Reader, UnsupportedVersionError
from .records import Field, read_fields

MAX_BUCKETS, MAX_WEIGHTS = 1 << 20, 1 << 22
OPERANDS = (
    {0: 0, 1: 0, 2: 2, 3: 2, 4: 2, 5: 2, 6: 1, 7: 1, 8: 1, 9: 2, 10: 2} | dict.fromkeys(range(11, 17), 1) | {17: 0}
)
Z, SPIKE, REPEAT, HINT, LATENT_RAW, WIDTH, Z_BEFORE = range(7)  # types of net inputs


@dataclass
class Variable:
    flags: int
    w: int
    lo: float
    hi: float
    spike: float
    unit: float
    noise: float
    esc: int
    x: list[float]
    z: list[float]
    weights: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    inverses: list[int] = field(default_factory=list)

    @property
    def has_spike(self) -> bool:
        return bool(self.flags & 1)

    @property
    def may_repeat(self) -> bool:
        return bool(self.flags & 2)

    @property
    def derived(self) -> bool:
        return bool(self.flags & 4)


@dataclass
class Relation:
    constant: float
    terms: list[tuple[int, float]]


@dataclass
class Layer:
    activation: int
    weight: NDArray[np.int64]
    bias: NDArray[np.int64]
    shift: NDArray[np.int64]


@dataclass
class Net:
    skip: bool
    inputs: list[tuple[int, int, int]]  # type, shift, variable
    layers: list[Layer]


@dataclass
class Model:
    bounds: list[tuple[int, float]]
    columns: int = 0
    latents: int = 0
    variables: list[Variable] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    relations: dict[int, Relation] = field(default_factory=dict)
    hints: dict[int, list[tuple[int, float]]] = field(default_factory=dict)
    nets: dict[int, Net] = field(default_factory=dict)
    fields: list[Field] = field(default_factory=list)
    record_bytes: int = 0
    grid: GridNet | None = None
    encoder: Net | None = None
    decoder: Net | None = None
    patch: tuple[int, ...] = ()
    frames_fastest: bool = False

    def bound(self, column: int) -> tuple[int, float]:
        return self.bounds[column if len(self.bounds) > 1 else 0]

    def fits(self, table_columns: int | None, axes: int) -> bool:
        """Is a chunk of so many axes, a table of so many columns (None: no table), one for this model?"""
        if self.fields:
            return False
        if self.patch:
            return axes >= len(self.patch)
        columns = self.columns or (len(self.bounds) if len(self.bounds) > 1 else 0)
        return not columns or columns == table_columns


def require(rule: bool, text: str) -> None:
    if not rule:
        raise ModelInvalidError(text)


def read_model(data: bytes) -> Model:
    reader = Reader(data)
    if len(data) > 1 << 24:
        raise CorruptDataError("larger than 16 MiB")
    if reader.raw(8) != b"BALERMDL":
        raise CorruptDataError("not a model file")
    if (version := reader.u32()) != 1:
        raise UnsupportedVersionError(f"model of version {version}")
    sections = reader.u32()
    tags = [(b"META",), (b"BNDS",), (b"TABL", b"TABZ", b"RECD", b"GRID", b"PTCH")][:sections]
    if sections not in (2, 3):
        raise CorruptDataError("number of sections")
    content = {}
    for allowed in tags:
        tag = reader.raw(4)
        if tag not in allowed:
            raise CorruptDataError(f"section {tag!r} is not in its place")
        content[tag] = Reader(reader.raw(reader.u64()))
    reader.finish()
    require(content[b"META"].left <= 1 << 16, "META is larger than 64 KiB")
    model = Model(_bounds(content[b"BNDS"]))
    if b"TABZ" in content:
        packed = content[b"TABZ"]
        shape = packed.u16(), packed.u16()
        n = packed.u32()
        require(4 <= n <= 1 << 24, "unpacked size")
        content[b"TABL"] = Reader(lz.decode(packed, n, 1))
        packed.finish()
    if b"RECD" in content:
        fields = content[b"RECD"]
        model.record_bytes = fields.u16()
        model.fields = read_fields(fields, model.record_bytes, bounded=False)
        fields.finish()
        require(model.record_bytes > 0 and len(model.bounds) in (1, len(model.fields)), "fields")
        require(model.bounds[0][0] != LATENT, "bound latent of records")
    if b"GRID" in content:
        require(len(model.bounds) == 1, "bounds of a grid")
        model.grid = _grid(content[b"GRID"])
    if b"PTCH" in content:
        require(len(model.bounds) == 1 and model.bounds[0][0] == LATENT, "bounds of patches")
        _patches(content[b"PTCH"], model)
    if b"TABL" in content:
        _table(content[b"TABL"], model)
    if b"TABZ" in content:
        require(shape == (model.columns, model.latents), "packed shape")
    if model.bounds[0][0] == LATENT:
        require(model.encoder is not None, "bound latent without an autoencoder")
    return model


def _bounds(reader: Reader) -> list[tuple[int, float]]:
    n = reader.u32()
    require(1 <= n <= 1024, "number of bounds")
    bounds = [(reader.u8(), reader.f64()) for _ in range(n)]
    reader.finish()
    for kind, value in bounds:
        require(kind in (EXACT, ABS, PW_REL, LATENT), "kind of bound")
        require(value == 0 if kind in (EXACT, LATENT) else math.isfinite(value) and value > 0, "value of a bound")
        require(kind != PW_REL or value < 1, "value of a relative bound")
    require(len({kind == LATENT for kind, _ in bounds}) == 1, "bound latent is for all columns or for none")
    return bounds


def _table(reader: Reader, model: Model) -> None:
    c, n_latents, relations, hints = (reader.u16() for _ in range(4))
    require(1 <= c <= 1024 and n_latents <= 64, "number of columns or latents")
    require(len(model.bounds) in (1, c), "number of bounds")
    model.columns, model.latents = c, n_latents
    model.variables = [_variable(reader) for _ in range(c + n_latents)]
    model.order = [reader.u16() for _ in range(c + n_latents)]
    require(sorted(model.order) == list(range(c + n_latents)), "order")
    require(model.order[:n_latents] == list(range(c, c + n_latents)), "latents come first, in order")
    for latent in model.variables[c:]:
        integers = all(float(v).is_integer() and abs(v) <= 16383 for v in (latent.lo, latent.hi))
        require(latent.unit == 1 and latent.flags == 0 and integers, "latent")
    place = {v: i for i, v in enumerate(model.order)}
    for _ in range(relations):
        variable = reader.u16()
        relation = Relation(_finite(reader), [(reader.u16(), _finite(reader)) for _ in range(reader.u8())])
        require(len(relation.terms) <= 64, "terms of a relation")
        require(variable < c and model.variables[variable].derived and variable not in model.relations, "relation")
        require(all(t < c and place[t] < place[variable] for t, _ in relation.terms), "relation looks ahead")
        model.relations[variable] = relation
    require(len(model.relations) == sum(v.derived for v in model.variables), "derived variable without a relation")
    shown = [v for v in range(c) if not model.variables[v].derived]
    for _ in range(hints):
        variable = reader.u16()
        require(variable < c and not model.variables[variable].derived and variable not in model.hints, "hint")
        model.hints[variable] = _hint(reader, {v for v in range(c) if place[v] < place[variable]}, shown)
    for i, variable in enumerate(model.order):
        if not model.variables[variable].derived:
            v = model.variables[variable]
            earlier = {e for e in model.order[:i] if not model.variables[e].derived}
            allowed = dict.fromkeys((Z, SPIKE, REPEAT), earlier)
            allowed |= {LATENT_RAW: {e for e in earlier if e >= c}, HINT: {variable} & model.hints.keys()}
            if variable < c:
                allowed |= {WIDTH: set(shown), Z_BEFORE: set(shown)}
            model.nets[variable] = _net(reader, allowed)
            _outputs(model.nets[variable], 2 + v.has_spike + v.may_repeat)
    if n_latents:
        model.encoder = _net(reader, {Z: set(shown), SPIKE: set(shown)})
        _outputs(model.encoder, n_latents)
        model.decoder = _net(reader, {LATENT_RAW: set(range(c, c + n_latents))})
        _outputs(model.decoder, len(shown) + sum(model.variables[v].has_spike for v in shown))
    reader.finish()
    nets = [*model.nets.values(), *(net for net in (model.encoder, model.decoder) if net)]
    require(sum(layer.weight.size for net in nets for layer in net.layers) <= MAX_WEIGHTS, "too many weights")


def _patches(reader: Reader, model: Model) -> None:
    n_latents, axes, order = reader.u16(), reader.u8(), reader.u8()
    require(1 <= axes <= 4 and order <= 1, "axes or order of patches")
    model.patch, model.frames_fastest = tuple(reader.u16() for _ in range(axes)), bool(order)
    c = math.prod(model.patch)
    require(1 <= c <= 1024 and 1 <= n_latents <= 64, "size of a patch or number of latents")
    k = reader.u8()
    require(2 <= k <= 96, "knots of the cells")
    x = [float(reader.unpack("f")) for _ in range(k)]
    z = [reader.i8() / 8 for _ in range(k)]
    require(all(map(math.isfinite, x)) and _rising(x) and _rising(z) and math.isfinite(x[-1] - x[0]), "warp")
    model.columns, model.latents = c, n_latents
    cell = Variable(0, 0, x[0], x[-1], 0.0, 0.0, 0.0, 1, x, z)
    model.variables = [cell] * c + [_variable(reader) for _ in range(n_latents)]
    model.order = [*range(c, c + n_latents), *range(c)]
    for latent in model.variables[c:]:
        integers = all(float(v).is_integer() and abs(v) <= 16383 for v in (latent.lo, latent.hi))
        require(latent.unit == 1 and latent.flags == 0 and integers, "latent")
    latents = range(c, c + n_latents)
    for v in latents:
        earlier = set(range(c, v))
        allowed = dict.fromkeys((Z, SPIKE, REPEAT, LATENT_RAW), earlier) | {Z_BEFORE: set(latents)}
        model.nets[v] = _net(reader, allowed)
        _outputs(model.nets[v], 2)
    model.encoder = _net(reader, {Z: set(range(c)), SPIKE: set(range(c))})
    _outputs(model.encoder, n_latents)
    model.decoder = _net(reader, {LATENT_RAW: set(latents)})
    _outputs(model.decoder, c)
    reader.finish()
    nets = [*model.nets.values(), model.encoder, model.decoder]
    require(sum(layer.weight.size for net in nets for layer in net.layers) <= MAX_WEIGHTS, "too many weights")


def _finite(reader: Reader) -> float:
    value = reader.f64()
    require(math.isfinite(value), "a number that is not finite")
    return value


def _rising(values: list[float]) -> bool:
    return all(a < b for a, b in pairwise(values))


def _variable(reader: Reader) -> Variable:
    flags, w, k, zero = (reader.u8() for _ in range(4))
    lo, hi, spike, unit, noise = (_finite(reader) for _ in range(5))
    v = Variable(flags, w, lo, hi, spike, unit, noise, reader.u16(), [], [])
    require(flags < 8 and not (v.derived and flags != 4) and w <= 12 and not zero, "variable")
    require(k == 0 if v.derived else 2 <= k <= 96, "knots of a variable")
    require(lo <= hi and unit >= 0 and noise >= 0 and 1 <= v.esc <= 4096, "range of a variable")
    require(lo <= spike <= hi if v.has_spike else spike == 0, "spike")
    v.x = [float(reader.unpack("f")) for _ in range(k)]
    require(all(map(math.isfinite, v.x)), "knot that is not finite")
    v.z = [reader.i8() / 8 for _ in range(k)]
    require(_rising(v.x) and _rising(v.z), "warp does not rise")
    if not v.derived:
        require(math.isfinite(v.x[-1] - v.x[0]), "warp is too wide")
        for _ in range(3):
            v.weights.append(reader.u32())
            v.offsets.append(reader.i32())
            v.inverses.append(reader.u32())
        require(sum(v.weights) == 65536, "shape weights")
        require(all(abs(o) <= 32767 for o in v.offsets) and all(1 <= i < 1 << 20 for i in v.inverses), "shape")
    return v


def _hint(reader: Reader, earlier: set[int], shown: list[int]) -> list[tuple[int, float]]:
    n, depth = reader.u16(), 0
    program: list[tuple[int, float]] = []
    require(1 <= n <= 256, "length of a hint")
    for _ in range(n):
        op = reader.u8()
        require(op in OPERANDS and depth >= OPERANDS[op], "operation of a hint")
        argument = _finite(reader) if op == 0 else float(reader.u16()) if op in (1, 17) else 0.0
        require(op != 1 or int(argument) in earlier, "hint looks ahead")
        require(op != 17 or int(argument) in shown, "hint on the row before of a column that has none")
        depth += 1 - OPERANDS[op]
        require(depth <= 32, "hint is too deep")
        program.append((op, argument))
    require(depth == 1, "hint leaves more than one value")
    return program


def _net(reader: Reader, allowed: dict[int, set[int]]) -> Net:
    n_layers, skip, n_inputs = reader.u8(), reader.u8(), reader.u16()
    require(1 <= n_layers <= 6 and skip <= (n_layers > 1) and n_inputs <= 4096, "net")
    inputs = [(reader.u8(), reader.u8(), reader.u16()) for _ in range(n_inputs)]
    for kind, shift, variable in inputs:
        require(variable in allowed.get(kind, ()), "net looks at what is not there")
        require(shift <= (14 if kind == LATENT_RAW else 0), "shift of an input")
    return Net(bool(skip), inputs, _layers(reader, n_layers, skip, n_inputs, 1024))


def _grid(reader: Reader) -> GridNet:
    axes, zero, n_layers, skip, n_inputs = reader.u8(), reader.u8(), reader.u8(), reader.u8(), reader.u16()
    require(1 <= axes <= 4 and not zero, "axes")
    require(1 <= n_layers <= 6 and skip <= (n_layers > 1) and 1 <= n_inputs <= 256, "net")
    inputs = [(reader.u8(), tuple(reader.i8() for _ in range(4))) for _ in range(n_inputs)]
    for kind, offset in inputs:
        require(kind <= PHASE and all(abs(o) <= 8 for o in offset) and not any(offset[: 4 - axes]), "input of a grid")
        require(not any(offset) if kind >= LEVEL else offset < (0, 0, 0, 0), "input that is not known in time")
    layers = _layers(reader, n_layers, skip, n_inputs, 256)
    require(sum(layer.weight.size for layer in layers) <= 1 << 16, "too many weights")
    net = Net(bool(skip), [], layers)
    _outputs(net, 2)
    reader.finish()
    return GridNet(axes, inputs, net)


def _layers(reader: Reader, n_layers: int, skip: int, n_inputs: int, most: int) -> list[Layer]:
    layers: list[Layer] = []
    width = n_inputs
    for i in range(n_layers):
        outputs, activation, size = reader.u16(), reader.u8(), reader.u8()
        last = i == n_layers - 1
        require(1 <= outputs <= most and activation <= (0 if last else 8) and size in (1, 2), "layer")
        width += n_inputs if last and skip else 0
        weight = np.frombuffer(reader.raw(outputs * width * size), f"<i{size}").astype(np.int64).reshape(outputs, width)
        bias = np.frombuffer(reader.raw(4 * outputs), "<i4").astype(np.int64)
        shifts = np.frombuffer(reader.raw(outputs), np.uint8).astype(np.int64)
        require(bool(np.all(shifts <= 31)), "shift of an output")
        half = np.where(shifts > 0, 1 << np.maximum(shifts - 1, 0), 0)
        largest = (np.abs(weight).sum(axis=1) << 15) + np.abs(bias) + half
        require(bool(np.all(largest < 1 << 31)), "sums may overflow")
        layers.append(Layer(activation, weight, bias, shifts))
        width = outputs
    return layers


def _outputs(net: Net, n: int) -> None:
    require(len(net.layers[-1].bias) == n, "number of outputs of a net")
