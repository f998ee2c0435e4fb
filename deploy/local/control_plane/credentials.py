"""Keys, certificates, tokens and kubeconfigs of a plane that lives for minutes."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_FOR = datetime.timedelta(days=7)
# For a clock that differs a little, as in a container or a virtual machine.
VALID_SINCE = datetime.timedelta(hours=1)

ADMIN = "admin"
# Kubernetes' own name for it, so that it is recognised in the audit log.
CONTROLLER_MANAGER = "system:kube-controller-manager"


@dataclass(frozen=True)
class Credentials:
    """Files that the components are started with, all in one private folder."""

    authority: Path
    certificate: Path
    key: Path
    service_account_key: Path
    service_account_public_key: Path
    tokens: Path
    token_of: dict[str, str]


def write_credentials(folder: Path) -> Credentials:
    """Makes fresh credentials in a folder that only this user can read.

    The serving certificate passes Python's strict checks (3.13 and later turn them on), which the
    one that kube-apiserver signs for itself does not promise.
    """
    folder.mkdir(mode=0o700)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = make_authority(authority_key)
    serving_key = ec.generate_private_key(ec.SECP256R1())
    serving = make_serving(serving_key.public_key(), authority, authority_key)
    account_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    made = Credentials(
        authority=folder / "ca.crt",
        certificate=folder / "serving.crt",
        key=folder / "serving.key",
        service_account_key=folder / "service-account.key",
        service_account_public_key=folder / "service-account.pub",
        tokens=folder / "tokens.csv",
        token_of={ADMIN: secrets.token_hex(16), CONTROLLER_MANAGER: secrets.token_hex(16)},
    )
    pem = serialization.Encoding.PEM
    made.authority.write_bytes(authority.public_bytes(pem))
    made.certificate.write_bytes(serving.public_bytes(pem))
    write_private(made.key, private_pem(serving_key))
    write_private(made.service_account_key, private_pem(account_key))
    made.service_account_public_key.write_bytes(
        account_key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    lines = [f'{token},{user},{user},"system:masters"' for user, token in made.token_of.items()]
    write_private(made.tokens, "\n".join([*lines, ""]).encode())
    return made


def make_authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """A certificate authority that signs itself."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "campaign-throttle test authority")])
    return (
        builder(name, name, key.public_key(), key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def make_serving(
    key: ec.EllipticCurvePublicKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    """A server certificate for loopback addresses and the names of the service in the cluster."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")])
    names: list[x509.GeneralName] = [
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
        x509.DNSName("localhost"),
        x509.DNSName("kubernetes.default.svc"),
    ]
    return (
        builder(subject, authority.subject, key, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePublicKey,
) -> x509.CertificateBuilder:
    """What both certificates have, among it the key identifiers that strict checks ask for."""
    now = datetime.datetime.now(datetime.UTC)
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - VALID_SINCE)
        .not_valid_after(now + VALID_FOR)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(issuer_id, critical=False)
    )


def key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    """Only the uses named."""
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def private_pem(key: PrivateKeyTypes) -> bytes:
    """A private key as PEM, unencrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def write_kubeconfig(
    path: Path,
    *,
    url: str,
    authority: bytes,
    token: str,
    namespace: str = "default",
) -> Path:
    """Writes a kubeconfig with one context and returns its path.

    Args:
        path: where to; readable by this user only.
        url: of the API server.
        authority: the certificate authority, PEM.
        token: of the user.
        namespace: the context's.
    """
    cluster = {
        "server": url,
        "certificate-authority-data": base64.b64encode(authority).decode(),
    }
    return write_kubeconfig_of(path, cluster=cluster, token=token, namespace=namespace)


def write_kubeconfig_of(
    path: Path, *, cluster: dict[str, object] | dict[str, str], token: str, namespace: str
) -> Path:
    """Like `write_kubeconfig`, for a cluster entry taken from another kubeconfig."""
    name = "campaign-throttle-test"
    context = {"cluster": name, "user": name, "namespace": namespace}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": context}],
        "current-context": name,
    }
    # JSON is YAML: no library needed, and every client reads it.
    write_private(path, json.dumps(config, indent=2).encode())
    return path


def write_private(path: Path, content: bytes) -> None:
    """Writes a file that only this user can read."""
    path.touch(mode=0o600)
    path.write_bytes(content)
