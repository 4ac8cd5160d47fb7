"""The kind of data starlab keeps the contract."""

from typing import Any

import pytest
from execution_broker.models.resources import SkaoBlock, SkaoData, SkaoReplica
from execution_broker.ports.data import DataKind
from execution_broker.testing.data import DataKindContract

from execution_broker_starlab import data_kind as ours

REPLICAS = (
    SkaoReplica(rsename="FAR", dataurl="https://far.example.org/night.fits"),
    SkaoReplica(rsename="NEAR", dataurl="https://near.example.org/night.fits"),
    SkaoReplica(rsename="GONE"),
)


class TestStarlabDataKind(DataKindContract):
    @pytest.fixture
    def data_kind(self) -> DataKind:
        return ours.StarlabDataKind(ours.DataKindConfig())

    @pytest.fixture
    def resource(self) -> Any:
        return SkaoData(skao=SkaoBlock(objectname="night.fits", replicas=REPLICAS))

    @pytest.fixture
    def incomplete(self) -> Any:
        return SkaoData(skao=SkaoBlock(objectname="night.fits", replicas=REPLICAS[2:]))


@pytest.mark.asyncio
async def test_the_site_that_is_preferred_is_taken() -> None:
    kind = ours.StarlabDataKind(ours.DataKindConfig(sites=("NEAR",)))
    source = await kind.locate(SkaoData(skao=SkaoBlock(replicas=REPLICAS)))
    assert source.location == "https://near.example.org/night.fits"
