"""Model files made by hand, byte by byte after docs/format.md section 7: valid ones, random ones, and ones to break."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

EXACT, ABS, PW_REL, LATENT = range(4)
Z, SPIKE, REPEAT, HINT, RAW, WIDTH, BEFORE = range(7)  # types of a network's inputs
CONSTANT, COLUMN, ADD, SUB, MUL, DIV, SQRT, NEG, ABSOLUTE, MIN, MAX, EXP, COSH, SINH, LOG, SIN, COS, COLUMN_BEFORE = (
    range(18)
)
_IMMEDIATE = {CONSTANT: "<Bd", COLUMN: "<BH", COLUMN_BEFORE: "<BH"}


@dataclass(frozen=True)
class Layer:
    """One layer: weights by (output, input)."""

    weight: NDArray[np.int64]
    bias: NDArray[np.int64]
    shift: NDArray[np.int64]
    activation: int = 0
    size: int = 2

    def pack(self) -> bytes:
        """The layer's bytes."""
        head = struct.pack("<HBB", len(self.bias), self.activation, self.size)
        weight = self.weight.astype("<i2" if self.size == 2 else "i1").tobytes()
        return head + weight + self.bias.astype("<i4").tobytes() + self.shift.astype("u1").tobytes()


@dataclass(frozen=True)
class Net:
    """A network; inputs are (type, shift, variable)."""

    inputs: list[tuple[int, int, int]]
    layers: list[Layer]
    skip: bool = False

    def pack(self) -> bytes:
        """The network's bytes."""
        head = struct.pack("<BBH", len(self.layers), self.skip, len(self.inputs))
        inputs = b"".join(struct.pack("<BBH", *i) for i in self.inputs)
        return head + inputs + b"".join(layer.pack() for layer in self.layers)


@dataclass(frozen=True)
class Variable:
    """A column or a latent."""

    lo: float = -1.0
    hi: float = 1.0
    x: tuple[float, ...] = (-1.0, 1.0)
    z: tuple[int, ...] = (-16, 16)
    spike: float | None = None
    repeat: bool = False
    derived: bool = False
    unit: float = 0.0
    noise: float = 0.0
    w: int = 1
    esc: int = 16
    shape: tuple[tuple[int, int, int], ...] = ((32768, 0, 4096), (32767, 0, 2048), (1, 0, 100))

    def pack(self) -> bytes:
        """The variable's record."""
        flags = 4 if self.derived else (self.spike is not None) + 2 * self.repeat
        knots = 0 if self.derived else len(self.x)
        record = struct.pack("<BBBB", flags, self.w, knots, 0)
        record += struct.pack("<5d", self.lo, self.hi, self.spike or 0.0, self.unit, self.noise) + struct.pack(
            "<H", self.esc
        )
        if self.derived:
            return record
        record += np.array(self.x, "<f4").tobytes() + np.array(self.z, "i1").tobytes()
        return record + b"".join(struct.pack("<IiI", *part) for part in self.shape)


