"""Contracts for kinds of data and for transfers.

A plugin's test class inherits the contract, gives its fixtures, and has its tests run over them
by pytest with pytest-asyncio. A fixture that raises NotImplementedError here must be given; the
others may be.
"""

import asyncio
from contextlib import aclosing
from typing import Any, Final

import msgspec
import pytest

from execution_broker.domain.errors import OutsideError, Permanent, Transient
from execution_broker.models.component import Metadata
from execution_broker.models.executable import Checks
from execution_broker.ports.data import DataKind, Looked, Source, Transfer

_LARGEST_CHUNK: Final = 1 << 20
_READERS: Final = 8
_HOSTILE_NAMES: Final = (
    "..",
    ".",
    "/",
    "/etc/passwd",
    "../../etc/passwd",
    "a/../../b",
    "line\nbreak",
    "nul\0byte",
    ".hidden",
    " ",
    "n" * 5000,
    "\u00e9\u202e" * 500,
)


class TransferContract:
    """What every transfer keeps. Give `transfer`, `content`, `source` and `missing`; the more of
    the others, the more is proven."""

    @pytest.fixture
    def transfer(self) -> Transfer:
        """The transfer under test, made with a configuration under which `source` may be read."""
        raise NotImplementedError

    @pytest.fixture
    def content(self) -> bytes:
        """The bytes behind `source`. More than 1 MiB, so that chunks are seen."""
        raise NotImplementedError

    @pytest.fixture
    def source(self, content: bytes) -> Source:
        """Where `content` is."""
        raise NotImplementedError

    @pytest.fixture
    def missing(self) -> Source:
        """A source in the same place that is not there."""
        raise NotImplementedError

    @pytest.fixture
    def forbidden(self) -> Source | None:
        """A source that may not be read: a matter of configuration or of the other side."""
        return None

    @pytest.fixture
    def broken(self) -> Source | None:
        """A source that breaks off before its end, or does not answer."""
        return None

    @pytest.fixture
    def secretive(self) -> tuple[Source, str] | None:
        """A source that fails, and the secret in its location."""
        return None

    def test_names_its_schemes_and_its_configuration(
        self, transfer: Transfer, source: Source
    ) -> None:
        assert source.scheme in transfer.schemes
        assert all(scheme == scheme.lower() for scheme in transfer.schemes)
        assert transfer.Config.__struct_config__.forbid_unknown_fields

    @pytest.mark.asyncio
    async def test_reads_the_content_in_small_chunks(
        self, transfer: Transfer, source: Source, content: bytes
    ) -> None:
        items = [item async for item in transfer.read(source)]
        chunks = [item for item in items if isinstance(item, bytes)]
        assert b"".join(chunks) == content
        assert max(map(len, chunks)) <= _LARGEST_CHUNK
        assert len(chunks) > 1

    @pytest.mark.asyncio
    async def test_looks_at_the_size_or_does_not_know_it(
        self, transfer: Transfer, source: Source, content: bytes
    ) -> None:
        assert (await transfer.look(source)).size in (len(content), None)

    @pytest.mark.asyncio
    async def test_tells_what_it_tells_before_the_bytes(
        self, transfer: Transfer, source: Source, content: bytes
    ) -> None:
        first, *others = [item async for item in transfer.read(source)]
        assert all(isinstance(item, bytes) for item in others)
        if isinstance(first, Looked):
            assert first.size in (len(content), None)

    @pytest.mark.asyncio
    async def test_reads_again_and_for_many_at_the_same_time(
        self, transfer: Transfer, source: Source, content: bytes
    ) -> None:
        read = await asyncio.gather(*(_whole(transfer, source) for _ in range(_READERS)))
        assert all(one == content for one in read)

    @pytest.mark.asyncio
    async def test_reading_may_stop_early(
        self, transfer: Transfer, source: Source, content: bytes
    ) -> None:
        stream = transfer.read(source)
        async for item in stream:
            if isinstance(item, bytes):
                assert content.startswith(item)
                break
        await stream.aclose()  # type: ignore[attr-defined]  # generators have it
        assert await _whole(transfer, source) == content

    @pytest.mark.asyncio
    async def test_a_missing_source_is_permanent(self, transfer: Transfer, missing: Source) -> None:
        with pytest.raises(Permanent) as caught:
            await transfer.look(missing)
        _is_a_sentence(caught.value)
        with pytest.raises(Permanent):
            await _whole(transfer, missing)

    @pytest.mark.asyncio
    async def test_a_forbidden_source_is_permanent(
        self, transfer: Transfer, forbidden: Source | None
    ) -> None:
        if forbidden is None:
            pytest.skip("no forbidden source is given")
        with pytest.raises(Permanent) as caught:
            await _whole(transfer, forbidden)
        _is_a_sentence(caught.value)
        with pytest.raises(Permanent):
            await transfer.look(forbidden)

    @pytest.mark.asyncio
    async def test_a_source_that_breaks_off_is_transient(
        self, transfer: Transfer, broken: Source | None
    ) -> None:
        if broken is None:
            pytest.skip("does not apply: no broken source is given")
        with pytest.raises(Transient) as caught:
            await _whole(transfer, broken)
        _is_a_sentence(caught.value)

    @pytest.mark.asyncio
    async def test_no_error_holds_a_secret(
        self, transfer: Transfer, secretive: tuple[Source, str] | None
    ) -> None:
        if secretive is None:
            pytest.skip("no source with a secret is given")
        source, secret = secretive
        assert secret in source.location
        for failing in (transfer.look(source), _whole(transfer, source)):
            with pytest.raises(OutsideError) as caught:
                await failing
            assert secret not in str(caught.value)
            assert secret not in repr(caught.value.message)
            assert caught.value.__suppress_context__ or caught.value.__context__ is None

    @pytest.mark.asyncio
    async def test_closes_more_than_once(self, transfer: Transfer, source: Source) -> None:
        async with aclosing(transfer.read(source)) as stream:  # type: ignore[type-var]
            await anext(stream)
        await transfer.close()
        await transfer.close()


