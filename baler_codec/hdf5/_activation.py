"""Opt-in: every Python process of this environment, and its children, find the filter, whatever library they use."""

from __future__ import annotations

import site
import sysconfig
from pathlib import Path

from .._plugin_path import DEFAULT_FOLDERS, PLUGIN_PATH
from ..errors import BalerError

_NAME = "_baler_hdf5_plugin_path"
_PTH = f"""\
import {_NAME}
"""
_MODULE = '''\
"""Written by `baler hdf5 enable`, removed by `baler hdf5 disable`: tells HDF5 libraries where the filter is."""

import os

FOLDER = {folder!r}
DEFAULTS = {defaults!r}  # the variable replaces the folders compiled into HDF5


def activate():
    value = os.environ.get("HDF5_PLUGIN_PATH")
    if value is None:
        folders = [folder for folder in DEFAULTS if os.path.isdir(folder)]
    else:
        folders = [folder for folder in value.split(os.pathsep) if folder]
    if FOLDER not in folders and os.path.isdir(FOLDER):
        os.environ["HDF5_PLUGIN_PATH"] = os.pathsep.join([FOLDER, *folders])


activate()
'''


def enable(folder: Path | None = None) -> Path:
    """Let every Python process of this environment put the plugin's folder into ``HDF5_PLUGIN_PATH`` when it starts.

    Parameters
    ----------
    folder : path, optional
        Of site packages; by default those of this environment, or the user's if they cannot be written.

    Returns
    -------
    Path
        The ``.pth`` file that was written. A module of the same name lies beside it.
    """
    wanted = [folder] if folder is not None else site_folders()
    module = _MODULE.format(folder=PLUGIN_PATH, defaults=DEFAULT_FOLDERS)
    refused = ""
    for place in wanted:
        try:
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{_NAME}.py").write_text(module)
            (place / f"{_NAME}.pth").write_text(_PTH)
        except OSError as error:
            refused = f"{place}: {error.strerror}"
            continue
        return place / f"{_NAME}.pth"
    raise BalerError(f"no site folder can be written ({refused}): set HDF5_PLUGIN_PATH to what `baler hdf5 path` says")


def disable(folder: Path | None = None) -> list[Path]:
    """Undo `enable`; return the files removed."""
    removed = []
    for place in [folder] if folder is not None else site_folders():
        for path in (place / f"{_NAME}.pth", place / f"{_NAME}.py"):
            if path.exists():
                path.unlink()
                removed.append(path)
    return removed


def enabled() -> Path | None:
    """Return the file that `enable` has written, None when there is none."""
    return next((p for place in site_folders() if (p := place / f"{_NAME}.pth").exists()), None)


def site_folders() -> list[Path]:
    """Return the folders for site packages, this environment's first."""
    folders = [Path(sysconfig.get_path("purelib"))]
    if site.ENABLE_USER_SITE:
        folders.append(Path(site.getusersitepackages()))
    return folders
