"""Where models are looked for, by id or name: process, native cache, folders, shipped models. Never the network."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

from . import native
from .errors import BalerError, CorruptDataError, LibraryNotFoundError, ModelNotFoundError
from .model import Model

_ID = re.compile(r"(?:sha256:)?([0-9a-f]{64})\Z")
_registered: dict[str, Model] = {}
_lock = threading.Lock()
_SHIPPED = Path(__file__).parent / "models"
_SYSTEM = (Path("/usr/local/share/baler/models"), Path("/usr/share/baler/models"))  # as the HDF5 filter has them


def load(source: str | os.PathLike[str]) -> Model:
    """Load a model.

    Parameters
    ----------
    source : str or path
        A model file, a model id (``"sha256:…"``), or the name of a model that is installed or shipped with the package.

    Returns
    -------
    Model

    Raises
    ------
    ModelNotFoundError
        If there is no such model; the message names the places searched.
    """
    text = os.fspath(source)
    if _ID.match(text):
        return find(text)
    path = Path(text)
    if path.is_file():
        return _read(path)
    if isinstance(source, str) and not path.suffix and path.name == text:
        return _find_name(text)
    raise ModelNotFoundError(f"no model file {text!r} (in {Path.cwd()}): check the path")


def find(model_id: str) -> Model:
    """Find a model by its id, or raise `ModelNotFoundError` with all the places searched."""
    digest = _digest(model_id)
    with _lock:
        known = _registered.get(digest)
    if known is None:
        known = Model.known(digest)
    if known is not None:
        return known
    try:
        cached = native.cache_get(bytes.fromhex(digest))
    except LibraryNotFoundError:
        cached = None
    if cached is not None:
        return Model.from_bytes(cached)
    damaged = ""
    for folder in folders():
        path = folder / f"{digest}.baler"
        if path.is_file():
            try:
                model = _read(path)
            except BalerError as error:
                damaged = f" ({path} is damaged: {error})"
                continue
            if model.id == f"sha256:{digest}":
                return model
            damaged = f" ({path} holds another model, {model.id})"
    for path in _files(_SHIPPED):
        model = _read(path)
        if model.id == f"sha256:{digest}":
            return model
    raise ModelNotFoundError(
        f"model sha256:{digest} not found: searched the models registered in this process, the cache of the native "
        f"library, {_places()}{damaged}; get its file from where the data come from and run `baler models add FILE`"
    )


def register(model: Model) -> None:
    """Keep a model for this process: it is then found by its id, by Zarr and by the HDF5 filter."""
    with _lock:
        _registered[_digest(model.id)] = model
    native.cache_add(bytes(model))


def add(source: str | os.PathLike[str] | Model, *, name: str | None = None) -> Path:
    """Install a model file for this user, so that every process finds it by its id (and `name`, if given)."""
    model = source if isinstance(source, Model) else _read(Path(source))
    folder = user_folder()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_digest(model.id)}.baler"
    model.save(path)
    if name is not None:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,62}", name):
            raise BalerError(f"{name!r} cannot name a model: use letters, digits, _ and -, beginning with a letter")
        model.save(folder / f"{name}.baler")
    return path


def list_models() -> dict[str, Model]:
    """Return the models that are installed or shipped, by the path of their file; damaged files are left out."""
    found = {}
    for folder in (*folders(), _SHIPPED):
        for path in _files(folder):
            try:
                found[str(path)] = _read(path)
            except BalerError:
                continue
    return found


def folders() -> list[Path]:
    """Return the folders searched: ``BALER_MODEL_PATH``, then the user's, then the system's."""
    named = os.environ.get("BALER_MODEL_PATH", "").split(os.pathsep)
    return [Path(folder) for folder in named if folder] + [user_folder(), *_SYSTEM]


def user_folder() -> Path:
    """Return the folder that `add` installs into."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "baler" / "models"


def is_installed(model_id: str) -> bool:
    """Say whether other processes of this user find the model too."""
    digest = _digest(model_id)
    if any((folder / f"{digest}.baler").is_file() for folder in folders()):
        return True
    return any(_read(path).id == f"sha256:{digest}" for path in _files(_SHIPPED))


def _find_name(name: str) -> Model:
    for folder in (*folders(), _SHIPPED):
        path = folder / f"{name}.baler"
        if path.is_file():
            return _read(path)
    known = sorted({p.stem for f in (*folders(), _SHIPPED) for p in _files(f) if not _ID.match(p.stem)})
    names = f"names known are {', '.join(known)}" if known else "no model has a name here"
    raise ModelNotFoundError(f"no file and no model named {name!r}: searched {Path.cwd()}, {_places()}; {names}")


def _places() -> str:
    places = ", ".join(str(folder) for folder in folders())
    unset = "" if os.environ.get("BALER_MODEL_PATH") else " (BALER_MODEL_PATH is not set)"
    return f"{places}{unset}, the models shipped in {_SHIPPED}"


def is_id(text: str) -> bool:
    """Say whether this is the id of a model."""
    return text.startswith("sha256:") and _ID.match(text) is not None


def _digest(model_id: str) -> str:
    match = _ID.match(model_id)
    if match is None:
        raise ModelNotFoundError(f'{model_id!r} is no model id: one is "sha256:" and 64 hexadecimal digits')
    return match[1]


def _files(folder: Path) -> Iterator[Path]:
    return iter(sorted(folder.glob("*.baler"))) if folder.is_dir() else iter(())


def _read(path: Path) -> Model:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelNotFoundError(f"cannot read the model file {path}: {error.strerror or error}") from None
    try:
        return Model.from_bytes(data)
    except CorruptDataError as error:
        raise CorruptDataError(f"{path}: {error}") from None