@dataclass(frozen=True)
class Model:
    """A whole model file. Hints are lists of (operation,) or (operation, immediate)."""

    variables: list[Variable] = field(default_factory=list)
    bounds: list[tuple[int, float]] = field(default_factory=lambda: [(EXACT, 0.0)])
    latents: list[Variable] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    relations: dict[int, tuple[float, list[tuple[int, float]]]] = field(default_factory=dict)
    hints: dict[int, list[tuple[float, ...]]] = field(default_factory=dict)
    nets: dict[int, Net] = field(default_factory=dict)
    encoder: Net | None = None
    decoder: Net | None = None

    def table(self) -> bytes:
        """Content of section TABL."""
        out = struct.pack("<4H", len(self.variables), len(self.latents), len(self.relations), len(self.hints))
        out += b"".join(v.pack() for v in [*self.variables, *self.latents])
        out += np.array(self.order, "<u2").tobytes()
        for variable, (constant, terms) in self.relations.items():
            out += struct.pack("<HdB", variable, constant, len(terms)) + b"".join(struct.pack("<Hd", *t) for t in terms)
        for variable, program in self.hints.items():
            out += struct.pack("<HH", variable, len(program))
            out += b"".join(
                struct.pack(_IMMEDIATE.get(int(op[0]), "<B"), int(op[0]), *_immediate(op)) for op in program
            )
        out += b"".join(self.nets[v].pack() for v in self.order if v in self.nets)
        return out + b"".join(net.pack() for net in (self.encoder, self.decoder) if net)

    def pack(self) -> bytes:
        """The file."""
        meta = json.dumps({"columns": []}, sort_keys=True, separators=(",", ":")).encode()
        bounds = struct.pack("<I", len(self.bounds)) + b"".join(struct.pack("<Bd", *b) for b in self.bounds)
        sections = [(b"META", meta), (b"BNDS", bounds)]
        if self.variables:
            sections.append((b"TABL", self.table()))
        head = b"BALERMDL" + struct.pack("<II", 1, len(sections))
        return head + b"".join(tag + struct.pack("<Q", len(content)) + content for tag, content in sections)

    def with_bounds(self, bounds: list[tuple[int, float]]) -> Model:
        """The same model at other bounds."""
        return replace(self, bounds=bounds)


def _immediate(op: tuple[float, ...]) -> list[float | int]:
    return [op[1] if op[0] == CONSTANT else int(op[1])] if len(op) > 1 else []


