"""Records of every kind: random structured dtypes with padding, byte orders, subarrays, structures, text."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

SCALARS = ("<f4", ">f4", "<f8", ">f8", "<f2", ">f2", "i1", "u1", "<i2", ">i4", "<i8", ">u8", "<u2", "u4")
EXACT = ("?", "<c8", ">c16", "<M8[s]", ">m8[ns]", "S1", "S5", "<U3", "V3", np.dtype(np.longdouble).str)
SHAPES = ((), (), (), (1,), (3,), (2, 2), (17,), (5, 4))


@st.composite
def dtypes(draw: st.DrawFn, depth: int = 0) -> np.dtype:
    """Draw a structured dtype: with gaps, in any order, packed or aligned."""
    n = draw(st.integers(1, 5))
    formats = []
    for _ in range(n):
        kind = draw(st.sampled_from(("number", "number", "number", "exact", "structure")))
        if kind == "structure" and depth < 2:
            base = draw(dtypes(depth + 1))
        else:
            base = np.dtype(draw(st.sampled_from(EXACT if kind == "exact" else SCALARS)))
        shape = draw(st.sampled_from(SHAPES)) if depth == 0 else ()
        formats.append(np.dtype((base, shape)))
    names = [f"f{i}" for i in range(n)]
    if draw(st.booleans()):
        return np.dtype(list(zip(names, formats, strict=True)), align=draw(st.booleans()))
    at, offsets = 0, []
    for i in draw(st.permutations(range(n))):
        at += draw(st.sampled_from((0, 0, 1, 3)))
        offsets.append((i, at))
        at += formats[i].itemsize
    places = [place for _, place in sorted(offsets)]
    size = at + draw(st.sampled_from((0, 0, 5)))
    return np.dtype({"names": names, "formats": formats, "offsets": places, "itemsize": size})


def filled(dtype: np.dtype, n: int, seed: int, *, hard: bool = True) -> np.ndarray:
    """Records with smooth, few-valued and (with `hard`) random-bit fields; padding holds anything, too."""
    rng = np.random.default_rng(seed)
    array = np.frombuffer(bytearray(rng.bytes(n * dtype.itemsize)) if hard else bytearray(n * dtype.itemsize), dtype)
    _fill(array, rng, hard)
    return array


def _fill(array: np.ndarray, rng: np.random.Generator, hard: bool) -> None:
    assert array.dtype.names is not None
    for name in array.dtype.names:
        values = array[name]
        if values.dtype.names is not None:
            if values.size:
                _fill(values, rng, hard)
        elif values.dtype.kind in "fiu" and not (hard and rng.integers(4) == 0):
            walk = np.cumsum(rng.normal(size=values.shape), axis=0) * rng.choice([1, 10, 40])
            walk = np.clip(walk, 0 if values.dtype.kind == "u" else -120, 120)
            values[...] = walk.astype(values.dtype)
        elif values.dtype.kind == "S":
            values[...] = rng.choice([b"mu", b"e", b"tau"], values.shape)


def masked_bytes(array: np.ndarray, keep: list[tuple[int, int]]) -> bytes:
    """The bytes of all records outside the places given (begin, end)."""
    raw = np.frombuffer(array.tobytes(), np.uint8).reshape(len(array), array.dtype.itemsize).copy()
    for begin, end in keep:
        raw[:, begin:end] = 0
    return raw.tobytes()
