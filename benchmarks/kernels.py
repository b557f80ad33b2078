"""The two kernels that everything else waits for: dense integer layers and rANS, beside what this core can do at most.

The native parts are compiled when they are run; torch and onnxruntime run the same layers in float32 on one thread.
"""

from __future__ import annotations

import importlib
import itertools
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

WIDTHS = (24, 200, 100, 50, 14)
ROWS = 16384
HERE = Path(__file__).parent / "native"
CORE = Path(__file__).parents[1] / "filters" / "core"
SOURCES = {"dense": ("network",), "entropy": ("row_kernels", "table_kernels")}


def run(rows: int = ROWS) -> dict[str, Any]:
    """Rows per second of the layers, Msymbols per second of the entropy coder; by engine and instruction set."""
    dense: dict[str, Any] = {"widths": WIDTHS, "rows": rows, "ours": _native("dense", str(rows))}
    for name, make in (("torch eager", _torch), ("onnxruntime", _onnxruntime)):
        try:
            dense[name] = {"rows_per_second": rows / _best(make(rows))}
        except ImportError as missing:
            dense[name] = {"failed": f"not here: {missing.name}"}
    _compare(dense)
    return {"dense": dense, "entropy": _native("entropy")}


def _native(name: str, *arguments: str) -> dict[str, Any]:
    compiler = next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), None)
    if compiler is None or not CORE.exists():
        return {"failed": "no C++ compiler" if CORE.exists() else "no sources of the core"}
    sources = [path for start in SOURCES[name] for path in sorted(CORE.glob(f"{start}*.cc"))]
    options = ["-std=c++17", "-O3", "-ffp-contract=off", f"-I{CORE}", f"-I{CORE.parent / 'include'}"]
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / name
        command = [compiler, *options, str(HERE / f"{name}.cc"), *map(str, sources), "-o", str(program)]
        built = subprocess.run(command, capture_output=True, text=True)
        if built.returncode:
            return {"failed": built.stderr[-2000:]}
        said = subprocess.run([program, *arguments], capture_output=True, check=True).stdout
    found: dict[str, Any] = json.loads(said)
    return found


def _best(call: Callable[[], object], seconds: float = 2.0) -> float:
    """CPU seconds of the fastest call."""
    least, end = float("inf"), time.process_time() + seconds
    while time.process_time() < end:
        begin = time.process_time()
        call()
        least = min(least, time.process_time() - begin)
    return least


def _weights() -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    random = np.random.default_rng(1)
    return [
        (random.normal(size=(n, m), scale=n**-0.5).astype("f4"), random.normal(size=m).astype("f4"))
        for n, m in itertools.pairwise(WIDTHS)
    ]


def _values(rows: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(2).normal(size=(rows, WIDTHS[0])).astype("f4")


def _torch(rows: int) -> Callable[[], object]:
    import torch

    torch.set_num_threads(1)
    layers: list[Any] = []
    for weights, bias in _weights():
        linear = torch.nn.Linear(*weights.shape)
        linear.weight.data, linear.bias.data = torch.from_numpy(weights.T.copy()), torch.from_numpy(bias)
        layers += [linear, torch.nn.LeakyReLU(0.125)]
    net, x = torch.nn.Sequential(*layers[:-1]), torch.from_numpy(_values(rows))

    def call() -> object:
        with torch.no_grad():
            return net(x)

    return call


def _onnxruntime(rows: int) -> Callable[[], object]:
    onnxruntime, onnx = importlib.import_module("onnxruntime"), importlib.import_module("onnx")
    helper, numbers = onnx.helper, onnx.numpy_helper
    nodes, constants, last = [], [], "x"
    for i, (weights, bias) in enumerate(_weights()):
        constants += [numbers.from_array(weights, f"w{i}"), numbers.from_array(bias, f"b{i}")]
        nodes.append(helper.make_node("Gemm", [last, f"w{i}", f"b{i}"], [f"g{i}"]))
        last = f"g{i}"
        if i + 2 < len(WIDTHS):
            nodes.append(helper.make_node("LeakyRelu", [last], [f"a{i}"], alpha=0.125))
            last = f"a{i}"
    inputs = [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, WIDTHS[0]])]
    outputs = [helper.make_tensor_value_info(last, onnx.TensorProto.FLOAT, [None, WIDTHS[-1]])]
    graph = helper.make_graph(nodes, "layers", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    x = _values(rows)
    return lambda: session.run(None, {"x": x})


def _compare(dense: dict[str, Any]) -> None:
    """What share of the peak each instruction set reaches, and how many times the fastest is faster than the peers."""
    ours = [way for way in dense["ours"].values() if isinstance(way, dict)]
    for way in ours:
        if way["peak_gops"]:
            way["share_of_peak"] = way["gops"] / way["peak_gops"]
    fastest = max((way["rows_per_second"] for way in ours), default=0)
    for name in ("torch eager", "onnxruntime"):
        if fastest and "rows_per_second" in dense[name]:
            dense[name]["ours_is_faster"] = fastest / dense[name]["rows_per_second"]


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
