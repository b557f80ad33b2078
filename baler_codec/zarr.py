"""BalerCodec, the Zarr format 3 array→bytes codec, and helpers that write whole arrays in either format.

Which name goes where:

========================  ==============================================================================
Zarr format 2             ``zarr.create_array(..., zarr_format=2, compressors=Baler(...))``
..                        ``zarr.open(..., mode="w", zarr_format=2, compressor=Baler(...))``
Zarr format 3             ``zarr.create_array(..., serializer=BalerCodec(...), compressors=None)``
xarray, format 2          ``encoding={"p": {"compressors": Baler(...)}}``
xarray, format 3          ``encoding={"p": {"serializer": BalerCodec(...), "compressors": None}}``
dask                      ``dask.array.to_zarr(x, url, serializer=BalerCodec(...), compressors=None)``
========================  ==============================================================================

Mixing them up gives messages of zarr's own: ``'Baler' object is not iterable`` (a `Baler` as ``compressors`` of
format 3), ``Expected an ArrayBytesCodec`` (a `Baler` as ``serializer``), ``Expected a BytesBytesCodec`` (a `BalerCodec`
as ``compressors``), ``compressor cannot be used for arrays with zarr_format 3`` (say ``zarr_format=2``). Without
``compressors=None`` zarr puts zstd behind the codec, which is harmless and useless.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import numpy.typing as npt
import zarr
from zarr.abc.codec import ArrayBytesCodec
from zarr.registry import register_codec

from . import native, registry
from .achieved import achieved_error
from .bound import is_numeric
from .codec import Baler, Embed
from .errors import BoundError, ConfigError, CorruptDataError, DTypeError, ModelNotFoundError
from .model import BoundSpec, Model
from .settings import ModelSource

if TYPE_CHECKING:
    from zarr.core.array_spec import ArraySpec
    from zarr.core.buffer import Buffer, NDBuffer
    from zarr.core.chunk_grids import ChunkGrid
    from zarr.core.dtype import TBaseDType, TBaseScalar, ZDType

MODELS = "baler_models"  # group member that holds models too large for the metadata
_TABLE_ROWS = 65536
_CHUNK_VALUES = 1 << 20
_RECORD_BYTES = 4 << 20


@dataclass(frozen=True, init=False)
class BalerCodec(ArrayBytesCodec):
    """Learned compression with a guaranteed error bound, as a Zarr format 3 serializer.

    Parameters
    ----------
    model, bound, stable, embed, data, dtype, encoder
        As for `baler_codec.Baler`; or one `Baler`, whose settings are taken. An encoder is this object's: an array
        that is opened again has the one of ``BALER_ENCODER``.

    Examples
    --------
    >>> import numpy as np, zarr
    >>> z = zarr.create_array({}, shape=(100,), dtype="f4", serializer=BalerCodec(bound="abs=1e-3"), compressors=None)
    >>> z[:] = np.linspace(0, 1, 100)
    """

    is_fixed_size = False

    codec: Baler

    def __init__(
        self,
        model: Baler | ModelSource | Mapping[str, object] | None = None,
        bound: BoundSpec | None = None,
        stable: bool = True,
        *,
        embed: Embed = "auto",
        data: npt.ArrayLike | None = None,
        dtype: npt.DTypeLike | None = None,
        encoder: str | None = None,
    ) -> None:
        if isinstance(model, Baler):
            if bound is not None:
                raise BoundError("BalerCodec(Baler(...)) takes the settings of the Baler: give the bound there")
            if encoder is not None:
                raise ConfigError("BalerCodec(Baler(...)) takes the encoder of the Baler: give it there")
            codec = model
        else:
            codec = Baler(model, bound, stable, embed=embed, data=data, dtype=dtype, encoder=encoder)
        object.__setattr__(self, "codec", codec)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Make the codec of its entry in ``zarr.json``."""
        unknown = sorted(set(data) - {"name", "configuration", "must_understand"})
        if unknown or data.get("name") != Baler.codec_id:
            raise ConfigError(f"not the metadata of codec 'baler': {unknown or data.get('name')!r}")
        configuration = data.get("configuration") or {}
        if "id" in configuration:
            raise ConfigError("unknown key in the configuration of codec 'baler': id; upgrade baler-codec")
        return cls(Baler.from_config(configuration))

    def to_dict(self) -> dict[str, Any]:
        """Return the entry for ``zarr.json``."""
        configuration = self.codec.get_config()
        del configuration["id"]
        return {"name": Baler.codec_id, "configuration": configuration}

    def validate(
        self, *, shape: tuple[int, ...], dtype: ZDType[TBaseDType, TBaseScalar], chunk_grid: ChunkGrid
    ) -> None:
        """Refuse arrays that could never be written, when they are created."""
        self._require(dtype.to_native_dtype(), getattr(chunk_grid, "chunk_shape", None))

    def evolve_from_array_spec(self, array_spec: ArraySpec) -> Self:
        """Refuse chunks that could never be written (inside shards this is the first call that sees them)."""
        self._require(array_spec.dtype.to_native_dtype(), array_spec.shape)
        return self

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        """Raise: the size depends on the data."""
        raise NotImplementedError("the size of a compressed chunk depends on its data")

    def _require(self, dtype: np.dtype[Any], chunk: tuple[int, ...] | None) -> None:
        if dtype.hasobject or dtype.kind == "T":
            raise DTypeError(f"codec 'baler' keeps values of a fixed size, not dtype {dtype}: use zarr's own codecs")
        settings = self.codec.settings
        try:
            columns = settings.model.n_columns if settings.model is not None else 0
        except ModelNotFoundError:
            return  # metadata stay readable; reading values will say what is missing
        # a transposing filter may stand in front and swap the axes: only what no order of axes can mend is refused here
        if columns and chunk is not None and len(chunk) == 2 and columns == chunk[0]:
            chunk = (chunk[1], chunk[0])
        settings.check_dtype(dtype)
        if chunk is not None:
            settings.check(dtype, chunk)

    def _encode_sync(self, chunk_data: NDBuffer, chunk_spec: ArraySpec) -> Buffer:
        array = np.asarray(chunk_data.as_numpy_array())
        if not is_numeric(array.dtype):
            array = array.astype(_little(array.dtype), copy=False)  # frames of plain bytes do not know their byte order
        return chunk_spec.prototype.buffer.from_bytes(self.codec.encode(array))

    def _decode_sync(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        frame = chunk_data.as_numpy_array()
        info = native.frame_info(frame)
        dtype = chunk_spec.dtype.to_native_dtype()
        same = info.dtype in (dtype.newbyteorder("<"), dtype.newbyteorder(">"))
        raw = info.dtype.kind == "V" and not is_numeric(dtype) and info.dtype.itemsize == dtype.itemsize
        if info.shape != chunk_spec.shape or not (same or raw):
            raise CorruptDataError(
                f"a chunk holds {info.dtype} {info.shape} where the array's metadata say {dtype} {chunk_spec.shape}: "
                "the chunk belongs to another array"
            )
        array = self.codec.decode(frame)
        if raw:
            array = array.view(_little(dtype))
        # by value, never by view: the frame knows its byte order, the metadata may name another
        return chunk_spec.prototype.nd_buffer.from_numpy_array(array.astype(dtype, copy=False))

    async def _encode_single(self, chunk_data: NDBuffer, chunk_spec: ArraySpec) -> Buffer | None:
        return await asyncio.to_thread(self._encode_sync, chunk_data, chunk_spec)

    async def _decode_single(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        return await asyncio.to_thread(self._decode_sync, chunk_data, chunk_spec)

    def __repr__(self) -> str:
        return repr(self.codec).replace("Baler(", "BalerCodec(", 1)


def create(
    store: Any,
    data: npt.ArrayLike,
    *,
    model: ModelSource | None = None,
    bound: BoundSpec | None = None,
    stable: bool = True,
    embed: Embed = "auto",
    encoder: str | None = None,
    zarr_format: Literal[2, 3] = 3,
    chunks: tuple[int, ...] | None = None,
    shards: tuple[int, ...] | None = None,
    name: str | None = None,
    attributes: Mapping[str, Any] | None = None,
    **options: Any,
) -> zarr.Array[Any]:
    """Write an array, check what was written, and say in its attributes how.

    Parameters
    ----------
    store : StoreLike
        Where to: a path, a URL, a store.
    data : array_like
        What to write. ``range`` bounds refer to it.
    model, bound, stable, embed, encoder
        As for `baler_codec.Baler`.
    zarr_format : {3, 2}
        Format of the array.
    chunks : tuple of int, optional
        Chunk shape. Default: 65536 rows with all columns for tables, 4 MiB of records, else about a million values.
    shards : tuple of int, optional
        Shard shape (format 3).
    name : str, optional
        Path of the array inside the store.
    attributes : mapping, optional
        Attributes of your own.
    **options
        Further arguments of `zarr.create_array`, such as ``overwrite=True``.

    Returns
    -------
    zarr.Array
        With the attributes ``baler_compression`` and, if there is a model, ``baler_model``. Reading it needs no import
        of this package.
    """
    array = np.asarray(data)
    codec = Baler(model, bound, stable, embed=embed, data=array, encoder=encoder)
    if codec.model is not None and not codec.inline:
        store_model(store, codec.model, name=name)
    if zarr_format == 2:
        options["compressors"] = codec
    else:
        options |= {"serializer": BalerCodec(codec), "compressors": None}
    target = zarr.create_array(
        store,
        name=name,
        shape=array.shape,
        dtype=array.dtype,
        chunks=chunks or default_chunks(array.shape, array.dtype),
        shards=shards,
        zarr_format=zarr_format,
        attributes=dict(attributes or {}),
        **options,
    )
    target[...] = array
    achieved = achieved_error(target, array, codec.settings)
    target.attrs.update(codec.settings.attributes(achieved=achieved))
    return target


def store_model(store: Any, model: Model, *, name: str | None = None) -> None:
    """Write a model beside the array `name`, as a plain array that every copying tool carries along.

    It is for models too large for the array's metadata; readers call `load_models` before they read values.
    """
    if name is None:
        raise ConfigError("a model beside the array needs a group: give the array a name=…, or say embed=True")
    group = zarr.open_group(store, mode="a", path=name.rpartition("/")[0])
    member = f"{MODELS}/{model.id.removeprefix('sha256:')}"
    if member not in group:
        array = group.create_array(member, shape=(len(model),), chunks=(len(model),), dtype="u1")
        array[:] = np.frombuffer(bytes(model), np.uint8)


def load_models(store: Any, *, path: str = "") -> list[Model]:
    """Register the models that lie in a group beside its arrays, so that reading finds them by their id."""
    group = zarr.open_group(store, mode="r", path=path)
    if MODELS not in group:
        return []
    holder = group[MODELS]
    assert isinstance(holder, zarr.Group)
    models = []
    for key, array in holder.arrays():
        model = Model.from_bytes(np.asarray(array[:]).tobytes())
        if model.id != f"sha256:{key}":
            raise CorruptDataError(f"the model stored as {MODELS}/{key} was altered: its id is {model.id}")
        registry.register(model)
        models.append(model)
    return models


def default_chunks(shape: tuple[int, ...], dtype: np.dtype[Any] | None = None) -> tuple[int, ...]:
    """Return the chunk shape that `create` takes: whole rows of tables, whole last axes of grids, 4 MiB of records."""
    if dtype is not None and dtype.names is not None and len(shape) == 1:
        return (max(1, min(shape[0], _RECORD_BYTES // max(dtype.itemsize, 1))),)
    if len(shape) == 2 and shape[1] <= 1024:
        return (max(1, min(shape[0], _TABLE_ROWS)), max(1, shape[1]))
    chunk = [1] * len(shape)
    room = _CHUNK_VALUES
    for axis in reversed(range(len(shape))):
        chunk[axis] = max(1, min(shape[axis], room))
        room //= chunk[axis]
    return tuple(chunk)


def _little(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return dtype.newbyteorder("<")


register_codec(Baler.codec_id, BalerCodec)  # for programs that run from a source tree, where no entry point says so
