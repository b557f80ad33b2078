"""Baler, the numcodecs codec: arrays in, frames out."""

from __future__ import annotations

import base64
import binascii
import os
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from numcodecs.abc import Codec  # type: ignore[import-untyped]
from numcodecs.compat import ensure_contiguous_ndarray, ensure_ndarray  # type: ignore[import-untyped]
from numcodecs.registry import register_codec  # type: ignore[import-untyped]

from . import native, registry, settings
from .errors import BoundError, ConfigError, CorruptDataError, DTypeError, ShapeError
from .model import BoundSpec, Model
from .sections import MAX_BYTES
from .settings import ModelSource, Resolved, Settings

if TYPE_CHECKING:
    from .encoders import LatentEncoder

INLINE_LIMIT = 64 << 10  # compressed bytes of a model that still travel inside the codec's configuration
Embed = Literal["auto"] | bool


class Baler(Resolved, Codec):  # type: ignore[misc]
    """Learned compression with a guaranteed error bound, as a numcodecs codec (Zarr format 2 ``compressor``).

    Parameters
    ----------
    model : Model, str, path, optional
        A trained model, or what `baler_codec.load` takes: a file, an id, a name. Without one the built-in model codes.
    bound : str, ErrorBound, mapping or sequence, optional
        ``"abs=1e-3"``, ``"pw_rel=1e-3"``, ``"range=1e-4"``, ``"exact"`` or ``"latent"``; one per column as a list, or
        (with a model that names its columns, or with `dtype`) as a dict. Default: the model's own bounds, or ``exact``
        without one.
    stable : bool
        False permits smaller frames for data that are written once; values stay inside the bound, but may move when
        they are decoded and encoded again.
    embed : {"auto", True, False}
        Whether the model travels inside the codec's configuration: ``"auto"`` up to 64 KiB. Otherwise readers find it
        by its id where `baler_codec.registry` looks.
    data : array_like, optional
        What ``range`` bounds refer to.
    dtype : dtype, optional
        The structured dtype whose fields `bound` names. Without it (and without `data`) one bound may be given, which
        is for all fields of floats; integers and everything else stay exact.
    encoder : str, optional
        What computes the latents of a model with an autoencoder: a name from `baler_codec.encoders.available`. Default:
        what the environment variable ``BALER_ENCODER`` says, else the native library. The frames are the same, and the
        configuration does not hold it.

    Notes
    -----
    Zarr format 3 wants an array→bytes codec instead: ``serializer=baler_codec.zarr.BalerCodec(...)``.
    Typeless buffers (`bytes`, `bytearray`) and dtypes that are not real numbers are kept bit for bit.

    Examples
    --------
    >>> import numpy as np
    >>> codec = Baler(bound="abs=0.01")
    >>> decoded = codec.decode(codec.encode(np.linspace(0, 1, 1000)))
    """

    codec_id = "baler"

    def __init__(
        self,
        model: ModelSource | Mapping[str, object] | None = None,
        bound: BoundSpec | None = None,
        stable: bool = True,
        *,
        embed: Embed = "auto",
        data: npt.ArrayLike | None = None,
        dtype: npt.DTypeLike | None = None,
        encoder: str | None = None,
    ) -> None:
        if embed not in ("auto", True, False):
            raise ConfigError(f'embed must be "auto", True or False, not {embed!r}')
        if isinstance(model, Mapping):
            self._settings = _settings_from(model, bound, stable)
            self._inline = "data" in model
        else:
            self._settings = settings.resolve(model, bound, stable, data, dtype)
            found = self._settings.model
            self._inline = found is not None and embed is not False
            if found is not None and embed == "auto":
                # 64 KiB that do not shrink below the limit are not worth deflating
                self._inline = len(found) < 64 * INLINE_LIMIT and len(zlib.compress(bytes(found), 9)) <= INLINE_LIMIT
        self._encoder = encoder
        if encoder is not None:
            self._latent_encoder()  # what cannot be is refused here, not in a writing thread

    @property
    def inline(self) -> bool:
        """Whether the model travels inside the configuration."""
        return self._inline

    def encode(self, buf: Any) -> bytes:
        """Encode an array (or any buffer) into one frame.

        Parameters
        ----------
        buf : array or buffer
            Any shape, memory order and byte order. Buffers without an element type are kept bit for bit.

        Returns
        -------
        bytes

        Raises
        ------
        DTypeError
            For Python objects, and for dtypes that the bound has no meaning for.
        ShapeError
            If the array does not have the columns of the model.
        """
        array = ensure_ndarray(buf)
        if not hasattr(buf, "dtype") and array.dtype.itemsize == 1:
            return native.encode(native.contiguous(array).view("V1"))  # a typeless buffer
        self._settings.check(array.dtype, array.shape)
        return native.encode(
            native.contiguous(array),
            model=self._settings.native_model(array.dtype),
            bound=self._settings.bound,
            stable=self._settings.stable,
            latents=self._latents(array),
        )

    def _latents(self, array: npt.NDArray[Any]) -> npt.NDArray[np.int32] | None:
        if self._encoder is None and not os.environ.get("BALER_ENCODER"):
            return None
        encoder = self._latent_encoder()
        return encoder.latents(native.contiguous(array)) if encoder is not None else None

    def _latent_encoder(self) -> LatentEncoder | None:
        from .encoders import choose  # nobody who reads needs it

        return choose.latent_encoder(self.model, self._encoder)

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Decode one frame.

        Parameters
        ----------
        buf : buffer
            A frame. Its model, if it needs one, is this codec's, or is found by `baler_codec.registry`.
        out : array or writable buffer, optional
            Where the values go; exactly as many bytes as they take.

        Returns
        -------
        numpy.ndarray
            Of the dtype, shape and memory order that were encoded (`out`, if given). What is not numbers comes back as
            raw items of its size, to be viewed as what it was.

        Raises
        ------
        CorruptDataError, UnsupportedVersionError
            If the bytes are no frame that this release can read.
        ModelNotFoundError
            If the model is in none of the places searched.
        """
        frame = ensure_contiguous_ndarray(buf).view(np.uint8)
        info = native.frame_info(frame)
        model = None
        if info.model_id is not None:
            own = info.model_id == self._settings.model_id
            found = self._settings.model if own else registry.find(info.model_id)
            assert found is not None
            model = found.native()
        if out is None:
            return _decode_new(frame, info, model)
        return _decode_into(frame, info, model, out)

    def get_config(self) -> dict[str, Any]:
        """Return the configuration, ready for JSON: ``id``, ``model``, ``bound``, ``stable``."""
        model: dict[str, str] | None = None
        if self._settings.model_id is not None:
            model = {"id": self._settings.model_id}
            if self._inline:
                assert self.model is not None
                model["data"] = base64.b64encode(zlib.compress(bytes(self.model), 9)).decode()
        bound = None if self.bound is None else str(self.bound)
        return {"id": self.codec_id, "model": model, "bound": bound, "stable": self.stable}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Baler:
        """Make the codec of a configuration. A model that is not inline is looked for when it is first needed."""
        unknown = sorted(set(config) - {"id", "model", "bound", "stable"})
        if unknown:
            raise ConfigError(
                f"unknown keys in the configuration of codec 'baler': {', '.join(map(str, unknown))}; "
                "it was written by a newer release, upgrade baler-codec"
            )
        model, bound = config.get("model"), config.get("bound")
        if model is not None and not isinstance(model, Mapping):
            raise ConfigError(f"model in the configuration of codec 'baler' must be null or an object, not {model!r}")
        if bound is not None and not isinstance(bound, str):
            raise ConfigError(f"bound in the configuration of codec 'baler' must be null or a string, not {bound!r}")
        return cls(model, bound, config.get("stable", True))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Baler) and (self._settings, self._inline) == (other._settings, other._inline)

    def __hash__(self) -> int:
        return hash((self._settings, self._inline))

    def __reduce__(self) -> tuple[Any, ...]:
        carried = None
        model_id = self._settings.model_id
        if model_id is not None and not self._inline and not registry.is_installed(model_id):
            carried = self.model  # no other process would find it
        config = {key: value for key, value in self.get_config().items() if key != "id"}
        return _restore, (type(self), config, carried, self._encoder)

    def __repr__(self) -> str:
        if self._settings.model_id is not None:
            arguments = [repr(self._settings.model_id)]
        else:
            arguments = [] if self.bound is None or self.bound.kind == "exact" else [f"bound={str(self.bound)!r}"]
        if not self.stable:
            arguments.append("stable=False")
        return f"{type(self).__name__}({', '.join(arguments)})"


def _restore(cls: type[Baler], config: Mapping[str, Any], carried: Model | None, encoder: str | None = None) -> Baler:
    codec = cls.from_config(config)
    codec._encoder = encoder
    if carried is not None:
        codec._settings = settings.of_model(carried, codec.stable)
    return codec


def _settings_from(model: Mapping[str, object], bound: object, stable: bool) -> Settings:
    unknown = sorted(set(model) - {"id", "data"})
    if unknown:
        raise ConfigError(f"unknown keys in the model of codec 'baler': {', '.join(unknown)}; upgrade baler-codec")
    if bound is not None:
        raise BoundError("a configuration with a model has no bound beside it: the model holds the bounds")
    if not isinstance(stable, bool):
        raise ConfigError(f"stable must be true or false, not {stable!r}")
    model_id, data = model.get("id"), model.get("data")
    if not isinstance(model_id, str) or not registry.is_id(model_id):
        raise ConfigError(f"the model of codec 'baler' needs an id \"sha256:…\", not {model_id!r}")
    if data is None and "data" not in model:
        return Settings(bound=None, model_id=model_id, stable=stable)
    try:
        inflate = zlib.decompressobj()
        raw = inflate.decompress(base64.b64decode(str(data), validate=True), MAX_BYTES + 1)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise ConfigError(f"the inline model {model_id} is damaged ({error}): restore the array's metadata") from None
    if not inflate.eof or inflate.unused_data:
        raise ConfigError(f"the inline model {model_id} is damaged (its size): restore the array's metadata")
    found = Model.from_bytes(raw)
    if found.id != model_id:
        raise ConfigError(f"the inline model was altered: it is {found.id}, the configuration says {model_id}")
    return settings.of_model(found, stable)


def _decode_new(frame: npt.NDArray[np.uint8], info: native.Frame, model: native.NativeModel | None) -> npt.NDArray[Any]:
    dtype = np.dtype(np.uint8) if info.dtype == np.dtype("V1") else info.dtype
    try:
        array: npt.NDArray[Any] = np.empty(info.shape, dtype, order="F" if info.order == "F" else "C")
    except (MemoryError, ValueError):
        claim = f"{info.dtype} {info.shape}, {info.nbytes} bytes"
        raise CorruptDataError(f"a frame of {frame.size} bytes claims to hold {claim}: more than memory") from None
    native.decode(frame, array, model=model)
    return array


def _decode_into(frame: npt.NDArray[np.uint8], info: native.Frame, model: native.NativeModel | None, out: Any) -> Any:
    target = ensure_ndarray(out)
    if target.dtype.hasobject:
        raise DTypeError("cannot decode into an array of Python objects: give an array of the dtype that was encoded")
    if target.nbytes != info.nbytes:
        raise ShapeError(f"out has {target.nbytes} bytes, the frame holds {info.nbytes}: {info.dtype} {info.shape}")
    if not target.flags.writeable:
        raise ShapeError("out is read-only: give a writable array")
    # the same axes are filled by index, whatever the memory order; anything else is memory, in the order of the frame
    same_axes = target.ndim > 1 and target.shape == info.shape
    swapped = target.dtype != info.dtype and target.dtype == info.dtype.newbyteorder()
    if same_axes:
        straight = target.flags.f_contiguous if info.order == "F" else target.flags.c_contiguous
    else:
        straight = target.flags.c_contiguous or target.flags.f_contiguous
    if straight and not swapped:
        native.decode(frame, target, model=model)
        return out
    array = _decode_new(frame, info, model)
    if not swapped:
        array = array.reshape(-1, order="A").view(target.dtype)
    order: Literal["C", "F"] = "F" if (info.order == "F" if same_axes else target.flags.f_contiguous) else "C"
    np.copyto(target, array.reshape(-1, order="A").reshape(target.shape, order=order))
    return out


register_codec(Baler)  # for programs that run from a source tree, where no entry point says so
