"""The circuit computes the specification exactly, through its streams, whatever stalls; with no vendor's tool."""

import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest

import firmware
from baler_codec import load
from baler_codec.encoders import EncoderSpec
from baler_codec.encoders.adders import adders, count, digits
from baler_codec.encoders.spec import Layer
from baler_codec.errors import ConfigError
from firmware.chance import chance_spec
from firmware.circuit import Circuit
from firmware.design import Design
from firmware.simulation import Simulation, SimulationError

RTL = Path(firmware.__file__).parent / "rtl"
COMMITTED = ("jets", "jets16")  # of trained encoders: 24 columns, and 16-20-10-8
needs_tools = pytest.mark.skipif(
    shutil.which("verilator") is None or shutil.which("g++") is None, reason="verilator or g++ is not installed"
)


def rows_for(spec, n):
    """Rows by chance over the whole range, near zero, and of extremes."""
    rng = np.random.default_rng(11)
    low, high = spec.low, spec.high
    chance = rng.integers(low, high + 1, (n // 2, len(low)))
    edges = np.where(rng.random((n // 4, len(low))) < 0.5, low, high)
    near = np.clip(np.rint(rng.normal(0, 2000, (n - n // 2 - n // 4, len(low)))), low, high)
    single = np.concatenate([np.diag(low), np.diag(high)])
    return np.concatenate([chance, edges, near, single, [low, high, 0 * low]]).astype(np.int16)


@pytest.fixture(scope="module")
def cache(circuits):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(circuits))
        yield


def spec_of(name):
    return EncoderSpec.from_json((RTL / name / "spec.json").read_text())


@pytest.fixture(scope="module", params=COMMITTED)
def committed(request, cache):
    return Simulation(Design.of(spec_of(request.param)))


def test_signed_digits_give_the_number_and_are_never_neighbours():
    for value in [*range(-300, 300), -32768, 32767, 21845]:
        found = list(digits(value))
        assert sum((-1 if minus else 1) << place for place, minus in found) == value
        assert all(b[0] - a[0] > 1 for a, b in itertools.pairwise(found))
        assert len(found) == count(value)


def evaluate(circuit, row):
    """A circuit's values in Python, each checked against the range it is built for."""
    values = []
    for node in circuit.nodes:
        a = values[node.a] if node.a >= 0 else 0
        if node.kind == "input":
            v = int(row[node.value])
        elif node.kind == "constant":
            v = node.value
        elif node.kind == "add":
            b = values[node.b] << node.shift_b
            v = (a << node.shift_a) + (-b if node.minus else b)
        elif node.kind == "shift":
            v = a >> node.shift_a
        elif node.kind == "left":
            v = a << node.shift_a
        elif node.kind == "slope":
            v = a >> node.shift_a if a < 0 else a
        else:
            v = min(max(a, node.low), node.high)
        assert node.low <= v <= node.high and -(1 << node.bits - 1) <= v < 1 << node.bits - 1
        values.append(v)
    return [values[n] for n in circuit.outputs]


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("widths, bits", [((1, 1), 2), ((3, 2), 16), ((5, 7, 3), 8), ((6, 5, 4, 2), 12)])
def test_every_value_of_a_circuit_stays_in_its_range(widths, bits, skip):
    spec = chance_spec(widths, bits, spikes=widths[0] // 3, density=0.8, skip=skip and len(widths) > 2)
    circuit = Circuit.of(spec)
    rows = rows_for(spec, 60)
    assert [evaluate(circuit, row) for row in rows] == spec.run(rows).tolist()


@pytest.mark.parametrize("name", COMMITTED)
def test_the_committed_verilog_is_what_the_generator_writes(name):
    spec, folder = spec_of(name), RTL / name
    assert (folder / "spec.json").read_text() == spec.to_json() + "\n"
    design = Design.of(spec)
    assert (folder / "encoder.v").read_text() == design.encoder
    assert (folder / "encoder_stream.v").read_text() == design.stream
    assert "*" not in design.encoder.replace("@(posedge clk)", "").replace("//", "")  # no multiplier anywhere
    assert design.latency <= 10


def test_the_committed_circuit_of_24_columns_is_the_shipped_model():
    model = load("cms_jets_fpga")
    assert model.n_columns == 24 and model.latents == 8
    assert EncoderSpec.of(model).id == spec_of("jets").id


def test_the_committed_circuits_are_within_their_size():
    for name in COMMITTED:
        spec = spec_of(name)
        # shared sums are worth a quarter and more
        assert Circuit.of(spec).adders < 0.75 * adders(spec.layers)


@pytest.mark.parametrize("name", COMMITTED)
def test_every_value_of_the_committed_circuits_stays_in_its_range(name):
    spec = spec_of(name)
    rows = rows_for(spec, 200)
    assert [evaluate(Circuit.of(spec), row) for row in rows] == spec.run(rows).tolist()


@needs_tools
def test_the_circuit_is_the_specification_on_forty_thousand_rows(committed):
    rows = rows_for(committed.design.spec, 40_000)
    assert len(rows) > 40_000
    wanted = committed.design.spec.run(rows)
    assert len(np.unique(wanted)) > 1000  # not all of it clipped
    assert np.array_equal(committed.run(rows).latents, wanted)


@needs_tools
@pytest.mark.parametrize("stall", [30, 70])
def test_stalls_change_nothing_but_time(committed, stall):
    rows = rows_for(committed.design.spec, 10_000)
    run = committed.run(rows, stall=stall, seed=stall, packet=97)
    assert np.array_equal(run.latents, committed.design.spec.run(rows))
    assert run.wrong_last == 0
    assert run.cycles > len(rows) * 4


@needs_tools
def test_a_stream_is_as_fast_as_its_width_and_packets_keep_their_ends(committed):
    design = committed.design
    rows = rows_for(design.spec, 2000)
    run = committed.run(rows, packet=1)
    assert run.wrong_last == 0
    beats = -(-len(design.spec.inputs) // design.lanes)
    assert run.cycles <= beats * len(rows) + run.first + 2 * beats
    assert run.first <= beats + design.latency + 3


@needs_tools
def test_with_wide_streams_a_row_goes_in_and_out_in_every_cycle(cache):
    spec = chance_spec((6, 5, 3), 5, skip=True, spikes=1)
    wide = Simulation(Design.of(spec, lanes=6, levels=2))
    rows = rows_for(spec, 3000)
    run = wide.run(rows, packet=10)
    assert np.array_equal(run.latents, spec.run(rows)) and run.wrong_last == 0
    assert run.cycles == len(rows) + run.first  # II = 1
    assert np.array_equal(wide.run(rows, stall=50).latents, spec.run(rows))


@needs_tools
@pytest.mark.parametrize("lanes, levels", [(1, 1), (5, 100)])
def test_any_width_and_any_number_of_registers_give_the_same_latents(cache, lanes, levels):
    spec = chance_spec((4, 3, 2), 7, density=0.9)
    rows = rows_for(spec, 1000)
    run = Simulation(Design.of(spec, lanes=lanes, levels=levels)).run(rows, stall=20, packet=3)
    assert np.array_equal(run.latents, spec.run(rows)) and run.wrong_last == 0


@needs_tools
def test_rows_that_the_circuit_is_not_built_for_are_refused(committed):
    with pytest.raises(SimulationError, match="range"):
        committed.run(np.full((1, len(committed.design.spec.inputs)), 32767))
    with pytest.raises(SimulationError, match=" inputs"):
        committed.run(np.zeros((2, 3)))
    assert committed.run(np.zeros((0, len(committed.design.spec.inputs)))).latents.shape == (0, 8)


def test_encoders_that_no_part_has_room_for_are_refused():
    for widths, bits in (((100, 300, 200, 8), 8), ((60, 200, 120), 8)):
        with pytest.raises(ConfigError, match="adders before any are shared"):
            Design.of(chance_spec(widths, bits, density=0.9))


def test_weights_of_nothing_are_constants():
    spec = chance_spec((3, 2, 2), 4)
    layers = (spec.layers[0], Layer(spec.layers[1].weight * 0, spec.layers[1].bias, spec.layers[1].shift, 0))
    constant = EncoderSpec(spec.inputs, spec.columns, layers, False, spec.latents)
    circuit = Circuit.of(constant)
    assert all(circuit.nodes[n].low == circuit.nodes[n].high for n in circuit.outputs)
    assert [evaluate(circuit, row) for row in rows_for(constant, 8)] == constant.run(rows_for(constant, 8)).tolist()
