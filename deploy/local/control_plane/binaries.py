"""Where the programs are: `KUBEBUILDER_ASSETS`, else the cache, which is filled when needed."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from control_plane import build, recipe, toolchain
from control_plane.errors import BinariesError

ASSETS_VARIABLE = "KUBEBUILDER_ASSETS"
REQUIRED = ("etcd", "kube-apiserver", "kubectl")
CONTROLLERS = "kube-controller-manager"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Binaries:
    """A folder with the programs of a control plane.

    Attributes:
        folder: holds etcd, kube-apiserver, kubectl and, usually, kube-controller-manager.
        has_controllers: whether kube-controller-manager is there.
    """

    folder: Path
    has_controllers: bool


def ensure(say: Say = build.to_stderr) -> Binaries:
    """Finds the programs, or builds them into the cache: minutes the first time, then at once.

    Args:
        say: gets each line of progress.

    Raises:
        BinariesError: `KUBEBUILDER_ASSETS` lacks a program, there is no Go, or the build failed.
    """
    assets = os.environ.get(ASSETS_VARIABLE)
    if assets:
        return from_assets(Path(assets))
    folder = ensure_built(recipe.read(), say)
    return Binaries(folder, has_controllers=is_program(folder / CONTROLLERS))


def oracles(say: Say = build.to_stderr) -> Path:
    """Finds the program that asks kstatus and Flux's checks about objects, or builds it.

    It is in no `KUBEBUILDER_ASSETS`, so that one is ignored.

    Args:
        say: gets each line of progress.

    Raises:
        BinariesError: there is no Go, or the build failed.
    """
    return ensure_built(recipe.read_oracles(), say) / recipe.ORACLES


def ensure_built(wanted: recipe.Recipe, say: Say) -> Path:
    """The folder of the cache with all programs of a recipe, built into it if need be.

    Raises:
        BinariesError: there is no Go, or the build failed.
    """
    go = toolchain.choose(wanted.go, cache_folder())
    folder = cached_folder(wanted, go)
    if not is_complete(folder, tuple(wanted.packages)):
        build.build(wanted, go, folder, say)
    return folder


def from_assets(folder: Path) -> Binaries:
    """The programs of a folder laid out as controller-runtime's envtest has it.

    Raises:
        BinariesError: a required program is not there, or can't be executed.
    """
    for name in REQUIRED:
        if not is_program(folder / name):
            raise BinariesError(
                f"{ASSETS_VARIABLE} is {folder}, but {folder / name} is missing or not executable: "
                f"it must hold {', '.join(REQUIRED)} (unset it to build them)"
            )
    return Binaries(folder.resolve(), has_controllers=is_program(folder / CONTROLLERS))


def find_kubectl() -> Path:
    """Looks for kubectl in `KUBEBUILDER_ASSETS`, the cache and PATH, in this order; builds nothing.

    Raises:
        BinariesError: it is in none of them.
    """
    assets = os.environ.get(ASSETS_VARIABLE)
    candidates = [Path(assets) / "kubectl"] if assets else []
    wanted = recipe.read()
    go = toolchain.choose(wanted.go, cache_folder())
    candidates.append(cached_folder(wanted, go) / "kubectl")
    on_path = shutil.which("kubectl")
    candidates += [Path(on_path)] if on_path else []
    for candidate in candidates:
        if is_program(candidate):
            return candidate
    places = f"{ASSETS_VARIABLE}, {cache_folder()} or PATH"
    raise BinariesError(f"no kubectl in {places}: run `python -m control_plane build`")


def cache_folder() -> Path:
    """`campaign-throttle/control-plane` under `XDG_CACHE_HOME` or `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base).absolute() / "campaign-throttle" / "control-plane"


def cached_folder(wanted: recipe.Recipe, go: toolchain.Toolchain) -> Path:
    """Where a build lies: everything that changes its outcome is in the name."""
    system = f"{platform.system()}-{platform.machine()}".lower()
    return cache_folder() / f"{wanted.version}-go{go.version}-{system}-{wanted.digest}"


def is_complete(folder: Path, names: tuple[str, ...]) -> bool:
    """Whether a folder has all of the programs."""
    return all(is_program(folder / name) for name in names)


def is_program(path: Path) -> bool:
    """Whether this is a file that can be executed."""
    return path.is_file() and os.access(path, os.X_OK)
