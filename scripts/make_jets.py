#!/usr/bin/env python3
"""Simulate a CMS-like table of particle-flow jets: 24 variables a jet (the columns of Table 2 of arXiv:2305.02283).

Pythia 8 hard QCD (pp, 7 TeV) with pile-up from a pool of inelastic collisions (each with a random rotation about the
beam and a random flip), a parametrised particle-flow response, anti-kt jets of R = 0.5 by FastJet with active areas,
kept above a pT of 3 GeV. It is simulation: not CMS data, and no CMS detector simulation.

    pip install --only-binary=:all: pythia8mc==8.317.0 fastjet==3.5.2.0 awkward vector numpy
    make_jets.py jets --events 400

Writes PREFIX_f32.npy (jets, 24), PREFIX_njets.npy (jets of each event) and PREFIX.json (columns, settings, versions).
The same arguments and package versions give the same table.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

COLUMNS = [
    *("pt", "eta", "phi", "mass", "mJetArea"),
    *("mChargedHadronEnergy", "mNeutralHadronEnergy", "mPhotonEnergy", "mElectronEnergy", "mMuonEnergy"),
    *("mHFHadronEnergy", "mHFEMEnergy", "mChargedHadronMultiplicity", "mNeutralHadronMultiplicity"),
    *("mPhotonMultiplicity", "mElectronMultiplicity", "mMuonMultiplicity", "mHFHadronMultiplicity"),
    *("mHFEMMultiplicity", "mChargedEmEnergy", "mChargedMuEnergy", "mNeutralEmEnergy"),
    *("mChargedMultiplicity", "mNeutralMultiplicity"),
]
UNITS = ["GeV", "", "rad", "GeV", "", *["GeV"] * 7, *["count"] * 7, *["GeV"] * 3, *["count"] * 2]

# Classes of particle-flow candidates and their masses (GeV).
CHARGED_HADRON, ELECTRON, MUON, PHOTON, NEUTRAL_HADRON, HF_HADRON, HF_EM = range(7)
MASSES = np.array([0.13957, 0.000511, 0.10566, 0.0, 0.0, 0.0, 0.0])
NEUTRINOS = (12, 14, 16)
CHARGED = (211, 321, 2212, 11, 13, 3222, 3112, 3312, 3334)
EVENTS_AT_ONCE = 100


@dataclass
class Particles:
    """Stable visible particles of many events, sorted by event."""

    event: Any
    pdg: Any
    pt: Any
    eta: Any
    phi: Any
    energy: Any


def start_pythia(settings: list[str], seed: int) -> Any:
    """Return an initialised generator."""
    import pythia8mc

    pythia = pythia8mc.Pythia("", False)
    common = ["Print:quiet = on", "Beams:eCM = 7000.", "Random:setSeed = on", f"Random:seed = {seed}"]
    for line in [*common, "ParticleDecays:limitTau0 = on", "ParticleDecays:tau0Max = 10.", *settings]:
        if not pythia.readString(line):
            raise SystemExit(f"Pythia does not know the setting {line!r}")
    if not pythia.init():
        raise SystemExit("Pythia did not start")
    return pythia


def generate(pythia: Any, events: int) -> tuple[Particles, int]:
    """Return the particles in acceptance and the number of events that were made."""
    import awkward as ak

    record = pythia.nextBatch(events).prt
    stable = record.status > 0
    counts = ak.to_numpy(ak.sum(stable, axis=1)).astype(np.int64)
    fields = (record.id, record.p.px, record.p.py, record.p.pz, record.p.e)
    pdg, px, py, pz, energy = (ak.to_numpy(ak.flatten(field[stable])) for field in fields)
    pt = np.hypot(px, py)
    with np.errstate(divide="ignore"):
        eta = np.arcsinh(pz / np.maximum(pt, 1e-12))
    seen = (np.abs(eta) < 5.2) & (pt > 0.05) & ~np.isin(np.abs(pdg), NEUTRINOS)
    event = np.repeat(np.arange(len(counts)), counts)
    kept = (event, np.abs(pdg), pt, eta, np.arctan2(py, px), energy)
    return Particles(*(column[seen] for column in kept)), len(counts)


def add_pile_up(hard: Particles, events: int, pool: Particles, pool_events: int, mu: float, rng: Any) -> Particles:
    """Overlay Poisson(mu) collisions of the pool on each event."""
    start = np.searchsorted(pool.event, np.arange(pool_events + 1))
    collisions = rng.poisson(mu, events)
    pick = rng.integers(0, pool_events, collisions.sum())
    host = np.repeat(np.arange(events), collisions)
    size = start[pick + 1] - start[pick]
    index = np.repeat(start[pick] - np.concatenate([[0], np.cumsum(size)[:-1]]), size) + np.arange(size.sum())
    rotation = np.repeat(rng.uniform(0, 2 * np.pi, len(pick)), size)
    flip = np.repeat(rng.choice([-1.0, 1.0], len(pick)), size)
    return Particles(
        np.concatenate([hard.event, np.repeat(host, size)]),
        np.concatenate([hard.pdg, pool.pdg[index]]),
        np.concatenate([hard.pt, pool.pt[index]]),
        np.concatenate([hard.eta, pool.eta[index] * flip]),
        (np.concatenate([hard.phi, pool.phi[index] + rotation]) + np.pi) % (2 * np.pi) - np.pi,
        np.concatenate([hard.energy, pool.energy[index]]),
    )


def central(p: Particles, rng: Any) -> tuple[Any, Any, Any, Any, Any]:
    """Tracks and calorimeter deposits up to |eta| = 3: (which particles, class, pt, eta, phi).

    Tracks: |eta| < 2.5, pT > 0.25, efficiency 95 %, sigma(pT)/pT = 0.8 % (+) 1.5e-4 pT. ECAL: 2.8 %/sqrt(E) (+) 0.3 %
    (+) 0.12/E above 0.35 (0.7 in the endcaps). HCAL: 110 %/sqrt(E) (+) 9 % above 1.
    """
    n, abs_eta = len(p.pt), np.abs(p.eta)
    u, g = rng.random((3, n)), rng.standard_normal((3, n))
    charged, electromagnetic = np.isin(p.pdg, CHARGED), (p.pdg == 22) | (p.pdg == 11)
    track = charged & (abs_eta < 2.5) & (p.pt > 0.25) & ((u[0] < 0.95) | (p.pdg == 13))
    deposit = (abs_eta < 3.0) & ~track & (p.pdg != 13) & (~charged | (p.pt > 0.75))
    kind = np.full(n, -1)
    kind[track] = CHARGED_HADRON
    kind[track & (p.pdg == 11) & (p.pt > 2) & (u[1] < 0.7)] = ELECTRON
    kind[track & (p.pdg == 13) & (p.pt > 3) & (abs_eta < 2.4) & (u[1] < 0.95)] = MUON
    # decays in flight and punch-through, then electrons faked by hadrons
    hadron = track & (kind == CHARGED_HADRON) & (p.pdg != 11) & (p.pdg != 13)
    kind[hadron & (p.pt > 3) & (u[2] < 0.001)] = MUON
    kind[hadron & (p.pt > 2) & (u[2] > 0.998)] = ELECTRON
    kind[deposit] = np.where(electromagnetic[deposit], PHOTON, NEUTRAL_HADRON)
    response = np.ones(n)
    response[track] = 1 + (np.hypot(0.008, 1.5e-4 * p.pt) * g[0])[track]
    ecal = np.sqrt(0.028**2 / p.energy + 0.003**2 + (0.12 / p.energy) ** 2)
    hcal = np.sqrt(1.10**2 / p.energy + 0.09**2)
    is_photon, is_neutral = kind == PHOTON, kind == NEUTRAL_HADRON
    response = np.where(is_photon, 1 + ecal * g[0], np.where(is_neutral, 1 + hcal * g[0], response))
    position = np.where(is_photon, 0.004, np.where(is_neutral, 0.02, 0.0005))
    pt, eta, phi = p.pt * response, p.eta + position * g[1], p.phi + position * g[2]
    threshold = np.where(is_photon, np.where(abs_eta < 1.48, 0.35, 0.7), np.where(is_neutral, 1.0, 0.0))
    seen = (kind >= 0) & (pt > 0.1) & (pt * np.cosh(eta) > threshold)
    return p.event[seen], kind[seen], pt[seen], eta[seen], phi[seen]


def forward(p: Particles, rng: Any) -> tuple[Any, Any, Any, Any, Any]:
    """HF towers of 0.175 x 10 degrees in 3 < |eta| < 5.2: had 198 %/sqrt(E) (+) 9 %, em 172 %/sqrt(E) (+) 9 %."""
    inside = (np.abs(p.eta) >= 3.0) & (p.pdg != 13)
    electromagnetic = ((p.pdg == 22) | (p.pdg == 11))[inside]
    eta, phi, event = p.eta[inside], p.phi[inside], p.event[inside]
    ring = np.clip(((np.abs(eta) - 3.0) / 0.175).astype(np.int64), 0, 12)
    wedge = ((phi + np.pi) / (2 * np.pi) * 36).astype(np.int64) % 36
    key = ((event * 2 + electromagnetic) * 2 + (eta > 0)) * 1000 + ring * 36 + wedge
    tower, member = np.unique(key, return_inverse=True)
    energy = np.bincount(member, p.energy[inside], len(tower))
    is_em = (tower // 2000) % 2 == 1
    width = np.where(is_em, np.sqrt(1.72**2 / energy + 0.09**2), np.sqrt(1.98**2 / energy + 0.09**2))
    energy = energy * (1 + width * rng.standard_normal(len(tower)))
    eta = (3.0 + ((tower % 1000) // 36 + 0.5) * 0.175) * np.where((tower // 1000) % 2 == 1, 1, -1)
    phi = ((tower % 1000) % 36 + 0.5) / 36 * 2 * np.pi - np.pi
    seen = energy > np.where(is_em, 0.8, 1.4)
    pt = energy / np.cosh(eta)
    return tower[seen] // 4000, np.where(is_em, HF_EM, HF_HADRON)[seen], pt[seen], eta[seen], phi[seen]


def reconstruct(p: Particles, rng: Any) -> tuple[Any, Any, Any, Any, Any, Any]:
    """Return the particle-flow candidates, sorted by event: event, class, px, py, pz, E."""
    parts = zip(central(p, rng), forward(p, rng), strict=True)
    event, kind, pt, eta, phi = (np.concatenate(pair) for pair in parts)
    # a candidate's momentum is kept in single precision
    pt, eta, phi = (v.astype(np.float32).astype(np.float64) for v in (pt, eta, phi))
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    energy = np.sqrt(px * px + py * py + pz * pz + MASSES[kind] ** 2)
    order = np.argsort(event, kind="stable")
    return event[order], kind[order], px[order], py[order], pz[order], energy[order]


def cluster(kind: Any, px: Any, py: Any, pz: Any, energy: Any, pt_min: float) -> list[list[float]]:
    """Anti-kt jets of one event as rows of the table."""
    import fastjet

    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, 0.5)
    area = fastjet.AreaDefinition(fastjet.active_area, fastjet.GhostedAreaSpec(5.0, 1, 0.01))
    inputs = []
    for i, momentum in enumerate(zip(px.tolist(), py.tolist(), pz.tolist(), energy.tolist(), strict=True)):
        jet = fastjet.PseudoJet(*momentum)
        jet.set_user_index(i)
        inputs.append(jet)
    sequence = fastjet.ClusterSequenceArea(inputs, definition, area)
    rows = []
    for jet in fastjet.sorted_by_pt(sequence.inclusive_jets(pt_min)):
        if abs(jet.rap()) > 5.0:
            continue
        members = np.array([c.user_index() for c in jet.constituents()])
        members = members[members >= 0]  # without ghosts
        e, m = np.bincount(kind[members], energy[members], 7), np.bincount(kind[members], minlength=7)
        ch, el, mu, ga, nh, hfh, hfe = range(7)
        rows.append(
            [
                *(jet.pt(), jet.eta(), jet.phi_std(), jet.m(), jet.area()),
                *(e[ch], e[nh] + e[hfh], e[ga], e[el], e[mu], e[hfh], e[hfe]),
                *(m[ch], m[nh], m[ga], m[el], m[mu], m[hfh], m[hfe]),
                *(e[el], e[mu], e[ga] + e[hfe]),
                *(m[ch] + m[el] + m[mu], m[ga] + m[nh] + m[hfh] + m[hfe]),
            ]
        )
    return rows


def simulate(options: argparse.Namespace) -> Iterator[list[list[float]]]:
    """Yield the jets of one event after the other."""
    rng = np.random.default_rng(options.seed)
    pool, pool_events = generate(start_pythia(["SoftQCD:inelastic = on"], options.seed + 1), options.pool)
    bias = [f"PhaseSpace:bias2SelectionPow = {options.power}", f"PhaseSpace:bias2SelectionRef = {options.pthat}"]
    process = ["HardQCD:all = on", f"PhaseSpace:pTHatMin = {options.pthat}", "PhaseSpace:bias2Selection = on"]
    pythia = start_pythia(process + bias, options.seed)
    done = 0
    while done < options.events:
        hard, events = generate(pythia, min(EVENTS_AT_ONCE, options.events - done))
        event, *candidates = reconstruct(add_pile_up(hard, events, pool, pool_events, options.mu, rng), rng)
        border = np.searchsorted(event, np.arange(events + 1))
        for i in range(events):
            yield cluster(*(c[border[i] : border[i + 1]] for c in candidates), options.ptmin)
        done += events
        print(f"{done} events", flush=True)


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prefix")
    parser.add_argument("--events", type=int, default=400)
    parser.add_argument("--seed", type=int, default=20230503)
    parser.add_argument("--mu", type=float, default=10, help="mean number of pile-up collisions")
    parser.add_argument("--pthat", type=float, default=15, help="smallest transverse momentum of the hard process, GeV")
    parser.add_argument("--power", type=float, default=4.0, help="bias of the hard process towards high pT")
    parser.add_argument("--ptmin", type=float, default=3.0, help="smallest pT of a jet, GeV")
    parser.add_argument("--pool", type=int, default=2000, help="pile-up collisions to draw from")
    options = parser.parse_args()
    events = list(simulate(options))
    table = np.array([row for event in events for row in event], dtype=np.float64).reshape(-1, len(COLUMNS))
    np.save(f"{options.prefix}_f32.npy", table.astype(np.float32))
    np.save(f"{options.prefix}_njets.npy", np.array([len(event) for event in events], np.int32))
    packages = ("pythia8mc", "fastjet", "numpy", "awkward")
    about = {"columns": COLUMNS, "units": UNITS, "events": len(events), "jets": len(table), "settings": vars(options)}
    about["versions"] = {name: importlib.metadata.version(name) for name in packages}
    with open(f"{options.prefix}.json", "w") as file:
        json.dump(about, file, indent=1)
    print(f"{len(table)} jets of {len(events)} events")


if __name__ == "__main__":
    main()
