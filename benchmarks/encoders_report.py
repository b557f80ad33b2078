"""The tables of `python -m benchmarks.encoders`; docs/fpga.md holds those of results/encoders.json."""

from __future__ import annotations

from typing import Any

CLOCKS = (100, 200)  # MHz
BEGIN, END = "<!-- encoders -->\n", "<!-- /encoders -->\n"
_WHAT = {
    "native": "the library's integer kernels, the default",
    "reference": "numpy, int64",
    "torch": "torch, the integers in float64: exact",
    "torch float32": "torch, the same layers in float32: a framework's speed, not exact",
    "rtl": "the circuit in Verilator, through its 64-bit streams",
    "hls4ml": "hls4ml's C simulation, Latency strategy",
    "hls4ml-da": "hls4ml's C simulation, distributed arithmetic",
    "pynq, emulated board": "pynq's client and DMA, the circuit simulated behind them",
}


def lines(found: dict[str, Any]) -> list[str]:
    """Return Markdown: for each model what computes latents how fast, then what the circuit needs to be as fast."""
    out: list[str] = []
    for name, entry in found["models"].items():
        out += ["", *_ways(name, entry), "", *_beside(entry)]
    return out[1:]


def put_into(page: str, found: dict[str, Any]) -> str:
    """Return the page with these tables in their place."""
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"the page has no place for the tables: {BEGIN}{END}")
    return before + BEGIN + "\n".join(lines(found)) + "\n" + END + after


def _ways(name: str, entry: dict[str, Any]) -> list[str]:
    widths = "-".join(map(str, entry["widths"]))
    out = [f"| `{name}`, {widths}, {entry['weights']:,} weights | rows/s | of native | |", "|---|---|---|---|"]
    core = entry["ways"]["native"]["rows_per_cpu_second"]
    for way, result in entry["ways"].items():
        about = _WHAT.get(way, "")
        if "failed" in result:
            out.append(f"| {way} | – | – | {about}: {_short(result['failed'])} |")
            continue
        # a board is another process: what passes on the wall is what counts there
        rate = result["rows_per_second"] if way.startswith("pynq") else result["rows_per_cpu_second"]
        out.append(f"| {way} | {_rate(rate)} | {rate / core:.3g} | {about} |")
    circuit = entry["circuit"]
    if "failed" in circuit:
        out.append(f"| the circuit | – | – | {_short(circuit['failed'])} |")
        return out
    cycles = circuit["stream_cycles_a_row"]
    for clock in CLOCKS:
        for what, per_row in (("a row every cycle", 1), (f"64-bit streams, {cycles} cycles a row", cycles)):
            rate = clock * 1e6 / per_row
            out.append(f"| the circuit at {clock} MHz | {_rate(rate)} | {rate / core:.3g} | computed: {what} |")
    return out


def _beside(entry: dict[str, Any]) -> list[str]:
    host, one, circuit = entry["host"], entry["one_row"], entry["circuit"]
    core = entry["ways"]["native"]["rows_per_cpu_second"]
    out = [
        f"- One row, call to answer: {', '.join(f'{way} {t:.1f} µs' for way, t in one.items())} (most of it the call)"
        + (f"; the pipeline {circuit['latency_cycles']} cycles." if "failed" not in circuit else "."),
        f"- A row on the link: {host['bits_of_a_row']} bits raw, {host['bits_of_inputs']} as the network's inputs, "
        f"{host['bits_of_latents']} as latents, {host['bits_in_a_frame']:g} in a frame.",
        f"- The other steps on the same core: inputs {_rate(host['inputs'])} rows/s, a frame from given latents "
        f"{_rate(host['frame_of_given_latents'])}, a frame from rows {_rate(host['whole_frame'])}.",
    ]
    if "failed" not in circuit:
        cycles = circuit["stream_cycles_a_row"]
        out.append(
            f"- As fast as this core's native encoder: the pipeline at {core / 1e6:.3g} MHz, its 64-bit streams at "
            f"{cycles * core / 1e6:.3g} MHz."
        )
    return out


def _rate(rows: float) -> str:
    return f"{rows / 1e6:.3g} M" if rows >= 1e6 else f"{rows / 1e3:.3g} k"


def _short(text: str) -> str:
    kind, _, rest = text.partition(": ")
    return (rest or kind).split("\n")[0][:120].replace("|", "/")
