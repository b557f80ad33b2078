"""What is wrong with the datasets of a file, and models for those that have lost them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np

from .. import native, registry
from ..errors import BalerError, ModelNotFoundError
from ..model import Model
from ._embedding import embed, filter_settings, read_model

_MAX_LISTED = 5  # damaged chunks of a dataset


@dataclass(frozen=True)
class Finding:
    """One dataset that was written with our filter."""

    dataset: str
    model_id: str | None
    model: str  # "none", "in the file", "elsewhere", "missing", "altered", "unreadable parameters"
    place: str = ""  # where it is, or what is wrong
    damaged: tuple[str, ...] = ()  # chunks, with what is wrong

    @property
    def healthy(self) -> bool:
        """Whether everybody who has the file and the plugin can read the dataset."""
        return self.model in ("none", "in the file") and not self.damaged

    def __str__(self) -> str:
        text = f"{self.dataset}: "
        text += "no model needed" if self.model == "none" else f"model {self.model_id} {self.model}"
        text += f" ({self.place})" if self.place else ""
        return text + "".join(f"\n    chunk {chunk}" for chunk in self.damaged)


def diagnose(where: Any, *, check: bool = False) -> list[Finding]:
    """Look at every dataset of a file that was written with our filter.

    Parameters
    ----------
    where : h5py.File or h5py.Group
        Links to other files are not followed.
    check : bool
        Also read the header and CRC of every chunk.
    """
    return [_look(dataset, check) for dataset in datasets(where)]


def mend(where: Any, sources: Iterable[Any] = ()) -> list[str]:
    """Put the models that the datasets of a file need into it.

    Parameters
    ----------
    where : h5py.File or h5py.Group
        Open for writing.
    sources : iterable of Model, path, str or h5py.File
        Where models may be, before the places that `baler_codec.load` searches.

    Returns
    -------
    list of str
        Ids of the models that were put into the file.

    Raises
    ------
    ModelNotFoundError
        If one was not found; the others are in the file then.
    """
    offered: dict[str, Model] = {}
    for source in sources:
        for model in _models(source):
            offered[model.id] = model
    done, lost = [], []
    for finding in diagnose(where):
        if finding.model_id is None or finding.healthy or finding.model_id in done:
            continue
        try:
            embed(where, offered.get(finding.model_id) or registry.find(finding.model_id))
        except ModelNotFoundError:
            lost.append(finding)
            continue
        done.append(finding.model_id)
    if lost:
        needed = "; ".join(f"{finding.dataset} needs {finding.model_id}" for finding in lost)
        raise ModelNotFoundError(
            f"{where.file.filename}: {needed}: give the model file, or the HDF5 file that the data were copied from"
        )
    return done


def datasets(where: Any) -> Iterator[Any]:
    """Yield the datasets under a group whose pipeline has our filter."""
    names: list[str] = []
    where.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    for name in names:
        dataset = where[name]
        if dataset.chunks is not None and _has_filter(dataset):
            yield dataset


def _has_filter(dataset: Any) -> bool:
    try:
        return filter_settings(dataset) is not None
    except BalerError:
        return True


def _look(dataset: Any, check: bool) -> Finding:
    try:
        model_id = filter_settings(dataset).model_id
    except BalerError as error:
        return Finding(dataset.name, None, "unreadable parameters", str(error))
    damaged = tuple(_damaged(dataset)) if check else ()
    if model_id is None:
        return Finding(dataset.name, None, "none", damaged=damaged)
    try:
        read_model(dataset)
    except ModelNotFoundError:
        pass
    except BalerError as error:
        return Finding(dataset.name, model_id, "altered", str(error), damaged)
    else:
        return Finding(dataset.name, model_id, "in the file", damaged=damaged)
    if registry.is_installed(model_id):
        return Finding(dataset.name, model_id, "elsewhere", "installed here; others cannot read it", damaged)
    return Finding(dataset.name, model_id, "missing", damaged=damaged)


def _damaged(dataset: Any) -> Iterator[str]:
    places: list[tuple[int, ...]] = []
    dataset.id.chunk_iter(lambda info: places.append(tuple(info.chunk_offset)))
    plist = dataset.id.get_create_plist()
    if plist.get_nfilters() > 1:
        return  # the chunks on disk are those of the last filter
    listed = 0
    for place in places:
        mask, frame = dataset.id.read_direct_chunk(place)
        try:
            if not mask & 1:
                native.frame_info(np.frombuffer(frame, np.uint8), verify=True)
        except BalerError as error:
            listed += 1
            if listed > _MAX_LISTED:
                yield "and more"
                return
            yield f"{place}: {error}"


def _models(source: Any) -> Iterator[Model]:
    if isinstance(source, Model):
        yield source
    elif isinstance(source, h5py.HLObject):
        for dataset in datasets(source.file):
            model_id = filter_settings(dataset).model_id
            if model_id is not None:
                yield read_model(dataset)
        for name in source.file.get("/.baler/models", ()):
            yield read_model(source.file, f"sha256:{name}")
    elif isinstance(source, str | os.PathLike) and os.path.isfile(source) and h5py.is_hdf5(source):
        with h5py.File(source) as file:
            yield from list(_models(file))
    else:
        yield registry.load(source)
