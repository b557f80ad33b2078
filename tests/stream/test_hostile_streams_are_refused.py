"""Streams that are cut, damaged or lie: an error that says so, and nothing under the final name."""

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from twin import stream as twin

from baler_codec import Baler, load, native, stream
from baler_codec.errors import BalerError, CorruptDataError, ModelNotFoundError, UnsupportedVersionError


def closed(told):
    return told + struct.pack("<I", zlib.crc32(told))


def record(tag, body, size=None):
    return closed(tag + struct.pack("<I", len(body) if size is None else size) + body)


def frame(first, rows, content):
    return record(b"F", struct.pack("<QI", first, rows) + content)


def outliers(numbers, values, dtype="<u8"):
    told = native.encode(np.asarray(numbers, dtype))
    return record(b"O", struct.pack("<I", len(told)) + told + native.encode(np.ascontiguousarray(values)))


@pytest.fixture
def parts(model, rows, sent):
    """The pieces of a good stream: its header, its frames, and the rows that are far off."""
    told = sent(rows[:700], model, threshold="abs=1", embed=False)
    found = twin.read(told)
    return told[: 50 + 9 * 5 + 4], found, rows


def refused(told, said, tmp_path, model, kind=CorruptDataError):
    with pytest.raises(kind, match=said):
        for _ in stream.read(io.BytesIO(told), model=model):
            pass
    for name in ("t.h5", "t.zarr"):
        with pytest.raises(kind, match=said):
            stream.store(io.BytesIO(told), tmp_path / name, model=model)
    assert list(tmp_path.iterdir()) == []


def test_good_parts_make_a_good_stream(parts, model, tmp_path):
    header, found, rows = parts
    told = header + b"".join(frame(*f) for f in found.frames) + record(b"E", struct.pack("<QQ", 700, 0))
    assert sum(map(len, stream.read(io.BytesIO(told), model=model))) == 700
    told = header + frame(*found.frames[0]) + outliers([3, 4], rows[3:5])
    told += frame(*found.frames[1]) + record(b"E", struct.pack("<QQ", 700, 2))
    assert sum(map(len, stream.read(io.BytesIO(told), model=model))) == 700


def test_a_stream_that_is_cut_anywhere_is_noticed(model, rows, sent):
    told = sent(rows[:90], model, block_rows=40, threshold="abs=1")
    for n in [*range(400), *range(400, len(told), 7), len(told) - 1]:
        with pytest.raises(CorruptDataError, match="ends early"):
            list(stream.StreamReader(io.BytesIO(told[:n])))


def test_a_changed_byte_is_noticed_wherever_it_is(model, rows, sent):
    told = sent(rows[:90], model, block_rows=40, threshold="abs=1")
    for at in [*range(200), *range(200, len(told), 5)]:
        changed = bytearray(told)
        changed[at] ^= 1 << at % 8
        with pytest.raises((CorruptDataError, UnsupportedVersionError)):
            list(stream.StreamReader(io.BytesIO(bytes(changed))))


@pytest.mark.parametrize("keep", [10, 3000, 5000, 8000, -30, -1])
def test_nothing_half_written_stays(model, rows, sent, tmp_path, keep):
    told = sent(rows, model)
    assert len(told) > 8000
    refused(told[:keep], "ends early", tmp_path, model)


def test_what_was_there_stays_when_a_stream_breaks(model, rows, sent, tmp_path):
    told = sent(rows, model, threshold="abs=1")
    stream.store(io.BytesIO(told), tmp_path / "t.h5")
    before = (tmp_path / "t.h5").read_bytes()
    with pytest.raises(CorruptDataError):
        stream.store(io.BytesIO(told[:-1]), tmp_path / "t.h5", overwrite=True)
    assert (tmp_path / "t.h5").read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_what_is_no_stream_or_a_later_one_is_named(parts, model, tmp_path):
    header, _, _ = parts
    refused(b"", "ends early", tmp_path, model)
    refused(b"\x89HDF" + header[4:], "no stream of latents", tmp_path, model)
    refused(header[:4] + b"\x02" + header[5:], "version 2", tmp_path, model, UnsupportedVersionError)


@pytest.mark.parametrize(
    "at, form, value, said",
    [
        (5, "c", b"V", "does not know"),
        (6, "B", 3, "items of 3 bytes"),
        (7, "B", 2, "does not know"),
        (8, "<I", 0, "0 columns"),
        (8, "<I", 1025, "1025 columns"),
        (8, "<I", 6, "5 thresholds for 6 columns"),
        (12, "<I", 0, "1 row or more"),
        (12, "<I", 2**32 - 1, "1 row or more"),
        (48, "<H", 65535, "claims 65535 thresholds"),
        (50, "B", 9, "threshold of the unknown kind"),
        (51, "<d", float("nan"), "threshold that cannot be"),
        (51, "<d", -1.0, "threshold that cannot be"),
        (16, "32s", bytes(32), "the stream needs the model"),
    ],
)
def test_headers_that_lie_are_refused(parts, model, tmp_path, at, form, value, said):
    header, found, _ = parts
    changed = bytearray(header[:-4])
    struct.pack_into(form, changed, at, value)
    told = closed(bytes(changed)) + frame(*found.frames[0]) + record(b"E", struct.pack("<QQ", 500, 0))
    refused(told, said, tmp_path, model, BalerError)


