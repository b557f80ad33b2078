"""`python -m benchmarks [tables|grids]`: ours and the peers' at all bounds; JSON and Markdown into results/."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from . import grid_report, grid_run, report, tables

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", nargs="*", default=["tables", "grids"], help='"tables", "grids", or both')
    parser.add_argument(
        "--data", action="append", help='only this table, or grids whose names begin so, as "jets B" (may be repeated)'
    )
    parser.add_argument("--bound", action="append", help='only this bound, as "HEP", "range 1e-3" or "exact"')
    parser.add_argument("--rows", type=int, default=tables.CHUNK_ROWS, help="rows of each table (0: all)")
    parser.add_argument("--only", default="", help="only methods with this in their name (tables)")
    parser.add_argument("--model", type=Path, action="append", default=[], help="a model to run beside the built-in")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    options = parser.parse_args()
    if unknown := set(options.what) - {"tables", "grids"}:
        parser.error(f"no benchmark {', '.join(unknown)}: there are tables and grids")
    if "tables" in options.what:
        found = run_tables(options)
        write(options.out / "tables", {"tables": found}, report.markdown(found))
    if "grids" in options.what:
        found = grid_run.run(options.data, options.bound)
        write(options.out / "grids", {"grids": found}, grid_report.markdown(found))


def run_tables(options: argparse.Namespace) -> dict[str, Any]:
    results: dict[str, Any] = {}
    for table in tables.load(options.rows or None):
        if options.data and table.name not in options.data:
            continue
        rows, columns = table.values.shape
        results[table.name] = {"rows": rows, "columns": columns, "note": table.note, "bounds": {}}
        for bound in table.bounds:
            if options.bound and bound not in options.bound:
                continue
            found = tables.run_ours(table, bound, options.model, options.only)
            found |= tables.run_peers(table, bound, options.only)
            results[table.name]["bounds"][bound] = found
            for name, result in found.items():
                print(f"{table.name:8} {bound:12} {name:44} {result.get('ratio') or result['failed']}", flush=True)
    return results


def write(path: Path, results: dict[str, Any], text: str) -> None:
    report.save(path.with_suffix(".json"), results)
    path.with_suffix(".md").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
