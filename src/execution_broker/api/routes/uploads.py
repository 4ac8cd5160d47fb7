"""Small files that a client sends, to be named in its requests."""

from http import HTTPStatus
from typing import Final

from execution_broker.api import uploads
from execution_broker.api.identity import Access
from execution_broker.api.routes.base import (
    BAD_PARAMETER,
    BINARY,
    LOCATION,
    TOO_MANY,
    Answer,
    Parameter,
    Route,
)
from execution_broker.models.extensions import Problem, Upload, UploadList

UPLOADS: Final = (
    Route(
        method="POST",
        path="/uploads",
        handler=uploads.store,
        access=Access.ANY_IDENTITY,
        operation_id="UploadCreate",
        summary="Send a small file; its `location` can then stand in one's own requests.",
        content=BINARY,
        parameters=(
            Parameter("query", "name", "What the file is called, for example fit.ipynb."),
            Parameter("query", "sha256", "What the content must be, in hexadecimal."),
        ),
        answers={
            HTTPStatus.CREATED: Answer("The upload, new or as it was.", Upload, LOCATION),
            HTTPStatus.BAD_REQUEST: BAD_PARAMETER,
            HTTPStatus.LENGTH_REQUIRED: Answer("It has no Content-Length.", Problem),
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Answer("One file may not be so large.", Problem),
            HTTPStatus.TOO_MANY_REQUESTS: TOO_MANY,
        },
    ),
    Route(
        method="GET",
        path="/uploads",
        handler=uploads.list_uploads,
        access=Access.ANY_IDENTITY,
        operation_id="UploadList",
        summary="List one's uploads.",
        answers={HTTPStatus.OK: Answer("The uploads, the newest first.", UploadList)},
    ),
    Route(
        method="DELETE",
        path="/uploads/{uuid:uuid}",
        handler=uploads.remove,
        access=Access.ANY_IDENTITY,
        operation_id="UploadDelete",
        summary="Delete one of one's uploads.",
        answers={
            HTTPStatus.NO_CONTENT: Answer("It is gone."),
            HTTPStatus.NOT_FOUND: Answer("One has no such upload.", Problem),
        },
    ),
)
