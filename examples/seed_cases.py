"""The cases of the original Baler's slides, with every byte counted: flow frames, a diffraction volume, Poisson frames.

    BALER_DATA=folder python examples/seed_cases.py [seconds of training for each model]

The data lie beside the checkout (BALER_DATA, by default ../data); cases without data are skipped and say so.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

import baler_codec as baler
from baler_codec.bound import ErrorBound

DATA = Path(os.environ.get("BALER_DATA", Path(__file__).resolve().parents[2] / "data"))
SEED_BYTES, SEED_MODEL, SEED_PSNR, SEED_ERROR = 6780, 4_228_039, 37.9, 0.123  # CFD_animation, shipped configuration


def load(name: str) -> np.ndarray | None:
    """Return an array, or None with a reason."""
    path = DATA / name
    if not path.exists():
        print(f"skipped: {path} is not there (set BALER_DATA)")
        return None
    if path.suffix == ".npz":
        with np.load(path) as file:
            return np.asarray(file["data"])
    return np.asarray(np.load(path))


def coded(codec: baler.Baler, x: np.ndarray) -> tuple[int, np.ndarray]:
    """Return the bytes of one frame, header and checksum included, and the decoded values."""
    frame = codec.encode(x)
    return len(bytes(frame)), np.asarray(codec.decode(frame)).view(x.dtype).reshape(x.shape)


def quality(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Return the largest error as a part of the range, the RMS error, and the PSNR in dB."""
    span = float(x.max()) - float(x.min())
    off = y.astype(np.float64) - x
    rms = float(np.sqrt(np.mean(off**2)))
    return float(np.abs(off).max()) / span, rms, 20 * np.log10(span / rms) if rms else float("inf")


def flow() -> None:
    """CFD_animation, 60 frames of 50 x 50: the loosest bound that is no worse than the seed in both errors."""
    data = load("CFD_animation.npz")
    if data is None:
        return
    x = data.astype("f4")
    span = float(x.max() - x.min())
    best: tuple[int, float, tuple[float, float, float]] | None = None
    for part in np.geomspace(0.02, SEED_ERROR, 60).tolist():
        size, y = coded(baler.Baler(bound=f"abs={part * span!r}", stable=False), x)
        errors = quality(x, y)
        if errors[0] <= SEED_ERROR and errors[2] >= SEED_PSNR and (best is None or size < best[0]):
            best = size, part, errors
    if best is None:
        raise SystemExit("no bound is as good as the seed's result")
    size, part, (largest, rms, psnr) = best
    print(f"\nflow, {x.nbytes} bytes of float32 (model included)")
    print("| | bytes | model | all, % of float32 | largest error, % of range | RMS | PSNR, dB |")
    print("|---|---|---|---|---|---|---|")
    all_of_seed = 100 * (SEED_BYTES + SEED_MODEL) / x.nbytes
    print(f"| original Baler | {SEED_BYTES} | {SEED_MODEL} | {all_of_seed:.1f} | 12.3 | 7.46e-4 | {SEED_PSNR} |")
    print(
        f"| Baler(bound='abs={part * span:.4g}', stable=False) | {size} | none | {100 * size / x.nbytes:.2f} "
        f"| {100 * largest:.1f} | {rms:.3g} | {psnr:.1f} |"
    )


def compare(name: str, x: np.ndarray, known: np.ndarray, bounds: list[str], seconds: float) -> None:
    """Print sizes of `x` without a model, and with one trained on `known`."""
    print(f"\n{name}: {x.nbytes} bytes, model trained on {known.nbytes} others in {seconds:.0f} s")
    print("| bound | no model, bytes | ratio | trained, bytes | model | ratio online | ratio, model counted |")
    print("|---|---|---|---|---|---|---|")
    for bound in bounds:
        plain, y = coded(baler.Baler(bound=bound), x)
        model = baler.train(known, kind="grid", bound=bound, seed=0, time_budget=seconds, progress=False)
        size, z = coded(baler.Baler(model), x)
        # no frame names a model that its network did not code with, and reading then needs none
        needed = len(model) if bytes.fromhex(model.id.removeprefix("sha256:")) in baler.Baler(model).encode(x) else 0
        for got in (y, z):
            if not ErrorBound.parse(bound).check(x, got).all():
                raise SystemExit(f"{name}: a value is outside {bound}")
        print(
            f"| {bound} | {plain} | {x.nbytes / plain:.2f} | {size} | {needed or 'not used'} | {x.nbytes / size:.2f} "
            f"| {x.nbytes / (size + needed):.2f} |",
            flush=True,
        )


def main() -> None:
    """Run every case whose data are there."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    flow()
    volume = load("xrd_sim_1EI7_volume_f32.npy")
    if volume is not None:
        compare("diffraction volume, second half", volume[76:], volume[:75], ["pw_rel=1e-2", "pw_rel=1e-3"], seconds)
    frames = load("xrd_sim_1EI7_frames_u16_120.npy")
    if frames is not None:
        compare("Poisson frames 60-119", frames[60:], frames[:60], ["exact", "abs=1"], seconds)


if __name__ == "__main__":
    main()
