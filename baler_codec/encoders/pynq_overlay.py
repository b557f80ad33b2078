"""What lies beside a bitstream and says which encoder it holds: a JSON file of the same name."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from .pynq_driver import BitstreamNotFoundError, WrongBitstreamError

VERSION = 1
_MOST_LANES = 64
_HOW = "write it with python -m firmware.board_overlay"


@dataclass(frozen=True)
class Overlay:
    """A bitstream with its description.

    Parameters
    ----------
    bitstream : Path
        The .bit file.
    encoder : str
        `EncoderSpec.id` of the circuit inside.
    lanes : int
        16-bit values in a beat of its streams.
    """

    bitstream: Path
    encoder: str
    lanes: int

    def describe(self) -> None:
        """Write the description beside the bitstream."""
        told = {
            "baler_overlay": VERSION,
            "bitstream": _hash(self.bitstream),
            "encoder": self.encoder,
            "lanes": self.lanes,
        }
        self.bitstream.with_suffix(".json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")

    @classmethod
    def of(cls, bitstream: Path) -> Overlay:
        """Read the description of a bitstream.

        Raises
        ------
        BitstreamNotFoundError
            If the .bit file, its .hwh or its description is missing.
        WrongBitstreamError
            If the description is damaged or is of another file.
        """
        for path, how in ((bitstream, "build it"), (bitstream.with_suffix(".hwh"), "Vivado writes it")):
            if not path.is_file():
                raise BitstreamNotFoundError(f"{path} does not exist: {how}, or name another with BALER_PYNQ_BITSTREAM")
        path = bitstream.with_suffix(".json")
        if not path.is_file():
            raise BitstreamNotFoundError(f"{path}, which says what encoder the bitstream holds, does not exist: {_HOW}")
        try:
            told = json.loads(path.read_text())
            version, wanted = int(told["baler_overlay"]), str(told["bitstream"])
            found = cls(bitstream, str(told["encoder"]), int(told["lanes"]))
        except (ValueError, KeyError, TypeError) as error:
            raise WrongBitstreamError(f"{path} is not the description of a bitstream ({error!r}): {_HOW}") from None
        if version != VERSION or not 1 <= found.lanes <= _MOST_LANES:
            raise WrongBitstreamError(f"{path} has version {version} and {found.lanes} lanes: {_HOW}")
        if wanted != _hash(bitstream):
            raise WrongBitstreamError(f"{path} describes another bitstream than {bitstream.name}: {_HOW}")
        return found


def _hash(path: Path) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
