"""EncoderSpec: an encoder as integers. Every backend computes exactly this, and hardware is generated from it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import BalerError, ConfigError, CorruptDataError, ModelInvalidError, UnsupportedVersionError
from ..model import Model
from .nets import SPIKE, Ints, Layer, Net, Variable, encoder_net

VERSION = 1
Z_TOP, SPIKE_FLAG, UNIT = 16384, 8192, 4096.0
_ACCUMULATOR = 2**31 - 1
_GOLDEN = 256


@dataclass(frozen=True)
class Column:
    """How a column's value becomes an integer: where its warp has knots, and its spike."""

    x: tuple[float, ...]
    z: tuple[int, ...]
    spike: float | None


@dataclass(frozen=True)
class EncoderSpec:
    """An encoder network in integers; docs/fpga.md says what each number means.

    Parameters
    ----------
    inputs : tuple of (bool, int)
        For each input of the network, whether it is a spike flag, and of which column.
    columns : dict
        Those that inputs name.
    layers : tuple of Layer
        The last one gives the latents.
    skip : bool
        Whether the last layer also reads the network's inputs, behind its hidden ones.
    latents : tuple of (int, int)
        Least and greatest value of each latent.
    """

    inputs: tuple[tuple[bool, int], ...]
    columns: dict[int, Column]
    layers: tuple[Layer, ...]
    skip: bool
    latents: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        _check(self)

    @classmethod
    def of(cls, model: Model) -> EncoderSpec:
        """Take the encoder out of a trained model of tables."""
        found = encoder_net(model)
        inputs = tuple((kind == SPIKE, column) for kind, _, column in found.net.inputs)
        columns = {c: _column(found.columns[c]) for _, c in sorted(inputs, key=lambda i: i[1])}
        latents = tuple((int(v.lo), int(v.hi)) for v in found.latents)
        return cls(inputs, columns, tuple(found.net.layers), found.net.skip, latents)

    @property
    def id(self) -> str:
        """``"sha256:"`` and the hash of the canonical JSON."""
        return "sha256:" + hashlib.sha256(self.to_json().encode()).hexdigest()

    @property
    def low(self) -> Ints:
        """Least integer that each input can have."""
        return np.array([0 if spike else -Z_TOP for spike, _ in self.inputs], np.int64)

    @property
    def high(self) -> Ints:
        """Greatest integer that each input can have."""
        return np.array([SPIKE_FLAG if spike else Z_TOP for spike, _ in self.inputs], np.int64)

    def quantise(self, table: npt.ArrayLike) -> npt.NDArray[np.int16]:
        """Turn rows of values into the network's inputs: (rows, columns) → (rows, inputs).

        For latent-only coding these are the native library's; under a bound that one sees the values as decoded.
        """
        values = np.asarray(table).astype(np.float64)
        out = np.empty((len(values), len(self.inputs)), np.int16)
        for i, (spike, c) in enumerate(self.inputs):
            column, x = self.columns[c], values[:, c]
            at_spike = x == column.spike if column.spike is not None else np.zeros(len(x), bool)
            out[:, i] = SPIKE_FLAG * at_spike if spike else np.where(at_spike, -Z_TOP, _warped(column, x))
        return out

    def run(self, inputs: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.int32]:
        """Compute latents with plain integers: (rows, inputs) → (rows, latents). The reference of all backends."""
        first = now = np.asarray(inputs).astype(np.int64)
        for layer in self.layers[:-1]:
            now = np.clip(_layer(layer, now), -32768, 32767)
            now = np.where(now < 0, now >> layer.activation, now)
        if self.skip:
            now = np.concatenate([now, first], 1)
        low, high = np.array(self.latents, np.int64).T
        return np.clip(_layer(self.layers[-1], now), low, high).astype(np.int32)

    def golden_inputs(self) -> npt.NDArray[np.int16]:
        """Rows that every backend must get right before it is used: extremes, then rows by chance."""
        low, high = self.low, self.high
        i = np.arange(_GOLDEN * len(low), dtype=np.uint64) + np.uint64(1)
        i *= np.uint64(0x9E3779B97F4A7C15)  # splitmix64: the same numbers everywhere
        i = (i ^ (i >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        i = (i ^ (i >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        chance = ((i ^ (i >> np.uint64(31))) >> np.uint64(33)).astype(np.int64).reshape(_GOLDEN, len(low))
        rows = low + chance % (high - low + 1)
        return np.concatenate([[low, high, 0 * low], rows]).astype(np.int16)

    def to_json(self) -> str:
        """Return the canonical JSON: keys sorted, no white space."""
        layers = [
            {
                "activation": layer.activation,
                "bias": layer.bias.tolist(),
                "shift": layer.shift.tolist(),
                "weight": layer.weight.tolist(),
            }
            for layer in self.layers
        ]
        told = {
            "baler_encoder": VERSION,
            "columns": {str(n): {"spike": c.spike, "x": c.x, "z": c.z} for n, c in self.columns.items()},
            "inputs": [["spike" if spike else "z", column] for spike, column in self.inputs],
            "latents": self.latents,
            "layers": layers,
            "skip": self.skip,
        }
        return json.dumps(told, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> EncoderSpec:
        """Read what `to_json` wrote."""
        try:
            told = json.loads(text)
            version = told.pop("baler_encoder")
            if version != VERSION:
                raise UnsupportedVersionError(f"encoder specification {version}, this release reads {VERSION}")
            columns = {
                int(n): Column(tuple(map(float, c["x"])), tuple(map(int, c["z"])), c["spike"])
                for n, c in told["columns"].items()
            }
            layers = tuple(
                Layer(_ints(layer["weight"]), _ints(layer["bias"]), _ints(layer["shift"]), int(layer["activation"]))
                for layer in told["layers"]
            )
            inputs = tuple((kind == "spike", int(column)) for kind, column in told["inputs"])
            return cls(inputs, columns, layers, bool(told["skip"]), tuple((int(a), int(b)) for a, b in told["latents"]))
        except BalerError:
            raise
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise CorruptDataError(f"not the specification of an encoder: {error!r}") from None


def _ints(values: Any) -> Ints:
    return np.array(values, np.int64)


def _column(variable: Variable) -> Column:
    return Column(variable.x, variable.z, variable.spike)


def _warped(column: Column, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    # section 7.3 in IEEE double, operation by operation: np.interp rounds elsewhere
    knots, z = np.array(column.x), np.array(column.z) / 8.0
    known = np.isfinite(x)
    x = np.where(known, x, 0.0)
    i = np.clip(np.searchsorted(knots, x, "right") - 1, 0, len(knots) - 2)
    inside = z[i] + ((x - knots[i]) / (knots[i + 1] - knots[i])) * (z[i + 1] - z[i])
    warped = np.where(x <= knots[0], z[0], np.where(x >= knots[-1], z[-1], inside))
    return np.where(known, np.clip(np.rint(UNIT * warped), -Z_TOP, Z_TOP), 0.0)


def _layer(layer: Layer, x: Ints) -> Ints:
    half = np.where(layer.shift > 0, np.left_shift(1, np.maximum(layer.shift - 1, 0)), 0)
    return np.asarray((x @ layer.weight.T + layer.bias + half) >> layer.shift)


def _check(spec: EncoderSpec) -> None:
    if not spec.inputs or not spec.layers or not spec.latents:
        raise ModelInvalidError("an encoder needs inputs, layers and latents")
    if len(set(spec.inputs)) != len(spec.inputs):
        raise ConfigError("this encoder names an input twice: it cannot be built from its inputs")
    if {column for _, column in spec.inputs} != set(spec.columns):
        raise ModelInvalidError("the encoder's inputs and columns do not belong together")
    width = len(spec.inputs)
    for i, layer in enumerate(spec.layers):
        last = i == len(spec.layers) - 1
        width += len(spec.inputs) if last and spec.skip and i else 0
        outputs = len(layer.bias)
        if layer.weight.shape != (outputs, width) or layer.shift.shape != (outputs,):
            raise ModelInvalidError(f"layer {i} of the encoder has weights of shape {layer.weight.shape}")
        if not 0 <= layer.activation <= 8 or ((layer.shift < 0) | (layer.shift > 31)).any():
            raise ModelInvalidError(f"layer {i} of the encoder has an impossible activation or shift")
        half = np.where(layer.shift > 0, 2.0 ** (layer.shift - 1), 0.0)
        sums = np.abs(layer.weight).sum(1) * 2.0**15 + np.abs(layer.bias) + half
        if np.abs(layer.weight).max(initial=0) > 32768 or (sums > _ACCUMULATOR).any():
            raise ModelInvalidError(f"layer {i} of the encoder could overflow 32 bits")
        width = outputs
    if width != len(spec.latents) or any(low > high or max(-low, high) > 16383 for low, high in spec.latents):
        raise ModelInvalidError("the encoder's last layer and its latents do not belong together")


__all__ = ["Column", "EncoderSpec", "Layer", "Net"]
