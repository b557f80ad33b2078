"""Settings: what `Baler(model, bound=…, stable=…)` means, for Zarr and HDF5 alike."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from . import registry
from ._version import __version__
from .bound import ErrorBound, is_numeric, resolve_columns
from .errors import BoundError, ConfigError, DTypeError, ShapeError
from .model import BoundSpec, Model
from .native import NativeModel
from .record_bounds import bounds_of
from .records import Record, is_record, record_of
from .sections import MAX_COLUMNS, record_file

ModelSource = Model | str | os.PathLike[str]


@dataclass(frozen=True)
class Settings:
    """How to code: under a model's bounds, or one bound with the built-in model.

    Parameters
    ----------
    bound : ErrorBound or None
        The one bound for everything; None when a model holds the bounds.
    model_id : str or None
        The model's id.
    stable : bool
        Whether encoding decoded values again must give the same values.
    """

    bound: ErrorBound | None = field(default_factory=lambda: ErrorBound("exact"))
    model_id: str | None = None
    stable: bool = True
    _model: Model | None = field(default=None, compare=False, repr=False)

    @property
    def model(self) -> Model | None:
        """The model, looked for by its id when it did not come with the settings; None for the built-in one."""
        if self.model_id is None:
            return None
        if self._model is None:
            object.__setattr__(self, "_model", registry.find(self.model_id))
        return self._model

    @property
    def lossless(self) -> bool:
        """Whether every value comes back bit for bit."""
        return all(bound.kind == "exact" for bound in self.bounds)

    @property
    def bounds(self) -> tuple[ErrorBound, ...]:
        """One bound per column, or a single one for all."""
        model = self.model
        if model is not None:
            return model.bounds
        assert self.bound is not None
        return (self.bound,)

    def check_dtype(self, dtype: np.dtype[Any]) -> None:
        """Raise unless items of this dtype can be coded as the settings say, whatever the shape."""
        if self.bound is not None and dtype.names is None:
            self.bound.require(dtype)
        elif self.bound is not None and self.bound.kind != "exact":
            bounds_of(record_of(dtype), self.bound)
        model = self.model
        if model is None:
            return
        if model.record is not None:
            if not is_record(dtype) or not record_of(dtype).fits(model.record):
                raise DTypeError(
                    f"the model is for records of {model.record.itemsize} bytes with the fields "
                    f"{', '.join(model.columns)}, each at its place: the data have dtype {dtype}"
                )
        elif dtype.names is not None:
            raise DTypeError(
                f"the model codes tables of numbers, the data are records of {', '.join(dtype.names)}: give bounds "
                "by name and dtype=, or convert them into a table"
            )
        elif not is_numeric(dtype):
            raise DTypeError(f"a model codes real numbers, the data have dtype {dtype}: use Baler() without a model")

    def check(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        """Raise unless a chunk of this dtype and shape can be coded as the settings say."""
        if dtype.hasobject:
            raise DTypeError(
                f"dtype {dtype} holds Python objects: convert to a fixed dtype, or put a numcodecs object codec "
                "(VLenUTF8, JSON, …) in front as a filter"
            )
        self.check_dtype(dtype)
        model = self.model
        if model is None or model.record is not None:
            return
        if len(shape) < len(model.patch):
            raise ShapeError(
                f"a chunk of shape {shape} for a model of patches {model.patch}: chunks need {len(model.patch)} axes"
            )
        columns = model.n_columns
        got = shape[1] if len(shape) == 2 else 1 if len(shape) == 1 else None
        if columns and got != columns:
            named = f" ({', '.join(model.columns[:4])}, …)" if columns > 4 else f" ({', '.join(model.columns)})"
            raise ShapeError(
                f"a chunk of shape {shape} for a model of {columns} columns{named}: "
                f"write tables of {columns} columns, and chunks that hold all of them"
            )

    def field_bounds(self, dtype: np.dtype[Any]) -> dict[str, ErrorBound]:
        """Return the bound of each field of records of this dtype, by name."""
        record, model = record_of(dtype), self.model
        if model is not None:
            return dict(zip(model.columns, model.bounds, strict=True))
        return dict(zip(record.names, bounds_of(record, _of_floats(self.bound)), strict=True))

    def native_model(self, dtype: np.dtype[Any]) -> NativeModel | None:
        """Return what the library codes chunks of this dtype with: the model, or what tells it a record's fields."""
        model = self.model
        if not is_record(dtype):
            return model.native() if model is not None else None
        if model is None:
            assert self.bound is not None
            bound = self.bound if dtype.names is not None else ErrorBound("exact")
            return _model_of(record_of(dtype), bound).native()
        # frames say their byte order themselves: a model serves both
        own = record_of(dtype)
        same = model.record is None or [f.big_endian for f in own.fields] == [f.big_endian for f in model.record.fields]
        return model.native() if same else _model_of(own, model.bounds).native()

    def attributes(self, *, achieved: str | None = None) -> dict[str, str]:
        """Return the attributes that tell people how a data set was written: strings only."""
        model = self.model
        bound: object
        if model is None:
            bound = str(self.bound)
        elif isinstance(model.bound, ErrorBound):
            bound = str(model.bound)
        else:
            bound = {name: str(b) for name, b in model.bound.items()}
        story: dict[str, object] = {
            "algorithm": "baler",
            "implementation": f"baler-codec {__version__}",
            "bound": bound,
            "bounded": all(b.kind != "latent" for b in self.bounds),
            "mode": "model" if model is not None and model.trained else "built-in",
            "stable": self.stable,
            "read_with": "pip install baler-codec",
        }
        if achieved is not None:
            story["achieved_error"] = achieved
        attributes = {"baler_compression": json.dumps(story, sort_keys=True)}
        if self.model_id is not None:
            attributes["baler_model"] = self.model_id
        return attributes


