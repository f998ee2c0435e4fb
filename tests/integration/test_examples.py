"""The manifests of docs/examples, as a real API server takes them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from control_plane import ControlPlane

MANIFESTS = sorted((Path(__file__).parents[2] / "docs/examples").glob("*.yaml"))


@pytest.fixture(scope="module")
def examples_namespace(plane: ControlPlane) -> Iterator[str]:
    plane.kubectl("create", "namespace", "examples")
    yield "examples"
    plane.kubectl("delete", "namespace", "examples", "--wait=false")


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.stem)
def test_the_api_server_takes_an_example(manifest: Path, plane: ControlPlane, examples_namespace: str) -> None:
    command = ("apply", "--dry-run=server", "--validate=strict", "-f", str(manifest))
    answer = plane.kubectl("-n", examples_namespace, *command)
    assert answer.stdout.endswith("created (server dry run)\n")
