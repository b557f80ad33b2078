"""``python -m firmware.hgq MODEL TABLE.npy OUT``: the encoder of a model again, with bit widths that HGQ2 learns.

The model comes from ``baler train --encoder fpga``. Its encoder is the start and the teacher; everything else of it
stays. Each weight has a width of its own that training may make smaller; inputs, hidden values and latents keep the
fixed steps of the model, so the trained network is the integer network that is written, which is checked.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from baler_codec import Model, load
from baler_codec.encoders import nets
from baler_codec.encoders.adders import adders
from baler_codec.encoders.spec import EncoderSpec
from baler_codec.errors import ConfigError
from baler_codec.sections import join_sections, pack_table, split_sections

INPUT_UNIT, HIDDEN_UNIT, ACTIVATION = 12, 13, 4  # log2 of units of 1; negative hidden values >> 4
CHECKED = 20_000  # rows by chance, beside those of the data
COARSEST = -8  # log2 of weight steps in 1: such a weight is 0
RATE = 2e-3  # of learning, at the beginning
EXACT = 2.0**24  # sums below it are exact in float32, in any order


@dataclass
class Shape:
    """What stays fixed: the layers that have weights, and the low bits cut before each; log2 of the latents' unit."""

    layers: list[nets.Layer]
    cuts: list[int]
    latent_unit: int

    def units(self) -> list[tuple[int, int]]:
        """Log2 of units of 1, of what each layer reads and gives."""
        before = [(HIDDEN_UNIT if i else INPUT_UNIT) - cut for i, cut in enumerate(self.cuts)]
        return list(zip(before, [HIDDEN_UNIT] * (len(before) - 1) + [self.latent_unit], strict=True))


def shape_of(spec: EncoderSpec) -> Shape:
    """Tell the layers with weights from those that only cut bits."""
    shape, cut = Shape([], [], 0), 0
    for layer in spec.layers:
        bits = int(layer.shift[0])
        eye = layer.weight.shape[0] == layer.weight.shape[1] and (layer.weight == np.eye(len(layer.weight))).all()
        if eye and bits and not layer.activation and (layer.bias == -(1 << bits - 1)).all():
            cut = bits
            continue
        shape.layers.append(layer)
        shape.cuts.append(cut)
        cut = 0
    hidden = [layer.activation for layer in shape.layers[:-1]]
    one = all((layer.shift == layer.shift[0]).all() for layer in shape.layers)
    if spec.skip or any(spike for spike, _ in spec.inputs) or set(hidden) - {ACTIVATION} or not hidden or not one:
        raise ConfigError("not an encoder that was made for hardware: train one with baler train --encoder fpga")
    top = max(max(-low, high) for low, high in spec.latents)
    shape.latent_unit = max(0, top.bit_length() - 2)  # latents as small as hidden values, for the optimiser
    return shape


