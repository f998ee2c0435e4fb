"""``campaign-throttle check`` says line by line what works between here and a tenant."""

import asyncio
import os
import sys

import pytest

from unit.cxone.tenant_at_work import AGENT_NAME, SECRET, tenant


async def check(at, *, campaign="cmp-1", secret=SECRET, url=None):
    """Exit code and lines of the command, run as a user runs it."""
    url = url or at.sim.url
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "campaign_throttle", "check", "--campaign", campaign),
        env=kept
        | {
            "CXONE_BASE_URL": url,
            "CXONE_CLIENT_ID": "throttle",
            "CXONE_CLIENT_SECRET": secret,
            "CAMPAIGN_THROTTLE_ALLOW_INSECURE_HOSTS": url.removeprefix("http://"),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(120):
        out, err = await process.communicate()
    assert err == b""
    text = out.decode()
    for confidential in (secret, AGENT_NAME):
        assert confidential not in text
    return process.returncode, text.splitlines()


def failed(lines):
    """What failed: the second word of each such line."""
    return [line.split()[1] for line in lines if line.startswith("FAILED")]


async def test_all_is_well():
    async with tenant(agents=120) as at:
        code, lines = await check(at)
        assert code == 0
        assert [line.split()[:2] for line in lines] == [
            ["ok", what] for what in ("secret", "tenant", "token", "scopes", "campaign", "agents")
        ]
        assert "120 available" in lines[5]
        assert "cmp-1" in lines[4]
        assert "RUNNING" in lines[4]
        assert "PUT" not in at.methods()


async def test_a_wrong_secret_fails_at_the_token_and_nothing_else_is_tried():
    async with tenant() as at:
        code, lines = await check(at, secret="wr0ng-s3cret")
        assert code == 1
        assert failed(lines) == ["token"]
        assert "CredentialsRejected" in lines[-1]
        assert at.methods() == []


@pytest.mark.parametrize(
    ("missing", "others"),
    [
        ("campaigns:write", []),
        ("campaigns:read", ["campaign"]),
        ("interactions:agents:read", ["agents"]),
    ],
)
async def test_a_missing_scope_is_named_and_the_rest_is_tried(missing, others):
    scopes = {"campaigns:read", "campaigns:write", "interactions:agents:read"} - {missing}
    async with tenant(client={"scopes": sorted(scopes)}) as at:
        code, lines = await check(at)
        assert code == 1
        assert failed(lines) == ["scopes", *others]
        assert missing in next(line for line in lines if line.startswith("FAILED"))


async def test_a_campaign_that_does_not_exist_is_named():
    async with tenant() as at:
        code, lines = await check(at, campaign="cmp-9")
        assert code == 1
        assert failed(lines) == ["campaign"]
        [line] = [line for line in lines if line.startswith("FAILED")]
        assert "CampaignNotFound" in line
        assert "cmp-9" in line


async def test_agents_that_cannot_be_counted_fail_the_check_and_the_campaign_is_tried_all_the_same():
    async with tenant() as at:
        at.fault(kind="html", path="agents")
        code, lines = await check(at)
        assert code == 1
        assert failed(lines) == ["agents"]


async def test_zero_agents_are_no_failure():
    async with tenant(agents=0) as at:
        code, lines = await check(at)
        assert code == 0
        assert "0 available" in lines[-1]
