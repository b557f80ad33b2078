"""Bounds as they are typed: one for all, or ``column=bound`` pairs with ``*`` and ``?`` in the names."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence

from ..bound import ErrorBound
from ..errors import BoundError
from ..records import Record

GRAMMAR = '"abs=1e-3", or by column "pt=pw_rel=1e-3,eta=abs=1e-3,*=exact"'


def parse(text: str, names: Sequence[str]) -> ErrorBound | dict[str, ErrorBound]:
    """Read bounds for a table with these columns.

    Parameters
    ----------
    text : str
        One bound, or pairs divided by commas. A column takes the pair of its own name, else the first pattern that
        fits it. Every column needs a bound.
    names : sequence of str
        The columns; empty when the data have none.
    """
    pairs = _pairs(text)
    if isinstance(pairs, ErrorBound):
        return pairs
    if not names:
        raise BoundError(f"bounds by column name ({', '.join(pairs)}), and the data have no columns: write one bound")
    unused = [p for p in pairs if not any(n == p or fnmatch.fnmatchcase(n, p) for n in names)]
    if any(p != "*" for p in unused):
        raise BoundError(f"bounds for columns that are not there: {', '.join(unused)}; there are {', '.join(names)}")
    result: dict[str, ErrorBound] = {}
    for name in names:
        match = name if name in pairs else next((p for p in pairs if fnmatch.fnmatchcase(name, p)), None)
        if match is None:
            raise BoundError(f'no bound for column {name!r} in {text!r}: add "{name}=…", or "*=…" for all the others')
        result[name] = pairs[match]
    return result


def parse_fields(text: str, record: Record) -> ErrorBound | dict[str, ErrorBound]:
    """Read bounds for records: as for tables, but patterns are for floats alone, and no field must be named."""
    pairs = _pairs(text)
    if isinstance(pairs, ErrorBound):
        return pairs
    result = {name: bound for name, bound in pairs.items() if not set(name) & set("*?")}
    floats = [f.name for f in record.fields if f.numbers and f.kind == "f"]
    for pattern in (name for name in pairs if name not in result):
        found = [name for name in floats if fnmatch.fnmatchcase(name, pattern)]
        if not found and pattern != "*":
            raise BoundError(f"no field of floats fits {pattern!r} in {text!r}; there are {', '.join(floats)}")
        result = {name: pairs[pattern] for name in found} | result
    return result


def _pairs(text: str) -> ErrorBound | dict[str, ErrorBound]:
    items = [item.strip() for item in text.split(",") if item.strip()]
    if len(items) == 1 and items[0].partition("=")[0].strip() in ErrorBound.KINDS and items[0].count("=") < 2:
        return ErrorBound.parse(items[0])
    pairs: dict[str, ErrorBound] = {}
    for item in items:
        name, equals, bound = item.partition("=")
        if not equals or not name.strip():
            raise BoundError(f"cannot read {item!r} in the bound {text!r}: write {GRAMMAR}")
        if name.strip() in pairs:
            raise BoundError(f"two bounds for {name.strip()!r} in {text!r}")
        pairs[name.strip()] = ErrorBound.parse(bound.strip())
    if not pairs:
        raise BoundError(f"an empty bound: write {GRAMMAR}")
    return pairs
