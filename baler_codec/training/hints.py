"""Hints: a column's likely value as a formula of columns that come before it.

A hint is text ("pt = sqrt((a + b)**2 - m**2) / cosh(eta)") for people and a stack program in the model file.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .lattices import Float

CONSTANT, COLUMN, ADD, SUB, MUL, DIV, SQRT, NEG, ABS, MIN, MAX, EXP, COSH, SINH, LOG, SIN, COS, BEFORE = range(18)
LONGEST, DEEPEST = 256, 32
_UNARY = {"sqrt": SQRT, "abs": ABS, "exp": EXP, "cosh": COSH, "sinh": SINH, "log": LOG, "sin": SIN, "cos": COS}
_BINARY = {"min": MIN, "max": MAX}
_OPERATORS: dict[type[ast.operator], int] = {ast.Add: ADD, ast.Sub: SUB, ast.Mult: MUL, ast.Div: DIV}

Operation = tuple[int, float]  # code, and the constant or the number of the column


@dataclass(frozen=True)
class Hint:
    """A formula for one column."""

    variable: int
    program: tuple[Operation, ...]
    text: str

    @property
    def sources(self) -> list[int]:
        """Columns the formula reads."""
        return sorted({int(arg) for op, arg in self.program if op == COLUMN})

    @property
    def sources_before(self) -> list[int]:
        """Columns the formula reads in the row before."""
        return sorted({int(arg) for op, arg in self.program if op == BEFORE})

    def __call__(self, values: Mapping[int, Float], before: Mapping[int, Float], rows: int) -> Float:
        """Evaluate on columns of values; not finite where there is no hint."""
        with np.errstate(all="ignore"):
            return np.broadcast_to(evaluate(self.program, values, before), (rows,))


def evaluate(program: Sequence[Operation], values: Mapping[int, Float], before: Mapping[int, Float]) -> Float:
    """Run a stack program on columns of values of a row and of the row before."""
    stack: list[Float] = []
    for op, arg in program:
        if op == CONSTANT:
            stack.append(np.float64(arg))  # type: ignore[arg-type]
        elif op == COLUMN:
            stack.append(values[int(arg)])
        elif op == BEFORE:
            stack.append(before[int(arg)])
        elif op in (ADD, SUB, MUL, DIV, MIN, MAX):
            b, a = stack.pop(), stack.pop()
            stack.append(
                {ADD: np.add, SUB: np.subtract, MUL: np.multiply, DIV: np.divide, MIN: np.minimum, MAX: np.maximum}[op](
                    a, b
                )
            )
        else:
            a = stack.pop()
            function = {SQRT: np.sqrt, NEG: np.negative, ABS: np.abs, EXP: np.exp, COSH: np.cosh, SINH: np.sinh}
            function |= {LOG: np.log, SIN: np.sin, COS: np.cos}
            stack.append(function[op](a))
    return stack.pop()


def parse(text: str, columns: Sequence[str]) -> Hint:
    """Read "column = formula".

    Formulas know ``+ - * / **`` (powers: whole numbers, and 0.5), ``sqrt abs min max exp log sin cos sinh cosh``,
    numbers, and column names; ``col("any name")`` names a column that is not a Python name, ``prev(column)`` is a
    column's value in the row before.
    """
    left, equals, right = text.strip().partition("=")
    if not equals or right.startswith("="):
        raise ValueError(f"hint {text!r} should read 'column = formula'")
    try:
        name, formula = (ast.parse(part.strip(), mode="eval").body for part in (left, right))
    except SyntaxError as error:
        raise ValueError(f"hint {text!r} is not a formula: {error.msg}") from None
    target = _column(name, columns, text)
    program = tuple(_compile(formula, columns, text))
    if len(program) > LONGEST:
        raise ValueError(f"hint {text!r} needs {len(program)} operations, a model holds up to {LONGEST}")
    depth = deepest = 0
    for op, _ in program:
        depth += 1 if op in (CONSTANT, COLUMN, BEFORE) else -1 if op in (ADD, SUB, MUL, DIV, MIN, MAX) else 0
        deepest = max(deepest, depth)
    if deepest > DEEPEST:
        raise ValueError(f"hint {text!r} is nested {deepest} deep, a model allows {DEEPEST}")
    hint = Hint(target, program, text.strip())
    if target in hint.sources:
        raise ValueError(f"hint {text!r} predicts {columns[target]!r} from itself")
    return hint


def parse_all(hints: Iterable[str] | Mapping[str, str] | None, columns: Sequence[str]) -> list[Hint]:
    """Read all hints of a user: texts "column = formula", or a mapping from column to formula."""
    if hints is None:
        return []
    if isinstance(hints, str):
        hints = [hints]
    if isinstance(hints, Mapping):
        hints = [f"{k if k.isidentifier() else f'col({k!r})'} = {v}" for k, v in hints.items()]
    parsed = [parse(text, columns) for text in hints]
    seen = [h.variable for h in parsed]
    for v in seen:
        if seen.count(v) > 1:
            raise ValueError(f"column {columns[v]!r} has more than one hint")
    return parsed


def linear(variable: int, constant: float, terms: Sequence[tuple[int, float]], columns: Sequence[str]) -> Hint:
    """Make a hint that is a sum of columns times coefficients."""
    program: list[Operation] = []
    text = ""
    for column, coefficient in terms:
        program.append((COLUMN, float(column)))
        factor = abs(coefficient)
        if factor != 1.0:
            program += [(CONSTANT, factor), (MUL, 0.0)]
        if len(text) == 0:
            if coefficient < 0:
                program.append((NEG, 0.0))
        else:
            program.append((ADD if coefficient > 0 else SUB, 0.0))
        sign = ("-" if coefficient < 0 else "") if not text else (" - " if coefficient < 0 else " + ")
        text += sign + ("" if factor == 1.0 else f"{factor!r} * ") + _name(columns[column])
    if constant != 0.0 or not program:
        program.append((CONSTANT, constant))
        if terms:
            program.append((ADD, 0.0))
        text += (" + " if text else "") + repr(constant)
    return Hint(variable, tuple(program), f"{_name(columns[variable])} = {text}")


def _name(column: str) -> str:
    return column if column.isidentifier() else f"col({column!r})"


def _column(node: ast.expr, columns: Sequence[str], text: str) -> int:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "col" and len(node.args) == 1:
        argument = node.args[0]
        name = argument.value if isinstance(argument, ast.Constant) else None
    elif isinstance(node, (ast.Name, ast.Attribute)):
        name = ast.unparse(node)
    else:
        name = None
    if name is None:
        raise ValueError(f"hint {text!r}: {ast.unparse(node)!r} is not a column name")
    if name not in columns:
        raise ValueError(f"hint {text!r} names the column {name!r}; the table has {', '.join(columns)}")
    return list(columns).index(str(name))


def _compile(node: ast.expr, columns: Sequence[str], text: str) -> list[Operation]:
    def walk(n: ast.expr) -> list[Operation]:
        return _compile(n, columns, text)

    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        return [(CONSTANT, float(node.value))]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return [*walk(node.operand), (NEG, 0.0)]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.UAdd):
        return walk(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return [*walk(node.left), *walk(node.right), (_OPERATORS[type(node.op)], 0.0)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        power = node.right.value if isinstance(node.right, ast.Constant) else None
        base = walk(node.left)
        if power == 0.5:
            return [*base, (SQRT, 0.0)]
        if isinstance(power, int) and 1 <= power <= 8:
            return base + [op for _ in range(power - 1) for op in [*base, (MUL, 0.0)]]
        raise ValueError(f"hint {text!r}: a power is a whole number from 1 to 8, or 0.5")
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        name, count = node.func.id, len(node.args)
        if name == "prev" and count == 1:
            return [(BEFORE, float(_column(node.args[0], columns, text)))]
        if name in _UNARY and count == 1:
            return [*walk(node.args[0]), (_UNARY[name], 0.0)]
        if name in _BINARY and count >= 2:
            program = walk(node.args[0])
            for argument in node.args[1:]:
                program += [*walk(argument), (_BINARY[name], 0.0)]
            return program
    if isinstance(node, (ast.Name, ast.Attribute, ast.Call)):
        if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id == "col"):
            raise ValueError(f"hint {text!r}: {ast.unparse(node)!r} is no function that a hint knows")
        return [(COLUMN, float(_column(node, columns, text)))]
    raise ValueError(f"hint {text!r}: {ast.unparse(node)!r} is not part of a formula")