class DataKindContract:
    """What every kind of data keeps. Give `data_kind`, `resource` and `incomplete`."""

    @pytest.fixture
    def data_kind(self) -> DataKind:
        """The kind under test."""
        raise NotImplementedError

    @pytest.fixture
    def resource(self) -> Any:
        """A wire struct of this kind that can be located, without `meta` and `checks`."""
        raise NotImplementedError

    @pytest.fixture
    def incomplete(self) -> Any:
        """A wire struct of this kind that names nothing that can be had."""
        raise NotImplementedError

    def test_is_the_kind_of_its_resource(self, data_kind: DataKind, resource: Any) -> None:
        assert data_kind.kind == msgspec.to_builtins(resource)["kind"]
        assert data_kind.Config.__struct_config__.forbid_unknown_fields

    @pytest.mark.asyncio
    async def test_locates_the_same_each_time(self, data_kind: DataKind, resource: Any) -> None:
        source = await data_kind.locate(resource)
        assert source.scheme.isascii()
        assert source.scheme
        assert source == await data_kind.locate(resource)

    @pytest.mark.asyncio
    async def test_takes_the_checks_along(self, data_kind: DataKind, resource: Any) -> None:
        checks = Checks(size=3, sha256="ab" * 32)
        checked = msgspec.structs.replace(resource, checks=checks)
        source = await data_kind.locate(checked)
        assert (source.checks.size, source.checks.sha256) == (checks.size, checks.sha256)

    @pytest.mark.asyncio
    async def test_is_named_as_the_client_named_it(
        self, data_kind: DataKind, resource: Any
    ) -> None:
        named = msgspec.structs.replace(resource, meta=Metadata(name="night 1.fits"))
        assert (await data_kind.locate(named)).name == "night 1.fits"

    @pytest.mark.asyncio
    @pytest.mark.parametrize("name", [None, "", *_HOSTILE_NAMES])
    async def test_names_are_single_safe_file_names(
        self, data_kind: DataKind, resource: Any, name: str | None
    ) -> None:
        named = msgspec.structs.replace(resource, meta=Metadata(name=name))
        safe = (await data_kind.locate(named)).name
        assert 0 < len(safe.encode()) <= 220  # leaves room for a suffix of a temporary name
        assert not safe.startswith(".")
        assert "/" not in safe
        assert safe.isprintable()

    @pytest.mark.asyncio
    async def test_what_names_nothing_is_permanent(
        self, data_kind: DataKind, incomplete: Any
    ) -> None:
        with pytest.raises(Permanent) as caught:
            await data_kind.locate(incomplete)
        _is_a_sentence(caught.value)


async def _whole(transfer: Transfer, source: Source) -> bytes:
    items = [item async for item in transfer.read(source)]
    return b"".join(item for item in items if isinstance(item, bytes))


def _is_a_sentence(error: OutsideError) -> None:
    """Its owner can read what went wrong: a message of the registry, filled in."""
    assert error.message.level == "ERROR"
    assert error.message.message
    assert error.message.message.endswith(".")
