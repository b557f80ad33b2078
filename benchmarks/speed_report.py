"""Speed as Markdown: the yardsticks and what we lose first, then every coder, adapters, threads, size, entropy."""

from __future__ import annotations

from typing import Any

# what this project measures itself against: (ours, peer, which direction, how many times as fast)
YARDSTICKS = (("SZ3 (hdf5plugin)", "encode", 3.0), ("SPERR (hdf5plugin)", "decode", 2.0))

HEAD = ("| chunk, bound | ours | ours ÷ peer | wanted |", "|---|---|---|---|")


def _rows(found: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(case, bound, coders) for case, bounds in found["cases"].items() for bound, coders in bounds.items()]


def yardsticks(found: dict[str, Any]) -> list[str]:
    """Ours ÷ the peer, processor time, wherever both have a figure."""
    lines = [*HEAD]
    for case, bound, coders in _rows(found):
        for peer, what, wanted in YARDSTICKS:
            other = coders.get(peer, {}).get(f"{what}_mb_s", {}).get("cpu")
            for name, result in coders.items():
                if not name.startswith("Baler") or "in HDF5" in name or not other or "ratio" not in result:
                    continue
                own = result[f"{what}_mb_s"]["cpu"]
                gain = own / other
                mark = "reached" if gain >= wanted else "**not reached**"
                lines.append(
                    f"| {case}, {bound} | {name}, {what} {own:.0f} MB/s "
                    f"| x{gain:.2f} of {peer} ({other:.0f}) | x{wanted:g}: {mark} |"
                )
    return lines if len(lines) > 2 else ["No yardstick was run."]


def beaten(found: dict[str, Any]) -> list[str]:
    """Peers that are smaller and faster both ways than each of ours, by case: nothing of ours is a choice there."""
    lines = []
    for case, bound, coders in _rows(found):
        ours = {n: r for n, r in coders.items() if n.startswith("Baler") and "ratio" in r}
        for name, result in coders.items():
            if name.startswith("Baler") or not result.get("kept") or not ours:
                continue
            if all(_dominates(result, own) for own in ours.values()):
                smallest = max(r["ratio"] for r in ours.values())
                sizes = f"x{result['ratio']:.2f}, ours x{smallest:.2f}"
                lines.append(f"- {case}, {bound}: **{name}** is smaller ({sizes}) and faster both ways")
    return lines


def _dominates(result: dict[str, Any], own: dict[str, Any]) -> bool:
    faster = all(result[k]["cpu"] >= own[k]["cpu"] for k in ("encode_mb_s", "decode_mb_s"))
    return faster and bool(result["ratio"] >= own["ratio"])


def markdown(found: dict[str, Any]) -> str:
    """Everything, the yardsticks first."""
    lines = ["### Against the yardsticks", "", *yardsticks(found), "", *beaten(found), ""]
    lines += [
        "### Every coder",
        "",
        "One thread; MB/s of processor time (of wall time in brackets) of uncompressed data. In tables every column is",
        "scaled by its range before, so that one bound is the same for all. `kept`: every value was inside the bound.",
        "",
    ]
    for case, bound, coders in _rows(found):
        if coders:
            lines += [f"**{case}, {bound}**", "", *_table(coders), ""]
    lines += _adapters(found["adapters"]) + _threads(found["threads"]) + _linear(found["linear"])
    lines += [*_entropy(found["entropy"]), f"Energy: {found['energy']}.", ""]
    return "\n".join(lines)


def _table(coders: dict[str, Any]) -> list[str]:
    energy = any("joules_per_gb" in r for r in coders.values())
    head = ["coder", "ratio", "encode MB/s", "decode MB/s", "bound kept", *(["J per GB, in and out"] if energy else [])]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for name, r in sorted(coders.items(), key=lambda item: -item[1].get("ratio", 0)):
        if "failed" in r:
            lines.append(f"| {name} | no figure: {r['failed']} |" + " |" * (len(head) - 2))
            continue
        rates = [f"{r[k]['cpu']:.0f} ({r[k]['wall']:.0f})" for k in ("encode_mb_s", "decode_mb_s")]
        bold = f"**{name}**" if name.startswith("Baler") else name
        cells = [bold, f"{r['ratio']:.2f}", *rates, "yes" if r["kept"] else "**NO**"]
        lines.append("| " + " | ".join([*cells, *([str(r.get("joules_per_gb", ""))] if energy else [])]) + " |")
    return lines


def _adapters(found: dict[str, Any]) -> list[str]:
    lines = ["### Adapters", "", "Processor time beyond the library's own call, one chunk in memory.", ""]
    if "failed" in found:
        return [*lines, f"No figure: {found['failed']}", ""]
    lines += ["| | library, ms in / out | way | encode | decode |", "|---|---|---|---|---|"]
    for coder, entry in found.items():
        native = f"{entry['native_ms']['encode']} / {entry['native_ms']['decode']}"
        for way in dict.fromkeys(k.rpartition(", ")[0] for k in entry if ", " in k):
            cells = []
            for what in ("encode", "decode"):
                e = entry[f"{way}, {what}"]
                cells.append(
                    f"{e['percent']:+.1f} % ({e['percent_beyond_container']:+.1f} % beyond the container's copy)"
                )
            lines.append(f"| {coder} | {native} | {way} | {cells[0]} | {cells[1]} |")
    return [*lines, ""]


def _threads(found: dict[str, Any]) -> list[str]:
    lines = ["### Two threads", ""]
    if "failed" in found:
        return [*lines, f"No figure: {found['failed']}", ""]
    lines += [
        f"{found['chunks']} chunks of {found['chunk_bytes'] / 2**20:.1f} MiB, seconds on the wall.",
        "",
        "| | one thread | two | gain |",
        "|---|---|---|---|",
    ]
    for name, r in found.items():
        if isinstance(r, dict):
            lines.append(f"| {name} | {r['seconds'][0]:.3f} | {r['seconds'][1]:.3f} | x{r['gain']:.2f} |")
    return [*lines, ""]


def _linear(found: dict[str, Any]) -> list[str]:
    lines = [
        "### Size of chunks",
        "",
        "Milliseconds of processor time a MiB, and the most memory beside input and output.",
        "",
        "| | chunk | encode ms/MiB | decode ms/MiB | encode memory MiB | decode memory MiB |",
        "|---|---|---|---|---|---|",
    ]
    for name, sizes in found.items():
        for size, r in sizes.items():
            if "failed" in r:
                lines.append(f"| {name} | {size} | no figure: {r['failed']} | | | |")
                continue
            keys = ("encode_ms_per_mib", "decode_ms_per_mib", "encode_memory_mib", "decode_memory_mib")
            lines.append(f"| {name} | {size} | " + " | ".join(f"{r[k]:.1f}" for k in keys) + " |")
    return [*lines, ""]


def _entropy(found: dict[str, Any]) -> list[str]:
    if "failed" in found:
        return [f"Entropy coder: no figure: {found['failed']}", ""]
    return [
        "### Entropy coder",
        "",
        f"Independent numbers of {found['entropy_bits']:.3f} bits take {found['bits_per_symbol']:.3f} bits each; "
        f"{found['encode_million_symbols_s']:.0f} million a second in (with everything that an encoder tries), "
        f"{found['decode_million_symbols_s']:.0f} out.",
        "",
    ]
