"""The command for hls4ml projects writes them whole, and compares them with their specification."""

import pytest

from baler_codec.encoders import EncoderSpec, available
from firmware.chance import chance_spec
from firmware.hls import main


@pytest.fixture
def spec_file(tmp_path):
    if available()["hls4ml"] is not None:
        pytest.skip(available()["hls4ml"])
    path = tmp_path / "spec.json"
    path.write_text(chance_spec((3, 2), 4).to_json())
    return path


def test_the_command_writes_a_project_that_was_compared(spec_file, tmp_path, capsys):
    main([str(spec_file), str(tmp_path / "made"), "--part", "xck26-sfvc784-2LV-c", "--clock", "4"])
    said = capsys.readouterr().out
    spec = EncoderSpec.from_json((tmp_path / "made" / "spec.json").read_text())
    assert f"the C simulation gives the latents of {spec.id} for 259 rows" in said
    settings = (tmp_path / "made" / "project.tcl").read_text()
    assert "xck26-sfvc784-2LV-c" in settings and "clock_period 4" in settings


def test_an_unchecked_project_says_so_and_the_accelerator_has_its_stream(spec_file, tmp_path, capsys):
    main([str(spec_file), str(tmp_path / "made"), "--backend", "VivadoAccelerator", "--unchecked"])
    assert "NOT compared" in capsys.readouterr().out
    assert "typedef ap_fixed<32,32> T_in;" in (tmp_path / "made" / "firmware" / "encoder_axi.h").read_text()
    assert (tmp_path / "made" / "design.tcl").exists()
