"""The transfer moon keeps the contract."""

from pathlib import Path

import pytest
from execution_broker.ports.data import Source, Transfer
from execution_broker.testing.data import TransferContract

from execution_broker_moon import transfer as ours


class TestMoonTransfer(TransferContract):
    @pytest.fixture
    def transfer(self, tmp_path: Path) -> Transfer:
        return ours.MoonTransfer(ours.TransferConfig(root=str(tmp_path)))

    @pytest.fixture
    def content(self) -> bytes:
        return bytes(range(256)) * 5000

    @pytest.fixture
    def source(self, tmp_path: Path, content: bytes) -> Source:
        (tmp_path / "night 1.fits").write_bytes(content)
        return Source(location="moon:/night%201.fits", name="night.fits")

    @pytest.fixture
    def missing(self) -> Source:
        return Source(location="moon:/nothing", name="nothing")

    @pytest.fixture
    def forbidden(self) -> Source:
        return Source(location="moon:/../secret", name="secret")