def random_net(rng: np.random.Generator, inputs: list[tuple[int, int, int]], outputs: int) -> Net:
    """A network with random layers, never overflowing, whose last shifts keep its outputs within reason."""
    layers = []
    depth = int(rng.integers(1, 4))
    skip = depth > 1 and bool(rng.integers(2))
    n = len(inputs)
    for d in range(depth):
        last = d == depth - 1
        n_in = n + (len(inputs) if last and skip else 0)
        n_out = outputs if last else int(rng.integers(1, 20))
        size = int(rng.integers(1, 3))
        limit = min((1 << 15) // max(n_in, 1), 127 if size == 1 else 3000)
        weight = rng.integers(-limit, limit + 1, (n_out, n_in))
        weight[rng.random(weight.shape) < 0.2] = 0
        weight[:, rng.random(n_in) < 0.1] = 0
        bias = rng.integers(-(1 << 20), 1 << 20, n_out)
        shift = rng.integers(8, 14, n_out)
        activation = 0 if last else int(rng.integers(0, 9))
        layers.append(Layer(weight, bias, shift, activation, size))
        n = n_out
    return Net(inputs, layers, skip)


def _shape(rng: np.random.Generator) -> tuple[tuple[int, int, int], ...]:
    a, b = sorted(int(v) for v in rng.integers(0, 65537, 2))
    weights = (a, b - a, 65536 - b)
    return tuple((w, int(rng.integers(-3000, 3000)), int(2 ** rng.uniform(9, 14))) for w in weights)


def _knots(rng: np.random.Generator, values: NDArray[np.float64]) -> tuple[tuple[float, ...], tuple[int, ...]]:
    z = np.arange(-24, 25, int(rng.integers(1, 9)))
    x = np.quantile(values, (z - z[0]) / (z[-1] - z[0])) if len(values) else z / 8.0
    x = np.unique(x.astype(np.float32))
    if len(x) < 2:
        x = np.array([x[0] - abs(x[0]) - 1, x[0] + abs(x[0]) + 1], np.float32)
    return tuple(float(v) for v in x), tuple(int(v) for v in z[: len(x)])


def random_program(rng: np.random.Generator, seen: list[int], before: list[int]) -> list[tuple[float, ...]]:
    """A hint that works out, over columns seen and columns of the row before."""
    program: list[tuple[float, ...]] = []
    depth = 0
    for _ in range(int(rng.integers(1, 12))):
        leaf = [(CONSTANT, float(rng.normal()))] + [(COLUMN, c) for c in seen] + [(COLUMN_BEFORE, c) for c in before]
        ops = [ADD, SUB, MUL, DIV, MIN, MAX] if depth > 1 else []
        ops += [SQRT, NEG, ABSOLUTE, EXP, COSH, SINH, LOG, SIN, COS] if depth else []
        if not ops or rng.random() < 0.5:
            program.append(leaf[int(rng.integers(len(leaf)))])
            depth += 1
        else:
            op = int(rng.choice(ops))
            program.append((op,))
            depth -= op in (ADD, SUB, MUL, DIV, MIN, MAX)
    return program + [(ADD,)] * (depth - 1)


def random_model(
    rng: np.random.Generator, table: NDArray[np.generic], bounds: list[tuple[int, float]], n_latents: int = 0
) -> Model:
    """A model for such a table: random networks, order, hints, relations, spikes; it fits badly and must not matter."""
    n = table.shape[1]
    derived = [c for c in range(1, n) if n > 2 and rng.random() < 0.2]
    shown = [c for c in range(n) if c not in derived]
    columns = [int(c) for c in rng.permutation(n)]
    order = [n + i for i in range(n_latents)] + columns
    variables, relations, hints, nets = [], {}, {}, {}
    for c in range(n):
        values = table[:, c].astype(np.float64)
        values = values[np.isfinite(values) & (np.abs(values) < 1e30)]
        if c in derived:
            variables.append(Variable(0.0, 0.0, derived=True))
            continue
        lo, hi = (float(values.min()), float(values.max())) if len(values) and rng.random() < 0.8 else (-1.0, 3.0)
        x, z = _knots(rng, values)
        spike = None
        if rng.random() < 0.5 and len(values):
            spike = float(np.clip(rng.choice(values), lo, hi))
        repeat = bool(rng.integers(2))
        w, esc = int(rng.integers(0, 6)), int(2 ** rng.uniform(0, 12))
        variables.append(Variable(lo, hi, x, z, spike, repeat, w=w, esc=esc, shape=_shape(rng)))
    latents = [
        Variable(-20.0, 30.0, (-20.0, 0.0, 30.0), (-16, 0, 16), unit=1.0, w=int(rng.integers(0, 6)), shape=_shape(rng))
        for _ in range(n_latents)
    ]
    for i, v in enumerate(order):
        earlier = [e for e in order[:i] if e not in derived]
        if v in derived:
            terms = [
                (int(c), float(rng.choice([1.0, -1.0, 0.5]))) for c in columns[: columns.index(v)] if rng.random() < 0.5
            ]
            relations[v] = (float(rng.choice([0.0, 1.0])), terms[:64])
            continue
        inputs = [(t, 0, e) for e in earlier for t in (Z, SPIKE, REPEAT) if rng.random() < 0.6]
        inputs += [(RAW, int(rng.integers(0, 15)), e) for e in earlier if e >= n]
        if v < n:
            inputs += [(WIDTH, 0, c) for c in shown if rng.random() < 0.2] + [
                (BEFORE, 0, c) for c in shown if rng.random() < 0.3
            ]
            if rng.random() < 0.5:
                hints[v] = random_program(rng, columns[: columns.index(v)], shown)
                inputs.append((HINT, 0, v))
        variable = variables[v] if v < n else latents[v - n]
        nets[v] = random_net(rng, inputs, 2 + (variable.spike is not None) + variable.repeat)
    encoder = decoder = None
    if n_latents:
        encoder = random_net(rng, [(t, 0, c) for c in shown for t in (Z, SPIKE)], n_latents)
        spikes = sum(variables[c].spike is not None for c in shown)
        decoder = random_net(rng, [(RAW, 8, n + i) for i in range(n_latents)], len(shown) + spikes)
    return Model(variables, bounds, latents, order, relations, hints, nets, encoder, decoder)
