"""The transfer starlab keeps the contract."""

from pathlib import Path

import pytest
from execution_broker.ports.data import Source, Transfer
from execution_broker.testing.data import TransferContract

from execution_broker_starlab import transfer as ours


class TestStarlabTransfer(TransferContract):
    @pytest.fixture
    def transfer(self, tmp_path: Path) -> Transfer:
        return ours.StarlabTransfer(ours.TransferConfig(root=str(tmp_path)))

    @pytest.fixture
    def content(self) -> bytes:
        return bytes(range(256)) * 5000

    @pytest.fixture
    def source(self, tmp_path: Path, content: bytes) -> Source:
        (tmp_path / "night 1.fits").write_bytes(content)
        return Source(location="starlab:/night%201.fits", name="night.fits")

    @pytest.fixture
    def missing(self) -> Source:
        return Source(location="starlab:/nothing", name="nothing")

    @pytest.fixture
    def forbidden(self) -> Source:
        return Source(location="starlab:/../secret", name="secret")
