"""``campaign-throttle check`` takes a tenant from a file, with its Secret there or in the environment."""

import asyncio
import base64
import contextlib
import os

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

from campaign_throttle.cli import main
from campaign_throttle.cxone.errors import CXoneError
from campaign_throttle.declared import TenantNotDeclared, tenant_in_file
from campaign_throttle.resources import API_VERSION
from unit.cxone.tenant_at_work import SECRET, tenant
from unit.declared_tenants import CREDENTIALS, acd_manifest, campaigns_manifest

URL = "https://api.nicecxone.com"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in list(os.environ):
        if name.startswith(("CXONE_", "CAMPAIGN_THROTTLE_")):
            monkeypatch.delenv(name)


@pytest.fixture
def file(tmp_path):
    def write(*objects):
        path = tmp_path / "tenant.yaml"
        path.write_text(objects[0] if isinstance(objects[0], str) else yaml.safe_dump_all(objects))
        return path

    return write


def declared(spec, kind="CXoneTenant"):
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": "acme"}, "spec": spec}


def secret(name="cxone", **fields):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}} | fields


ENCODED = {key: base64.b64encode(value.encode()).decode() for key, value in CREDENTIALS.items()}


def values(access):
    return {key: value.get_secret_value() for key, value in access.credentials.items()}


@pytest.mark.parametrize("fields", [{"stringData": CREDENTIALS}, {"data": ENCODED}], ids=["text", "base64"])
@pytest.mark.parametrize("kind", ["CXoneTenant", "ClusterCXoneTenant"])
async def test_a_secret_in_the_same_file_is_used(file, fields, kind):
    found = tenant_in_file(file(secret(**fields), declared(campaigns_manifest(URL), kind), secret("other")))
    access = await found.look()
    assert values(access) == CREDENTIALS
    assert access.spec.base_url == URL


async def test_without_one_the_environment_is_used(file, monkeypatch):
    monkeypatch.setenv("CXONE_CLIENT_ID", "throttle")
    monkeypatch.setenv("CXONE_CLIENT_SECRET", SECRET)
    assert values(await tenant_in_file(file(declared(campaigns_manifest(URL)))).look()) == CREDENTIALS


async def test_an_access_key_may_come_from_the_environment_too(file, monkeypatch):
    monkeypatch.setenv("CXONE_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("CXONE_ACCESS_KEY_SECRET", SECRET)
    spec = acd_manifest(URL)
    spec["acd"]["grant"] = "AccessKey"
    assert values(await tenant_in_file(file(declared(spec))).look()) == {
        "accessKeyID": "key",
        "accessKeySecret": SECRET,
    }


async def test_with_neither_the_secret_is_named(file):
    with pytest.raises(CXoneError, match="there is no Secret cxone"):
        await tenant_in_file(file(declared(campaigns_manifest(URL)))).look()


async def test_a_number_that_was_not_quoted_is_a_text_all_the_same(file):
    path = file(declared(campaigns_manifest(URL)), secret(stringData={"clientID": 4711, "clientSecret": SECRET}))
    assert values(await tenant_in_file(path).look())["clientID"] == "4711"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "---\n---\n",
        "just words",
        "[1, 2]",
        "kind: [CXoneTenant]",
        "kind: {a: b}",
        "kind: CampaignThrottle",
        "a: [",
        "a: !!python/object/apply:os.system [id]",
        "a: 2024-99-99",
        "[" * 5_000,
        "? {a: b}\n: c",
        f"kind: Secret\nstringData: {{clientSecret: {SECRET}}}\n---\na: [",
        f"kind: CXoneTenant\nspec: {{clientSecret: {SECRET}}}",
        f"kind: CXoneTenant\nspec: {{baseURL: '{SECRET}', credentialsSecretRef: {{name: x}}}}",
        f"kind: CXoneTenant\nspec: {{baseURL: '{URL}', credentialsSecretRef: {{name: '{SECRET} '}}}}",
        "kind: CXoneTenant\nspec: nothing",
    ],
)
def test_what_is_no_tenant_is_one_line_that_quotes_nothing(file, text):
    with pytest.raises(TenantNotDeclared) as caught:
        tenant_in_file(file(text or "\n"))
    message = str(caught.value)
    assert "\n" not in message
    assert SECRET not in message


def test_two_tenants_in_a_file_are_a_question_that_only_a_person_can_answer(file):
    with pytest.raises(TenantNotDeclared, match="holds 2 tenants"):
        tenant_in_file(file(declared(campaigns_manifest(URL)), declared(acd_manifest(URL))))


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "none", tmp_path, tmp_path / "binary"):
        with pytest.raises(TenantNotDeclared, match="can't be read as YAML"):
            tenant_in_file(path)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(anything, anything, anything, anything)
@example("name", "text", ["a"], {"clientID": ["x"], "clientSecret": None})
@example(None, {"name": []}, {"clientID": 5}, {"clientID": {}})
async def test_whatever_a_secret_in_the_file_holds_there_is_an_access_or_a_clear_word(
    tmp_path_factory, kind, metadata, data, string_data
):
    path = tmp_path_factory.mktemp("file") / "tenant.yaml"
    odd = {"kind": kind, "metadata": metadata, "data": data, "stringData": string_data}
    path.write_text(
        yaml.safe_dump_all([declared(campaigns_manifest(URL)), odd, odd | {"kind": "Secret"}]), encoding="utf-8"
    )
    with contextlib.suppress(TenantNotDeclared, CXoneError):
        await tenant_in_file(path).look()


# The command


def run(*options):
    return CliRunner().invoke(main, ["check", "--campaign", "cmp-1", *map(str, options)])


def test_the_ways_to_name_a_tenant_exclude_each_other(file):
    result = run("--file", file(declared(campaigns_manifest(URL))), "--tenant", "acme")
    assert result.exit_code == 2
    assert "exclude each other" in result.stderr


def test_a_file_without_a_tenant_is_one_line_and_exit_code_one(file):
    result = run("--file", file(secret(stringData=CREDENTIALS)))
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert SECRET not in result.output


def test_an_address_that_is_not_allowed_is_refused_before_anything_is_sent(file):
    path = file(declared(campaigns_manifest("https://169.254.169.254")), secret(stringData=CREDENTIALS))
    result = run("--file", path)
    assert result.exit_code == 1
    assert "EndpointNotAllowed" in result.output
    assert SECRET not in result.output


async def test_a_tenant_in_a_file_is_checked_like_any_other(file, monkeypatch):
    async with tenant(agents=12) as at:
        monkeypatch.setenv("CAMPAIGN_THROTTLE_ALLOW_INSECURE_HOSTS", at.sim.url.removeprefix("http://"))
        path = file(declared(campaigns_manifest(at.sim.url)), secret(stringData=CREDENTIALS))
        result = await asyncio.to_thread(run, "--file", path)
        assert result.exit_code == 0, result.output
        assert "12 available" in result.output
        assert SECRET not in result.output
