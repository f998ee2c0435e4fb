"""What is built, read from go.mod: the one place that names the version of Kubernetes."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from control_plane.errors import BinariesError

MODULE_FOLDER = Path(__file__).resolve().parents[1]

# Go would name a program after the last part of its path; only etcd's is called otherwise.
OTHER_NAMES = {"go.etcd.io/etcd/server/v3": "etcd"}

# Where Kubernetes keeps its version: the first is what is served and printed, the second what its
# clients send as user agent. Its own release scripts set both.
VERSION_PACKAGES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


@dataclass(frozen=True)
class Recipe:
    """What go.mod asks for.

    Attributes:
        kubernetes: the version of Kubernetes, e.g. `v1.36.3`.
        go: the oldest Go that can build it, e.g. `(1, 26, 0)`.
        packages: Go package by the name of the program that it becomes, smallest build first.
        digest: changes when go.mod or go.sum change.
    """

    kubernetes: str
    go: tuple[int, ...]
    packages: dict[str, str]
    digest: str

    @property
    def linker_flags(self) -> str:
        """Without symbols, and with the version that `kubectl version` and `/version` report."""
        major, minor = self.kubernetes.removeprefix("v").split(".")[:2]
        values = {"gitVersion": self.kubernetes, "gitMajor": major, "gitMinor": minor}
        set_values = [f"-X {p}.{k}={v}" for p in VERSION_PACKAGES for k, v in values.items()]
        return " ".join(["-s", "-w", *set_values])


def read(folder: Path = MODULE_FOLDER) -> Recipe:
    """Reads go.mod and go.sum of a folder.

    Raises:
        BinariesError: go.mod lacks a `go` line, a Kubernetes version or its `tool` lines.
    """
    text = (folder / "go.mod").read_text()
    kubernetes = re.search(r"^\s*(?:require )?k8s\.io/kubernetes (v\S+)", text, re.MULTILINE)
    go = re.search(r"^go (\S+)", text, re.MULTILINE)
    tools = re.search(r"^tool \(\n(.*?)^\)", text, re.MULTILINE | re.DOTALL)
    if not (kubernetes and go and tools):
        path = folder / "go.mod"
        raise BinariesError(f"{path} needs a `go` line, a `tool (…)` block and k8s.io/kubernetes")
    digest = hashlib.sha256(text.encode() + (folder / "go.sum").read_bytes()).hexdigest()
    return Recipe(
        kubernetes=kubernetes[1],
        go=parse_go_version(go[1]),
        packages={program_name(package): package for package in tools[1].split()},
        digest=digest[:12],
    )


def program_name(package: str) -> str:
    """`kubectl` for `k8s.io/kubernetes/cmd/kubectl`, `etcd` for etcd's server."""
    return OTHER_NAMES.get(package) or package.rsplit("/", 1)[-1]


def parse_go_version(text: str) -> tuple[int, ...]:
    """`(1, 26, 6)` for `1.26.6`, `go1.26.6` or `go version go1.26.6 linux/amd64`.

    Raises:
        BinariesError: there is no version in the text.
    """
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    if match is None:
        raise BinariesError(f"no Go version in {text!r}")
    return tuple(int(part or 0) for part in match.groups())
