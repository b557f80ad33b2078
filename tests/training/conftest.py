"""Training needs torch; without it these tests are skipped, and say so."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="training needs torch: pip install 'baler-codec[train]'")
