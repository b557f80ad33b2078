"""Model: the bytes of a model file as an object. What is in them is specified in docs/format.md, section 7.

Python understands the description for people and the bounds. The network is opaque to it: the native library parses,
checks and proves it when a model is first used.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import threading
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from . import sections as file
from .bound import ErrorBound, finite_range
from .errors import BoundError, CorruptDataError, ModelInvalidError, ShapeError
from .record_bounds import BoundSpec, bounds_of, ranges_of
from .records import Record, record_of
from .sections import MAX_COLUMNS, join_sections, pack_bounds, pack_meta, parse_bounds, parse_meta, split_sections

if TYPE_CHECKING:
    from .native import NativeModel

__all__ = ["BoundSpec", "Model"]


class Model:
    """A model: what predicts the numbers of a table, and the error bounds they are kept to.

    A model is immutable and named by the sha256 of its bytes. Models of equal bytes are one object in a process.
    Make one with `load`, `train`, `Model.from_bytes`, `Model.bounds_only` or `Model.of_records`.
    """

    __slots__ = (
        "__weakref__", "_bounds", "_bytes", "_grid", "_id", "_lock", "_meta", "_native", "_patch", "_record", "_shape",
    )  # fmt: skip

    _bytes: bytes
    _id: str
    _meta: dict[str, Any]
    _bounds: tuple[ErrorBound, ...]
    _grid: bool
    _shape: tuple[int, int]
    _patch: tuple[int, ...]
    _record: Record | None
    _lock: threading.Lock
    _native: NativeModel | None

    _known: ClassVar[weakref.WeakValueDictionary[str, Model]] = weakref.WeakValueDictionary()
    _known_lock = threading.Lock()

    def __init__(self) -> None:
        raise TypeError("a Model is made by baler_codec.load(), train(), Model.from_bytes() or Model.bounds_only()")

    @classmethod
    def from_bytes(cls, data: bytes | bytearray | memoryview) -> Model:
        """Parse the content of a model file.

        Raises
        ------
        CorruptDataError, UnsupportedVersionError, ModelInvalidError
            If the bytes are not a model this release can read. What concerns the network is found at first use.
        """
        raw = bytes(data)
        key = hashlib.sha256(raw).hexdigest()
        with cls._known_lock:
            known = cls._known.get(key)
        if known is not None:
            return known
        sections = split_sections(raw)
        self = object.__new__(cls)
        self._bytes, self._id, self._lock, self._native = raw, "sha256:" + key, threading.Lock(), None
        self._meta = parse_meta(sections["META"])
        self._bounds = parse_bounds(sections["BNDS"])
        self._grid = "GRID" in sections
        self._shape = (0, 0)
        table = sections.get("TABL", sections.get("TABZ"))  # both begin with the numbers of columns and latents
        if table is not None:
            if len(table) < 8:
                raise CorruptDataError("the table section of the model ends early: get the file again")
            self._shape = struct.unpack_from("<HH", table)
        self._patch = ()
        if "PTCH" in sections:
            self._shape, self._patch = file.parse_patch(sections["PTCH"])
        columns = self._meta.get("columns", ())
        self._record = file.parse_record(sections["RECD"], columns) if "RECD" in sections else None
        fields = len(self._record.fields) if self._record is not None else 0
        bounds = len(self._bounds) if len(self._bounds) > 1 else 0
        counts = {n for n in (self._shape[0], fields, len(columns), bounds) if n}
        if len(counts) > 1:
            raise ModelInvalidError(f"the sections of the model disagree about its number of columns: {sorted(counts)}")
        with cls._known_lock:
            return cls._known.setdefault(key, self)

    @classmethod
    def known(cls, digest: str) -> Model | None:
        """Return the model whose sha256 is `digest` if this process holds it already."""
        with cls._known_lock:
            return cls._known.get(digest)

    @classmethod
    def bounds_only(cls, bounds: Sequence[str | ErrorBound], columns: Sequence[str] | None = None) -> Model:
        """Make a model without a network: one bound per column, coded by the built-in model.

        Parameters
        ----------
        bounds : sequence of str or ErrorBound
            ``abs``, ``pw_rel`` or ``exact``, one for each column.
        columns : sequence of str, optional
            Names of the columns.
        """
        parsed = [ErrorBound.parse(b) for b in bounds]
        for i, bound in enumerate(parsed):
            if bound.kind == "range":
                raise BoundError(f'the bound "{bound}" of column {i} depends on data: resolve it first, or give data=')
            if bound.kind == "latent":
                raise BoundError(f'the bound "latent" of column {i} needs a trained model with an autoencoder')
        if not 1 <= len(parsed) <= MAX_COLUMNS:
            raise ShapeError(f"{len(parsed)} bounds given: a table has 1 to {MAX_COLUMNS} columns")
        meta: dict[str, Any] = {}
        if columns is not None:
            names = _unique_names(columns)
            if len(names) != len(parsed):
                raise ShapeError(f"{len(names)} column names for {len(parsed)} bounds: give one for each")
            meta["columns"] = [{"name": name} for name in names]
        return cls.from_bytes(join_sections({"META": pack_meta(meta), "BNDS": pack_bounds(parsed)}))

    @classmethod
    def of_records(
        cls, dtype: npt.DTypeLike, bound: BoundSpec | None = None, *, data: npt.ArrayLike | None = None
    ) -> Model:
        """Make a model without a network for records: a bound for each field, coded by the built-in model.

        Parameters
        ----------
        dtype : dtype
            A structured dtype. Fields of fields are called ``"jet.pt"``.
        bound : str, ErrorBound, mapping or sequence, optional
            One bound, for all fields of floats; or ``{name: bound}`` with ``"*"`` for all floats that are not named.
            Everything else is exact.
        data : array_like, optional
            What ``range`` bounds refer to.
        """
        record = record_of(np.dtype(dtype))
        bounds = bounds_of(record, bound)
        if any(b.kind == "range" for b in bounds):
            if data is None:
                raise BoundError('"range" bounds depend on the data: give data=array to resolve them, or say "abs=…"')
            ranges = ranges_of(record, data)
            bounds = tuple(b.of_range(*r) for b, r in zip(bounds, ranges, strict=True))
        _unique_names(record.names)
        return cls.from_bytes(file.record_file(record, bounds, named=True))

    @property
    def id(self) -> str:
        """``"sha256:"`` and the hash of the file, in hexadecimal."""
        return self._id

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns; ``column 0`` … where the model has none, empty when it takes any number of columns."""
        named = tuple(str(c.get("name", f"column {i}")) for i, c in enumerate(self._meta.get("columns", ())))
        return named or tuple(f"column {i}" for i in range(self.n_columns))

    @property
    def n_columns(self) -> int:
        """Number of columns a table must have, of fields for records; 0 when any number is welcome."""
        if self._record is not None:
            return len(self._record.fields)
        return int(self._shape[0]) or (len(self._bounds) if len(self._bounds) > 1 else 0)

    @property
    def bound(self) -> ErrorBound | dict[str, ErrorBound]:
        """The bound of all columns, or of each by its name."""
        if len(set(self._bounds)) == 1:
            return self._bounds[0]
        return dict(zip(self.columns, self._bounds, strict=True))

    @property
    def bounds(self) -> tuple[ErrorBound, ...]:
        """One bound per column, by position; a single one when the model takes any number of columns."""
        return self._bounds * max(self.n_columns, 1) if len(self._bounds) == 1 else self._bounds

    @property
    def units(self) -> dict[str, str]:
        """Units of the columns that have one."""
        entries = zip(self.columns, self._meta.get("columns", ()), strict=False)
        return {name: str(entry["unit"]) for name, entry in entries if entry.get("unit")}

    @property
    def provenance(self) -> dict[str, Any]:
        """Where the model comes from: hash of the training data, versions, seed, licence."""
        return dict(self._meta.get("provenance", {}))

    @property
    def metrics(self) -> dict[str, Any]:
        """What the training measured."""
        return dict(self._meta.get("metrics", {}))

    @property
    def meta(self) -> dict[str, Any]:
        """Everything the file tells people (a copy)."""
        copied: dict[str, Any] = json.loads(json.dumps(self._meta))
        return copied

    @property
    def latents(self) -> int:
        """Number of latents of the autoencoder; 0 without one."""
        return int(self._shape[1])

    @property
    def patch(self) -> tuple[int, ...]:
        """Extents of the patches of frames that are its rows; empty for a model of anything else."""
        return self._patch

    @property
    def record(self) -> Record | None:
        """The records that the model is for; None for a model of numbers."""
        return self._record

    @property
    def trained(self) -> bool:
        """Whether there is a network; without one the built-in model codes under these bounds."""
        return self._shape[0] > 0 or self._grid or bool(self._patch)

    def with_bound(self, bound: BoundSpec, *, data: npt.ArrayLike | None = None) -> Model:
        """Give the same network under other error bounds: a new model with its own id.

        Parameters
        ----------
        bound : str, ErrorBound, mapping or sequence
            One bound for all columns, ``{name: bound}`` (``"*"`` stands for all that are not named; without it they
            keep what they have), or one bound per column by position. Of records see `Model.of_records`.
        data : array_like, optional
            What ``range`` bounds refer to. Without it they refer to the ranges of the training data.
        """
        wanted = self._wanted(bound)
        if any(b.kind == "range" for b in wanted):
            ranges = self._ranges(data)
            wanted = [b.of_range(*ranges[i]) for i, b in enumerate(wanted)]
        latent = [b.kind == "latent" for b in wanted]
        if any(latent) and not all(latent):
            raise BoundError('the bound "latent" holds for all columns or for none: use bound="latent"')
        if self._patch and not all(latent):
            raise BoundError('this model keeps no bound, it is for latents alone: train one with bound="abs=…"')
        if any(latent) and not self.latents:
            raise BoundError('the bound "latent" needs a model with latents, this one has none: train with latent=…')
        sections = split_sections(self._bytes)
        one = len(set(wanted)) == 1 and (self.trained or self._record is not None or len(self._bounds) == 1)
        sections["BNDS"] = pack_bounds(wanted[:1] if one else wanted)
        return type(self).from_bytes(join_sections(sections))

    def _wanted(self, bound: BoundSpec) -> list[ErrorBound]:
        current = list(self.bounds)
        if self._record is not None:
            return list(bounds_of(self._record, bound, current))
        if isinstance(bound, str | ErrorBound):
            return [ErrorBound.parse(bound)] * len(current)
        if isinstance(bound, Mapping):
            names = self.columns
            unknown = [str(name) for name in bound if name != "*" and name not in names]
            if unknown:
                has = f"it has {', '.join(names)}" if names else "its columns have no names, give a list by position"
                raise BoundError(f"bounds for columns the model does not have: {', '.join(unknown)}; {has}")
            rest = bound.get("*")
            specs = [bound.get(name, rest) for name in names] if names else [rest]
            return [c if s is None else ErrorBound.parse(s) for s, c in zip(specs, current, strict=True)]
        given = [ErrorBound.parse(b) for b in bound]
        if self.n_columns and len(given) != self.n_columns:
            raise ShapeError(f"{len(given)} bounds for the {self.n_columns} columns of the model: give one for each")
        return given

    def _ranges(self, data: npt.ArrayLike | None) -> list[tuple[float, float]]:
        n = max(self.n_columns, 1)
        if data is not None and self._record is not None:
            return ranges_of(self._record, data)
        if data is not None:
            table = np.asarray(data)
            if self.n_columns and (table.ndim != 2 or table.shape[1] != n):
                raise ShapeError(f"data of shape {table.shape} for a model of {n} columns: rows × columns are needed")
            return [finite_range(table[:, i] if self.n_columns else table) for i in range(n)]
        ranges = self._meta.get("ranges")
        if not isinstance(ranges, list) or len(ranges) != n:
            raise BoundError('a "range" bound, and the model knows no ranges: give data=, or an "abs" bound')
        return [(float(low), float(high)) for low, high in ranges]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model file; a reader never sees half of it."""
        target = Path(path)
        temporary = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_ident()}")
        try:
            temporary.write_bytes(self._bytes)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)

    def native(self) -> NativeModel:
        """Return the library's handle; the first call parses and proves the model."""
        with self._lock:
            if self._native is None:
                from .native import NativeModel

                self._native = NativeModel(self._bytes)
            return self._native

    def __bytes__(self) -> bytes:
        return self._bytes

    def __len__(self) -> int:
        return len(self._bytes)

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and self._id == other._id

    def __hash__(self) -> int:
        return hash(self._id)

    def __reduce__(self) -> tuple[Any, ...]:
        return Model.from_bytes, (self._bytes,)

    def __repr__(self) -> str:
        columns = f"{self.n_columns} columns" if self.n_columns else "any columns"
        if self._record is not None:
            columns = f"records of {self.n_columns} fields in {self._record.itemsize} bytes"
        if self._patch:
            columns = f"patches of {' x '.join(map(str, self._patch))}"
        kinds = sorted({str(b) for b in self._bounds})
        bound = kinds[0] if len(kinds) == 1 else f"{len(kinds)} different"
        extra = f", {self.latents} latents" if self.latents else ""
        return f"<Model {self._id[:19]}… {columns}{extra}, bound {bound}, {len(self._bytes)} bytes>"


def _unique_names(columns: Sequence[str]) -> list[str]:
    names = [str(c) for c in columns]
    double = sorted({n for n in names if names.count(n) > 1})
    if double:
        raise BoundError(f"column names occur more than once: {', '.join(double)}")
    return names
