"""Notebooks as they are found in the wild: any metadata, tags and format."""

import json
from pathlib import Path
from typing import Any

from execution_broker.models.executable import JupyterNotebook
from execution_broker.testing.course import Course


def cell(source: str, *tags: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "metadata": {"tags": list(tags)} if tags else {},
        "execution_count": None,
        "outputs": [],
        "source": source,
    }


def document(*cells: dict[str, Any], metadata: dict[str, Any] | None = None) -> dict[str, Any]:
    """A notebook of the oldest format of version 4, unless more is said of it."""
    return {"nbformat": 4, "nbformat_minor": 0, "metadata": metadata or {}, "cells": list(cells)}


def saved(file: Path, content: dict[str, Any], **values: Any) -> JupyterNotebook:
    """The notebook in a file, to be run as a batch; `values` are of the executable."""
    file.write_text(json.dumps(content), "utf-8")
    return JupyterNotebook(location=file.as_uri(), mode="BATCH", **values)


async def run(course: Course) -> None:
    await course.prepare()
    await course.start()
