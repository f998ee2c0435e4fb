"""One token for everybody, renewed in time; and what isn't a token is none."""

import asyncio
import json

import pytest

from campaign_throttle.cxone.auth import DEFAULT_LIFE, LIFE_MAXIMUM, read_token
from campaign_throttle.cxone.errors import (
    CredentialsRejected,
    CXoneError,
    CXoneServerError,
    CXoneTimeout,
    InvalidResponse,
)
from campaign_throttle.cxone.transport import Answer
from cxone_simulator.traffic import PathClass
from unit.cxone.tenant_at_work import SECRET, RawServer, client_of, http, tenant, token, told, until


def granted(document=None, *, status=200, **fields):
    """An answer of the token endpoint."""
    whole = {"access_token": "t0ken", "token_type": "Bearer", "expires_in": 3600, **fields}
    body = json.dumps({key: value for key, value in whole.items() if value is not ...})
    return Answer("token", status, {"content-type": "application/json"}, (document or body).encode())


@pytest.fixture
async def clock(monkeypatch):
    """Moves the time of the event loop forward."""
    loop = asyncio.get_running_loop()
    ahead, real = [0.0], loop.time
    monkeypatch.setattr(loop, "time", lambda: real() + ahead[0])

    def forward(seconds):
        ahead[0] += seconds

    return forward


def tokens_of(at):
    return len(at.requests(PathClass.TOKEN))


async def test_fifty_callers_at_once_share_one_token():
    async with tenant() as at:
        await asyncio.gather(*(at.campaign() for _ in range(50)))
        assert tokens_of(at) == 1
        assert at.renewals == ["success"]


async def test_a_first_caller_who_leaves_does_not_take_the_token_from_the_others():
    async with tenant() as at:
        fault = at.fault(kind="hang", path="token")
        first = asyncio.create_task(at.campaign())
        await until(lambda: fault.waiting)
        others = [asyncio.create_task(at.campaign()) for _ in range(5)]
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        at.sim.faults.clear()
        assert {campaign.id for campaign in await asyncio.gather(*others)} == {"cmp-1"}
        with pytest.raises(asyncio.CancelledError):
            await first
        assert tokens_of(at) == 1


