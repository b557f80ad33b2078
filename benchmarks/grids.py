"""Grids: chunks of fields, images, volumes and series, 256 KiB to 4 MiB each, as their sources store them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .bounds import Array, Bound
from .tables import data_directory


@dataclass
class Grid:
    """A chunk of a field; `valid` is False where there is no value."""

    name: str
    values: Array
    valid: npt.NDArray[np.bool_]

    @property
    def whole(self) -> bool:
        """Whether these are whole numbers."""
        return self.values.dtype.kind in "iu"

    @property
    def filled(self) -> Array:
        """The values with gaps filled by the one before (in memory order)."""
        if self.valid.all():
            return self.values
        flat, ok = self.values.ravel(), self.valid.ravel()
        index = np.maximum.accumulate(np.where(ok, np.arange(ok.size), 0))
        return np.ascontiguousarray(np.where(ok[index], flat[index], flat[ok][0]).reshape(self.values.shape))

    def bound(self, rel: float) -> Bound | None:
        """`rel` times the range of the valid values; of integers whole, None if that is less than one."""
        good = self.values[self.valid].astype(np.float64)
        eps = rel * float(good.max() - good.min())
        if self.whole:
            return Bound("abs", float(np.floor(eps)), 1.0) if eps >= 1 else None
        return Bound("abs", eps)


def _logarithm(x: Array) -> Array:
    return np.asarray(np.log10(np.maximum(x, np.float32(1e-3))))


def _single(x: Array) -> Array:
    return x.astype(np.float32)


def _time_last(x: Array) -> Array:
    return x.transpose(2, 1, 0)


_s = np.s_
_CUBE_P, _ERA5, _ERA_INTERIM = "cfd_cube66_p_f64_61frames.npy", "era5_t2m_uk_2019_03.npy", "eraint_u.npy"
_HADGEM, _OSTIA, _XRD = "hadgem_A1B_airtemp.npy", "ostia_sst_fill1e20.npy", "xrd_sim_1EI7_volume_f32.npy"
_SEISMIC, _MEG, _HMI = "seismic_IU_ANMO.npy", "meg_4D_bti.npy", "sdo_hmi_magnetogram.npy"

# name, file, index of the chunk, what is done to it; hmi is smaller than the rest, it is all there is
_CHUNKS: list[tuple[str, str, Any, Callable[[Array], Array] | None]] = [
    ("cfd_animation f4", "CFD_animation.npz", _s[:], _single),
    ("cfd_animation f8", "CFD_animation.npz", _s[:], None),
    ("cube_ux 40:53", "cfd_cube66_ux_f32.npy", _s[40:53], None),
    ("cube_ux 0:4", "cfd_cube66_ux_f32.npy", _s[0:4], None),
    ("cube_ux 50:100", "cfd_cube66_ux_f32.npy", _s[50:100], None),
    ("cube_ux time last", "cfd_cube66_ux_f32.npy", _s[60:80], _time_last),
    ("cube_p f4 40:53", _CUBE_P, _s[40:53], _single),
    ("cube_p f8 20:33", _CUBE_P, _s[20:33], None),
    ("era5_t2m 446:606", _ERA5, _s[446:606], None),
    ("era5_t2m 0:44", _ERA5, _s[0:44], None),
    ("era5_t2m 0:600", _ERA5, _s[0:600], None),
    ("eraint_u 2-D", _ERA_INTERIM, _s[1, 1], None),
    ("eraint_u 3-D", _ERA_INTERIM, _s[0], None),
    ("eraint_u 4-D", _ERA_INTERIM, _s[:], None),
    ("hadgem 100:240", _HADGEM, _s[100:240], None),
    ("hadgem 0:40", _HADGEM, _s[0:40], None),
    ("ostia fill 12:42", _OSTIA, _s[12:42], None),
    ("ostia fill 0:9", _OSTIA, _s[0:9], None),
    ("xrd_volume 105:117", _XRD, _s[105:117], None),
    ("xrd_volume 70:82", _XRD, _s[70:82], None),
    ("xrd_volume 75:115", _XRD, _s[75:115], None),
    ("xrd_log 105:117", _XRD, _s[105:117], _logarithm),
    ("hmi NaN", _HMI, _s[:], None),
    ("meg with trigger", _MEG, _s[:], None),
    ("meg", _MEG, _s[:], lambda x: x[np.abs(x).max(1) < 1e-9]),
    ("seismic f4", _SEISMIC, _s[:], _single),
    ("xrd_psd 1200:1328", "xrd_psd_spec_1800.npy", _s[1200:1328], None),
    ("xrd_psd 600:640", "xrd_psd_spec_1800.npy", _s[600:640], None),
    ("xrd_psd 0:500", "xrd_psd_spec_1800.npy", _s[0:500], None),
    ("xrd_frames 60:84", "xrd_sim_1EI7_frames_u16_120.npy", _s[60:84], None),
    ("xrd_frames 0:90", "xrd_sim_1EI7_frames_u16_120.npy", _s[0:90], None),
    ("seismic", _SEISMIC, _s[:], None),
    ("fmri", "fmri_example4d_i2.npy", _s[:], None),
    ("mnist 0:1000", "mnist5k_X_u8.npy", _s[0:1000], None),
    ("mnist 2500:5000", "mnist5k_X_u8.npy", _s[2500:5000], None),
]


def load(only: list[str] | None = None) -> list[Grid]:
    """Return the grids at hand whose names begin with one of `only` (none, and said so, without the data)."""
    place = data_directory()
    if place is None:
        print("skipped: grids (set BALER_DATA to the directory of the data sets)")
        return []
    wanted = [c for c in _CHUNKS if not only or any(c[0].startswith(o) for o in only)]
    for file in sorted({c[1] for c in wanted if not (place / c[1]).exists()}):
        print(f"skipped: grids of {file} (absent)")
    return [_grid(place, *c) for c in wanted if (place / c[1]).exists()]


def _grid(place: Path, name: str, file: str, index: Any, change: Callable[[Array], Array] | None) -> Grid:
    found = np.load(place / file, mmap_mode="r")
    values = np.asarray((found["data"] if isinstance(found, np.lib.npyio.NpzFile) else found)[index])
    values = np.ascontiguousarray(change(values) if change else values)
    if values.dtype.kind != "f":
        return Grid(name, values, np.ones(values.shape, bool))
    return Grid(name, values, np.isfinite(values) & (np.abs(values) < 1e19))
