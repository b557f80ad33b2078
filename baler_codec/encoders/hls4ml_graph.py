"""An `EncoderSpec` as a model of hls4ml, with every type pinned: what it computes is the specification, bit for bit.

A weight w of a layer with the shift s is the fixed-point number w·2^-s, so a sum is y before rounding, and the type of
the layer's result rounds it half up (AP_RND) and saturates it (AP_SAT). All types are as wide as what can occur.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ConfigError
from .nets import Ints
from .spec import EncoderSpec, Layer

LATENCY, DISTRIBUTED = "Latency", "distributed_arithmetic"
VITIS, ACCELERATOR = "Vitis", "VivadoAccelerator"
STRATEGIES, BACKENDS = (LATENCY, DISTRIBUTED), (VITIS, ACCELERATOR)
NAME = "encoder"
STREAMED = "ap_fixed<32,32>"  # on the accelerator's stream
_EXACT = 52  # weights and biases reach hls4ml as doubles
_MOST_BITS = 10_000  # set in the weights, for distributed arithmetic: beyond it da4ml and g++ take many minutes


@dataclass(frozen=True)
class HlsOptions:
    """What a project is made for.

    Parameters
    ----------
    backend : str
        One of `BACKENDS`: plain IP for Vitis HLS, or IP with AXI-Stream and a block design for Vivado HLS.
    strategy : str
        One of `STRATEGIES`: multipliers as the tool finds best, or trees of adders made by da4ml.
    part : str
        For Vitis.
    board : str
        For VivadoAccelerator, which knows its part.
    clock : float
        Period in ns.
    """

    backend: str = VITIS
    strategy: str = LATENCY
    part: str = "xcvu13p-flga2577-2-e"
    board: str = "pynq-z2"
    clock: float = 5.0

    def __post_init__(self) -> None:
        if self.backend not in BACKENDS or self.strategy not in STRATEGIES:
            raise ConfigError(
                f"hls4ml backend {self.backend!r}, strategy {self.strategy!r}: there are "
                f"{', '.join(BACKENDS)} and {', '.join(STRATEGIES)}"
            )
        if self.backend == ACCELERATOR and self.strategy == DISTRIBUTED:
            raise ConfigError("hls4ml has no distributed arithmetic for VivadoAccelerator: take the backend Vitis")


def graph(spec: EncoderSpec, options: HlsOptions, folder: Path) -> Any:
    """Return the hls4ml model of an encoder, which writes its project into a folder.

    Raises
    ------
    ConfigError
        If hls4ml cannot hold the encoder exactly.
    """
    if options.strategy == DISTRIBUTED:
        bits = sum(abs(weight).bit_count() for layer in spec.layers for weight in layer.weight.ravel().tolist())
        if bits > _MOST_BITS:
            raise ConfigError(
                f"the weights of this encoder have {bits} bits set, {_MOST_BITS} are the most for distributed "
                f"arithmetic: take the strategy {LATENCY}, or train it with fewer or shorter weights"
            )
    from hls4ml.model.graph import ModelGraph
    from hls4ml.utils.config import create_config

    # integers on the accelerator's stream, where hls4ml would take floats; a DMA's memory side has 32 bits at least
    stream = {"input_type": STREAMED, "output_type": STREAMED}
    target = {"part": options.part} if options.backend == VITIS else {"board": options.board, **stream}
    config = create_config(
        output_dir=str(folder), project_name=NAME, backend=options.backend, clock_period=options.clock, **target
    )
    # in the code, not in files beside it: a library finds them wherever it lies
    config.setdefault("WriterConfig", {})["WriteWeightsTxt"] = False
    made = _Layers(spec, options.strategy)
    config["HLSConfig"] = {
        "Model": {"Precision": {"default": _fixed(32)}, "ReuseFactor": 1, "Strategy": LATENCY},
        "LayerName": made.types,
    }
    return ModelGraph.from_layer_list(config, made.layers, inputs=["x"], outputs=[made.last])


class _Layers:
    """Layers as hls4ml's converters give them, and the types of each."""

    def __init__(self, spec: EncoderSpec, strategy: str) -> None:
        self.layers: list[dict[str, Any]] = []
        self.types: dict[str, dict[str, Any]] = {}
        self.last = ""
        self._strategy = strategy
        low, high = spec.low, spec.high
        self._put("InputLayer", "x", {"result": _fixed(16)}, input_shape=[len(spec.inputs)])
        for i, layer in enumerate(spec.layers[:-1]):
            low, high = self._hidden(i, layer, low, high)
        if spec.skip and len(spec.layers) > 1:
            inputs = [self.last, "x"]
            self._put("Concatenate", "both", {"result": _fixed(16)}, inputs, axis=1, op="concatenate1d")
            low, high = np.concatenate([low, spec.low]), np.concatenate([high, spec.high])
        self._latents(spec, low, high)

    def _put(self, kind: str, name: str, types: dict[str, str], inputs: list[str] | None = None, **more: Any) -> None:
        inputs = inputs or ([self.last] if self.last else [])
        self.layers.append({"class_name": kind, "name": name, "inputs": inputs, "data_format": "channels_last", **more})
        self.types[name] = {"Precision": types, "ReuseFactor": 1}
        self.last = name

    def _hidden(self, i: int, layer: Layer, low: Ints, high: Ints) -> tuple[Ints, Ints]:
        weight, bias, shift = _one_shift(i, layer)
        low, high = _range(weight, bias, shift, low, high)
        clips = low.min() < -32768 or high.max() > 32767
        low, high = np.clip(low, -32768, 32767), np.clip(high, -32768, 32767)
        bits = _bits(low, high)
        self._dense(f"dense{i}", weight, bias, shift, _fixed(bits, 0, "RND", "SAT" if clips else "WRAP"))
        if layer.activation:
            low, high = (np.where(v < 0, v >> layer.activation, v) for v in (low, high))
            # the product with 2^-n is exact, and truncation is the floor
            types = {
                "result": _fixed(_bits(low, high), 0, "TRN", "WRAP"),
                "param": f"ufixed<1,{1 - layer.activation}>",
            }
            slope = 2.0**-layer.activation
            size = len(layer.bias)
            self._put("LeakyReLU", f"slope{i}", types, activation="LeakyReLU", n_in=size, activ_param=slope)
        return low, high

    def _latents(self, spec: EncoderSpec, low: Ints, high: Ints) -> None:
        # hls4ml clips at powers of two alone: y + a is clipped above where y is at its limit, then y − b below
        least, most = np.array(spec.latents, np.int64).T
        weight, bias, shift = _one_shift(len(spec.layers) - 1, spec.layers[-1])
        bits = max(int((most - least).max()).bit_length(), 2)
        top = (1 << bits - 1) - 1
        a, b = top - most, least + top + 1
        self._dense("sums", weight, bias + (a << shift), shift, _fixed(bits, 0, "RND", "SAT"))
        self._add("clipped", -(a + b), _fixed(bits, 0, "TRN", "SAT"))
        self._add("latents", b, _fixed(_bits(least, most)))

    def _dense(self, name: str, weight: Ints, bias: Ints, shift: int, result: str) -> None:
        outputs, inputs = weight.shape
        most = np.abs(weight).sum(1) * 2**15 + np.abs(bias)
        types = {
            "weight": _fixed(_bits(weight, weight), shift),
            "bias": _fixed(_bits(bias, bias), shift),
            "accum": _fixed(_bits(-most, most), shift),
            "result": result,
        }
        scale = 2.0**-shift
        weight_data, bias_data = weight.T * scale, bias * scale
        self._put("Dense", name, types, n_in=inputs, n_out=outputs, weight_data=weight_data, bias_data=bias_data)
        self.types[name]["Strategy"] = self._strategy

    def _add(self, name: str, offset: Ints, result: str) -> None:
        if not offset.any():
            return
        types = {"scale": "ufixed<1,1>", "bias": _fixed(_bits(offset, offset)), "result": result}
        size, ones = len(offset), np.ones(len(offset))
        bias_data = offset.astype(np.float64)
        self._put("BatchNormalization", name, types, n_in=size, n_filt=-1, scale_data=ones, bias_data=bias_data)


