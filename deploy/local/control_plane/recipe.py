"""What is built, read from the two go.mod files: the one place that names versions."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from control_plane.errors import BinariesError

MODULE_FOLDER = Path(__file__).resolve().parents[1]
ORACLES_FOLDER = MODULE_FOLDER / "oracles"
ORACLES = "oracles"

# Go would name a program after the last part of its path; only etcd's is called otherwise.
OTHER_NAMES = {"go.etcd.io/etcd/server/v3": "etcd"}

# Where Kubernetes keeps its version: the first is what is served and printed, the second what its
# clients send as user agent. Its own release scripts set both.
VERSION_PACKAGES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
STRIPPED = "-s -w"


@dataclass(frozen=True)
class Recipe:
    """What a go.mod asks for.

    Attributes:
        title: for people, e.g. `Kubernetes v1.36.3`.
        minutes: about how long it takes the first time, on two cores.
        version: e.g. `v1.36.3`; the build's folder in the cache begins with it.
        module: the folder of go.mod.
        go: the oldest Go that can build it, e.g. `(1, 26, 0)`.
        packages: Go package by the name of the program that it becomes, smallest build first.
        linker_flags: for each of them.
        digest: changes when what is read of the module's folder does.
    """

    title: str
    minutes: int
    version: str
    module: Path
    go: tuple[int, ...]
    packages: dict[str, str]
    linker_flags: str
    digest: str


def read(folder: Path = MODULE_FOLDER) -> Recipe:
    """Reads go.mod and go.sum of the control plane.

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
    return Recipe(
        title=f"Kubernetes {kubernetes[1]}",
        minutes=5,
        version=kubernetes[1],
        module=folder,
        go=parse_go_version(go[1]),
        packages={program_name(package): package for package in tools[1].split()},
        linker_flags=f"{STRIPPED} {version_flags(kubernetes[1])}",
        digest=digest_of(folder, "go.mod", "go.sum"),
    )


def read_oracles(folder: Path = ORACLES_FOLDER) -> Recipe:
    """Reads the module of the oracles: one program, whose source lies there too.

    Raises:
        BinariesError: go.mod lacks a `go` line or the version of Flux's checks.
    """
    text = (folder / "go.mod").read_text()
    flux = re.search(r"^\s*(?:require )?github\.com/fluxcd/pkg/runtime (v\S+)", text, re.MULTILINE)
    go = re.search(r"^go (\S+)", text, re.MULTILINE)
    if not (flux and go):
        raise BinariesError(f"{folder / 'go.mod'} needs a `go` line and github.com/fluxcd/pkg/runtime")
    return Recipe(
        title="the oracles (kstatus and Flux's condition checks)",
        minutes=3,
        version=f"{ORACLES}-{flux[1]}",
        module=folder,
        go=parse_go_version(go[1]),
        packages={ORACLES: "."},
        linker_flags=STRIPPED,
        digest=digest_of(folder, "go.mod", "go.sum", "main.go"),
    )


def digest_of(folder: Path, *names: str) -> str:
    """Changes when one of these files does."""
    content = b"".join((folder / name).read_bytes() for name in names)
    return hashlib.sha256(content).hexdigest()[:12]


def version_flags(kubernetes: str) -> str:
    """The linker flags for the version that `kubectl version` and `/version` report."""
    major, minor = kubernetes.removeprefix("v").split(".")[:2]
    values = {"gitVersion": kubernetes, "gitMajor": major, "gitMinor": minor}
    return " ".join(f"-X {p}.{k}={v}" for p in VERSION_PACKAGES for k, v in values.items())


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
