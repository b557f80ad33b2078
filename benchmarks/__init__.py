"""Benchmarks of baler-codec beside its peers, at the same checked error bound: `python -m benchmarks`."""
