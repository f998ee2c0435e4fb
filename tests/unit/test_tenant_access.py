"""A tenant's Secrets make its access; what is missing is named, and what can't be read changes nothing."""

import base64

import pytest

from campaign_throttle.cluster.secrets import decoded
from campaign_throttle.cxone.errors import CredentialsMissing, TenantNotReady
from campaign_throttle.resources.tenant import Api
from campaign_throttle.tenants import SecretAccess
from campaign_throttle.tenants.access import AccessUnknown, credential_keys
from unit.cxone.tenant_at_work import SECRET, told
from unit.declared_tenants import CREDENTIALS, NAMESPACE, TENANT_ID, Cluster, acd_spec, campaigns_spec

URL = "https://api.nicecxone.com"
KEYS = {"accessKeyID": "the-key", "accessKeySecret": "s3cret-of-the-key"}
PEM = "-----BEGIN CERTIFICATE-----"


def access(spec, secrets=None):
    cluster = Cluster(secrets={(NAMESPACE, name): found for name, found in (secrets or {}).items()})
    return SecretAccess(spec, NAMESPACE, cluster), cluster


ACD = acd_spec(URL)
ACCESS_KEY = acd_spec(URL, acd={"tenantID": TENANT_ID, "grant": "AccessKey"})


@pytest.mark.parametrize(
    ("spec", "secret"),
    [(campaigns_spec(URL), CREDENTIALS), (ACD, CREDENTIALS | KEYS), (ACCESS_KEY, KEYS)],
    ids=["Campaigns", "ACD with a password", "ACD with an access key"],
)
async def test_the_credentials_are_the_keys_that_the_api_needs_and_no_other(spec, secret):
    source, _ = access(spec, {"cxone": secret | {"other": "thing"}})
    found = await source.look()
    assert {key: value.get_secret_value() for key, value in found.credentials.items()} == secret
    assert found.timeout == 15
    assert found.ca is None


@pytest.mark.parametrize("spec", [campaigns_spec(URL), ACD, ACCESS_KEY], ids=["Campaigns", "password", "key"])
async def test_each_missing_key_is_named_and_no_value_is(spec):
    whole = CREDENTIALS | KEYS
    for missing in credential_keys(spec):
        for secret in ({key: value for key, value in whole.items() if key != missing}, whole | {missing: ""}):
            source, _ = access(spec, {"cxone": secret})
            with pytest.raises(CredentialsMissing, match=rf"Secret cxone has no {missing}:") as caught:
                await source.look()
            assert "s3cret" not in told(caught.value)


async def test_a_secret_that_is_not_there_is_named():
    source, _ = access(campaigns_spec(URL))
    with pytest.raises(CredentialsMissing, match="there is no Secret cxone"):
        await source.look()


async def test_a_secret_that_cannot_be_read_is_neither_missing_nor_final():
    source, cluster = access(campaigns_spec(URL), {"cxone": CREDENTIALS})
    cluster.down = True
    with pytest.raises(AccessUnknown, match="Secret cxone can't be read") as caught:
        await source.look()
    assert not caught.value.permanent


@pytest.mark.parametrize("secrets", [{}, {"authority": {}}, {"authority": {"ca.pem": ""}}])
async def test_an_authority_that_is_missing_is_no_reason_to_do_without(secrets):
    spec = campaigns_spec(URL, caSecretRef={"name": "authority", "key": "ca.pem"})
    source, _ = access(spec, {"cxone": CREDENTIALS} | secrets)
    with pytest.raises(TenantNotReady, match=r"no Secret authority with the key ca[.]pem"):
        await source.look()


async def test_an_authority_is_read_from_its_key():
    spec = campaigns_spec(URL, caSecretRef={"name": "authority"})
    source, _ = access(spec, {"cxone": CREDENTIALS, "authority": {"ca.crt": PEM}})
    assert (await source.look()).ca == PEM


async def test_secrets_are_read_by_name_in_one_namespace_and_nowhere_else():
    spec = campaigns_spec(URL, caSecretRef={"name": "authority"})
    source, cluster = access(spec, {"cxone": CREDENTIALS, "authority": {"ca.crt": PEM}})
    await source.look()
    assert set(cluster.reads) == {(NAMESPACE, "cxone"), (NAMESPACE, "authority")}


async def test_an_access_shows_no_secret():
    source, _ = access(campaigns_spec(URL), {"cxone": CREDENTIALS})
    found = await source.look()
    assert SECRET not in repr(found) + str(found) + repr(found.credentials)


async def test_two_looks_at_the_same_are_equal_and_another_value_is_another_access():
    source, cluster = access(campaigns_spec(URL), {"cxone": dict(CREDENTIALS)})
    first = await source.look()
    assert await source.look() == first
    cluster.secrets[NAMESPACE, "cxone"]["clientSecret"] = "another"
    assert await source.look() != first


def test_a_line_break_at_the_end_of_a_value_is_the_editors_and_what_is_no_text_is_left_out():
    data = {"a": b"secret\n", "b": b"two\r\n", "c": b"\xff\xfe", "d": b" kept "}
    encoded = {key: base64.b64encode(value).decode() for key, value in data.items()} | {"e": "a"}
    assert decoded(encoded) == {"a": "secret", "b": "two", "d": " kept "}


def test_the_api_decides_which_keys_are_needed():
    assert campaigns_spec(URL).api is Api.CAMPAIGNS
    assert credential_keys(ACCESS_KEY) == ("accessKeyID", "accessKeySecret")
    assert set(credential_keys(ACD)) == {*CREDENTIALS, *KEYS}