def _one_shift(i: int, layer: Layer) -> tuple[Ints, Ints, int]:
    """Scale weights and biases up to the layer's largest shift: every sum stays what it is."""
    shift = int(layer.shift.max())
    up = shift - layer.shift
    sums = np.abs(layer.weight).sum(1) * 2.0**15 + np.abs(layer.bias)
    if (sums * 2.0**up >= 2.0**_EXACT).any():
        raise ConfigError(
            f"layer {i} of the encoder has shifts from {shift - up.max()} to {shift}: hls4ml has one for a layer, and "
            "the sums of these would be too wide: train it with one shift for each layer"
        )
    return layer.weight << up[:, None], layer.bias << up, shift


def _range(weight: Ints, bias: Ints, shift: int, low: Ints, high: Ints) -> tuple[Ints, Ints]:
    up, down = np.maximum(weight, 0), np.minimum(weight, 0)
    half = 1 << shift >> 1
    least = np.asarray(up @ low + down @ high + bias + half, np.int64)
    most = np.asarray(up @ high + down @ low + bias + half, np.int64)
    return least >> shift, most >> shift


def _bits(low: Ints, high: Ints) -> int:
    """Width of a signed number that can have all these values."""
    least, most = int(low.min()), int(high.max())
    return max((~v if v < 0 else v).bit_length() for v in (least, most)) + 1


def _fixed(bits: int, fraction: int = 0, *modes: str) -> str:
    return f"fixed<{','.join([str(bits), str(bits - fraction), *modes, *(['0'] if modes else [])])}>"
