"""Two ranks under MPI: models are found without a call into HDF5, so no rank waits for another."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import h5py
import pytest
from hdf5_checks import Run

import baler_codec as baler
from baler_codec import hdf5

pytestmark = pytest.mark.skipif(
    shutil.which("h5pcc") is None or shutil.which("mpirun") is None, reason="no parallel HDF5 (libhdf5-openmpi-dev)"
)
# names of Open MPI's own settings: it refuses root and more ranks than cores unless told
MPI = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_rmaps_base_oversubscribe": "1",
       "OMPI_MCA_btl_vader_single_copy_mechanism": "none"}  # fmt: skip


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    target = tmp_path_factory.mktemp("mpi") / "host"
    source = Path(__file__).parent / "mpi_host.c"
    done = subprocess.run(
        ["h5pcc", "-shlib", "-O1", "-o", str(target), str(source)], capture_output=True, text=True, cwd=target.parent
    )
    if done.returncode:
        pytest.skip(f"h5pcc does not work: {done.stderr.strip()[-200:]}")
    return str(target)


@pytest.mark.parametrize("how", ["collective", "independent", "one"])
@pytest.mark.parametrize("steps", ["address,path", None], ids=["without HDF5 calls", "every place"])
def test_two_ranks_write_and_read_together(run: Run, tmp_path: Path, program: str, how: str, steps: str | None) -> None:
    model = baler.Model.bounds_only(["abs=1e-2", "abs=5e-2", "exact"])
    (tmp_path / "models").mkdir()
    model.save(tmp_path / "models" / f"{model.id[7:]}.baler")
    environment = MPI | {"BALER_MODEL_PATH": str(tmp_path / "models")} | ({"BALER_RESOLVE": steps} if steps else {})
    for name, wanted in (("model.h5", model.id[7:]), ("bound.h5", "-")):
        done = run(["mpirun", "-n", "2", program, name, wanted, how], **environment)
        assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    shutil.rmtree(tmp_path / "models")
    done = run(["mpirun", "-n", "2", program, "bound.h5", "-", how], **MPI)
    assert done.returncode == 0, done.stderr
    with h5py.File(tmp_path / "model.h5") as file:
        assert hdf5.read_model(file) == model, "every rank has put it into the file, in one and the same call"
        assert file["x"].shape == (1024, 3) and file["x"][600, 2] == 600 % 50 + 2
