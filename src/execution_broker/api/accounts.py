"""The handlers for identities: whose they are, and what may be changed of them."""

from http import HTTPStatus
from typing import Final, TypeVar

from starlette.responses import Response

from execution_broker.api.call import Call
from execution_broker.domain.errors import InvalidBody, MalformedBody
from execution_broker.models.extensions import (
    AccountRequest,
    IdentityChange,
    PasswordChange,
    SubscriptionRequest,
)
from execution_broker.models.reading import read_struct

T = TypeVar("T")

_MOST_DIGITS: Final = 18


async def create(call: Call) -> Response:
    wanted = read_struct(await call.body(AccountRequest), AccountRequest)
    if isinstance(wanted, tuple):
        faults = "; ".join(f"{fault.place}: {fault.fault}" for fault in wanted)
        raise MalformedBody(
            f"The body is no account: {faults}.", "Send `username` and `password`, both text."
        )
    account = await call.services.identities.create(call.identity, wanted)
    return call.answer(account, HTTPStatus.CREATED)


async def list_all(call: Call) -> Response:
    after = call.request.query_params.get("after", "0")
    if not (after.isascii() and after.isdecimal() and len(after) <= _MOST_DIGITS):
        raise MalformedBody(
            "The parameter `after` is not one of ours.", "Send the `next` of a page, as it is."
        )
    return call.answer(await call.services.identities.list(call.identity, int(after)))


async def change(call: Call) -> Response:
    wanted = await _read(call, IdentityChange)
    return call.answer(await call.services.identities.change(call.identity, call.uuid, wanted))


async def read_own(call: Call) -> Response:
    return call.answer(await call.services.identities.read_own(call.identity))


async def change_password(call: Call) -> Response:
    wanted = await _read(call, PasswordChange)
    service = call.services.identities
    return call.answer(await service.change_password(call.identity, wanted.password))


async def subscribe(call: Call) -> Response:
    wanted = await _read(call, SubscriptionRequest)
    added = await call.services.subscriptions.add(call.identity, wanted)
    return call.answer(added, HTTPStatus.CREATED)


async def list_subscriptions(call: Call) -> Response:
    return call.answer(await call.services.subscriptions.list(call.identity))


async def unsubscribe(call: Call) -> Response:
    await call.services.subscriptions.remove(call.identity, call.uuid)
    return Response(None, HTTPStatus.NO_CONTENT)


async def _read(call: Call, type_: type[T]) -> T:
    wanted = read_struct(await call.body(type_), type_)
    if isinstance(wanted, tuple):
        raise InvalidBody(wanted)
    return wanted
