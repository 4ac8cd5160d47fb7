"""Accounts and identities."""

from http import HTTPStatus
from typing import Final

from execution_broker.api import accounts
from execution_broker.api.identity import Access
from execution_broker.api.routes.base import ONLY_ADMINISTRATOR, Answer, Route
from execution_broker.api.routes.links import ACCOUNT
from execution_broker.models.extensions import (
    Account,
    AccountRequest,
    Identity,
    IdentityChange,
    IdentityList,
    PasswordChange,
    Problem,
    Subscription,
    SubscriptionList,
    SubscriptionRequest,
)

IDENTITIES: Final = (
    Route(
        method="POST",
        path="/admin/identities",
        handler=accounts.create,
        access=Access.ADMINISTRATOR,
        operation_id="IdentityCreate",
        summary="Create a local account.",
        body=AccountRequest,
        answers={
            HTTPStatus.CREATED: Answer("The new account.", Account, links=ACCOUNT),
            HTTPStatus.BAD_REQUEST: Answer("The name or the password is missing.", Problem),
            HTTPStatus.FORBIDDEN: ONLY_ADMINISTRATOR,
            HTTPStatus.CONFLICT: Answer("The account that has this name already.", Account),
            HTTPStatus.UNPROCESSABLE_ENTITY: Answer("The name cannot be used.", Problem),
        },
    ),
    Route(
        method="GET",
        path="/admin/identities",
        handler=accounts.list_all,
        access=Access.ADMINISTRATOR,
        operation_id="IdentityList",
        summary="List all identities, page by page: `next` of one is `after` of the next.",
        answers={
            HTTPStatus.OK: Answer("A page of identities.", IdentityList),
            HTTPStatus.BAD_REQUEST: Answer("`after` is not the `next` of a page.", Problem),
            HTTPStatus.FORBIDDEN: ONLY_ADMINISTRATOR,
        },
    ),
    Route(
        method="POST",
        path="/admin/identities/{uuid:uuid}",
        handler=accounts.change,
        access=Access.ADMINISTRATOR,
        operation_id="IdentityUpdate",
        summary="Disable or enable an identity, change its password or its role.",
        body=IdentityChange,
        answers={
            HTTPStatus.OK: Answer("The identity after the change.", Identity),
            HTTPStatus.FORBIDDEN: ONLY_ADMINISTRATOR,
            HTTPStatus.NOT_FOUND: Answer("There is no such identity.", Problem),
            HTTPStatus.CONFLICT: Answer(
                "No administrator would be left, or its issuer decides this.", Problem
            ),
            HTTPStatus.UNPROCESSABLE_ENTITY: Answer("The change breaks the schema.", Problem),
        },
    ),
    Route(
        method="GET",
        path="/identity",
        handler=accounts.read_own,
        access=Access.ANY_IDENTITY,
        operation_id="IdentitySelect",
        summary="Ask who one is here.",
        answers={HTTPStatus.OK: Answer("One's own identity.", Identity)},
    ),
    Route(
        method="POST",
        path="/identity/password",
        handler=accounts.change_password,
        access=Access.ANY_IDENTITY,
        operation_id="PasswordUpdate",
        summary="Change one's own password.",
        body=PasswordChange,
        answers={
            HTTPStatus.OK: Answer("One's own identity.", Identity),
            HTTPStatus.CONFLICT: Answer("One's issuer keeps the password.", Problem),
            HTTPStatus.UNPROCESSABLE_ENTITY: Answer("The password cannot be used.", Problem),
        },
    ),
    Route(
        method="POST",
        path="/identity/subscriptions",
        handler=accounts.subscribe,
        access=Access.ANY_IDENTITY,
        operation_id="SubscriptionCreate",
        summary="Be told of one's sessions: by a webhook, or by mail.",
        body=SubscriptionRequest,
        answers={
            HTTPStatus.CREATED: Answer("The subscription; its secret once.", Subscription),
            HTTPStatus.CONFLICT: Answer("One may have no more.", Problem),
            HTTPStatus.UNPROCESSABLE_ENTITY: Answer("Nobody can be told there.", Problem),
        },
    ),
    Route(
        method="GET",
        path="/identity/subscriptions",
        handler=accounts.list_subscriptions,
        access=Access.ANY_IDENTITY,
        operation_id="SubscriptionList",
        summary="List where one is told of one's sessions.",
        answers={HTTPStatus.OK: Answer("The subscriptions, the oldest first.", SubscriptionList)},
    ),
    Route(
        method="DELETE",
        path="/identity/subscriptions/{uuid:uuid}",
        handler=accounts.unsubscribe,
        access=Access.ANY_IDENTITY,
        operation_id="SubscriptionDelete",
        summary="Be told there no more.",
        answers={
            HTTPStatus.NO_CONTENT: Answer("It is gone, with what was still to be sent."),
            HTTPStatus.NOT_FOUND: Answer("One has no such subscription.", Problem),
        },
    ),
)
