"""Section 8: values coded under the table model."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from . import network
from .cells import Cells, check_total
from .entropy import Bits, FrequencyTable, Rans, lanes_for
from .features import Features
from .lattice import Lattice, OrdinalIntegers
from .model_file import Model
from .reader import CorruptDataError, Reader, unzigzag, wrap64
from .tables import INV, SIG, Shape

Ints = NDArray[np.int64]


LATENT_LATTICE = OrdinalIntegers(np.dtype("<i8"))  # uniform with step 1


class Decoder:
    """Variables of `model` in coding order: all of them, or those of `order`."""

    def __init__(
        self,
        model: Model,
        rows: int,
        lattices: Sequence[Lattice],
        masks: Sequence[NDArray[np.bool_] | None],
        order: list[int] | None = None,
    ) -> None:
        self.order = model.order if order is None else order
        self.model, self.rows = model, rows
        self.lattices = [*lattices, *[LATENT_LATTICE] * model.latents]
        self.masks = [*masks, *[None] * model.latents]
        coded = [v for v in self.order if not model.variables[v].derived]
        self.cells = {v: Cells(model.variables[v], self.lattices[v]) for v in coded}
        check_total(list(self.cells.values()))
        self.shapes = {v: Shape(model.variables[v]) for v in self.cells}
        self.k = [np.zeros(rows, np.int64) for _ in model.variables]
        self.features = Features(model, self.lattices, self.cells, self.k)
        self.residuals: dict[int, list[FrequencyTable]] = {}

    def decode(self, reader: Reader) -> list[Ints]:
        everything, self.rows = self.rows, reader.varint()
        if not 1 <= self.rows <= everything:
            raise CorruptDataError("coded rows")
        for v in self.order:
            if self.model.variables[v].derived:
                self.residuals[v] = [FrequencyTable(reader, 18, 65536) for _ in range(3)]
        self.rans = Rans(reader.raw(reader.varint()), lanes_for(self.rows))
        self.bits = Bits(reader.rest())
        self.slices()
        self.rans.finish()
        self.bits.finish()
        for k in self.k:
            k[self.rows :] = k[self.rows - 1]
        return self.k

    def slices(self) -> None:
        """Fill k, slice after slice, in a slice variable after variable."""
        segments = 16 * min(32, max(1, self.rows >> 10))  # S and T of the text
        length = -(-self.rows // segments)
        for t in range(length):
            self.features.begin(np.arange(t, self.rows, length), t == 0)
            for v in self.order:
                if self.model.variables[v].derived:
                    self._derived(v)
                else:
                    self._other(v)

    def _escape(self) -> int:
        n = self.bits.get(7)
        if n > 64:
            raise CorruptDataError("escape of more than 64 bits")
        return unzigzag(self.bits.get(n))

    def _derived(self, v: int) -> None:
        rows, relation, lattice = self.features.rows, self.model.relations[v], self.lattices[v]
        prediction, terms = np.full(len(rows), relation.constant), np.zeros(len(rows), np.int64)
        with np.errstate(all="ignore"):
            for column, coefficient in relation.terms:
                value = self.features.value(column)
                prediction = prediction + coefficient * value
                terms += value != 0
        tables = self.residuals[v]
        before = self.features.before(v).tolist()
        k, mask, lanes = self.k[v], self.masks[v], len(self.rans.state)
        for i, row in enumerate(rows.tolist()):
            if mask is not None and mask[row]:
                k[row] = before[i]
                continue
            symbol = tables[min(int(terms[i]), 2)].decode(self.rans, i % lanes)
            r = self._escape() if symbol == 17 else symbol - 8
            x = float(prediction[i])
            k[row] = wrap64((lattice.index(x) if math.isfinite(x) else 0) + r)

    def _other(self, v: int) -> None:
        variable, cells, shape, net = self.model.variables[v], self.cells[v], self.shapes[v], self.model.nets[v]
        y = network.run(net, self.features.inputs(net))
        zh = self.features.hint(v)[0] if v in self.model.hints else 0
        mean = np.clip(y[:, 0] + zh, -131072, 131072).tolist()
        scale = np.clip(y[:, 1] + 104, 0, 128).tolist()
        logits = np.clip(y[:, 2:] + 2048, 0, 4095).tolist()
        before = self.features.before(v).tolist()
        k, mask, rans, lanes = self.k[v], self.masks[v], self.rans, len(self.rans.state)
        esc, zb, n = variable.esc, cells.zb, cells.n

        def c(b: int, m: int, inverse: int, base: int, rest: int, spike: int) -> int:
            """Lower end of the interval of bucket b."""
            if b == 0 or b == n:
                return 65536 if b else base
            mass = (rest * shape(((zb[b] - m) * inverse) >> 16)) >> 16
            return base + mass + (spike if b > cells.spike_bucket >= 0 else 0)

        for i, row in enumerate(self.features.rows.tolist()):
            if mask is not None and mask[row]:
                k[row] = before[i]
                continue
            repeat = ((65536 - esc) * SIG[logits[i][-1]]) >> 16 if variable.may_repeat else 0
            spike = ((65536 - esc - repeat) * SIG[logits[i][0]]) >> 16 if variable.has_spike else 0
            interval = mean[i], INV[scale[i]], esc + repeat, 65536 - esc - repeat - spike, spike
            lane = i % lanes
            slot = rans.slot(lane)
            if slot < esc:
                rans.advance(lane, 0, esc)
                k[row] = wrap64(self._escape() + ((cells.k0 + cells.k1) >> 1))
            elif slot < esc + repeat:
                rans.advance(lane, esc, repeat)
                k[row] = before[i]
            else:
                b, end = 0, n
                while end - b > 1:  # C(b) ≤ slot < C(end)
                    middle = (b + end) >> 1
                    b, end = (middle, end) if c(middle, *interval) <= slot else (b, middle)
                start = c(b, *interval)
                rans.advance(lane, start, c(end, *interval) - start)
                k[row] = cells.start[b] + self.bits.get(cells.w[b])
