"""The builds of the driver: which compiler and options, what runs it, and what a machine lacks for it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
FILTERS = HERE.parents[1] / "filters"
EMSCRIPTEN = "/usr/share/emscripten/cmake/Modules/Platform/Emscripten.cmake"


@dataclass(frozen=True)
class Build:
    """One way to build the driver; `packages` are Debian's names of what it needs."""

    name: str
    compiler: str
    optimise: str
    packages: str
    runner: tuple[str, ...] = ()
    system: tuple[str, ...] = ()  # further settings of CMake
    family: str = "x86-64"

    @property
    def missing(self) -> str | None:
        """What this machine lacks."""
        tools = [t for t in ("cmake", self.compiler, *self.runner[:1]) if shutil.which(t) is None]
        return f"no {' and no '.join(tools)}: apt-get install {self.packages}" if tools else None

    @property
    def native(self) -> bool:
        return not self.runner

    def folder(self) -> Path:
        """Kept from run to run: what has not changed is not compiled again."""
        checkout = hashlib.sha256(str(FILTERS).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"baler-tests-{os.getuid()}-{checkout}-driver-{self.name}"

    def make(self) -> list[str]:
        """Build it, and return the command that runs it."""
        folder = self.folder()
        settings = ["-DCMAKE_BUILD_TYPE=None", f"-DBALER_OPTIMISE={self.optimise}", *self.system]
        if "emcc" not in self.compiler:
            settings.append(f"-DCMAKE_CXX_COMPILER={self.compiler}")
        if shutil.which("ninja"):
            settings += ["-G", "Ninja"]
        # which the tests want for themselves; Emscripten's scripts find their modules beside them
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONSAFEPATH"}
        for command in (
            ["cmake", "-S", str(HERE), "-B", str(folder), *settings],
            ["cmake", "--build", str(folder), "--parallel", str(len(os.sched_getaffinity(0)))],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
            assert done.returncode == 0, f"{self.name} does not build:\n{done.stdout[-6000:]}{done.stderr[-2000:]}"
        return [*self.runner, str(next(f for f in (folder / "driver.js", folder / "driver") if f.exists()))]


def _cross(machine: str, package: str, emulator: str) -> Build:
    return Build(
        machine,
        f"{machine}-linux-gnu-g++",
        "-O2",
        f"cmake g++-{package}-linux-gnu qemu-user-static",
        (f"qemu-{emulator}-static",),
        ("-DCMAKE_SYSTEM_NAME=Linux", f"-DCMAKE_SYSTEM_PROCESSOR={machine}"),
        machine,
    )


BUILDS = [
    *(Build(f"gcc-{level}", "g++", f"-{level}", "cmake g++") for level in ("O1", "O2", "O3")),
    *(Build(f"clang-{level}", "clang++", f"-{level}", "cmake clang") for level in ("O1", "O2", "O3")),
    _cross("aarch64", "aarch64", "aarch64"),
    _cross("s390x", "s390x", "s390x"),
    Build(
        "wasm32",
        "emcc",
        "-O2 -msimd128",
        "cmake emscripten nodejs",
        ("node",),
        (f"-DCMAKE_TOOLCHAIN_FILE={EMSCRIPTEN}",),
        "wasm32",
    ),
]
SANITIZERS = "-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined"
SANITIZED = Build("sanitized", "g++", SANITIZERS, "cmake g++")


def driver_of(library: Path, folder: Path, options: str = "-O1") -> list[str]:
    """A driver that calls this library, as it lies there."""
    command = ["g++", "-std=c++17", *options.split(), f"-I{FILTERS / 'include'}", str(HERE / "driver.cc"), str(library)]
    command += [f"-Wl,-rpath,{library.parent}", "-o", str(folder / "driver")]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return [str(folder / "driver")]
