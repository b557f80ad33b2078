"""The frames and arrays of the matrix: every mode, every kind of grid, every dtype, from the samples of other tests.

They are made by the package at test time, from fixed seeds, and lie in a directory that the driver reads.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from promises.fields import make_field
from promises.grid_chance import random_frame
from promises.hard_arrays import FLOATS, INTEGERS, make
from promises.record_arrays import filled
from promises.samples import random_case
from promises.test_frames_as_latents import frames as film
from promises.test_frames_as_latents import patched
from promises.test_grid_networks_agree_with_the_twin import stream
from promises.test_twin_agrees_with_native import related
from twin.grid_scans import AXES, PARITY, RASTER, SLICES

import baler_codec
from baler_codec import Baler, ErrorBound, Model, native
from baler_codec.sections import join_sections, pack_bounds, pack_meta

BOUNDS = ("exact", "abs", "pw_rel")


@dataclass
class Cases:
    """A directory of files and the list of what the driver does with them."""

    folder: Path
    modes: dict[str, str] = field(default_factory=dict)  # of the frames, by name
    models: dict[str, bytes] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def _keep(self, name: str, content: bytes | None) -> str:
        if content is None:
            return "-"
        (self.folder / name).write_bytes(content)
        return name

    def frame(self, name: str, frame: bytes, model: bytes | None = None) -> None:
        """A frame to be decoded, and what comes out to be encoded again."""
        assert name not in self.modes
        self.modes[name] = native.frame_info(np.frombuffer(frame, np.uint8)).mode
        if model is not None:
            self.models[name] = model
        model_name = self._keep(f"{name}.baler", model)
        self.lines.append(f"decode {name} {self._keep(f'{name}.frame', frame)} {model_name}")

    def array(
        self,
        name: str,
        array: NDArray[Any],
        bound: str | None = "exact",
        *,
        stable: bool = True,
        model: bytes | None = None,
        latents: NDArray[np.int32] | None = None,
    ) -> None:
        """An array to be encoded; the package's frame of it is a case of its own."""
        array = native.contiguous(array)
        error_bound = ErrorBound.parse(bound) if bound and model is None else None
        handle = native.NativeModel(model) if model is not None else None
        frame = native.encode(array, model=handle, bound=error_bound, stable=stable, latents=latents)
        self.frame(name, frame, model)
        described = native.describe(array)
        kind = BOUNDS.index(error_bound.kind) if error_bound else 0
        value = struct.pack(">d", error_bound.value if error_bound else 0.0).hex()
        drawn = None if latents is None else latents.astype("<i4").tobytes()
        order = "F" if described.fortran else "C"
        words = [
            *("encode", name, f"{name}.encoded", f"{name}.baler" if model is not None else "-"),
            *(self._keep(f"{name}.latents", drawn), self._keep(f"{name}.raw", array.tobytes(order) or b"\0")),
            *(described.kind.decode(), int(described.big_endian), int(described.fortran), described.itemsize),
            *(int(stable), kind, value, described.ndim, *described.shape[: described.ndim]),
        ]
        self.lines.append(" ".join(map(str, words)))

    def write(self) -> None:
        (self.folder / "list").write_text("".join(line + "\n" for line in self.lines))


