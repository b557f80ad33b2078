"""An encoder as a graph of adders: no multipliers, exact ranges of every value, and a level for each.

A constant times a value is a sum of shifted copies of it, one for each of the constant's canonical signed digits.
Sums of two that several places of a layer need are made once.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from baler_codec.encoders.adders import digits
from baler_codec.encoders.spec import EncoderSpec, Layer

from .pairs import Term, shared_pairs


@dataclass(frozen=True)
class Node:
    """A signed value of the circuit; `level` is how many adders (or comparators) lie between it and the inputs."""

    kind: str  # input, constant, add, clip, slope, shift (right), left
    low: int
    high: int
    level: int
    a: int = -1  # operands, by their number
    b: int = -1
    shift_a: int = 0  # left; of `shift` and `slope` nodes right
    shift_b: int = 0
    minus: bool = False  # a - b
    value: int = 0  # of an input: its number

    @property
    def bits(self) -> int:
        """Width as a signed number."""
        return (
            max((-self.low - 1).bit_length() if self.low < 0 else 0, self.high.bit_length() if self.high > 0 else 0) + 1
        )


@dataclass
class Circuit:
    """All nodes, operands before those that use them, and which of them are the latents."""

    nodes: list[Node] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    _known: dict[Node, int] = field(default_factory=dict)

    @classmethod
    def of(cls, spec: EncoderSpec) -> Circuit:
        """Build the circuit of an encoder."""
        self = cls()
        limits = zip(spec.low.tolist(), spec.high.tolist(), strict=True)
        first = now = [self._put(Node("input", low, high, 0, value=i)) for i, (low, high) in enumerate(limits)]
        for layer in spec.layers[:-1]:
            now = [self._hidden(sum_, layer, o) for o, sum_ in enumerate(self._sums(layer, now))]
        last = spec.layers[-1]
        sums = self._sums(last, now + first if spec.skip and len(spec.layers) > 1 else now)
        shifted = [self._shift(n, int(s)) for n, s in zip(sums, last.shift, strict=True)]
        self.outputs = [self._clip(n, *limit) for n, limit in zip(shifted, spec.latents, strict=True)]
        return self

    @property
    def adders(self) -> int:
        """Number of adders."""
        return sum(node.kind == "add" for node in self.nodes)

    @property
    def levels(self) -> int:
        """Levels on the longest way from an input to an output."""
        return max(self.nodes[n].level for n in self.outputs)

    def _put(self, node: Node) -> int:
        if node not in self._known:
            self._known[node] = len(self.nodes)
            self.nodes.append(node)
        return self._known[node]

    def _constant(self, value: int) -> int:
        return self._put(Node("constant", value, value, 0, value=value))

    def _sums(self, layer: Layer, inputs: list[int]) -> list[int]:
        """One sum per output, with what rounds half up before the shift."""
        rows: list[list[Term]] = []
        offsets = []
        for row, bias, shift in zip(layer.weight.tolist(), layer.bias.tolist(), layer.shift.tolist(), strict=True):
            offset, terms = bias + (1 << shift >> 1), []
            for i, w in enumerate(row):
                source = self.nodes[inputs[i]]
                if source.low == source.high:  # a value that never changes
                    offset += w * source.low
                else:
                    terms += [Term(inputs[i], place, minus) for place, minus in digits(w)]
            rows.append(terms)
            offsets.append(offset)
        shared_pairs(rows, lambda a, b: self._add(a, b).node, lambda node: self.nodes[node].bits)
        for terms, offset in zip(rows, offsets, strict=True):
            if offset or not terms:
                zeros = (offset & -offset).bit_length() - 1 if offset else 0
                terms.append(Term(self._constant(offset >> zeros), zeros, False))
        return [self._sum(terms) for terms in rows]

    def _sum(self, terms: list[Term]) -> int:
        # the two that are there first are added first: the tree is as flat as can be, and narrow values meet early
        heap = [(*self._place(t), n, t) for n, t in enumerate(terms)]
        heapq.heapify(heap)
        count = len(heap)
        while len(heap) > 1:
            term = self._add(heapq.heappop(heap)[-1], heapq.heappop(heap)[-1])
            heapq.heappush(heap, (*self._place(term), count, term))
            count += 1
        term = heap[0][-1]
        if term.minus:
            term = self._add(Term(self._constant(0), 0, False), term)
        value = self.nodes[term.node]
        if not term.shift:
            return term.node
        low, high = value.low << term.shift, value.high << term.shift
        return self._put(Node("left", low, high, value.level, term.node, shift_a=term.shift))

    def _place(self, term: Term) -> tuple[int, int]:
        node = self.nodes[term.node]
        return node.level, node.bits + term.shift

    def _add(self, a: Term, b: Term) -> Term:
        if a.minus and not b.minus:
            a, b = b, a
        common = min(a.shift, b.shift)
        x, y = self.nodes[a.node], self.nodes[b.node]
        shift_a, shift_b, minus = a.shift - common, b.shift - common, a.minus != b.minus
        low_b, high_b = (-y.high, -y.low) if minus else (y.low, y.high)
        low, high = (x.low << shift_a) + (low_b << shift_b), (x.high << shift_a) + (high_b << shift_b)
        level = max(x.level, y.level) + 1
        node = Node("add", low, high, level, a.node, b.node, shift_a, shift_b, minus)
        return Term(self._put(node), common, a.minus and b.minus)

    def _hidden(self, node: int, layer: Layer, output: int) -> int:
        clipped = self._clip(self._shift(node, int(layer.shift[output])), -32768, 32767)
        value = self.nodes[clipped]
        if not layer.activation or value.low >= 0:
            return clipped
        low, high = value.low >> layer.activation, value.high if value.high >= 0 else value.high >> layer.activation
        return self._put(Node("slope", low, high, value.level + 1, clipped, shift_a=layer.activation))

    def _shift(self, node: int, shift: int) -> int:
        value = self.nodes[node]
        if not shift:
            return node
        return self._put(Node("shift", value.low >> shift, value.high >> shift, value.level, node, shift_a=shift))

    def _clip(self, node: int, low: int, high: int) -> int:
        value = self.nodes[node]
        if low <= value.low and value.high <= high:
            return node
        new_low, new_high = min(max(value.low, low), high), max(min(value.high, high), low)
        return self._put(Node("clip", new_low, new_high, value.level + 1, node))
