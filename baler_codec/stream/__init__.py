"""Latents on their way: rows in, frames out over a pipe or socket, and stored as chunks without coding them again.

>>> import io, numpy as np, baler_codec as baler
>>> from baler_codec import stream
>>> rows = np.zeros((5000, 24), np.float32)
>>> pipe = io.BytesIO()
>>> stream.send(rows, pipe, "cms_jets_ae").rows
5000

What is sent is docs/format.md, section 14; docs/streaming.md shows how to use it.
"""

from .header import Block, Header
from .reader import StreamReader
from .rows import latents_in, rows_in
from .sender import Sent, send, send_latents
from .store import read, store, with_outliers
from .writer import StreamWriter

__all__ = [
    "Block",
    "Header",
    "Sent",
    "StreamReader",
    "StreamWriter",
    "latents_in",
    "read",
    "rows_in",
    "send",
    "send_latents",
    "store",
    "with_outliers",
]
