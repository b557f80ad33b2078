"""A stream's frames are the chunks that are stored, byte by byte, and everybody reads them."""

import io
import itertools
import json

import h5py
import numpy as np
import pytest
import zarr
from twin import stream as twin

from baler_codec import Baler, stream
from baler_codec.errors import BalerError, ConfigError, ModelNotFoundError, ShapeError

FILES = [("t.h5", 3), ("t.zarr", 3), ("t.zarr", 2), ("t.h5:deep/x", 3), ("t.zarr:deep/x", 3), ("t.zarr:deep/x", 2)]


def stored(path, address, zarr_format):
    """The values as plain h5py or zarr reads them, and the bytes of every chunk."""
    file, _, name = address.partition(":")
    name = name or "data"
    if file.endswith(".h5"):
        with h5py.File(path / file) as opened:
            dataset = opened[name]
            starts = range(0, len(dataset), dataset.chunks[0])
            return dataset[...], [dataset.id.read_direct_chunk((at, 0)) for at in starts]
    array = zarr.open_group(str(path / file), mode="r")[name]
    keys = [f"{i}.0" if zarr_format == 2 else f"c/{i}/0" for i in range(array.cdata_shape[0])]
    return array[...], [(0, (path / file / name / key).read_bytes()) for key in keys]


@pytest.mark.parametrize("address, zarr_format", FILES)
@pytest.mark.parametrize("n", [1234, 1000, 1, 0])
def test_frames_are_stored_as_they_came(model, rows, sent, tmp_path, address, zarr_format, n):
    given = rows[:n]
    stream.store(io.BytesIO(sent(given, model)), tmp_path / address, zarr_format=zarr_format)
    values, chunks = stored(tmp_path, address, zarr_format)
    codec = Baler(model)
    padded = [given[i : i + 500] for i in range(0, n, 500)]
    padded = [np.concatenate([b, np.repeat(b[-1:], 500 - len(b), 0)]) for b in padded]
    assert chunks == [(0, codec.encode(block)) for block in padded]
    wanted = np.concatenate([codec.decode(frame) for _, frame in chunks] + [np.empty((0, 5), "f4")])[:n]
    assert values.dtype == np.float32 and np.array_equal(values, wanted, equal_nan=True)
    assert np.array_equal(np.isfinite(values), np.isfinite(given))


def test_the_stream_is_what_the_format_says(model, rows, sent):
    found = twin.read(sent(rows, model, threshold="abs=1"))
    assert (found.kind, found.itemsize, found.flags, found.columns, found.block_rows) == ("f", 4, 1, 5, 500)
    assert found.model == bytes(model) and found.model_id.hex() == model.id.removeprefix("sha256:")
    assert found.thresholds == [(1, 1.0)] * 5
    assert [(first, n) for first, n, _ in found.frames] == [(0, 500), (500, 500), (1000, 234)]
    numbers = np.concatenate([Baler().decode(a) for a, _ in found.outliers])
    values = np.concatenate([Baler().decode(b) for _, b in found.outliers])
    assert found.end == (1234, len(numbers)) and len(numbers) > 3
    assert values.tobytes() == rows[numbers.astype(int)].tobytes()


def test_pieces_of_any_size_and_order_give_the_same_stream(model, rows, sent):
    wanted = sent(rows, model, threshold="abs=1")
    cuts = [0, 1, 3, 499, 500, 501, 1100, 1100, 1234]
    pieces = [rows[a:b] for a, b in itertools.pairwise(cuts)]
    assert sent(iter(pieces), model, threshold="abs=1") == wanted
    assert sent(np.asfortranarray(rows), model, threshold="abs=1") == wanted
    assert sent(rows.astype(">f4"), model, threshold="abs=1") == wanted
    assert sent(rows, model, threshold="abs=1", encoder="reference") == wanted


@pytest.mark.parametrize("dtype", ["f2", "f8", "i2", "u1"])
def test_rows_have_any_dtype(model, sent, tmp_path, dtype):
    given = np.arange(3500).reshape(700, 5).astype(dtype)
    stream.store(io.BytesIO(sent(given, model, threshold="abs=1")), tmp_path / "t.h5")
    with h5py.File(tmp_path / "t.h5") as file:
        assert file["data"].dtype == given.dtype
    back = stream.with_outliers(tmp_path / "t.h5")
    assert np.abs(back.astype("f8") - given.astype("f8")).max() <= 1


