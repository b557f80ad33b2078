"""Baler, the arguments of h5py's ``create_dataset``, and the 13 words in which they travel."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy.typing as npt

from .. import registry, settings
from .._plugin_path import FILTER_ID
from .._version import __version__
from ..bound import ErrorBound
from ..errors import BoundError, ConfigError, UnsupportedVersionError
from ..model import BoundSpec
from ..settings import ModelSource, Resolved, Settings

USER_WORDS = 13  # the filter appends what it finds out about the dataset
_HAS_MODEL, _STABLE = 1, 2
_BOUNDS = ("exact", "abs", "pw_rel", "latent")


class Baler(Resolved, h5py.filters.FilterRefBase):  # type: ignore[misc]
    """Learned compression with a guaranteed error bound, as an HDF5 filter for h5py.

    Parameters
    ----------
    model : Model, str, path, optional
        A trained model, or what `baler_codec.load` takes: a file, an id, a name. Without one the built-in model codes.
    bound : str, ErrorBound, mapping or sequence, optional
        ``"abs=1e-3"``, ``"pw_rel=1e-3"``, ``"range=1e-4"``, ``"exact"`` or ``"latent"``; one per column as a list, or
        (with a model that names its columns, or with `dtype`) as a dict. Default: the model's own bounds, or ``exact``
        without a model.
    stable : bool
        False permits smaller chunks for data that are written once; values stay inside the bound, but may move when
        a part of a chunk is written again.
    data : array_like, optional
        What ``range`` bounds refer to.
    dtype : dtype, optional
        The structured dtype of a compound dataset, whose fields `bound` names; one bound is for all fields of floats.
        What is not said to have a bound is exact, and so are compound datasets of which no dtype is given.
    encoder : None
        Refused by name: the filter is native code that cannot call another encoder. `write` can.

    Notes
    -----
    The model is put into the file once, at ``/.baler/models/``, by the filter itself or by ``create_dataset``.
    A model of n columns wants chunks of shape (rows, n); without ``chunks=`` they are chosen so.

    Examples
    --------
    >>> file.create_dataset("jets", data=table, **Baler(model))                           # doctest: +SKIP
    >>> file.create_dataset("t", data=field, compression=Baler(bound="abs=0.01"))         # doctest: +SKIP
    """

    filter_id = FILTER_ID
    filter_name = "baler"

    def __init__(
        self,
        model: ModelSource | None = None,
        *,
        bound: BoundSpec | None = None,
        stable: bool = True,
        data: npt.ArrayLike | None = None,
        dtype: npt.DTypeLike | None = None,
        encoder: str | None = None,
    ) -> None:
        if encoder is not None:
            raise ConfigError(
                f"encoder={encoder!r}: HDF5's filter is native code, which cannot call another encoder: make the "
                f"dataset without data, then baler_codec.hdf5.write(dataset, array, encoder={encoder!r})"
            )
        self._take(settings.resolve(model, bound, stable, data, dtype))

    def _take(self, resolved: Settings) -> None:
        self._settings = resolved
        self.filter_options = to_words(resolved)
        known = resolved._model
        if known is not None:
            registry.register(known)  # the filter looks there first

    @classmethod
    def from_filter_options(cls, filter_options: Sequence[int]) -> Baler:
        """Make the filter that a dataset was written with.

        Parameters
        ----------
        filter_options : sequence of int
            The cd_values of a dataset (``dataset.id.get_create_plist().get_filter(i)[2]``) or of another `Baler`.
        """
        made = cls.__new__(cls)
        made._take(from_words(filter_options))
        return made

    _from_filter_options = from_filter_options  # the name that hdf5plugin uses

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal filter: ``model`` (its id), ``bound``, ``stable``."""
        bound = None if self.bound is None else str(self.bound)
        return {"model": self._settings.model_id, "bound": bound, "stable": self.stable}

    def __repr__(self) -> str:
        given = {key: value for key, value in self.get_config().items() if value is not None}
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in given.items())})"


def to_words(given: Settings) -> tuple[int, ...]:
    """Write settings as the user part of the filter's cd_values (docs/format.md, section 10)."""
    flags = _STABLE * given.stable
    kind, value, digest = 0, 0.0, bytes(32)
    if given.model_id is not None:
        flags |= _HAS_MODEL
        digest = bytes.fromhex(given.model_id.removeprefix("sha256:"))
    elif given.bound is not None:
        kind, value = _BOUNDS.index(given.bound.kind), given.bound.value
    return 0, flags, kind, *struct.unpack("<2I", struct.pack("<d", value)), *struct.unpack("<8I", digest)


def from_words(words: Sequence[int]) -> Settings:
    """Read the filter's cd_values; the model, if there is one, is looked for when it is first needed."""
    if not len(words):
        return Settings()
    given = [int(word) & 0xFFFFFFFF for word in words[:USER_WORDS]]
    version, flags, kind, low, high, *digest = given + [0] * (USER_WORDS - len(given))
    if version != 0 or flags & ~(_HAS_MODEL | _STABLE) or kind >= len(_BOUNDS):
        raise UnsupportedVersionError(
            f"the filter parameters (version {version}, flags {flags:#x}, bound kind {kind}) are of a newer release "
            f"than {__version__}: upgrade baler-codec"
        )
    stable = bool(flags & _STABLE)
    (value,) = struct.unpack("<d", struct.pack("<2I", low, high))
    if not flags & _HAS_MODEL:
        if any(digest):
            raise ConfigError("the filter parameters hold a model's sha256 without the flag that says so (1)")
        if _BOUNDS[kind] == "latent":
            raise BoundError("the filter parameters ask for the bound latent without a model")
        return Settings(bound=ErrorBound(_BOUNDS[kind], value), stable=stable)
    if len(given) < USER_WORDS:
        raise ConfigError(f"{len(given)} filter parameters are too few for a model's sha256: {USER_WORDS} are needed")
    if kind or value:
        raise ConfigError("the filter parameters hold a bound beside a model, which has its own")
    return Settings(bound=None, model_id="sha256:" + struct.pack("<8I", *digest).hex(), stable=stable)