def build(shape: Shape, price: float) -> Any:
    """Make the network in Keras, beginning with the weights of the model."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras
    from hgq.config import QuantizerConfig
    from hgq.constraints import MinMax
    from hgq.layers import QDense
    from hgq.quantizer import Quantizer

    def fixed(place: str, whole: int, fraction: int, rounding: str) -> Any:
        still = {"ic": None, "ir": None, "fc": None, "fr": None, "trainable": False}
        return QuantizerConfig(
            "kif", place, k0=1, i0=whole, f0=fraction, round_mode=rounding, overflow_mode="SAT", **still
        )

    units = shape.units()
    now = inputs = keras.Input((shape.layers[0].weight.shape[1],))
    dense = []
    for i, (layer, (before, after)) in enumerate(zip(shape.layers, units, strict=True)):
        fine = int(layer.shift[0]) + after - before
        learned = QuantizerConfig("kif", "weight", f0=fine, fc=MinMax(COARSEST, fine), overflow_mode="WRAP")
        dense.append(
            QDense(
                len(layer.bias),
                iq_conf=fixed("datalane", 2 if i else 3, before, "TRN"),
                kq_conf=learned,
                bq_conf=fixed("bias", 12, fine + before, "RND"),
                beta0=price,
                enable_oq=False,
                enable_iq=True,
            )
        )
        now = dense[-1](now)
        last = layer is shape.layers[-1]
        now = Quantizer(fixed("datalane", 13 - after if last else 2, after, "RND"))(now)
        now = now if last else keras.layers.LeakyReLU(negative_slope=2.0**-ACTIVATION)(now)
    for made, layer, (before, after) in zip(dense, shape.layers, units, strict=True):
        fine = int(layer.shift[0]) + after - before
        made._kernel.assign(layer.weight.T * 2.0**-fine)
        made.bias.assign(layer.bias * 2.0 ** -(fine + before))
        # no wider than the weight needs; what was cut stays away
        trailing = np.log2(np.maximum(layer.weight & -layer.weight, 1))
        made.kq.quantizer._f.assign(np.where(layer.weight == 0, COARSEST, fine - trailing).T)
    return keras.Model(inputs, now)


def integers(model: Any, shape: Shape) -> list[nets.Layer]:
    """Read the quantised weights back: layers of the file, one shift for each that has weights."""
    from hgq.layers import QDense
    from keras import ops

    layers: list[nets.Layer] = []
    dense = [layer for layer in model.layers if isinstance(layer, QDense)]
    for i, (made, cut, (before, after)) in enumerate(zip(dense, shape.cuts, shape.units(), strict=True)):
        weight, bias = (ops.convert_to_numpy(v).astype(np.float64) for v in (made.qkernel.T, made.qbias))
        last, shift = made is dense[-1], shape.layers[i].shift
        fine = int(shift[0]) + after - before  # the finest step that a weight could have
        if cut:
            width = weight.shape[1]
            eye, half = np.eye(width, dtype=np.int64), np.full(width, -(1 << cut - 1))
            layers.append(nets.Layer(eye, half, np.full(width, cut), 0))
        whole, offset = weight * 2.0**fine, bias * 2.0 ** (fine + before)
        if (
            (whole % 1).any()
            or (offset % 1).any()
            or (np.abs(whole).sum(1) * 2.0 ** (15 - cut) + np.abs(offset)).max() >= EXACT
        ):
            raise ConfigError(
                f"layer {i} of the HGQ2 network is finer than its step, or has sums that float32 does not hold"
            )
        layers.append(nets.Layer(whole.astype(np.int64), offset.astype(np.int64), shift, 0 if last else ACTIVATION))
    return layers


def compute(model: Any, shape: Shape, spec: EncoderSpec, inputs: npt.NDArray[np.int16]) -> npt.NDArray[np.int64]:
    """Latents as the network of Keras gives them."""
    out = model.predict(inputs.astype(np.float32) / 2**INPUT_UNIT, batch_size=8192, verbose=0)
    low, high = np.array(spec.latents).T
    return np.clip(out.astype(np.float64) * 2.0**shape.latent_unit, low, high)


def check(model: Any, shape: Shape, spec: EncoderSpec, inputs: npt.NDArray[np.int16], seed: int = 0) -> int:
    """Compare the network with the specification that was made of it; how many rows were equal, else an error."""
    random = np.random.default_rng(seed)
    low, high = spec.low, spec.high
    n = CHECKED // 2
    chance = random.integers(low, high + 1, (n, len(low)))
    corners = np.where(random.random((n, len(low))) < 0.5, low, high)
    rows = np.concatenate([spec.golden_inputs(), chance, corners, inputs[:CHECKED]]).astype(np.int16)
    wrong = (compute(model, shape, spec, rows) != spec.run(rows)).any(1)
    if wrong.any():
        raise ConfigError(f"the HGQ2 network and its integers differ in {wrong.sum()} of {len(rows)} rows: not written")
    return len(rows)


def replaced(model: Model, layers: list[nets.Layer]) -> Model:
    """Give the model another encoder; all other bytes of its table section stay."""
    from baler_codec.training.model_file import pack_net

    table = nets._table(model)
    old = nets.encoder_net(model).net
    before, after = pack_net(old), pack_net(nets.Net(old.inputs, layers, False))
    if table.count(before) != 1:
        raise ConfigError("the encoder of this model was not found in its file as this release writes it")
    sections = {k: v for k, v in split_sections(bytes(model)).items() if k not in ("TABL", "TABZ")}
    return Model.from_bytes(join_sections(sections | pack_table(table.replace(before, after))))


def train(
    model: Model, table: npt.NDArray[Any], *, price: float, epochs: int, rate: float = RATE, seed: int = 0
) -> tuple[Model, int]:
    """Train the encoder again; the model that has it, and how many rows were compared."""
    spec = EncoderSpec.of(model)
    shape = shape_of(spec)
    network = build(shape, price)  # sets the backend
    import keras

    keras.utils.set_random_seed(seed)
    inputs = spec.quantise(table)
    wanted = spec.run(inputs) * 2.0**-shape.latent_unit
    steps = max(1, epochs * len(inputs) // 1024)
    network.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, steps)), "mse")
    rows = inputs.astype(np.float32) / 2**INPUT_UNIT
    network.fit(rows, wanted.astype(np.float32), batch_size=1024, epochs=epochs, verbose=0)
    made = replaced(model, integers(network, shape))
    return made, check(network, shape, EncoderSpec.of(made), inputs, seed)


def main() -> None:
    """Train, check, write and say what changed."""
    parser = argparse.ArgumentParser(prog="python -m firmware.hgq", description=__doc__)
    parser.add_argument("model", help="trained with --encoder fpga")
    parser.add_argument("table", type=Path, help="npy file of rows to train on")
    parser.add_argument("output", type=Path)
    parser.add_argument("--price", type=float, default=3e-8, help="of a bit operation (HGQ2's beta)")
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--rate", type=float, default=RATE, help="of learning, at the beginning")
    arguments = parser.parse_args()
    model = load(arguments.model)
    table = np.load(arguments.table)
    made, rows = train(model, table, price=arguments.price, epochs=arguments.epochs, rate=arguments.rate)
    made.save(arguments.output)
    before, after = (adders(EncoderSpec.of(m).layers) for m in (model, made))
    print(f"{rows} rows equal; adders before any are shared: {before}, now {after}")


if __name__ == "__main__":
    main()