def tables(cases: Cases) -> None:
    """The built-in coder: every dtype and bound, odd values, both memory orders, big-endian data, related columns."""
    for i, dtype in enumerate(FLOATS + INTEGERS):
        bound = ("abs=0.02", "pw_rel=1e-3", "exact", "abs=1.5")[i % 4]
        hard = make(i, dtype, (600, 3), (0.0, 0.02)[i % 2], "F" if i % 3 == 0 else "C", big=i % 4 == 1)
        cases.array(f"table-{dtype}", hard, bound)
        cases.array(f"related-{dtype}", related(dtype), ("exact", "abs=0.5")[i % 2])
    cases.array("table-far", make(7, "f4", (600, 2), 0.3), "abs=0.5")
    cases.array("table-fine", make(2, "f8", (600, 2), 0.02), "pw_rel=1e-9")
    cases.array("table-all-odd", make(3, "f8", (300, 2), 1.0), "abs=1")
    cases.array(
        "column-long", np.cumsum(make(9, "f4", (9001,), 0.0) * 0 + np.arange(9001) % 13).astype("f4"), "abs=0.1"
    )
    few = np.random.default_rng(5).choice([3, 17, 100, 101], (8200, 2))
    cases.array("table-of-32-lanes", few.astype("f4"), "abs=1e-3")
    source = np.random.default_rng(6).normal(size=(9000, 7)) @ np.random.default_rng(7).normal(size=(7, 7))
    cases.array("table-of-scores", source.astype("f4"), "abs=0.02")


def model_of_bounds(bounds: list[ErrorBound]) -> bytes:
    return join_sections({"META": pack_meta({}), "BNDS": pack_bounds(bounds)})


def models(cases: Cases) -> None:
    """Models by chance, with every input, relation and hint; latents; patches; the shipped model."""
    dtypes = ("f4", "f8", "i4", "f2", "u1", "i8", "u8", "i2", "u4")
    for seed in range(20):
        rows = (40, 300, 1100, 260)[seed % 4]
        model, table, latents = random_case(seed, dtypes[seed % 9], rows, seed % 4 if seed % 2 else 0)
        if seed % 5 == 1 and table.itemsize > 1:
            table = table.astype(table.dtype.newbyteorder(">"))
        table = np.asfortranarray(table) if seed % 5 == 0 else table
        cases.array(f"model-{seed}", table, model=model.pack(), latents=latents)
    for i, rows in enumerate((2100, 8200)):
        model, table, _ = random_case(101 + i, "f4", rows)
        cases.array(f"model-{rows}-rows", table, model=model.pack())
    for seed, dtype in enumerate(("f4", "f8", "i2", "f2")):
        model, table, _ = random_case(seed, dtype, 300, n_latents=1 + seed, latent_only=True)
        cases.array(f"latent-{dtype}", table, model=model.pack())
    for i, (patch, shape, dtype) in enumerate((((4, 4), (7, 13, 9), "f4"), ((8, 8), (2, 3, 5, 6), ">f8"))):
        cases.array(f"patches-{i}", film(i, shape, dtype), model=patched(i, patch, 3, i % 2))
    package = Path(baler_codec.__file__).parent
    jets = np.load(package / "data" / "cms_jets_20k.npz")["data"][:1100].astype("f4")
    for name in ("cms_jets", "cms_jets_ae"):
        shipped = Model.from_bytes((package / "models" / f"{name}.baler").read_bytes())
        cases.array(f"shipped-{name}", jets, model=bytes(shipped))
    cases.array("shipped-fine", jets[:300], model=bytes(Model.from_bytes(package_model()).with_bound("abs=1e-3")))


def package_model() -> bytes:
    return (Path(baler_codec.__file__).parent / "models" / "cms_jets.baler").read_bytes()


