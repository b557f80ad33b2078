"""`python -m benchmarks`: all tables at all bounds, ours and the peers'; JSON and Markdown into benchmarks/results."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from . import report, tables

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--table", action="append", help="only this table (may be repeated)")
    parser.add_argument("--bound", action="append", help='only this bound, as "HEP" or "range 1e-3"')
    parser.add_argument("--rows", type=int, default=tables.CHUNK_ROWS, help="rows of each table (0: all)")
    parser.add_argument("--only", default="", help="only methods with this in their name")
    parser.add_argument(
        "--model", type=Path, action="append", default=[], help="a .baler model to run beside the built-in"
    )
    parser.add_argument("--out", type=Path, default=RESULTS / "tables.json")
    options = parser.parse_args()

    results: dict[str, Any] = {}
    for table in tables.load(options.rows or None):
        if options.table and table.name not in options.table:
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
    report.save(options.out, {"tables": results})
    text = report.markdown(results)
    options.out.with_suffix(".md").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
