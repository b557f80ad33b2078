"""The training loop of the networks: Adam with a cosine schedule on batches that mix many bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn

from .clock import Clock, Tell
from .loss import nats
from .net import Networks
from .pool import Pool
from .prune import WIDEST_TRIED, importance, narrow_down, prune, trial_rows


@dataclass
class Schedule:
    """How fast, and what happens when (as parts of the whole)."""

    inputs: int  # connections that are left in the end
    batch: int = 1280
    rate: float = 4e-3
    warm: int = 100
    renew: int = 40  # steps between new packs
    prune_at: tuple[float, ...] = (0.2, 0.35)
    least: float = 0.002  # bits a row that a connection must be worth
    short_at: float = 0.5  # from here on hidden layers have 8-bit weights
    average: float = 0.15  # the last part, whose weights are averaged


def learn(net: Networks, pool: Pool, clock: Clock, schedule: Schedule, seed: int, tell: Tell) -> None:
    """Train until the clock runs out."""
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(net.parameters(), lr=schedule.rate, betas=(0.9, 0.99), fused=True)
    data = torch.from_numpy(pool.data)
    narrow_down(net, data[:: max(1, len(data) // 4096)])
    most = net.n * net.used.shape[1]
    batch_size = max(128, min(schedule.batch, 4_000_000 // most))
    # very wide tables keep what correlates best: trying every input would take longer than the training
    prune_at = schedule.prune_at if net.n <= WIDEST_TRIED else ()
    parameters: list[torch.Tensor] = list(net.parameters())
    mean = [torch.zeros_like(p) for p in parameters]
    averaged = pruned = 0
    while clock.running():
        part = clock.part()
        while pruned < len(prune_at) and part >= prune_at[pruned]:
            pruned += 1
            rows = torch.randint(0, len(data), (trial_rows(net),), generator=generator)
            # half of the way at first: what remains can make up for what went
            share = pruned / len(prune_at)
            goal = round(schedule.inputs * share + float(net.mask.sum()) * (1 - share))
            prune(net, importance(net, data[rows].t().contiguous(), seed), goal, schedule.least * share)
        net.short = part >= schedule.short_at
        rate = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * part))
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate * rate * min(1.0, (clock.done + 1) / schedule.warm)
        if clock.done and clock.done % schedule.renew == 0:
            pool.renew()
        batch = data[torch.randint(0, len(data), (batch_size,), generator=generator)].t().contiguous()
        loss = nats(net, net(batch[: net.f]), batch[net.f :]).sum() / batch_size
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, 20.0)
        optimiser.step()
        clock.tick()
        if part > 1 - schedule.average:
            averaged += 1
            with torch.no_grad():
                torch._foreach_lerp_(mean, parameters, 1.0 / averaged)
        if clock.done % 20 == 0:
            tell(clock.done, clock.total or 0, float(loss.detach()) / math.log(2.0))
    net.short = True
    if averaged:
        with torch.no_grad():
            for p, m in zip(parameters, mean, strict=True):
                p.copy_(m)
