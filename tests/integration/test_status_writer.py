"""Writing a status on a real API server, with the operator's own rights."""

from datetime import timedelta
from pathlib import Path

import pytest

from campaign_throttle.cluster.connection import connect
from campaign_throttle.cluster.statuses import ObjectGone, StatusNotWritten, StatusWriter
from campaign_throttle.resources import GROUP, VERSION
from campaign_throttle.resources.throttle import PLURAL
from integration.namespaces import Namespace
from integration.pace import PATIENCE

TIMEOUT = timedelta(seconds=PATIENCE)


async def test_a_status_is_written_to_the_object_it_is_meant_for_or_to_none(
    namespace: Namespace, operator_kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object that was created anew under the same name is another one."""
    monkeypatch.setenv("KUBECONFIG", str(operator_kubeconfig))
    namespace.apply("sales")
    uid = namespace.get("sales")["metadata"]["uid"]
    told: list[str] = []
    async with await connect() as api:
        writer = StatusWriter(api, group=GROUP, version=VERSION, plural=PLURAL, observe=told.append)

        async def write(name: str, uid: str, status: dict[str, object]) -> None:
            await writer.write(namespace.name, name, uid, status, timeout=TIMEOUT)

        await write("sales", uid, {"observedGeneration": -1, "availableAgents": 7})
        assert namespace.status("sales")["availableAgents"] == 7
        with pytest.raises(ObjectGone):
            await write("sales", "another-uid", {"observedGeneration": -1})
        with pytest.raises(ObjectGone):
            await write("not-there", uid, {"observedGeneration": -1})
        with pytest.raises(StatusNotWritten) as refused:
            await write("sales", uid, {"observedGeneration": -1, "availableAgents": -5})
        assert not isinstance(refused.value, ObjectGone)
    assert namespace.status("sales")["availableAgents"] == 7
    assert told == ["ok", "gone", "gone", "error"]
