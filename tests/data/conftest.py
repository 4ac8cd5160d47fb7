"""Web sites to read from, with and without TLS."""

import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from execution_broker.testing.website import Website, website


@pytest.fixture
async def site() -> AsyncIterator[Website]:
    async with website() as made:
        yield made


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where key.pem and cert.pem of `data.example` are, signed by itself."""
    directory = tmp_path_factory.mktemp("certificate")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem"]
    subject = ["-subj", "/CN=data.example", "-addext", "subjectAltName=DNS:data.example"]
    subprocess.run(
        ["openssl", "req", "-x509", *key, *subject, "-days", "1", "-out", "cert.pem"],
        cwd=directory,
        check=True,
        capture_output=True,
        timeout=20,
    )
    return directory


@pytest.fixture
async def secure_site(certificate: Path) -> AsyncIterator[Website]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    async with website(context) as made:
        yield made
