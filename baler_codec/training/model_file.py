"""Writing the TABL section of a model file (docs/format.md, section 7)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

from .hints import BEFORE, COLUMN, CONSTANT, Hint
from .integer import Layer, Net
from .lattices import Float
from .relations import Relation


@dataclass
class Variable:
    """Record of a column or latent."""

    lo: float
    hi: float
    spike: float | None = None
    repeats: bool = False
    derived: bool = False
    unit: float = 0.0
    noise: float = 0.0
    fineness: int = 0
    escape: int = 16
    x: Float | None = None
    z: Float | None = None
    shape: list[tuple[int, int, int]] = field(default_factory=list)


@dataclass
class TableModel:
    """Everything the TABL section holds."""

    variables: list[Variable]  # columns, then latents
    order: list[int]
    relations: dict[int, Relation]
    hints: dict[int, Hint]
    nets: list[Net]  # of the variables that are not derived, in coding order
    latents: int = 0
    encoder: Net | None = None
    decoder: Net | None = None


def pack(model: TableModel) -> bytes:
    """Write the section."""
    columns = len(model.variables) - model.latents
    parts = [struct.pack("<HHHH", columns, model.latents, len(model.relations), len(model.hints))]
    parts += [pack_variable(v) for v in model.variables]
    parts.append(struct.pack(f"<{len(model.order)}H", *model.order))
    for derived, (constant, terms) in sorted(model.relations.items()):
        parts.append(struct.pack("<HdB", derived, constant, len(terms)))
        parts += [struct.pack("<Hd", column, coefficient) for column, coefficient in terms]
    for variable, hint in sorted(model.hints.items()):
        parts.append(struct.pack("<HH", variable, len(hint.program)))
        for op, argument in hint.program:
            parts.append(struct.pack("<B", op))
            if op == CONSTANT:
                parts.append(struct.pack("<d", argument))
            elif op in (COLUMN, BEFORE):
                parts.append(struct.pack("<H", int(argument)))
    parts += [pack_net(n) for n in model.nets]
    if model.latents:
        if model.encoder is None or model.decoder is None:
            raise ValueError("a model with latents needs an encoder and a decoder")
        parts += [pack_net(model.encoder), pack_net(model.decoder)]
    return b"".join(parts)


def pack_variable(v: Variable) -> bytes:
    """Write the record of a column or latent."""
    flags = (v.spike is not None) | v.repeats << 1 | v.derived << 2
    knots = 0 if v.derived or v.x is None else len(v.x)
    head = struct.pack("<BBBB", flags, v.fineness, knots, 0)
    numbers = struct.pack("<5dH", v.lo, v.hi, v.spike or 0.0, v.unit, v.noise, v.escape)
    if not knots or v.x is None or v.z is None:
        return head + numbers
    warp = struct.pack(f"<{knots}f", *v.x) + struct.pack(f"<{knots}b", *(round(8 * z) for z in v.z))
    return head + numbers + warp + b"".join(struct.pack("<IiI", *s) for s in v.shape)


def pack_layers(layers: Iterable[Layer]) -> bytes:
    """Write the layers of a network; those with small weights take a byte a weight."""
    parts = []
    for layer in layers:
        size = 1 if abs(layer.weight).max(initial=0) < 128 else 2
        parts.append(struct.pack("<HBB", len(layer.weight), layer.activation, size))
        parts += [layer.weight.astype(f"<i{size}").tobytes(), layer.bias.astype("<i4").tobytes()]
        parts.append(layer.shift.astype("u1").tobytes())
    return b"".join(parts)


def pack_net(net: Net) -> bytes:
    """Write a network."""
    parts = [struct.pack("<BBH", len(net.layers), net.skip, len(net.inputs))]
    parts += [struct.pack("<BBH", *i) for i in net.inputs]
    return b"".join(parts) + pack_layers(net.layers)
