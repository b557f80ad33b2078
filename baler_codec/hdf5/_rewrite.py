"""A file written anew with other compression: everything else in it stays as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np

from ..errors import BalerError
from ._embedding import embed, filter_settings, read_model

# How a dataset is to be written: keywords of create_dataset, or None to copy it as it is.
Choice = Callable[[Any], "dict[str, Any] | None"]

_STORY = ("baler_model", "baler_compression")
_SCALES = ("CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "DIMENSION_LABELS")  # h5py makes them anew
_AT_ONCE = 1 << 24  # bytes of a dataset that is not chunked


def rewrite(source: Any, target: Any, choose: Choice) -> list[str]:
    """Copy a file, with some datasets compressed otherwise.

    Parameters
    ----------
    source, target : h5py.File
        The target is empty and open for writing.
    choose : callable
        Given a dataset, it says how to write it: keywords for ``create_dataset``, or None to leave it as it is.

    Returns
    -------
    list of str
        The datasets that were written anew.

    Raises
    ------
    BalerError
        If the file holds references, which would point nowhere; dimension scales are kept.
    """
    names: list[str] = []
    chosen: dict[int, dict[str, Any]] = {}  # by the address of the dataset, which may have several names
    places: dict[int, str] = {}
    links = [(name, link) for name, link in _links(source) if not f"{name}/".startswith(".baler/")]
    for name, link in links:
        item = source[name] if isinstance(link, h5py.HardLink) else None
        if item is None or _where(item) in chosen:
            continue
        _refuse_references(item)
        keywords = choose(item) if isinstance(item, h5py.Dataset) else None
        if keywords is not None:
            chosen[_where(item)] = keywords
            names.append(name)
    _copy_attributes(source, target)
    for name, link in links:
        if isinstance(link, h5py.SoftLink | h5py.ExternalLink):
            target[name] = link
            continue
        item = source[name]
        where = _where(item)
        if where in places:
            target[name] = target[places[where]]
            continue
        places[where] = name
        if isinstance(item, h5py.Group):
            made = target.create_group(name, track_order=_tracks(item))
        elif isinstance(item, h5py.Datatype):
            target[name] = item.dtype
            made = target[name]
        elif where in chosen:
            made = _write(item, target, name, chosen[where])
        else:
            source.copy(source[name], target, name, without_attrs=True)
            made = target[name]
            _bring_model(item, target)
        _copy_attributes(item, made)
    _attach_scales(source, target, places)
    return sorted(names)


def _write(item: Any, target: Any, name: str, keywords: dict[str, Any]) -> Any:
    kept: dict[str, Any] = {"track_times": False}
    if item.maxshape != item.shape:
        kept["maxshape"] = item.maxshape
    if item.chunks is not None:
        kept["chunks"] = item.chunks
    if item.id.get_create_plist().fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED:
        kept["fillvalue"] = item.fillvalue
    made = target.create_dataset(name, item.shape, item.dtype, **(kept | keywords))
    for part in _parts(item):
        made[part] = item[part]
    return made


def _parts(item: Any) -> Iterator[Any]:
    if not item.size:
        return
    if item.chunks is not None:
        yield from item.iter_chunks()
        return
    if not item.shape:
        yield ()
        return
    row = max(item.nbytes // item.shape[0], 1)
    step = max(_AT_ONCE // row, 1)
    for begin in range(0, item.shape[0], step):
        yield slice(begin, begin + step)


def _bring_model(item: Any, target: Any) -> None:
    settings = filter_settings(item) if item.chunks is not None else None
    if settings is not None and settings.model_id is not None:
        embed(target, read_model(item))


def _links(source: Any) -> Iterator[tuple[str, Any]]:
    """Yield every link in an order in which groups come before what they hold."""
    waiting, seen = [("", source)], {_where(source)}
    while waiting:
        prefix, group = waiting.pop(0)
        for name in group:
            path = f"{prefix}{name}"
            link = group.get(name, getlink=True)
            yield path, link
            if isinstance(link, h5py.HardLink):
                item = group[name]
                if isinstance(item, h5py.Group) and _where(item) not in seen:
                    seen.add(_where(item))
                    waiting.append((f"{path}/", item))


def _where(item: Any) -> int:
    address: int = h5py.h5o.get_info(item.id).addr
    return address


def _tracks(group: Any) -> bool:
    order = group.id.get_create_plist().get_link_creation_order()
    return bool(order & h5py.h5p.CRT_ORDER_TRACKED)


def _copy_attributes(item: Any, made: Any) -> None:
    dataset = isinstance(item, h5py.Dataset)
    for name in item.attrs:
        if name in made.attrs or (dataset and (name in _STORY or (name in _SCALES and _belongs_to_scales(item)))):
            continue
        attribute = h5py.h5a.open(item.id, name.encode())
        copy = h5py.h5a.create(made.id, name.encode(), attribute.get_type(), attribute.get_space())
        if attribute.get_space().get_simple_extent_type() != h5py.h5s.NULL:
            data = np.empty(attribute.shape, attribute.dtype)
            plain = None if attribute.dtype.hasobject else attribute.get_type()  # as it is, without conversion
            attribute.read(data, mtype=plain)
            copy.write(data, mtype=plain)


def _belongs_to_scales(item: Any) -> bool:
    return item.is_scale or any(name in item.attrs for name in ("DIMENSION_LIST", "REFERENCE_LIST"))


def _attach_scales(source: Any, target: Any, places: dict[int, str]) -> None:
    items = [(source[name], target[name]) for name in places.values()]
    pairs = [(item, made) for item, made in items if isinstance(item, h5py.Dataset)]
    for item, made in pairs:
        if item.is_scale and not made.is_scale:
            name = h5py.h5ds.get_scale_name(item.id)
            made.make_scale(name.decode() if isinstance(name, bytes) else name)
    for item, made in pairs:
        if item.shape is None:
            continue
        for axis, dimension in enumerate(item.dims):
            for scale in dimension.values():
                made.dims[axis].attach_scale(target[places[_where(scale)]])
            if dimension.label:
                made.dims[axis].label = dimension.label


def _refuse_references(item: Any) -> None:
    names = [name for name in item.attrs if name not in _SCALES and _refers(item.attrs.get_id(name).dtype)]
    if isinstance(item, h5py.Dataset) and _refers(item.dtype):
        names.append("its values")
    if names:
        raise BalerError(
            f"{item.name} holds references ({', '.join(names)}), which would point nowhere in a new file: use h5repack"
        )


def _refers(dtype: np.dtype[Any]) -> bool:
    if h5py.check_ref_dtype(dtype) is not None:
        return True
    base = h5py.check_vlen_dtype(dtype)
    if isinstance(base, np.dtype):
        return _refers(base)
    if dtype.subdtype is not None:
        return _refers(dtype.subdtype[0])
    return dtype.fields is not None and any(_refers(field[0]) for field in dtype.fields.values())