async def test_a_failed_renewal_fails_all_who_wait_and_the_next_call_asks_again(no_backoff):
    async with tenant() as at:
        at.fault(kind="status", code=500, path="token", count=4)
        outcomes = await asyncio.gather(*(at.campaign() for _ in range(20)), return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {CXoneServerError}
        assert tokens_of(at) == 4
        assert (await at.campaign()).id == "cmp-1"
        assert at.renewals == ["CXoneError", "success"]


async def test_a_token_is_renewed_a_minute_before_it_ends_and_not_earlier(clock):
    async with tenant() as at:
        await at.campaign()
        clock(3600 - 60 - 5)
        await at.campaign()
        assert tokens_of(at) == 1
        clock(6)
        await at.campaign()
        assert tokens_of(at) == 2


async def test_a_short_token_is_renewed_at_half_its_life(clock):
    async with tenant(client={"tokenLifetime": 40}) as at:
        await at.campaign()
        clock(19)
        await at.campaign()
        assert tokens_of(at) == 1
        clock(2)
        await at.campaign()
        assert tokens_of(at) == 2


async def test_a_revoked_token_is_replaced_and_the_call_repeated_once():
    async with tenant() as at:
        await at.campaign()
        at.sim.tokens.revoke()
        assert (await at.campaign()).id == "cmp-1"
        assert tokens_of(at) == 2
        assert [entry.status for entry in at.requests(PathClass.CAMPAIGN_READ)] == [200, 401, 200]


async def test_thirty_refusals_of_one_token_cause_one_renewal():
    async with tenant() as at:
        await at.campaign()
        at.sim.tokens.revoke()
        await asyncio.gather(*(at.campaign() for _ in range(30)))
        assert tokens_of(at) == 2


async def test_a_refusal_of_the_old_token_that_comes_late_does_not_drop_the_new_one():
    async with tenant(campaigns=2) as at:
        await at.campaign()
        at.sim.tokens.revoke()
        fault = at.fault(kind="hang", campaign="cmp-2", count=1)
        late = asyncio.create_task(at.campaign("cmp-2"))
        await until(lambda: fault.waiting)
        await at.campaign("cmp-1")
        at.sim.faults.clear()
        await late
        assert tokens_of(at) == 2


async def test_a_second_refusal_in_a_row_is_rejected_credentials_and_no_third_try():
    async with tenant() as at:
        at.fault(kind="status", code=401, path="campaign-read")
        with pytest.raises(CredentialsRejected, match="campaign-read"):
            await at.campaign()
        assert len(at.requests(PathClass.CAMPAIGN_READ)) == 2
        assert tokens_of(at) == 2


async def test_credentials_that_work_again_are_noticed_by_the_next_call():
    async with tenant() as at:
        at.fault(kind="status", code=401, path="campaign-read", count=2)
        with pytest.raises(CredentialsRejected):
            await at.campaign()
        assert (await at.campaign()).id == "cmp-1"


@pytest.mark.parametrize("wrong", [{"secret": "wr0ng"}, {"client_id": "nobody"}])
async def test_a_wrong_client_is_rejected_credentials_and_nothing_else_is_asked(wrong):
    async with tenant() as at, client_of(at.sim.url, at.sim, **wrong) as stranger:
        with pytest.raises(CredentialsRejected, match="client secret") as caught:
            await stranger.campaign()
        assert "wr0ng" not in told(caught.value)
        assert [entry.path_class for entry in at.requests()] == [PathClass.TOKEN]


@pytest.mark.parametrize("secret", ["a=&b", "ü€ 🔑", "100%", "plus+plus", "two words", "x" * 1000])
async def test_a_secret_may_hold_any_character(secret):
    async with tenant(client={"secret": secret}) as at, client_of(at.sim.url, at.sim, secret=secret) as client:
        assert (await client.campaign()).id == "cmp-1"


async def test_the_secret_goes_nowhere_but_into_the_body_of_the_token_request():
    async def answer(asked, writer):
        return token() if asked.is_token else http('{"id": "cmp-1", "status": "RUNNING"}')

    async with RawServer(answer).running() as server, client_of(server.url) as at:
        await at.campaign()
        assert SECRET.encode() in server.asked[0].body
        assert not [asked for asked in server.asked if SECRET.encode() in asked.head]
        assert SECRET.encode() not in server.asked[1].body


@pytest.mark.parametrize(
    "value",
    [
        "",
        "two words",
        "line\r\nX-Injected: yes",
        "line\n",
        "\ttab",
        "tökén",
        "t\u0000ken",
        "a,b",
        'quo"te',
        "=",
        "a=b",
        "x" * 100_000,
        None,
        7,
        True,
        ["t0ken"],
        {},
        ...,
    ],
)
def test_what_is_not_a_bearer_token_is_refused(value):
    with pytest.raises(InvalidResponse) as caught:
        read_token(granted(access_token=value), 0.0)
    assert "yes" not in told(caught.value)


@pytest.mark.parametrize("value", ["a", "eyJ.eyJ.sig-_", "a/b+c~d==", "x" * 8000])
def test_every_form_of_a_bearer_token_is_taken(value):
    assert read_token(granted(access_token=value), 0.0).value.get_secret_value() == value


@pytest.mark.parametrize("life", [0, -1, -1e300, True, False, "3600", None, [], {}])
def test_a_life_that_is_no_number_of_seconds_is_refused(life):
    with pytest.raises(InvalidResponse, match="expires_in"):
        read_token(granted(expires_in=life), 0.0)


def test_a_life_that_is_not_a_number_is_refused():
    with pytest.raises(InvalidResponse, match="expires_in"):
        read_token(granted('{"access_token": "t", "expires_in": NaN}'), 0.0)


@pytest.mark.parametrize("life", ["1e9", "Infinity", "9" * 4000, "1e999"])
def test_a_life_without_end_is_cut(life):
    found = read_token(granted(f'{{"access_token": "t", "expires_in": {life}}}'), 1000.0)
    assert found.renew_at == 1000.0 + LIFE_MAXIMUM - 60


def test_a_token_that_does_not_tell_its_life_is_taken_for_a_short_one():
    assert read_token(granted(expires_in=...), 0.0).renew_at == DEFAULT_LIFE - 60


@pytest.mark.parametrize(("life", "renewed"), [(3600, 3540), (120, 60), (119, 59.5), (10, 5), (0.5, 0.25)])
def test_the_moment_of_renewal_follows_from_the_life(life, renewed):
    assert read_token(granted(expires_in=life), 0.0).renew_at == renewed


@pytest.mark.parametrize("kind", ["mac", "", None, 1])
def test_another_type_of_token_is_refused(kind):
    with pytest.raises(InvalidResponse, match="Bearer"):
        read_token(granted(token_type=kind), 0.0)


@pytest.mark.parametrize("kind", ["bearer", "BEARER", ...])
def test_the_type_is_read_without_regard_to_case(kind):
    read_token(granted(token_type=kind), 0.0)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, CredentialsRejected),
        (401, CredentialsRejected),
        (403, CredentialsRejected),
        (404, InvalidResponse),
        (409, CXoneError),
        (204, CXoneError),
        (500, CXoneServerError),
        (503, CXoneServerError),
    ],
)
def test_each_status_of_the_token_endpoint_has_its_error(status, error):
    with pytest.raises(error):
        read_token(granted(status=status), 0.0)


def test_a_token_is_never_shown():
    assert "t0ken" not in repr(read_token(granted(), 0.0))


async def test_scopes_are_told_as_they_were_granted():
    async with tenant(client={"scopes": ["campaigns:read"]}) as at:
        await at.campaign()
        assert at.dialect.known.scopes == ("campaigns:read",)


async def test_a_token_endpoint_that_hangs_is_over_at_the_deadline_of_the_call():
    async with tenant() as at:
        at.fault(kind="hang", path="token")
        started = asyncio.get_running_loop().time()
        with pytest.raises(CXoneTimeout, match="no token in time"):
            await at.campaign(seconds=0.2)
        assert asyncio.get_running_loop().time() - started < 20


async def test_closing_ends_a_renewal_under_way():
    def renewals():
        return [task for task in asyncio.all_tasks() if "TokenCache._renew" in repr(task.get_coro())]

    async with tenant() as at:
        at.fault(kind="hang", path="token")
        with pytest.raises(CXoneTimeout):
            await at.campaign(seconds=0.1)
        assert renewals()
        await at.dialect.close()
        assert not renewals()
