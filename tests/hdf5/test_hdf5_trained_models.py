"""Trained models through HDF5: whoever has only the file reads the very values that the library decodes."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from hdf5_checks import Run
from promises.samples import random_case

import baler_codec as baler
from baler_codec import hdf5, native

READ = "import h5py, numpy as np; np.save('out.npy', h5py.File('t.h5')['x'][()])"


@pytest.mark.parametrize(("latents", "mode"), [(0, "model"), (3, "latent")])
def test_a_fresh_process_reads_what_the_library_decodes(run: Run, tmp_path: Path, latents: int, mode: str) -> None:
    made, table, _ = random_case(13, "f4", 500, latents, latent_only=mode == "latent")
    model = baler.Model.from_bytes(made.pack())
    codec = baler.Baler(model)
    width = table.shape[1]
    with h5py.File(tmp_path / "t.h5", "w") as file:
        dataset = file.create_dataset("x", data=table, chunks=(200, width), **hdf5.Baler(model))
        chunk = np.frombuffer(dataset.id.read_direct_chunk((0, 0))[1], "u1")
        assert native.frame_info(chunk).mode == mode
        assert json.loads(dataset.attrs["baler_compression"])["bounded"] == (mode == "model")
    done = run(READ)
    assert done.returncode == 0, done.stderr
    padded = np.concatenate([table, np.zeros((100, width), "f4")])
    wanted = np.concatenate([codec.decode(codec.encode(padded[i : i + 200].copy())) for i in (0, 200, 400)])[:500]
    assert np.load(tmp_path / "out.npy").tobytes() == wanted.tobytes()


def test_writes_into_a_chunk_of_a_trained_model_move_nothing_else(tmp_path: Path) -> None:
    made, table, _ = random_case(13, "f4", 300)
    model = baler.Model.from_bytes(made.pack())
    with h5py.File(tmp_path / "t.h5", "w", rdcc_nbytes=0) as file:
        dataset = file.create_dataset("x", data=table, chunks=table.shape, **hdf5.Baler(model))
        for row in range(20):
            before = dataset[()]
            dataset[row] = table[-row] * 2
            assert np.delete(dataset[()], row, 0).tobytes() == np.delete(before, row, 0).tobytes()
