"""Sums of two that several places need: found by counting, the most useful ones first."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

MOST_PAIRS = 500_000  # beyond it only products of one value are shared: pairs of all would take minutes


class Term(NamedTuple):
    """A value shifted left, added or subtracted."""

    node: int
    shift: int
    minus: bool


class Pair(NamedTuple):
    """Two terms, up to a shift and a sign of both: first, second, how much further the second is shifted, its sign."""

    first: int
    second: int
    further: int
    differ: bool


def shared_pairs(rows: list[list[Term]], add: Callable[[Term, Term], int], bits: Callable[[int], int]) -> None:
    """Replace pairs of terms that occur more than once by one term, in place.

    Parameters
    ----------
    rows : list of list of Term
        What is to be added, for each sum.
    add : callable
        Makes a node of two terms.
    bits : callable
        Width of a node.
    """
    alone = sum(len(row) * (len(row) - 1) // 2 for row in rows) > MOST_PAIRS

    def pairs(one: Term, others: Iterable[Term]) -> list[Pair]:
        return [_pair(one, other) for other in others if not alone or other.node == one.node]

    total: Counter[Pair] = Counter(pair for row in rows for i, term in enumerate(row) for pair in pairs(term, row[:i]))

    def gain(pair: Pair) -> int:
        # what it saves is about the width of its adder, for each time but the first
        wide = max(bits(pair.first), bits(pair.second) + pair.further) - min(0, pair.further) + 1
        return (total[pair] - 1) * wide

    heap = [(-gain(pair), pair) for pair, n in total.items() if n > 1]
    heapq.heapify(heap)
    while heap:
        promised, pair = heapq.heappop(heap)
        now = gain(pair)
        if now <= 0:
            continue
        if now < -promised:  # others took some of its terms
            heapq.heappush(heap, (-now, pair))
            continue
        places = [(row, found) for row in rows if (found := _disjoint(row, pair))]
        if sum(len(found) for _, found in places) < 2:
            total[pair] = 0  # those that there are overlap
            continue
        low = min(0, pair.further)
        made = add(Term(pair.first, -low, False), Term(pair.second, pair.further - low, pair.differ))
        for row, found in places:
            for a, b in found:
                row.remove(a)
                row.remove(b)
                total.subtract(pairs(a, row))
                total.subtract(pairs(b, row))
                total[pair] -= 1
                new = Term(made, min(a.shift, b.shift), a.minus)
                for other in pairs(new, row):
                    total[other] += 1
                    if total[other] > 1:
                        heapq.heappush(heap, (-gain(other), other))
                row.append(new)


def _pair(a: Term, b: Term) -> Pair:
    a, b = min(a, b), max(a, b)
    return Pair(a.node, b.node, b.shift - a.shift, a.minus != b.minus)


def _disjoint(row: list[Term], pair: Pair) -> list[tuple[Term, Term]]:
    """Occurrences of a pair in a sum that have no term in common."""
    used: set[Term] = set()
    found = []
    for a in sorted(term for term in row if term.node == pair.first):
        b = Term(pair.second, a.shift + pair.further, a.minus != pair.differ)
        if a != b and a not in used and b not in used and b in row:
            used |= {a, b}
            found.append((a, b))
    return found
