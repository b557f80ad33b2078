"""ROOT trees, read with uproot: flat branches, or jagged branches of equal counts, flattened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import BalerError, ShapeError
from .columns import choose, stack
from .source import Source


def open_source(path: Path, name: str, columns: Sequence[str]) -> Source:
    """Read branches of a tree as a table, one row per entry, or per item of jagged branches."""
    try:
        import uproot
    except ImportError:
        raise BalerError(f'{path}: reading ROOT files needs uproot: pip install "baler-codec[root]"') from None
    try:
        file = uproot.open(path)
    except Exception as error:
        raise BalerError(f"{path}: not readable as a ROOT file ({error})") from None
    with file:
        tree = _tree(file, path, name)
        where = f"{path}:{tree.name}"
        chosen = choose(tree.keys(), columns, where) if columns else list(tree.keys())
        values, flattened = _branches(tree, chosen, bool(columns) and chosen == list(columns), where)
    if not values:
        raise BalerError(f"{where}: no branch of numbers among {', '.join(chosen)}")
    table, notes = stack(values, where)
    if flattened:
        notes.insert(0, f"{where}: jagged branches were flattened to {len(table)} rows; the counts are not kept")
    return Source(table, tuple(values), notes=notes)


def _tree(file: Any, path: Path, name: str) -> Any:
    trees = [key.partition(";")[0] for key, kind in file.classnames().items() if kind in ("TTree", "ROOT::RNTuple")]
    trees = list(dict.fromkeys(trees))
    if not name and len(trees) == 1:
        name = trees[0]
    if name.strip("/") not in trees:
        wish = f"no tree {name!r}" if name else "several trees" if trees else "no tree"
        raise BalerError(f'{path}: {wish}; there are {", ".join(trees) or "none"} (write "{path}:TREE")')
    return file[name.strip("/")]


def _branches(tree: Any, names: list[str], all_named: bool, where: str) -> tuple[dict[str, npt.NDArray[Any]], bool]:
    """Return the columns of numbers and whether they were flattened."""
    import awkward as ak

    flat: dict[str, npt.NDArray[Any]] = {}
    jagged: dict[str, tuple[npt.NDArray[Any], npt.NDArray[Any]]] = {}
    for name in names:
        try:
            array = tree[name].array(library="ak")
            depth = array.ndim
            plain = ak.to_numpy(ak.flatten(array, axis=None) if depth > 1 else array)
        except Exception:
            plain, depth = np.empty(0, "O"), 0
        if plain.dtype.kind not in "fiub" or depth not in (1, 2):
            if all_named:
                raise BalerError(f"{where}: branch {name!r} does not hold one number, or one list of numbers, an entry")
            continue
        if depth == 1:
            flat[name] = plain
        else:
            jagged[name] = (plain, ak.to_numpy(ak.num(array)))
    if not jagged:
        return flat, False
    if flat and all_named:
        both = f"{', '.join(list(flat)[:3])} have one value an entry, {', '.join(list(jagged)[:3])} have lists"
        raise ShapeError(f"{where}: {both}: choose the ones or the others with --columns")
    if flat and not all_named:
        counters = [n for n in flat if not n.startswith("n")]
        if counters:
            both = f"{', '.join(counters[:3])} have one value an entry, {', '.join(list(jagged)[:3])} have lists"
            raise ShapeError(f"{where}: {both}: choose the ones or the others with --columns")
    counts = next(iter(jagged.values()))[1]
    for name, (_, own) in jagged.items():
        if not np.array_equal(own, counts):
            first = next(iter(jagged))
            raise ShapeError(f"{where}: {first!r} and {name!r} have lists of different lengths: choose with --columns")
    return {name: values for name, (values, _) in jagged.items()}, True