def test_records_that_lie_are_refused(parts, model, tmp_path):
    header, found, rows = parts
    first, second = found.frames
    good, end = frame(*first), record(b"E", struct.pack("<QQ", 500, 0))
    other_model = Baler(bound="abs=1").encode(rows[:500])
    turned = native.encode(np.asfortranarray(rows[:500]), model=model.native())
    cases = [
        (record(b"F", b"", 2**32 - 1), "claims 4294967295 bytes"),
        (record(b"X", b""), "unknown kind b'X'"),
        (record(b"F", b"short"), "without a frame"),
        (frame(0, 0, first[2]), "0 rows"),
        (frame(0, 501, first[2]), "501 rows"),
        (frame(500, 200, second[2]), "missing or out of order"),
        (good + good, "missing or out of order"),
        (frame(0, 200, second[2]) + frame(200, 500, first[2]), "not the last one"),
        (frame(0, 500, first[2][:-5]), "cut short|damaged|ends|CRC"),
        (frame(0, 500, first[2] + b"!"), "bytes"),
        (frame(0, 500, other_model), "the model None where one of"),
        (frame(0, 500, turned), "F where"),
        (frame(0, 500, Baler(model).encode(rows[:499])), r"\(499, 5\)"),
        (frame(0, 500, Baler(model).encode(rows[:500].astype("f8"))), "float64"),
        (outliers([1], rows[1:2]) + end, "where a frame or the end belongs"),
        (good + outliers([1], rows[1:2]) + outliers([2], rows[2:3]), "where a frame or the end belongs"),
        (good + outliers([500], rows[1:2]), "not of the block"),
        (good + outliers([2, 1], rows[1:3]), "not ascending"),
        (good + outliers([1, 1], rows[1:3]), "not ascending"),
        (good + outliers(range(501), rows[:501]), "numbers of outliers of shape"),
        (good + outliers(np.empty(0), rows[:0]), "numbers of outliers of shape"),
        (good + outliers([[1]], rows[1:2]), "numbers of outliers of shape"),
        (good + outliers([1], rows[1:2], "<u4"), "uint32"),
        (good + outliers([1], rows[1:3]), r"\(2, 5\)"),
        (good + record(b"O", b"\xff\xff\xff\xff"), "ends early"),
        (good + record(b"O", b""), "where there can be none"),
        (good + record(b"M", bytes(model)), "a record b'M' where"),
        (good + record(b"E", struct.pack("<QQ", 501, 0)), "something is missing"),
        (good + record(b"E", struct.pack("<QQ", 500, 1)), "something is missing"),
        (good + record(b"E", b""), "something is missing"),
        (good, "ends early"),
    ]
    for told, said in cases:
        refused(header + told + end, said, tmp_path, model) if told is not good else refused(
            header + told, said, tmp_path, model
        )


def test_a_length_that_lies_takes_no_memory(parts):
    header, _, _ = parts
    big = bytearray(header[:-4])
    struct.pack_into("<I", big, 12, 1 << 25)  # blocks of 640 MB
    told = closed(bytes(big)) + record(b"F", bytes(100), 1 << 29)
    tracemalloc.start()
    with pytest.raises(CorruptDataError, match="ends early"):
        stream.StreamReader(io.BytesIO(told))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_another_model_in_the_stream_is_refused(parts, model, tmp_path):
    header, _, _ = parts
    other = model.with_bound("abs=1")
    refused(header + record(b"M", bytes(other)), "the stream's model is", tmp_path, model)
    refused(header + record(b"M", b"no model"), "model", tmp_path, model, BalerError)


def test_a_model_of_another_kind_is_refused(parts, model, tmp_path):
    header, found, _ = parts
    for other in (model.with_bound("abs=1"), load("cms_jets_ae").with_bound("latent")):
        changed = closed(header[:-4].replace(found.model_id, bytes.fromhex(other.id.removeprefix("sha256:"))))
        told = changed + record(b"M", bytes(other)) + record(b"E", bytes(16))
        with pytest.raises(CorruptDataError, match="is not for latents of rows of 5 columns"):
            stream.store(io.BytesIO(told), tmp_path / "t.h5")


def test_a_model_that_is_nowhere_is_named(parts, tmp_path):
    header, found, _ = parts
    told = closed(header[:-4].replace(found.model_id, bytes(range(32)))) + record(b"E", bytes(16))
    with pytest.raises(ModelNotFoundError, match="000102030405"):
        stream.store(io.BytesIO(told), tmp_path / "t.h5")
    assert list(tmp_path.iterdir()) == []


def test_what_follows_the_end_belongs_to_somebody_else(model, rows, sent):
    told = sent(rows, model)
    pipe = io.BytesIO(told + told)
    for _ in range(2):
        assert sum(block.rows for block in stream.StreamReader(pipe)) == 1234
    assert pipe.read() == b""