def test_the_jets_are_stored_with_names_and_read_by_files_own_model(jets, sent, tmp_path):
    told = sent(jets, "cms_jets_ae", block_rows=4096)
    assert len(told) < 10 * len(jets) + 49_000  # and the model
    for name in ("t.h5", "t.zarr"):
        stream.store(io.BytesIO(told), tmp_path / name)
    with h5py.File(tmp_path / "t.h5") as file:
        attributes, values = dict(file["data"].attrs), file["data"][...]
        assert len(file[".baler/models"]) == 1
    assert json.loads(attributes["column_names"])[0] == "pt"
    assert json.loads(attributes["baler_compression"])["bounded"] is False
    assert json.loads(attributes["baler_stream"])["rows"] == 9000
    assert np.array_equal(values, zarr.open_group(str(tmp_path / "t.zarr"))["data"][...])
    assert np.abs(values[:, 1] - jets[:, 1]).mean() < 0.01


def test_a_stream_without_its_model_needs_it_at_the_other_end(jets, sent, tmp_path):
    told = sent(jets[:600], "cms_jets_ae", embed=False)
    with pytest.raises(ModelNotFoundError, match="the stream needs the model"):
        stream.store(io.BytesIO(told), tmp_path / "t.h5", model="cms_jets")
    stream.store(io.BytesIO(told), tmp_path / "t.h5", model="cms_jets_ae")
    assert np.array_equal(
        np.concatenate(list(stream.read(io.BytesIO(told), model="cms_jets_ae"))),
        np.concatenate(list(stream.read(io.BytesIO(sent(jets[:600], "cms_jets_ae"))))),
    )


def test_latents_of_a_board_become_the_same_values(model, rows, tmp_path):
    finite = np.nan_to_num(rows, nan=0, posinf=1, neginf=-1)
    latents = model.native().encode_latents(finite)
    for given in (latents, iter([latents[:100].astype("i8"), latents[100:]])):
        pipe = io.BytesIO()
        assert stream.send_latents(given, pipe, model, block_rows=500).rows == 1234
        pipe.seek(0)
        values = np.concatenate(list(stream.read(pipe)))
        whole = io.BytesIO()
        stream.send(finite, whole, model, block_rows=500)
        whole.seek(0)
        assert np.array_equal(values, np.concatenate(list(stream.read(whole))))


def test_latents_that_cannot_be_are_refused(model):
    out = io.BytesIO()
    with pytest.raises(BalerError, match="latent 1 of row 7 is 99999"):
        wrong = np.zeros((10, 3), int)
        wrong[7, 1] = 99999
        stream.send_latents(wrong, out, model, block_rows=500)
    with pytest.raises(ShapeError, match="they are integers"):
        stream.send_latents(np.zeros((10, 3)), out, model)
    with pytest.raises(ShapeError, match=r"\(rows, 3\) is wanted"):
        stream.send_latents(np.zeros((10, 5), int), out, model)


def test_what_cannot_be_sent_is_refused_by_name(model, rows):
    out = io.BytesIO()
    for wrong, said in ((rows[:, :3], r"\(rows, 5\) is wanted"), (rows[0], r"\(rows, 5\) is wanted")):
        with pytest.raises(ShapeError, match=said):
            stream.send(wrong, out, model)
    with pytest.raises(ShapeError, match="all rows have one dtype"):
        stream.send(iter([rows, rows.astype("f8")]), out, model)
    with pytest.raises(ConfigError, match="no autoencoder of rows"):
        stream.send(rows, out, "cms_jets")
    with pytest.raises(BalerError, match="no threshold"):
        stream.send(rows, out, model, threshold="latent")
    with pytest.raises(BalerError, match="1 row or more"):
        stream.send(rows, out, model, block_rows=0)


def test_the_place_of_storing_is_checked_before_anything_is_read(model, rows, sent, tmp_path):
    told = sent(rows, model)
    stream.store(io.BytesIO(told), tmp_path / "t.h5")
    with pytest.raises(BalerError, match="exists"):
        stream.store(io.BytesIO(told), tmp_path / "t.h5")
    stream.store(io.BytesIO(told), tmp_path / "t.h5", overwrite=True)
    with pytest.raises(BalerError, match=r"write \.h5 or \.zarr"):
        stream.store(io.BytesIO(told), tmp_path / "t.npz")
    with pytest.raises(BalerError, match="formats 2 and 3"):
        stream.store(io.BytesIO(told), tmp_path / "t.zarr", zarr_format=4)
