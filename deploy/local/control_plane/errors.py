"""What can go wrong, as one small tree: catch `ControlPlaneError` for all of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

LOG_LINES = 15


class ControlPlaneError(Exception):
    """Base of everything that this package raises on purpose."""


class BinariesError(ControlPlaneError):
    """The programs could be neither found nor built; the message says which and what to do."""


class StartError(ControlPlaneError):
    """A component ended or did not become ready in time.

    Attributes:
        component: its name, e.g. `kube-apiserver`.
        log: the last lines that it wrote (the folder with the whole log is usually gone by now).
    """

    def __init__(self, component: str, what: str, log: str) -> None:
        self.component = component
        self.log = log
        super().__init__(f"{component} {what}; the last lines of its log:\n{log or '(empty)'}")


class KubectlError(ControlPlaneError, subprocess.CalledProcessError):
    """kubectl ended with an error; unlike its base, the message shows what it said."""

    def __init__(
        self,
        arguments: tuple[str, ...],
        result: subprocess.CompletedProcess[str],
    ) -> None:
        subprocess.CalledProcessError.__init__(
            self, result.returncode, ["kubectl", *arguments], result.stdout, result.stderr
        )

    def __str__(self) -> str:
        said = str(self.stderr or self.stdout).strip()
        return f"`{' '.join(map(str, self.cmd))}` ended with {self.returncode}: {said}"


def last_lines(log: Path, count: int = LOG_LINES) -> str:
    """The last `count` lines of a log, or an empty text if it was never written."""
    try:
        text = log.read_text(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-count:])
