"""Backends that other packages bring: entry points of the group ``baler_codec.encoders``."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from ..errors import ConfigError
from .backend import EncoderBackend

GROUP = "baler_codec.encoders"


def names() -> tuple[str, ...]:
    """Names that other packages give to their backends."""
    return tuple(sorted(_found()))


def load(name: str) -> type[EncoderBackend]:
    """Import a backend; whatever its package raises comes through.

    Raises
    ------
    ConfigError
        If what the entry point names is no backend.
    """
    point = _found()[name]
    kind = point.load()
    if not (isinstance(kind, type) and issubclass(kind, EncoderBackend)):
        raise ConfigError(f"{point.value} is no class derived from baler_codec.encoders.EncoderBackend")
    return kind


def _found() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}
