"""Rows a second of everything that computes a model's latents, beside what the circuit does at a given clock.

    python -m benchmarks.encoders          # shipped models: writes results/encoders.json and the table in docs/fpga.md
    python -m benchmarks.encoders --quick  # a tenth of the rows, nothing is written

One thread. BALER_PYNQ_PYTHON names a Python with pynq, for the emulated board.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import baler_codec as baler
from baler_codec import native
from baler_codec.encoders import EncoderBackend, EncoderSpec, available, choose
from baler_codec.model import Model

from . import encoders_report
from .clock import best
from .page import processor
from .report import save

ROWS = 65536  # of the largest batch
RESULTS = Path(__file__).parent / "results" / "encoders.json"
PAGE = Path(__file__).parents[1] / "docs" / "fpga.md"
DATA = Path(baler.__file__).parent / "data" / "cms_jets_20k.npz"
ENOUGH = 0.3  # seconds that a call has to take, unless it has all rows
Inputs = npt.NDArray[np.int16]
Table = npt.NDArray[np.float32]


def run(names: list[str], rows: int = ROWS) -> dict[str, Any]:
    """Measure these models."""
    with np.load(DATA) as archive:
        jets = np.resize(np.ascontiguousarray(archive["data"], np.float32), (rows, archive["data"].shape[1]))
    _one_thread()
    return {"processor": processor(), "models": {name: _model(baler.load(name), jets) for name in names}}


def shipped() -> list[str]:
    """Names of the shipped models of jets that have an encoder."""
    folder = Path(baler.__file__).parent / "models"
    models = {path.stem: baler.load(path) for path in sorted(folder.glob("*.baler"), key=lambda p: p.stat().st_size)}
    return [name for name, model in models.items() if model.latents and not model.patch and model.n_columns == 24]


def _model(given: Model, jets: Table) -> dict[str, Any]:
    model = given.with_bound("latent")
    spec = EncoderSpec.of(model)
    inputs = model.native().encoder_inputs(jets, len(spec.inputs))
    ways = {name: _way(_backend(name, spec, model), inputs, spec) for name in _backends()}
    ways["torch float32"] = _way(lambda: _torch_float(spec), inputs, None)
    circuit = _circuit(spec)
    if os.environ.get("BALER_PYNQ_PYTHON"):
        ways["pynq, emulated board"] = circuit if "failed" in circuit else _board(spec, inputs)
    return {
        "widths": [len(spec.inputs), *(len(layer.weight) for layer in spec.layers)],
        "weights": sum(int((layer.weight != 0).sum()) for layer in spec.layers),
        "ways": ways,
        "one_row": _one_row(spec, model, inputs),
        "host": _host(model, jets),
        "circuit": circuit,
    }


def _backends() -> list[str]:
    return [name for name, reason in available().items() if name != "pynq" or reason is None]


def _backend(name: str, spec: EncoderSpec, model: Model) -> Callable[[], Callable[[Inputs], Any]]:
    def start() -> Callable[[Inputs], Any]:
        if (reason := available()[name]) is not None:
            raise RuntimeError(reason)
        made: EncoderBackend = choose._kind(name)(spec, model)
        return made.encode

    return start


def _way(start: Callable[[], Callable[[Inputs], Any]], inputs: Inputs, spec: EncoderSpec | None) -> dict[str, Any]:
    """Rows a second, after a comparison with the specification; of batches that grow until a call takes long enough."""
    try:
        encode = start()
        n = min(2048, len(inputs))
        given = np.asarray(encode(inputs[:n]))
        if spec is not None and not np.array_equal(given, spec.run(inputs[:n])):
            return {"failed": "computes other latents than the specification"}
        found: list[dict[str, Any]] = []
        while True:
            rows = inputs[:n]
            _, took = best(lambda rows=rows: encode(rows), times=5, seconds=2.0)
            found.append({"rows": n, "rows_per_second": n / took.wall, "rows_per_cpu_second": n / took.cpu})
            if n >= len(inputs) or took.wall > ENOUGH:
                return max(found, key=lambda result: float(result["rows_per_cpu_second"]))  # of the best batch
            n = min(len(inputs), 8 * n)
    except Exception as error:  # a tool that is not here, a circuit that is too large
        return {"failed": f"{type(error).__name__}: {error}"}


def _torch_float(spec: EncoderSpec) -> Callable[[Inputs], Any]:
    """Run the same layers in float32, as a framework would; the latents are those of the integers but for rounding."""
    import torch

    layers = [
        (
            torch.tensor(layer.weight * 2.0 ** -layer.shift[:, None], dtype=torch.float32),
            torch.tensor(layer.bias * 2.0**-layer.shift, dtype=torch.float32),
            2.0**-layer.activation,
        )
        for layer in spec.layers
    ]

    def encode(inputs: Inputs) -> Any:
        with torch.inference_mode():
            first = now = torch.from_numpy(inputs.astype(np.float32))
            for i, (weight, bias, slope) in enumerate(layers):
                if i == len(layers) - 1 and spec.skip:
                    now = torch.cat([now, first], 1)
                now = torch.nn.functional.linear(now, weight, bias)
                if i < len(layers) - 1:
                    now = torch.nn.functional.leaky_relu(now, slope)
            return now.numpy()

    return encode


def _board(spec: EncoderSpec, inputs: Inputs) -> dict[str, Any]:
    from baler_codec.encoders.pynq_backend import PYTHON, Board, Pynq
    from baler_codec.encoders.pynq_driver import REMOTE
    from firmware.board_process import BoardProcess

    try:
        with tempfile.TemporaryDirectory() as folder, BoardProcess(spec, Path(folder)) as board:
            os.environ[REMOTE] = board.address
            where = Board(str(board.bitstream), os.environ[PYTHON], seconds=600)
            return _way(lambda: Pynq(spec, None, where).encode, inputs, spec)  # type: ignore[arg-type]
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {error}"}


def _one_row(spec: EncoderSpec, model: Model, inputs: Inputs) -> dict[str, float]:
    """Microseconds from a call with one row to its latents, Python's part of the call included."""
    ways: dict[str, Callable[[Inputs], Any]] = {"native": model.native().run_encoder}
    with contextlib.suppress(ImportError):
        ways["torch float32"] = _torch_float(spec)
    row, times = inputs[:1], 2000
    found = {}
    for name, encode in ways.items():
        _, took = best(lambda encode=encode: [encode(row) for _ in range(times)], times=5, seconds=3.0)
        found[name] = took.cpu / times * 1e6
    return found


