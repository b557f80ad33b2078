"""The model travels in the file, once, and people can see how the data were written."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from hdf5_checks import Run, forget_model, within

import baler_codec as baler
from baler_codec import hdf5


def models_in(file: h5py.File) -> list[str]:
    return [f"sha256:{name}" for name in file["/.baler/models"]] if "/.baler/models" in file else []


def test_a_file_holds_each_model_once_and_plain(tmp_path: Path, table, model) -> None:
    other = model.with_bound(["abs=1", "abs=1", "abs=1"])
    with h5py.File(tmp_path / "t.h5", "w") as file:
        for name, used in (("a", model), ("b", model), ("g/c", other)):
            file.create_dataset(name, data=table, **hdf5.Baler(used))
        assert sorted(models_in(file)) == sorted([model.id, other.id])
        held = file[f"/.baler/models/{model.id[7:]}"]
        assert held.chunks is None and held.compression is None and held.dtype == "u1"
        assert held[()].tobytes() == bytes(model)
        assert hdf5.read_model(file["a"]) == model
        assert hdf5.read_model(file["g/c"]) == other
        assert hdf5.read_model(file["g"], other.id) == other
        with pytest.raises(baler.errors.ModelNotFoundError, match="holds 2 models"):
            hdf5.read_model(file)


def test_two_writable_files_get_the_model_of_their_own_datasets(tmp_path: Path, table, model) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as a, h5py.File(tmp_path / "b.h5", "w") as b:
        a.create_dataset("x", data=table, **hdf5.Baler(model))
        assert models_in(a) == [model.id] and models_in(b) == []


def test_attributes_tell_people_how_it_was_written(tmp_path: Path, table, model) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        with_model = file.create_dataset("m", data=table, **hdf5.Baler(model))
        without = file.create_dataset("x", data=table, compression=hdf5.Baler(bound="abs=0.5", stable=False))
        assert with_model.attrs["baler_model"] == model.id
        assert "baler_model" not in without.attrs
        for dataset in (with_model, without):
            assert isinstance(dataset.attrs["baler_compression"], str)
        story = json.loads(with_model.attrs["baler_compression"])
        assert story["bound"] == {"pt": "pw_rel=0.001", "wave": "abs=0.01", "n": "exact"}
        story = json.loads(without.attrs["baler_compression"])
        assert (story["bound"], story["stable"], story["bounded"]) == ("abs=0.5", False, True)
        assert "pip install baler-codec" in story["read_with"]
        assert not file.create_dataset("gzip", data=table, compression="gzip").attrs


def test_the_hook_can_be_switched_off(run: Run, tmp_path: Path) -> None:
    package = str(Path(baler.__file__).parent.parent)
    for switch, attributes in (("0", "0"), ("1", "1")):
        done = run(
            """
            import h5py, numpy as np
            from baler_codec import hdf5
            with h5py.File("t.h5", "w") as file:
                print(len(file.create_dataset("x", data=np.zeros(9), **hdf5.Baler()).attrs))
            """,
            PYTHONPATH=package,
            BALER_H5PY_HOOK=switch,
            BALER_LIBRARY=str(baler.native.library_path()),
        )
        assert done.stdout.strip() == attributes, done.stderr


def test_the_filter_itself_embeds_for_writers_without_the_hook(run: Run, tmp_path: Path, table, model) -> None:
    np.save(tmp_path / "table.npy", table)
    model.save(tmp_path / f"{model.id[7:]}.baler")
    code = f"""
        import h5py, numpy as np
        with h5py.File("t.h5", "w") as file:
            file.create_dataset("x", data=np.load("table.npy"), chunks=(64, 3), compression=35745,
                                compression_opts={hdf5.Baler(model).filter_options})
    """
    for switch, held in (("1", [model.id]), ("0", [])):
        done = run(code, BALER_MODEL_PATH=str(tmp_path), BALER_EMBED=switch)
        assert done.returncode == 0, done.stderr
        with h5py.File(tmp_path / "t.h5") as file:
            assert models_in(file) == held
            assert within(file["x"][()], table)


def test_embed_repairs_a_file_that_lost_its_model(run: Run, tmp_path: Path, table, model) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as a, h5py.File(tmp_path / "b.h5", "w") as b:
        a.create_dataset("x", data=table, **hdf5.Baler(model))
        h5py.h5o.copy(a.id, b"x", b.id, b"x")
    read = "import h5py; print(h5py.File('b.h5')['x'][()].sum())"
    done = run(read)
    assert done.returncode != 0 and model.id in done.stderr
    package = str(Path(baler.__file__).parent.parent)
    library = str(baler.native.library_path())
    done = run("import baler_codec.hdf5\n" + read, PYTHONPATH=package, BALER_LIBRARY=library, BALER_QUIET="1")
    assert model.id in done.stderr, "the exception has a note"
    with h5py.File(tmp_path / "b.h5", "a") as b:
        with pytest.raises(baler.errors.ModelNotFoundError, match="embed"):
            hdf5.read_model(b["x"])
        assert hdf5.embed(b["x"], model) == hdf5.embed(b, model)
    done = run(read)
    assert done.returncode == 0, done.stderr


def test_read_model_refuses_altered_bytes_and_embed_replaces_them(tmp_path: Path, model) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        path = hdf5.embed(file, model)
        file[path][5:9] = 0
        with pytest.raises(baler.errors.BalerError):
            hdf5.read_model(file)
        assert hdf5.embed(file, model) == path
        assert hdf5.read_model(file) == model


def test_reading_through_our_helper_says_what_is_missing(tmp_path: Path, table, model, run: Run) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file.create_dataset("x", data=table, chunks=(64, 3), **hdf5.Baler(model))
    forget_model(tmp_path / "t.h5", model)
    package = str(Path(baler.__file__).parent.parent)
    code = """
        import h5py, baler_codec as baler
        with h5py.File("t.h5") as file:
            for read in (baler.hdf5.read, baler.hdf5.read_model):
                try:
                    read(file["x"])
                except baler.errors.ModelNotFoundError as error:
                    print(error)
    """
    done = run(code, PYTHONPATH=package, BALER_LIBRARY=str(baler.native.library_path()))
    first, second = done.stdout.splitlines()
    assert model.id in first and "looked in" in first and "BALER_MODEL_PATH" in first
    assert model.id in second and "embed" in second
