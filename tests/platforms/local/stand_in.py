"""What stands for a Python with papermill, and a notebook for it: it runs nothing, and is quick."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

_KERNEL = """#!/bin/sh
case "$1" in
-c) echo papermill ipykernel ;;
-I) echo begun >> {ran}; {also} while [ -e {held} ]; do sleep 0.05; done; cp "$3" "$4" ;;
esac
"""


def stand_in(directory: Path, also: str = ":") -> tuple[Path, dict[str, Any]]:
    """The Python, and where a notebook is with what it has to be. What runs leaves a line in `ran`
    once, does what `also` says in the words of a shell, and goes on while there is a file `held`.
    """
    python = directory / "python"
    python.write_text(
        _KERNEL.format(ran=directory / "ran", held=directory / "held", also=f"{also};")
    )
    python.chmod(0o755)
    notebook = directory / "notebook.ipynb"
    notebook.write_text(
        json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []})
    )
    return python, located(notebook)


def located(file: Path) -> dict[str, Any]:
    """Where a file is, and what has to be in it."""
    content = file.read_bytes()
    checks = {"size": len(content), "sha256": sha256(content).hexdigest()}
    return {"location": file.as_uri(), "checks": checks}