def _host(model: Model, jets: Table) -> dict[str, float]:
    """Rows a CPU second of the other steps of a frame, and how many bits a row takes in each form."""
    codec, inner = baler.Baler(model), model.native()
    latents = inner.encode_latents(jets)
    frame, whole = best(lambda: codec.encode(jets))
    _, coded = best(lambda: native.encode(jets, model=inner, latents=latents))
    width = len(EncoderSpec.of(model).inputs)
    _, quantised = best(lambda: inner.encoder_inputs(jets, width))
    return {
        "whole_frame": len(jets) / whole.cpu,
        "frame_of_given_latents": len(jets) / coded.cpu,
        "inputs": len(jets) / quantised.cpu,
        "bits_of_a_row": 32 * jets.shape[1],
        "bits_of_inputs": 16 * width,
        "bits_of_latents": sum(int(hi - lo).bit_length() for lo, hi in EncoderSpec.of(model).latents),
        "bits_in_a_frame": round(8 * len(frame) / len(jets), 2),
    }


def _circuit(spec: EncoderSpec) -> dict[str, Any]:
    """Say what is known of the circuit without synthesis: cycles, and beats of its 64-bit streams."""
    try:
        from firmware.design import LANES, Design

        design = Design.of(spec)
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {error}"}
    beats = [-(-n // LANES) for n in (len(spec.inputs), len(spec.latents))]
    return {
        "adders": design.adders,
        "latency_cycles": design.latency,
        "cycles_a_row": 1,
        "stream_cycles_a_row": max(beats),
    }


def _one_thread() -> None:
    baler.set_threads(1)
    with contextlib.suppress(ImportError):
        import torch

        torch.set_num_threads(1)


def main() -> None:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.encoders", description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="*", help="names or files; default: those that ship")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows, nothing is written")
    arguments = parser.parse_args()
    found = run(arguments.models or shipped(), ROWS // 10 if arguments.quick else ROWS)
    if not arguments.quick:
        save(RESULTS, found)
        PAGE.write_text(encoders_report.put_into(PAGE.read_text(), found))
        print(f"{RESULTS}\n{PAGE}")
    print("\n".join(encoders_report.lines(found)))


if __name__ == "__main__":
    main()
