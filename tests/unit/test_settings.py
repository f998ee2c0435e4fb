"""A bad setting is one line that names its variable, exit code 2, and never shows a secret."""

import os

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from campaign_throttle.cli import main
from campaign_throttle.settings import (
    OperatorSettings,
    SettingsError,
    checked_base_url,
    load_default_tenant,
    load_operator_settings,
)

SECRET = "s3cret-of-the-client"
TENANT = {
    "CXONE_BASE_URL": "https://cxone.nicecxone.com",
    "CXONE_CLIENT_ID": "throttle",
    "CXONE_CLIENT_SECRET": SECRET,
}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in list(os.environ):
        if name.upper().startswith(("CXONE_", "CAMPAIGN_THROTTLE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("KUBECONFIG", "/nonexistent")  # a setting that slips through must not start an operator


@pytest.fixture
def env(monkeypatch):
    def set_all(**values):
        for name, value in values.items():
            monkeypatch.setenv(name, str(value))

    return set_all


def refused(command=("run",)):
    """The lines on stderr of a command that must not start."""
    result = CliRunner().invoke(main, list(command))
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert SECRET not in result.output
    lines = result.stderr.splitlines()
    assert all(line.startswith("campaign-throttle: ") for line in lines)
    return [line.removeprefix("campaign-throttle: ") for line in lines]


def default_tenant():
    return load_default_tenant(load_operator_settings({}))


# One line for each problem


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MINIMUM_INTERVAL", "soon"),
        ("MINIMUM_INTERVAL", "0s"),
        ("MINIMUM_INTERVAL", "999ms"),
        ("MINIMUM_INTERVAL", "2h"),
        ("MINIMUM_INTERVAL", "-5s"),
        ("MINIMUM_INTERVAL", "1e999h"),
        ("HEARTBEAT", "1s"),
        ("HEARTBEAT", "5 minutes"),
        ("METRICS_ADDRESS", "localhost"),
        ("METRICS_ADDRESS", "localhost:http"),
        ("HEALTH_ADDRESS", ":65536"),
        ("HEALTH_ADDRESS", ":²"),
        ("HEALTH_ADDRESS", ":" + "9" * 5000),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_bad_setting_of_the_operator_is_one_line_that_names_it(env, name, value):
    env(**{f"CAMPAIGN_THROTTLE_{name}": value})
    [line] = refused()
    assert line.startswith(f"CAMPAIGN_THROTTLE_{name}: ")
    assert len(line) < 300


def test_all_problems_are_told_at_once(env):
    env(CAMPAIGN_THROTTLE_LOG_LEVEL="loud", CAMPAIGN_THROTTLE_HEARTBEAT="1s", CAMPAIGN_THROTTLE_LOG_FORMAT="xml")
    assert len(refused()) == 3


@pytest.mark.parametrize(
    "url",
    [
        "cxone.example",
        "//cxone.example",
        "ftp://cxone.example",
        "https://",
        "https://:443",
        "https://cxone.example:port",
        "https://cxone.example:99999",
        f"https://throttle:{SECRET}@cxone.example",
        f"https://cxone.example/?key={SECRET}",
        "https://cxone.example?",
        "https://cxone.example/#",
        "https://cxone.example/#x",
        "https://cxone example",
        "https://cxone.example/a\nb",
        "https://[::1",
    ],
)
def test_what_is_not_a_base_url_is_refused_and_not_shown(env, url):
    env(**TENANT | {"CXONE_BASE_URL": url})
    [line] = refused()
    assert line.startswith("CXONE_BASE_URL: expected https://host")


@pytest.mark.parametrize(
    ("given_", "used"),
    [
        ("https://cxone.example/", "https://cxone.example"),
        (" https://cxone.example/eu/ ", "https://cxone.example/eu"),
        ("https://[::1]:8443", "https://[::1]:8443"),
    ],
)
def test_a_base_url_is_tidied_up(given_, used):
    assert checked_base_url(given_) == used


@given(st.text(max_size=40) | st.text("htps:/@?#[]\\.%x0 \n", max_size=20).map("https://".__add__))
def test_no_text_at_all_makes_a_base_url_into_two_things(text):
    try:
        url = checked_base_url(text)
    except ValueError:
        return
    assert url.lower().startswith(("https://", "http://"))
    assert not set(url) & set("?# \n\t")


# The default tenant


def test_a_tenant_that_is_not_configured_is_no_error():
    tenant = default_tenant()
    assert tenant.access is None
    assert tenant.base_url is None


def test_empty_variables_are_variables_that_are_not_set(env):
    env(**dict.fromkeys(TENANT, ""), CAMPAIGN_THROTTLE_METRICS_ADDRESS="", CAMPAIGN_THROTTLE_NAMESPACES="")
    assert default_tenant().access is None
    operator = load_operator_settings({})
    assert operator.metrics_address is None
    assert operator.namespaces == ()


@pytest.mark.parametrize("names", [list(TENANT)[:1], list(TENANT)[1:2], list(TENANT)[:2], list(TENANT)[1:]])
@pytest.mark.parametrize("command", [["run"], ["check", "--campaign", "cmp-1"]])
def test_half_a_tenant_is_one_line_that_names_what_is_missing(env, names, command):
    env(**{name: TENANT[name] for name in names})
    [line] = refused(command)
    for name in TENANT:
        assert (name in line) is (name not in names)


def test_each_setting_of_the_tenant_may_come_from_a_file(env, tmp_path):
    for name, value in TENANT.items():
        (tmp_path / name).write_text(f"{value}\n")
        env(**{f"{name}_FILE": tmp_path / name})
    tenant = default_tenant()
    assert tenant.base_url == TENANT["CXONE_BASE_URL"]
    secrets = {key: value.get_secret_value() for key, value in tenant.access.credentials.items()}
    assert secrets == {"clientID": "throttle", "clientSecret": SECRET}


def test_a_variable_and_its_file_at_once_are_a_contradiction(env, tmp_path):
    (tmp_path / "secret").write_text(SECRET)
    env(**TENANT, CXONE_CLIENT_SECRET_FILE=tmp_path / "secret")
    [line] = refused()
    assert "CXONE_CLIENT_SECRET and CXONE_CLIENT_SECRET_FILE are both set" in line


def test_a_file_that_is_not_there_is_named_by_its_variable(env, tmp_path):
    env(**{**TENANT, "CXONE_CLIENT_ID": ""}, CXONE_CLIENT_ID_FILE=tmp_path / "none")
    [line] = refused()
    assert line.startswith("CXONE_CLIENT_ID_FILE: ")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", None])
def test_a_file_that_cannot_be_read_is_named_by_its_variable(env, tmp_path, content):
    path = tmp_path / "secret"
    path.mkdir() if content is None else path.write_bytes(content)
    env(**{**TENANT, "CXONE_CLIENT_SECRET": ""}, CXONE_CLIENT_SECRET_FILE=path)
    [line] = refused()
    assert line.startswith("CXONE_CLIENT_SECRET_FILE: ")


def test_an_empty_file_is_a_setting_that_is_missing(env, tmp_path):
    (tmp_path / "secret").write_text(" \n")
    env(**{**TENANT, "CXONE_CLIENT_SECRET": ""}, CXONE_CLIENT_SECRET_FILE=tmp_path / "secret")
    [line] = refused()
    assert "CXONE_CLIENT_SECRET" in line


def test_a_secret_that_was_put_where_its_path_belongs_is_not_shown(env):
    env(**{**TENANT, "CXONE_CLIENT_SECRET": ""}, CXONE_CLIENT_SECRET_FILE=SECRET)
    [line] = refused()
    assert line.startswith("CXONE_CLIENT_SECRET_FILE: ")


def test_a_secret_is_not_in_the_representation_of_the_settings(env):
    env(**TENANT)
    tenant = default_tenant()
    assert SECRET not in repr(tenant) + str(tenant) + repr(tenant.access)


SIMULATOR = "http://localhost:8787"


@pytest.mark.parametrize("listed", ["", "localhost", "other:80,localhost:8788", "127.0.0.1:8787"])
@pytest.mark.parametrize("url", [SIMULATOR, "http://api.nicecxone.com"])
def test_plain_http_to_a_host_that_is_not_listed_is_refused(env, listed, url):
    env(**TENANT | {"CXONE_BASE_URL": url}, CAMPAIGN_THROTTLE_ALLOW_INSECURE_HOSTS=listed)
    [line] = refused()
    assert line.startswith("CXONE_BASE_URL: ")
    assert "to CAMPAIGN_THROTTLE_ALLOWED_HOSTS" in line or "plain http to api.nicecxone.com" in line


def test_plain_http_to_a_host_that_is_listed_is_taken(env):
    env(**TENANT | {"CXONE_BASE_URL": SIMULATOR}, CAMPAIGN_THROTTLE_ALLOW_INSECURE_HOSTS="x:1,localhost:8787")
    assert default_tenant().access.spec.base_url == SIMULATOR


@pytest.mark.parametrize(
    "url",
    [
        "https://nicecxone.com.evil.example",
        "https://evil-nicecxone.com",
        "https://169.254.169.254",
        "https://localhost",
    ],
)
def test_a_host_that_is_none_of_cxone_is_refused_before_anything_is_sent(env, url):
    env(**TENANT | {"CXONE_BASE_URL": url})
    [line] = refused()
    assert line.startswith("CXONE_BASE_URL: ")


def test_another_domain_can_be_allowed(env):
    env(**TENANT | {"CXONE_BASE_URL": "https://cxone.acme.example"})
    refused()
    env(CAMPAIGN_THROTTLE_ALLOWED_HOSTS="nicecxone.com, acme.example")
    assert default_tenant().base_url == "https://cxone.acme.example"


@pytest.mark.parametrize("names", ["com", "10.0.0.1", "*", "a..b", "http://acme.example", ",", "acme.example:443"])
def test_what_is_no_domain_is_no_suffix_of_hosts(env, names):
    """Else a list could be so short that it allows everything."""
    env(CAMPAIGN_THROTTLE_ALLOWED_HOSTS=names)
    [line] = refused()
    assert line.startswith("CAMPAIGN_THROTTLE_ALLOWED_HOSTS: ")


# Flags and environment


def test_a_flag_wins_over_the_environment(env):
    env(CAMPAIGN_THROTTLE_LOG_LEVEL="error", CAMPAIGN_THROTTLE_NAMESPACES="a, b,,")
    assert load_operator_settings({"log_level": "debug"}).log_level == "debug"
    assert load_operator_settings({"log_level": None}).log_level == "error"
    assert load_operator_settings({"namespaces": None}).namespaces == ("a", "b")
    assert load_operator_settings({"namespaces": ("c",)}).namespaces == ("c",)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":8080", ("0.0.0.0", 8080)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:9090", ("::1", 9090)),
        ("localhost:80", ("localhost", 80)),
    ],
)
def test_an_address_is_host_and_port(text, address):
    assert OperatorSettings(metrics_address=text).metrics_address == address


def test_the_problems_are_told_one_by_one_to_who_wants_them(env):
    env(CAMPAIGN_THROTTLE_LOG_LEVEL="loud", CAMPAIGN_THROTTLE_HEARTBEAT="1s")
    with pytest.raises(SettingsError) as caught:
        load_operator_settings({})
    assert len(caught.value.problems) == 2
