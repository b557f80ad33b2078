"""The same chunk in Zarr 2, Zarr 3 and HDF5, whoever computed its latents; where no encoder is called it is said."""

import warnings

import h5py
import numpy as np
import pytest
import zarr
from chance_models import chance_model
from written import CONTAINERS, chunk, sha256

from baler_codec import Baler, hdf5, load
from baler_codec.cli import run
from baler_codec.encoders import EncoderFallbackWarning, LatentEncoder, available, choose
from baler_codec.errors import BoundError, ConfigError
from baler_codec.zarr import BalerCodec, create


@pytest.fixture
def calls(monkeypatch):
    """Rows that encoders were given, by name; they must have been called for what follows to mean something."""
    counted: dict[str, int] = {}
    latents = LatentEncoder.latents

    def counting(self, table):
        counted[self.name] = counted.get(self.name, 0) + len(table)
        return latents(self, table)

    monkeypatch.setattr(LatentEncoder, "latents", counting)
    monkeypatch.delenv(choose.ENVIRONMENT, raising=False)
    return counted


def table_of(jets_rows):
    table = jets_rows[:700].copy()
    table[5, 3], table[6, 0] = np.nan, np.inf
    return table


@pytest.mark.parametrize("way", ["argument", "environment"])
def test_a_chunk_has_one_hash_in_every_container_and_from_every_encoder(jets, rows, calls, tmp_path, monkeypatch, way):
    model, table = jets.with_bound("latent"), table_of(rows)
    encoders = [name for name in ("native", "reference", "torch") if available()[name] is None]
    hashes = {sha256(Baler(model).encode(table))}
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no fall back
        for name in encoders:
            if way == "environment":
                monkeypatch.setenv(choose.ENVIRONMENT, name)
            given = name if way == "argument" else None
            for container in CONTAINERS:
                hashes.add(sha256(chunk(container, tmp_path / name / container, model, table, given)))
    assert len(hashes) == 1
    assert calls == {name: 700 * len(CONTAINERS) for name in encoders}


def test_under_a_bound_too(calls, tmp_path):
    for seed in range(4):
        model, table = chance_model(seed)
        hashes = {
            sha256(chunk(container, tmp_path / f"{seed}{encoder}{container}", model, table[:900], encoder))
            for container in CONTAINERS
            for encoder in (None, "reference")
        }
        assert len(hashes) == 1
    assert calls["reference"] == 4 * 900 * len(CONTAINERS)


def test_a_part_of_a_chunk_is_written_with_the_encoder_and_nothing_else_changes(calls, tmp_path):
    model, table = chance_model(1)
    with h5py.File(tmp_path / "t.h5", "w") as file:
        for name, encoder in (("ours", "reference"), ("theirs", None)):
            made = file.create_dataset(name, table.shape, "f4", chunks=(1000, 5), **hdf5.Baler(model))
            hdf5.write(made, table, encoder=encoder)
            hdf5.write(made, table[1500:1700] + 1, np.s_[1500:1700], encoder=encoder)
        chunks = [[file[n].id.read_direct_chunk((at, 0)) for at in (0, 1000, 2000)] for n in ("ours", "theirs")]
        assert chunks[0] == chunks[1]
    assert calls == {"reference": 4000}


