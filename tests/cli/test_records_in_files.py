"""The command line on records: bounds by field in, compressed files with fields out."""

import json

import numpy as np
import pytest

from baler_codec import Model
from baler_codec.cli import run
from baler_codec.cli.bounds import parse_fields
from baler_codec.errors import BoundError
from baler_codec.records import record_of

RNG = np.random.default_rng(4)
DTYPE = np.dtype([("pt", "<f4"), ("eta", "<f4"), ("n", "<i4"), ("tag", "S3")])
BOUND = "pt=pw_rel=1e-3,e*=abs=1e-3"


@pytest.fixture
def events(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    array = np.zeros(3000, DTYPE)
    array["pt"], array["eta"] = RNG.exponential(20, 3000), RNG.normal(size=3000)
    array["n"], array["tag"] = RNG.integers(0, 9, 3000), RNG.choice([b"mu", b"e"], 3000)
    np.save("events.npy", array)
    return array


@pytest.mark.filterwarnings("ignore:.*does not have a Zarr V3")
@pytest.mark.parametrize("dest", ["e.h5", "e.zarr"])
def test_compress_inspect_verify(events, capsys, dest):
    assert run(["compress", "events.npy", dest, "--bound", BOUND, "--chunk-rows", "1000"]) == 0
    capsys.readouterr()
    assert run(["inspect", dest, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["modes"] == {"fields": 3} and found["values"] == 9000 and not found["bounds_without_model"]
    assert [(f["name"], f["dtype"], f["bound"]) for f in found["fields"][0]] == [
        ("pt", "<f4", "pw_rel=0.001"),
        ("eta", "<f4", "abs=0.001"),
        ("n", "<i4", "exact"),
        ("tag", "3 bytes", "exact"),
    ]
    assert run(["inspect", dest]) == 0
    assert "pw_rel=0.001" in capsys.readouterr().out
    assert run(["verify", "events.npy", dest]) == 0
    assert run(["verify", "events.npy", dest, "--bound", "pt=pw_rel=1e-6"]) == 1
    events["n"][5] += 1
    np.save("other.npy", events)
    capsys.readouterr()
    assert run(["verify", "other.npy", dest]) == 1
    assert "first in row 5" in capsys.readouterr().out


def test_a_model_of_records_codes_what_it_is_for(events, capsys):
    Model.of_records(DTYPE, {"pt": "abs=0.1"}).save("r.baler")
    assert run(["compress", "events.npy", "m.h5", "--model", "r.baler"]) == 0
    assert run(["verify", "events.npy", "m.h5"]) == 0
    assert run(["inspect", "r.baler"]) == 0
    assert "abs=0.1" in capsys.readouterr().out
    np.save("table.npy", np.zeros((50, 4), "f4"))
    assert run(["compress", "table.npy", "n.h5", "--model", "r.baler"]) == 2
    assert "records of 15 bytes" in capsys.readouterr().err


def test_patterns_are_for_floats():
    record = record_of(DTYPE)
    found = parse_fields("*=abs=1,n=abs=2", record)
    assert {name: str(bound) for name, bound in found.items()} == {"pt": "abs=1.0", "eta": "abs=1.0", "n": "abs=2.0"}
    with pytest.raises(BoundError, match="no field of floats fits 'x\\*'"):
        parse_fields("x*=abs=1", record)
