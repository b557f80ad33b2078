"""Ours and the peers', each figure at a checked bound: JSON, Markdown and plots.

python -m benchmarks                    all parts, at most 25 minutes on a quiet core: docs/benchmarks.md
python -m benchmarks --quick --out DIR  all parts on little data, under three minutes
python -m benchmarks speed --data mine.h5:field --bound 1e-3 --out DIR
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "BLOSC_NTHREADS", "BALER_NUM_THREADS"):  # before anything is loaded
    os.environ[_name] = "1"

from . import grid_run, own_data, page, report, speed, tables  # noqa: E402
from .speed_data import MIB  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("tables", "grids", "speed", "kernels")
SHIPPED = ROOT / "baler_codec" / "models" / "cms_jets.baler"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", default=[], help=f"of {', '.join(PARTS)}; all unless told")
    parser.add_argument(
        "--data",
        action="append",
        default=[],
        help='your file (npy, npz, HDF5, Zarr, ROOT; "file.h5:dataset"), or tables and grids whose names begin so '
        "(repeatable)",
    )
    parser.add_argument(
        "--bound", action="append", default=[], help='only this, as "1e-3", "HEP" or "exact" (repeatable)'
    )
    parser.add_argument("--peers", default="", help="only peers with this in their name")
    parser.add_argument("--chunk", type=float, default=4.0, help="MiB in a chunk (speed, your data)")
    parser.add_argument("--rows", type=int, default=tables.CHUNK_ROWS, help="rows of each table (0: all)")
    parser.add_argument(
        "--model", type=Path, action="append", default=[], help="a model beside the shipped one (tables)"
    )
    parser.add_argument("--quick", action="store_true", help="little data, few peers, one bound")
    parser.add_argument("--all-grids", action="store_true", help="every chunk of the grids, not only one of each kind")
    parser.add_argument("--out", type=Path, help="folder of everything (default: benchmarks/results and docs)")
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}: there are {', '.join(PARTS)}")
    found = run(options)
    results, docs = (options.out, options.out) if options.out else (ROOT / "benchmarks" / "results", ROOT / "docs")
    for part, value in found.items():
        report.save(results / f"{part}.json", {part: value})
    print(page.write(found, results, docs))


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Return the results of each part that was asked for."""
    files = [d for d in options.data if own_data.is_address(d)]
    names = [d for d in options.data if d not in files]
    own = [own_data.read(f, int(options.chunk * MIB)) for f in files]
    mine = bool(own) and not names
    ranges = [b.removeprefix("range ") for b in options.bound if b[-1:].isdigit()]
    bounds = [f"range {b}" if b in ranges else b for b in map(lambda b: b.removeprefix("range "), options.bound)]
    if options.quick and not bounds:
        bounds, ranges = ["range 1e-3", "exact"], ["1e-3"]
    found: dict[str, Any] = {}
    parts = options.parts or PARTS
    if "tables" in parts:
        chosen = [own_data.as_table(*o) for o in own if own_data.is_table(o[1])]
        if not mine:
            loaded = tables.load(2000 if options.quick else options.rows or None)
            loaded = [t for t in loaded if not names or t.name.startswith(tuple(names))]
            chosen += loaded[:1] if options.quick else loaded
        found["tables"] = run_tables(chosen, bounds, options)
    if "grids" in parts:
        grids = [own_data.as_grid(o[0], o[1]) for o in own if not own_data.is_table(o[1])]
        if not mine:
            grids += grid_run.at_hand(names, options.quick, options.all_grids)
        found["grids"] = grid_run.run(grids, bounds, options.peers)
    if "speed" in parts:
        cases = [own_data.as_case(o[0], o[1]) for o in own]
        found["speed"] = speed.run(options.quick, options.peers, ranges, options.chunk, cases)
    if "kernels" in parts and (kernels := _kernels(options.quick)) is not None:
        found["kernels"] = kernels
    return found


def run_tables(chosen: list[tables.Table], bounds: list[str], options: argparse.Namespace) -> dict[str, Any]:
    results: dict[str, Any] = {}
    for table in chosen:
        rows, columns = table.values.shape
        models = [*([SHIPPED] if columns == 24 and SHIPPED.exists() else []), *options.model]
        results[table.name] = {"rows": rows, "columns": columns, "note": table.note, "bounds": {}}
        for bound in table.bounds:
            if bounds and bound not in bounds:
                continue
            found = tables.run_ours(table, bound, models)
            found |= tables.run_peers(table, bound, options.peers)
            results[table.name]["bounds"][bound] = found
            for name, result in found.items():
                print(f"{table.name:8} {bound:12} {name:44} {result.get('ratio') or result['failed']}", flush=True)
    return results


def _kernels(quick: bool) -> Any:
    try:
        from . import kernels
    except ImportError:
        return None
    return kernels.run(2048) if quick else kernels.run()


if __name__ == "__main__":
    main()