def test_hdf5_refuses_or_tells_where_only_the_filter_can_write(jets, rows, tmp_path, monkeypatch):
    model = jets.with_bound("latent")
    with pytest.raises(ConfigError, match=r"filter is native code.*baler_codec\.hdf5\.write"):
        hdf5.Baler(model, encoder="reference")
    with h5py.File(tmp_path / "t.h5", "w") as file:
        made = file.create_dataset("t", (600, 24), "f4", chunks=(300, 24), **hdf5.Baler(model))
        with pytest.raises(ConfigError, match="can only be written by HDF5 itself"):
            hdf5.write(made, rows[:300], np.s_[::2], encoder="reference")
        with pytest.raises(ConfigError, match="no encoder is called 'abacus'"):
            hdf5.write(made, rows[:600], encoder="abacus")
        plain = file.create_dataset("plain", (600, 24), "f4", chunks=(300, 24), **hdf5.Baler("cms_jets"))
        with pytest.raises(ConfigError, match="no encoder network"):
            hdf5.write(plain, rows[:600], encoder="reference")
        monkeypatch.setenv(choose.ENVIRONMENT, "reference")
        with pytest.warns(EncoderFallbackWarning, match="/t is written by HDF5 itself"):
            hdf5.write(made, rows[:300], np.s_[::2])
        with pytest.warns(EncoderFallbackWarning, match="/u is written by HDF5 itself"):
            file.create_dataset("u", data=rows[:600], chunks=(300, 24), **hdf5.Baler(model))
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # nothing here has latents
            file.create_dataset("v", data=rows[:600], chunks=(300, 24), **hdf5.Baler("cms_jets"))
            file.create_dataset("w", data=rows[:600])
            hdf5.write(plain, rows[:600])


def test_the_stored_configuration_does_not_name_the_encoder(jets, rows, tmp_path):
    codec = BalerCodec(jets, encoder="reference")
    assert codec.to_dict() == BalerCodec(jets).to_dict() and codec == BalerCodec(jets)
    array = create(str(tmp_path / "t.zarr"), rows[:300], model=jets, encoder="reference")
    text = (tmp_path / "t.zarr" / "zarr.json").read_text()
    assert "reference" not in text and array[...].shape == (300, 24)
    with pytest.raises(ConfigError, match="takes the encoder of the Baler"):
        BalerCodec(Baler(jets), encoder="reference")
    with pytest.raises(BoundError):
        BalerCodec(Baler(jets), "exact")


@pytest.mark.parametrize("dest", ["t.h5", "t.zarr"])
@pytest.mark.parametrize("zarr_format", ["2", "3"])
def test_the_command_line_takes_an_encoder(rows, calls, tmp_path, monkeypatch, capsys, dest, zarr_format):
    monkeypatch.chdir(tmp_path)
    np.save("jets.npy", rows[:2500])
    arguments = ["compress", "jets.npy", "--model", "cms_jets_ae", "--latent", "--chunk-rows", "1000"]
    arguments += ["--zarr-format", zarr_format]
    for name, more in (("ours", ["--encoder", "reference"]), ("theirs", [])):
        assert run([*arguments, name + dest, *more]) == 0
    assert calls["reference"] >= 2500
    decoded = []
    for name in ("ours", "theirs"):
        if dest == "t.h5":
            with h5py.File(name + dest) as file:
                decoded.append([file["data"].id.read_direct_chunk((at, 0)) for at in (0, 1000, 2000)])
        else:
            assert np.asarray(zarr.open(name + dest)[...]).shape == (2500, 24)
            decoded.append([f.read_bytes() for f in sorted((tmp_path / (name + dest)).rglob("*")) if f.is_file()])
    assert decoded[0] == decoded[1]
    capsys.readouterr()
    assert run([*arguments, "new" + dest, "--encoder", "abacus"]) == 2
    assert "no encoder is called 'abacus'" in capsys.readouterr().err
    assert not (tmp_path / ("new" + dest)).exists()


def test_the_model_of_the_file_is_enough(jets, rows, calls, tmp_path):
    # the dataset's own model has the bound latent: nobody installed it
    model = load("cms_jets_ae").with_bound("latent")
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file.create_dataset("t", (600, 24), "f4", chunks=(300, 24), **hdf5.Baler(model))
    with h5py.File(tmp_path / "t.h5", "a") as file:
        hdf5.write(file["t"], rows[:600], encoder="reference")
        assert file["t"].id.read_direct_chunk((0, 0))[1] == Baler(model).encode(rows[:300])
    assert calls == {"reference": 600}