def grids(cases: Cases) -> None:
    """What the encoder chooses, and streams of every scan, turn, loop, unit and map by chance."""
    shapes = [(900,), (30, 40), (2, 300), (300, 3), (9, 10, 11), (3, 4, 9, 8), (2, 3, 2, 5, 9), (4, 3, 1, 40)]
    kinds = ("smooth", "rough", "noise", "steps", "counts", "waves", "constant", "line", "huge", "tiny", "packed")
    masks = ("none", "nan", "fill", "none", "edge", "scattered", "odd", "most")
    bounds = ("abs=0.01", "abs=0.3", "pw_rel=1e-3", "exact")
    for i in range(33):
        dtype = (FLOATS + INTEGERS)[i % 11] if i % 2 else ("f4", "f8")[i // 2 % 2]
        layout = ("C", "F", ">")[i % 3] if np.dtype(dtype).itemsize > 1 else "C"
        array = make_field(i, dtype, shapes[i % 8], kinds[i % 11], masks[i * 3 % 8], layout)
        cases.array(f"grid-{i}", array, bounds[i % 4] if i % 5 else "abs=0.05", stable=i % 3 != 2)
    for scan, kind in {"raster": RASTER, "parity": PARITY, "slices": SLICES, "axes": AXES}.items():
        for closed in (False, True):
            chosen = [(4, 17, 9), (3, 3, 6, 7)] if scan == "slices" else [(300,), (17, 34), (4, 17, 9), (3, 3, 6, 7)]
            for i, shape in enumerate(chosen):
                for again in range(3 if len(shape) > 2 else 1):  # turns come by chance
                    seed = 1000 * i + 100 * again + 2 * kind + closed
                    name = f"grid-by-chance-{scan}-{'closed' if closed else 'open'}-{i}-{again}"
                    cases.frame(name, random_frame(seed, shape, kind, closed))
    for i, shape in enumerate([(300,), (17, 34), (12, 9, 9), (3, 3, 6, 7)] * 3):
        model, frame = stream(i, shape)
        cases.frame(f"grid-network-{i}", frame, model)


RECORD = np.dtype(
    [
        ("x", "<f4"),
        ("y", ">f8"),
        ("n", "<i4"),
        ("name", "S5"),
        ("wide", "<f2", (17,)),
        ("in", [("a", ">u2"), ("b", "?")]),
    ],
    align=True,
)


def records(cases: Cases) -> None:
    """Each field with its own bound; the driver encodes again by what the frame says of its fields."""
    for i, (n, hard) in enumerate([(1, True), (40, True), (300, False)]):
        array = filled(RECORD, n, i, hard=hard)
        for j, bound in enumerate([{"x": "abs=1e-3", "wide": "pw_rel=1e-2"}, {"y": "pw_rel=1e-4", "n": "abs=2"}]):
            cases.frame(f"records-{i}-{j}", bytes(Baler(bound=bound, dtype=RECORD).encode(array)))


def the_rest(cases: Cases) -> None:
    """Stored, bytes, nothing at all, chunks that a model's bounds fit or do not."""
    noise = np.random.default_rng(0).bytes(2000)
    cases.array("stored", np.frombuffer(noise, "<f8"), "exact")
    cases.array("stored-within-a-bound", np.frombuffer(noise, "<f8"), "pw_rel=1e-15")
    cases.array("stored-big-endian", np.frombuffer(noise, ">f4"), "exact")
    text = b"the same words again and again, " * 40 + bytes(range(256)) + np.arange(500, dtype="<u4").tobytes()
    for n in (1, 4, 5, 16, 300):
        cases.array(f"bytes-{n}", np.frombuffer(text, f"V{n}", len(text) // n))
    cases.array("nothing", np.zeros((0, 3), "f4"), "abs=1")
    cases.array("one-number", np.array(1.25, "f4"), "abs=0.1")
    several = [ErrorBound.parse(b) for b in ("abs=0.01", "pw_rel=1e-3", "exact")]
    for shape in [(300, 3), (300, 2), (10, 30, 3)]:
        array = make(3, "f4", shape, 0.02)
        cases.array(f"bounds-{'x'.join(map(str, shape))}", array, model=model_of_bounds(several))


def golden(cases: Cases) -> None:
    """What earlier releases wrote."""
    for path in sorted((Path(__file__).parents[1] / "fixtures").glob("*.frame")):
        model = path.with_suffix(".baler")
        cases.frame(f"golden-{path.stem}", path.read_bytes(), model.read_bytes() if model.exists() else None)


def make_cases(folder: Path) -> Cases:
    cases = Cases(folder)
    for kind in (tables, models, grids, records, the_rest, golden):
        kind(cases)
    cases.write()
    return cases
