"""Any shape, chunking, memory order, byte order and format of Zarr: written, rewritten, read back inside the bound."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

zarr = pytest.importorskip("zarr", minversion="3.0")

from baler_codec import Baler, ErrorBound  # noqa: E402
from baler_codec.zarr import BalerCodec  # noqa: E402

DTYPES = ["<f4", ">f4", "<f8", ">f8", "<f2", "<i4", ">i2", "u1", ">u8"]
BOUNDS = ["exact", "abs=0.01", "abs=3", "pw_rel=0.05", "pw_rel=1e-6"]


@st.composite
def layouts(draw):
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=8))
    chunks = tuple(draw(st.integers(1, n)) for n in shape)
    options = {"chunks": chunks, "zarr_format": draw(st.sampled_from([2, 3]))}
    if options["zarr_format"] == 2:
        options["order"] = draw(st.sampled_from("CF"))
    elif draw(st.booleans()):
        options["shards"] = tuple(c * draw(st.integers(1, 3)) for c in chunks)
    return shape, options


@settings(max_examples=80, deadline=None)
@given(layouts(), st.sampled_from(DTYPES), st.sampled_from(BOUNDS), st.booleans(), st.data())
def test_any_layout_keeps_the_bound(layout, dtype, bound, stable, data):
    shape, options = layout
    x = data.draw(hnp.arrays(np.dtype(dtype), shape))
    codec = Baler(bound=bound, stable=stable)
    how = {"compressors": codec} if options["zarr_format"] == 2 else {
        "serializer": BalerCodec(codec), "compressors": None}  # fmt: skip
    z = zarr.create_array({}, shape=shape, dtype=x.dtype, **options, **how)
    z[...] = x
    got = zarr.open_array(z.store, mode="r")[...].astype(x.dtype)
    assert ErrorBound.parse(bound).check(x, got).all()
    if stable:
        z[0] = x[0]  # every chunk it touches is decoded and encoded again
        again = z[...].astype(x.dtype)
        assert np.array_equal(again.view(f"V{x.itemsize}"), got.view(f"V{x.itemsize}"))
