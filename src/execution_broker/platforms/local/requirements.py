"""Environments with what single notebooks require, each on top of the one for all notebooks.

An environment is named by its content: the Python below it, the options for pip and the
requirements. So sessions that require the same share it; it is made once and never changed.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from execution_broker.domain import messages
from execution_broker.domain.errors import Permanent, Transient
from execution_broker.domain.requirements import is_requirement, requirements_key
from execution_broker.platforms.local.config import LocalConfig
from execution_broker.platforms.local.environment import KernelEnvironment, said_by
from execution_broker.platforms.local.files import remove_tree
from execution_broker.platforms.local.installing import Failure, Installer, locked, log_of, tell
from execution_broker.platforms.local.keeping import is_ready, mark_ready, mark_used, marked
from execution_broker.ports.data import Progress

_MOST: Final = 100
_SHOWN: Final = 5
_ONLY_WHEELS: Final = ("--only-binary", ":all:")
_LIBRARY: Final = "import sysconfig; print(sysconfig.get_path('purelib'))"
_LAYER: Final = "_notebooks.pth"


class Environments:
    def __init__(
        self,
        config: LocalConfig,
        base: KernelEnvironment,
        directory: Path,
    ) -> None:
        options = (*_ONLY_WHEELS, *config.pip_options)
        self._base = base
        self._directory = directory
        self._installer = Installer(options, config.install_limit)

    def name(self, requirements: Sequence[str]) -> str:
        """The name of the environment with these requirements, made or not.

        Permanent when one of them is no requirement.
        """
        _require_sound(requirements)
        parts = [self._base.stamp, *self._installer.options, requirements_key(requirements)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    def python(self, name: str) -> Path:
        return self._directory / name / "bin" / "python"

    def keys(self) -> frozenset[str]:
        """The keys of the sets of requirements that are ready. Quick: asked for every report."""
        stamp, found = self._base.stamp, marked(self._directory)
        return frozenset(str(one["key"]) for one in found if one.get("base") == stamp)

    async def prepare(self, requirements: Sequence[str], progress: Progress) -> bool:
        """Make the environment with these requirements where it is missing; the one for all
        notebooks is there. False while another process has it. Either tells how far that is.

        Whoever calls has told of its name before: so it is not removed meanwhile.
        """
        directory = self._directory / self.name(requirements)
        self._directory.mkdir(parents=True, exist_ok=True)
        with locked(directory) as lock:
            if lock is None:
                tell(directory, progress)
                return False
            if is_ready(directory):
                mark_used(directory)
            else:
                await self._make(directory, lock, requirements, progress)
        return True

    async def _make(
        self, directory: Path, lock: int, requirements: Sequence[str], progress: Progress
    ) -> None:
        base = self._base.python
        failure = await self._installer.make(directory, lock, base)
        if failure is None:
            library = (await said_by(base, _LIBRARY)).strip()
            own = (await said_by(directory / "bin" / "python", _LIBRARY)).strip()
            # What stands below is seen behind what is installed here.
            layer = f"import site; site.addsitedir({library!r})\n"
            (Path(own) / _LAYER).write_text(layer, "utf-8")
            wanted = sorted({text.strip() for text in requirements})
            failure = await self._installer.install(directory, lock, wanted, progress)
        if failure is not None:
            remove_tree(directory)
            log_of(directory).unlink(missing_ok=True)
            raise _error(failure)
        log_of(directory).unlink(missing_ok=True)
        mark_ready(directory, key=requirements_key(requirements), base=self._base.stamp)


def _require_sound(requirements: Sequence[str]) -> None:
    for text in requirements:
        if not is_requirement(text):
            raise Permanent(
                messages.BAD_VALUE(
                    place="A part of executable.requirements",
                    value=repr(text[:200]),
                    reason="it must be the name of a package, with versions like ==1.2 or not",
                )
            )
    if len(requirements) > _MOST:
        raise Permanent(
            messages.BAD_VALUE(
                place="The length of executable.requirements",
                value=len(requirements),
                reason=f"{_MOST} are the most",
            )
        )


def _error(failure: Failure) -> Permanent | Transient:
    said = messages.REQUIREMENTS_FAILED(reason=" | ".join(failure.lines[-_SHOWN:])[-1000:])
    return Permanent(said) if failure.is_hopeless else Transient(said)