class Resolved:
    """What every face of the codec shows of the settings that it was made with."""

    _settings: Settings

    @property
    def settings(self) -> Settings:
        """What is done, resolved."""
        return self._settings

    @property
    def model(self) -> Model | None:
        """The model; None for the built-in one."""
        return self._settings.model

    @property
    def bound(self) -> ErrorBound | None:
        """The one bound for everything; None when the model holds the bounds."""
        return self._settings.bound

    @property
    def stable(self) -> bool:
        """Whether encoding decoded values again, or writing a part of a chunk, leaves values as they are."""
        return self._settings.stable


def resolve(
    model: ModelSource | None = None,
    bound: BoundSpec | None = None,
    stable: bool = True,
    data: npt.ArrayLike | None = None,
    dtype: npt.DTypeLike | None = None,
) -> Settings:
    """Turn what a user says into settings.

    Parameters
    ----------
    model : Model, str, path, optional
        A model, or what `baler_codec.load` takes. Without one the built-in model codes.
    bound : str, ErrorBound, mapping or sequence, optional
        With a model: what `Model.with_bound` takes. Without: one bound, or one per column by position. ``exact`` when
        neither a model nor a bound is given.
    stable : bool
        False permits smaller frames whose values may move (inside the bound) when they are encoded again.
    data : array_like, optional
        What ``range`` bounds refer to: a table's columns each have their own range, and so have a record's fields.
    dtype : dtype, optional
        The structured dtype whose fields the bounds are for; that of `data` where it is given.
    """
    if not isinstance(stable, bool):
        raise ConfigError(f"stable must be True or False, not {stable!r}")
    if model is not None:
        found = model if isinstance(model, Model) else registry.load(model)
        if bound is not None:
            found = found.with_bound(bound, data=data)
        if found.trained:
            found.native()  # a model that cannot code under these bounds is refused here, not in a writing thread
        return of_model(found, stable)
    records = _records(dtype, data)
    if records is not None and (dtype is not None or not _is_common(bound)):
        return of_model(Model.of_records(records, bound, data=data), stable)
    if bound is None:
        return Settings(stable=stable)
    if isinstance(bound, Mapping):
        names = ", ".join(str(name) for name in bound)
        raise BoundError(
            f"bounds by column name ({names}) need a model that knows the names, or dtype= of the records: "
            "give one of them, or a list by position"
        )
    if isinstance(bound, str | ErrorBound):
        return _one_bound(ErrorBound.parse(bound), stable, data)
    return _by_position(bound, stable, data)


def of_model(model: Model, stable: bool = True) -> Settings:
    """Return the settings that code with a model."""
    return Settings(bound=None, model_id=model.id, stable=stable, _model=model)


def _records(dtype: npt.DTypeLike | None, data: npt.ArrayLike | None) -> np.dtype[Any] | None:
    """Return the structured dtype that bounds are for, None when they are for numbers."""
    if dtype is not None:
        given = np.dtype(dtype)
    elif isinstance(data, np.ndarray | np.void):
        given = data.dtype
    else:
        return None
    return given if given.names is not None else None


def _is_common(bound: BoundSpec | None) -> bool:
    """Say whether a bound fits the settings as it is."""
    return bound is None or (isinstance(bound, str | ErrorBound) and ErrorBound.parse(bound).kind != "range")


def _of_floats(bound: ErrorBound | None) -> ErrorBound | None:
    """Return a bound that records without floats also take."""
    return None if bound is None or bound.kind == "exact" else bound


@lru_cache(maxsize=256)
def _model_of(record: Record, bound: ErrorBound | tuple[ErrorBound, ...]) -> Model:
    """Return the model that tells the library the fields and bounds of records; no frame names it."""
    if isinstance(bound, ErrorBound):
        bound = bounds_of(record, _of_floats(bound))
    return Model.from_bytes(record_file(record, bound, named=False))


def _one_bound(bound: ErrorBound, stable: bool, data: npt.ArrayLike | None) -> Settings:
    if bound.kind == "latent":
        raise BoundError('the bound "latent" needs a trained model with an autoencoder: Baler(model, bound="latent")')
    if bound.kind == "range":
        if data is None:
            raise BoundError(
                f'"{bound}" depends on the data: give data=array to resolve it, use a model that knows the ranges, '
                'or say "abs=…"'
            )
        array = np.asarray(data)
        if array.ndim == 2 and 1 < array.shape[1] <= MAX_COLUMNS:
            return _simplest(resolve_columns([bound] * array.shape[1], array), stable)
        bound = bound.resolve(array)
    return Settings(bound=bound, stable=stable)


def _by_position(bounds: Sequence[str | ErrorBound], stable: bool, data: npt.ArrayLike | None) -> Settings:
    parsed = [ErrorBound.parse(b) for b in bounds]
    if any(b.kind == "range" for b in parsed):
        if data is None:
            raise BoundError('"range" bounds depend on the data: give data=array to resolve them, or say "abs=…"')
        parsed = resolve_columns(parsed, data)
    return of_model(Model.bounds_only(parsed), stable)


def _simplest(bounds: list[ErrorBound], stable: bool) -> Settings:
    if len(set(bounds)) == 1:
        return Settings(bound=bounds[0], stable=stable)
    return of_model(Model.bounds_only(bounds), stable)
