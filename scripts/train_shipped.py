"""Train the models that come with the package.

    python scripts/train_shipped.py jets cmslike_jets_f32.npy baler_codec/models/cms_jets.baler

The training table is 383,505 simulated jets (Pythia 8, parametrised detector, anti-kt R = 0.5, pT > 3 GeV) with the 24
columns of Table 2 of arXiv:2305.02283; scripts beside the benchmarks make such tables. Seed, steps and settings are
fixed here: the same data give the same model on the same kind of machine.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

import baler_codec as baler
from baler_codec.training import FpgaEncoder

# fmt: off
COLUMNS = [
    "pt", "eta", "phi", "mass", "mJetArea", "mChargedHadronEnergy", "mNeutralHadronEnergy", "mPhotonEnergy",
    "mElectronEnergy", "mMuonEnergy", "mHFHadronEnergy", "mHFEMEnergy", "mChargedHadronMultiplicity",
    "mNeutralHadronMultiplicity", "mPhotonMultiplicity", "mElectronMultiplicity", "mMuonMultiplicity",
    "mHFHadronMultiplicity", "mHFEMMultiplicity", "mChargedEmEnergy", "mChargedMuEnergy", "mNeutralEmEnergy",
    "mChargedMultiplicity", "mNeutralMultiplicity",
]
# fmt: on

# energies before pT: pT then follows from them, the other way round errors grow
# fmt: off
ORDER = [
    "eta", "mChargedHadronMultiplicity", "mPhotonMultiplicity", "mHFHadronMultiplicity", "mHFEMMultiplicity",
    "mNeutralHadronMultiplicity", "mElectronMultiplicity", "mMuonMultiplicity", "mChargedHadronEnergy",
    "mPhotonEnergy", "mHFHadronEnergy", "mHFEMEnergy", "mElectronEnergy", "mMuonEnergy", "mNeutralHadronEnergy",
    "mass", "pt", "mJetArea", "phi",
]
# fmt: on

HINTS = [
    "mNeutralHadronEnergy = mHFHadronEnergy",
    "pt = sqrt((mChargedHadronEnergy + mNeutralHadronEnergy + mPhotonEnergy + mElectronEnergy + mMuonEnergy"
    " + mHFEMEnergy)**2 - mass**2) / cosh(eta)",
]

UNITS = {n: "GeV" for n in COLUMNS if n in ("pt", "mass") or n.endswith("Energy")} | {"phi": "rad"}

BOUND = {n: "exact" if n.endswith("Multiplicity") else "pw_rel=1e-3" for n in COLUMNS}
BOUND |= {"eta": "abs=1e-3", "phi": "abs=1e-3", "mJetArea": "abs=1e-3"}

# root mean square errors of the original Baler on these columns (arXiv:2305.02283, Table 2); counts are rounded
TARGETS = {
    "pt": 0.212,
    "eta": 2.09e-3,
    "phi": 9.91e-4,
    "mass": 3.98e-2,
    "mJetArea": 2e-3,
    "mChargedHadronEnergy": 0.171,
    "mNeutralHadronEnergy": 0.694,
    "mPhotonEnergy": 0.152,
    "mElectronEnergy": 0.084,
    "mMuonEnergy": 0.0315,
    "mHFHadronEnergy": 1.85,
    "mHFEMEnergy": 0.0693,
} | {n: 0.15 for n in COLUMNS if n.endswith("Multiplicity")}

SETTINGS: dict[str, dict[str, Any]] = {
    # the best size at every bound; true bits decide whether there are latents
    "jets": {"latent": "auto", "steps": 40_000, "width": 16, "connections": 330, "ranges": 0.55},
    # the same columns with the 14 latents of the original Baler, for latent-only use
    "jets_ae": {
        "latent": 14,
        "steps": 24_000,
        "width": 16,
        "connections": 420,
        "ranges": 0.55,
        "hidden": (64, 64),
        "targets": TARGETS,
    },
    # the same for hardware: what firmware/rtl/jets is made from
    "jets_fpga": {
        "latent": 8,
        "steps": 16_000,
        "width": 16,
        "connections": 420,
        "ranges": 0.55,
        "hidden": (64, 64),
        "targets": TARGETS,
        "encoder": FpgaEncoder(hidden=(32,), adders=1000),
    },
    # the first 16 columns and the layers 16-20-10-8: its encoder is firmware/rtl/jets16, the model does not ship
    "jets16_fpga": {
        "latent": 8,
        "steps": 12_000,
        "width": 16,
        "connections": 300,
        "ranges": 0.55,
        "hidden": (64, 64),
        "targets": TARGETS,
        "encoder": FpgaEncoder(hidden=(20, 10), input_bits=10, activation_bits=10),
    },
}
FIRST_COLUMNS = {"jets16_fpga": 16}  # of the others all


def main() -> None:
    """Train one of the models."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=SETTINGS)
    parser.add_argument("table", help="npy file of the training table")
    parser.add_argument("output", help="where the model goes")
    parser.add_argument("--steps", type=int, help="shorter, for a trial")
    arguments = parser.parse_args()
    settings = dict(SETTINGS[arguments.model])
    if arguments.steps is not None:
        settings["steps"] = arguments.steps
    columns = COLUMNS[: FIRST_COLUMNS.get(arguments.model)]
    some = len(columns) < len(COLUMNS)
    if some:
        settings["targets"] = {name: settings["targets"][name] for name in columns}
    began = time.process_time()
    model = baler.train(
        np.ascontiguousarray(np.load(arguments.table)[:, : len(columns)]),
        columns,
        {name: BOUND[name] for name in columns},
        hints=[] if some else HINTS,
        order=[name for name in ORDER if name in columns],
        units=UNITS,
        seed=1,
        licence="Apache-2.0",
        **settings,
    )
    model.save(arguments.output)
    print(f"{arguments.output}: {len(bytes(model))} bytes, {model.id}, {time.process_time() - began:.0f} CPU s")
    print(model.metrics)


if __name__ == "__main__":
    main()
