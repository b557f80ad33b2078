"""Whatever the grid is: training gives a model that changes sizes and no values, and pays on what it has not seen."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("torch", reason="training needs torch: pip install 'baler-codec[train]'")

import twin

import baler_codec as baler
from baler_codec import native
from baler_codec.errors import BalerError, DTypeError, ShapeError
from baler_codec.sections import join_sections, split_sections

if not native.library_path().exists():
    pytest.skip(f"the native library is not built: {native.library_path()}", allow_module_level=True)

G = np.random.default_rng(11)


def waves(frames: int, size: int = 24, seed: int = 0) -> npt.NDArray[np.float32]:
    """Frames of a wave equation with a nonlinear term: smooth, and not a sum of its neighbours."""
    g = np.random.default_rng(seed)
    now = np.fft.irfft2(np.fft.rfft2(g.normal(size=(size, size))) * np.exp(-(np.arange(size // 2 + 1) ** 2) / 8.0))
    now /= now.std()
    before, found = now, []
    for _ in range(frames * 3):
        around = sum(np.roll(now, s, a) for s in (1, -1) for a in (0, 1)) - 4 * now
        before, now = now, np.clip(2 * now - before + 0.2 * around - 0.02 * np.sin(2 * now), -9, 9)
        found.append(now)
    return np.array(found[::3], "f4")


WAVES = waves(40)


def holes() -> npt.NDArray[np.float32]:
    x = WAVES[:12].copy()
    x[:, 3:9, 4:9] = np.nan
    x[5, 0, 0], x[6, 1, 1] = np.inf, -0.0
    return x


def filled() -> npt.NDArray[np.float32]:
    x = WAVES[:12].copy()
    x[:, 12:, :5] = 1e20
    return x


GRIDS: dict[str, npt.NDArray[Any]] = {
    "volume": WAVES[:12],
    "image": WAVES[0],
    "series": np.cumsum(G.normal(size=3000)).astype("f4"),
    "four axes": np.stack([WAVES[:6, :9, :8], WAVES[6:12, :9, :8], WAVES[12:18, :9, :8]]),
    "five axes": np.stack([WAVES[:4, :8, :8].reshape(2, 2, 8, 8)] * 3),
    "axes of length 1": WAVES[:1, :, None, :],
    "holes": holes(),
    "filled": filled(),
    "constant": np.full((8, 8), 3, "f4"),
    "two values": np.array([1.0, 2.0]),
    "one column": WAVES[0, :, :1],
    "counts": G.poisson(np.exp(WAVES[:6])).astype("u2"),
    "large integers": G.integers(-(2**62), 2**62, (20, 20)),
    "float16": WAVES[:6].astype("f2"),
    "float64": WAVES[:6].astype("f8") * 1e-200,
    "big-endian": WAVES[:6].astype(">f4"),
    "fortran": np.asfortranarray(WAVES[:6]),
    "only NaN": np.full((9, 9), np.nan, "f4"),
    "booleans": WAVES[:3] > 0,
}


def coded(codec: baler.Baler, x: npt.NDArray[Any]) -> tuple[bytes, npt.NDArray[Any]]:
    frame = bytes(codec.encode(np.ascontiguousarray(x)))
    return frame, np.frombuffer(codec.decode(frame), x.dtype).reshape(x.shape)


def check(model: baler.Model, x: npt.NDArray[Any]) -> tuple[int, int]:
    """The same values come back with the model as without; returns both sizes."""
    frame, y = coded(baler.Baler(model), x)
    plain, z = coded(baler.Baler(bound=str(model.bounds[0])), x)
    assert y.tobytes() == z.tobytes()
    assert model.bounds[0].check(x, y).all()
    assert len(frame) <= 1.01 * len(plain)
    again, _ = coded(baler.Baler(model), y)
    assert len(again) == len(frame)
    return len(frame), len(plain)


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("bound", [None, "abs=1e-2", "pw_rel=1e-3"])
def test_any_grid_trains_and_round_trips(name: str, bound: str | None) -> None:
    x = GRIDS[name]
    if bound and x.dtype.kind == "b":
        pytest.skip("booleans are exact")
    if sum(n > 1 for n in x.shape) == 0:
        pytest.skip("one value")
    model = baler.train(x, bound=bound, kind="grid", hidden=(4,), steps=4, progress=False)
    assert model.trained and not model.latents and model.n_columns == 0
    model.native()
    if x.dtype.kind != "b":
        check(model, x)


@pytest.fixture(scope="module")
def model() -> baler.Model:
    return baler.train(WAVES[:28], bound="abs=1e-3", kind="grid", hidden=(32, 32), steps=700, progress=False)


def test_a_trained_model_pays_on_later_frames_and_never_costs(model: baler.Model) -> None:
    later = WAVES[28:]
    for bound, gain in (("abs=1e-1", 1), ("abs=1e-2", 1), ("abs=1e-3", 1.02), ("abs=1e-4", 1), ("abs=1e-5", 1)):
        small, plain = check(model.with_bound(bound), later)
        assert plain / small >= gain, (bound, plain / small)


def test_frames_with_a_network_are_what_the_format_says(model: baler.Model) -> None:
    x = np.ascontiguousarray(WAVES[28:, :12, :13])
    x[1, 3:5, 4:6] = np.nan
    frame, y = coded(baler.Baler(model), x)
    other, _ = coded(baler.Baler(bound="abs=1e-3"), x)
    assert len(frame) < len(other)  # so that the network was used
    assert twin.decode(frame, bytes(model)).tobytes() == y.tobytes()


def test_every_instruction_set_gives_the_same_bytes(model: baler.Model, tmp_path: Any) -> None:
    model.save(tmp_path / "m.baler")
    np.save(tmp_path / "x.npy", WAVES[28:34])
    code = (
        "import sys, hashlib, numpy as np, baler_codec as b; x = np.load(sys.argv[2]);"
        "c = b.Baler(b.load(sys.argv[1])); f = bytes(c.encode(x));"
        "print(hashlib.sha256(f + bytes(c.decode(f))).hexdigest())"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "m.baler"), str(tmp_path / "x.npy")]
    found = set()
    for isa in ("portable", "sse2", "avx2", "avx512", "avx512vnni"):
        settings = os.environ | {"BALER_ISA": isa, "PYTHONPATH": str(Path(baler.__file__).parents[1])}
        found.add(subprocess.run(arguments, env=settings, capture_output=True, check=True, text=True).stdout)
    assert len(found) == 1


def test_the_same_seed_and_steps_give_the_same_model() -> None:
    settings: dict[str, Any] = {"bound": "abs=1e-3", "kind": "grid", "hidden": (4,), "steps": 12, "progress": False}
    first, second = (baler.train(WAVES[:10], seed=3, **settings) for _ in range(2))
    assert first.id == second.id
    assert baler.train(WAVES[:10], seed=4, **settings).id != first.id


def test_a_model_that_does_not_pay_is_not_named(model: baler.Model) -> None:
    for x in (WAVES[0], G.normal(size=(9, 20, 20)).astype("f4"), np.zeros((4, 4, 4), "f4")):
        frame, y = coded(baler.Baler(model), x)
        plain, _ = coded(baler.Baler(bound="abs=1e-3"), x)
        assert frame == plain
        assert baler.Baler(bound="abs=1").decode(frame).tobytes() == y.tobytes()  # no model is needed


def test_a_model_knows_what_it_comes_from(model: baler.Model) -> None:
    assert model.provenance["shape"] == [28, 24, 24] and model.provenance["steps"] == 700
    assert "BALERMDL" not in repr(model) and len(model) < 16384
    assert model.with_bound("range=1e-3").bounds[0].kind == "abs"


def damaged(model: baler.Model) -> dict[str, bytes]:
    """GRID sections that nobody may accept."""
    grid = split_sections(bytes(model))["GRID"]
    n = struct.unpack_from("<H", grid, 4)[0]
    weights = 6 + 5 * n + 4
    return {
        "too many axes": b"\x05" + grid[1:],
        "fewer axes than its inputs": b"\x01" + grid[1:],
        "a byte that is not 0": grid[:1] + b"\x01" + grid[2:],
        "unknown input": grid[:6] + b"\x09" + grid[7:],
        "a cell that is not known yet": grid[:7] + struct.pack("<4b", 0, 0, 0, 1) + grid[11:],
        "the cell itself": grid[:7] + bytes(4) + grid[11:],
        "out of reach": grid[:7] + struct.pack("<4b", 0, 0, -9, 0) + grid[11:],
        "sums that overflow": grid[:weights] + b"\xff\x7f" * 200 + grid[weights + 400 :],
        "cut short": grid[:-1],
        "longer": grid + b"\x00",
        "empty": b"",
    }


def test_impossible_networks_are_refused(model: baler.Model) -> None:
    for what, grid in damaged(model).items():
        raw = join_sections(split_sections(bytes(model)) | {"GRID": grid})
        with pytest.raises(BalerError):
            baler.Model.from_bytes(raw).native()
        if what not in ("cut short", "longer", "empty"):
            with pytest.raises(twin.ModelInvalidError):
                twin.model_file.read_model(raw)


@pytest.mark.parametrize(
    ("settings", "error", "complaint"),
    [
        ({"array": np.zeros((0, 3))}, ShapeError, "nothing to learn"),
        ({"array": np.float32(3)}, ShapeError, "nothing to learn"),
        ({"array": np.zeros((1, 1))}, ShapeError, "one value"),
        ({"array": np.zeros((4, 2), complex)}, DTypeError, "complex"),
        ({"bound": {"a": "exact"}}, BalerError, "one bound"),
        ({"bound": "latent"}, ValueError, "number"),
        ({"columns": ["a"]}, ValueError, "columns"),
        ({"latent": 3}, ValueError, "latents"),
        ({"steps": 5, "time_budget": 3.0}, ValueError, "not both"),
        ({"chunks": (4, 4)}, ShapeError, "each axis"),
        ({"hidden": (999,)}, ValueError, "neurons"),
        ({"kind": "cube"}, ValueError, "table"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, Any], error: type[Exception], complaint: str) -> None:
    given: dict[str, Any] = {"array": WAVES[:4], "kind": "grid", "steps": 2, "progress": False} | settings
    with pytest.raises(error, match=complaint):
        baler.train(given.pop("array"), **given)
