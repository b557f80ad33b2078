"""Verilog of a circuit: a pipeline that takes a row and gives a row of latents in every cycle, without multipliers."""

from __future__ import annotations

from dataclasses import dataclass

from .circuit import Circuit, Node

LANE = 16  # bits of an input and of a latent in the ports


@dataclass(frozen=True)
class Pipeline:
    """The text of module `encoder`, and how many cycles lie between a row and its latents."""

    text: str
    latency: int
    registers: int  # bits


def pipeline(circuit: Circuit, levels: int, note: str) -> Pipeline:
    """Write module `encoder`.

    Parameters
    ----------
    circuit : Circuit
        What it computes.
    levels : int
        Adders one behind the other between two registers.
    note : str
        First line of the file.
    """
    nodes = circuit.nodes
    stage = [max(node.level - 1, 0) // levels for node in nodes]
    end = max((stage[n] for n in circuit.outputs), default=0)
    needed: dict[int, int] = {}  # node -> the latest stage that reads it
    for i, node in enumerate(nodes):
        for operand in (node.a, node.b):
            if operand >= 0:
                needed[operand] = max(needed.get(operand, 0), stage[i])
    for n in circuit.outputs:
        needed[n] = max(needed.get(n, 0), end + 1)
    lines, clocked, registers = [], [], 0
    for i, node in enumerate(nodes):
        if i not in needed or node.kind == "constant":
            continue
        lines.append(f"    wire signed [{node.bits - 1}:0] {_name(i)} = {_expression(circuit, node, stage, stage[i])};")
        for s in range(stage[i] + 1, needed[i] + 1):
            before, now = _at(i, s - 1, stage), _at(i, s, stage)
            lines.append(f"    reg signed [{node.bits - 1}:0] {now};")
            clocked.append(f"        {now} <= {before};")
            registers += node.bits
    inputs = sum(node.kind == "input" for node in nodes)
    for o, n in enumerate(circuit.outputs):
        value = _literal(nodes[n].value, LANE) if nodes[n].kind == "constant" else _at(n, end + 1, stage)
        lines.append(f"    wire signed [{LANE - 1}:0] y{o} = {value};")
        lines.append(f"    assign y[{LANE * o + LANE - 1}:{LANE * o}] = y{o};")
    text = "\n".join(
        [
            f"// {note}",
            f"// {circuit.adders} adders, {registers} bits of registers, {end + 1} cycles from x to y, a row a cycle.",
            "module encoder (",
            "    input wire clk,",
            f"    input wire [{LANE * inputs - 1}:0] x,",
            f"    output wire [{LANE * len(circuit.outputs) - 1}:0] y",
            ");",
            *lines,
            "    always @(posedge clk) begin",
            *clocked,
            "    end",
            "endmodule",
            "",
        ]
    )
    return Pipeline(text, end + 1, registers)


def _name(node: int) -> str:
    return f"n{node}"


def _at(node: int, stage: int, stages: list[int]) -> str:
    """Name of a node's value as a stage sees it."""
    delay = stage - stages[node]
    return _name(node) if delay == 0 else f"n{node}_{delay}"


def _expression(circuit: Circuit, node: Node, stages: list[int], stage: int) -> str:
    def operand(n: int, shift: int = 0) -> str:
        source = circuit.nodes[n]
        if source.kind == "constant":
            return _literal(source.value << shift, node.bits)
        name = _at(n, stage, stages)
        return f"({name} <<< {shift})" if shift else name

    if node.kind == "input":
        return f"x[{LANE * node.value + node.bits - 1}:{LANE * node.value}]"
    if node.kind == "add":
        return f"{operand(node.a, node.shift_a)} {'-' if node.minus else '+'} {operand(node.b, node.shift_b)}"
    a = operand(node.a)
    source = circuit.nodes[node.a]
    if node.kind == "shift":
        return f"{a} >>> {node.shift_a}"
    if node.kind == "slope":
        return f"({a} < 0) ? ({a} >>> {node.shift_a}) : {a}"
    if node.kind == "left":
        return f"{a} <<< {node.shift_a}"
    assert node.kind == "clip"
    top = node.bits - 1
    if node.low == -(1 << top) and node.high == (1 << top) - 1 and source.low < node.low and source.high > node.high:
        # whether it fits is whether the upper bits are all the same: no comparison
        sign = f"{a}[{source.bits - 1}]"
        fits = f"{a}[{source.bits - 1}:{top}] == {{{source.bits - top}{{{sign}}}}}"
        return f"({fits}) ? {a}[{top}:0] : {{{sign}, {{{top}{{~{sign}}}}}}}"
    text = a
    if source.low < node.low:
        text = f"({a} < {_literal(node.low, source.bits)}) ? {_literal(node.low, source.bits)} : {text}"
    if source.high > node.high:
        text = f"({a} > {_literal(node.high, source.bits)}) ? {_literal(node.high, source.bits)} : {text}"
    return text


def _literal(value: int, bits: int) -> str:
    # wide enough for the magnitude too: of a negative literal the sign is an operator
    bits = max(bits, abs(value).bit_length() + 1)
    return f"-{bits}'sd{-value}" if value < 0 else f"{bits}'sd{value}"
