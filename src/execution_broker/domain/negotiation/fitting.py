"""Whether a site can do at all what is asked: kinds, optional parts, limits, and what is there."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

import msgspec

from execution_broker.domain.amounts import CORES, MEMORY, OUTPUTS, UNITS, further
from execution_broker.domain.capability import ExecutableSupport
from execution_broker.domain.demand import (
    EXECUTABLE,
    NOTEBOOK,
    Size,
    amount_place,
    data_key,
)
from execution_broker.domain.iso8601 import write_duration, write_seconds
from execution_broker.domain.messages import (
    CAPPED,
    NO_SUCH_AMOUNT,
    NOT_A_NOTEBOOK,
    NOT_ALLOWED,
    OTHER_LANGUAGE,
    TOO_LONG,
    TOO_MUCH,
    UNREACHABLE,
    UNSUPPORTED_FEATURE,
    UNSUPPORTED_KIND,
    UNSUPPORTED_MODE,
)
from execution_broker.domain.negotiation.addresses import scheme_of, without_secrets
from execution_broker.domain.negotiation.flavouring import fit_flavour
from execution_broker.domain.negotiation.inquiry import Sort
from execution_broker.domain.negotiation.permitting import permit
from execution_broker.domain.negotiation.site import Case
from execution_broker.domain.negotiation.spreading import fit_storage
from execution_broker.domain.suggesting import REMOVE
from execution_broker.models.component import Component
from execution_broker.models.executable import Executable, JupyterNotebook, Mode
from execution_broker.models.kinds import short
from execution_broker.models.resources import SimpleData

_UNITS: Final = "units"


def fit(case: Case) -> None:
    """Judge everything that does not depend on when: the demand is relaxed to what is possible."""
    permit(case)
    _fit_executable(case)
    _fit_kinds(case)
    _fit_locations(case)
    if case.flavour is None:
        case.change(
            cores=_fit_amount(case, CORES, case.demand.cores, "compute", "compute.cores"),
            memory=_fit_amount(case, MEMORY, case.demand.memory, "memory", "compute.memory"),
        )
    else:
        case.change(
            cores=_refuse_more(case, CORES, case.demand.cores, "compute", "compute.cores"),
            memory=_refuse_more(case, MEMORY, case.demand.memory, "memory", "compute.memory"),
        )
        fit_flavour(case, case.flavour)
    _fit_further(case)
    fit_storage(case)
    _fit_outputs(case)
    _fit_duration(case)


def _fit_executable(case: Case) -> None:
    executable = case.demand.executable
    if executable is None:
        return
    supports = [s for s in case.site.capability.executables if s.kind == _kind(executable)]
    if not supports:
        known = {support.kind for support in case.site.capability.executables}
        _refuse_kind(case, EXECUTABLE, executable, known)
        return
    mode = executable.mode or "INTERACTIVE" if isinstance(executable, JupyterNotebook) else None
    used = case.inquiry.features
    support = min(supports, key=lambda s: (len(used - s.features), mode not in (None, *s.modes)))
    if mode and mode not in support.modes:
        executable = _in_a_mode(case, executable, support, mode)
    if support.languages:
        _fit_notebook(case, support.languages)
    for feature in sorted(used - support.features):
        place = f"{EXECUTABLE}.{feature}"
        fault = UNSUPPORTED_FEATURE(
            platform=case.site.name, feature=feature, place=EXECUTABLE, path=place, **REMOVE
        )
        blank = getattr(type(executable)(), feature)
        executable = msgspec.structs.replace(executable, **{feature: blank})
        case.relax(fault, executable=executable)


def _fit_notebook(case: Case, languages: frozenset[str]) -> None:
    """Whether what it tells of itself, if it was read, can be run here."""
    found = case.inquiry.lookups.get(NOTEBOOK)
    if found is None or found.notebook is None:
        return
    place = f"{EXECUTABLE}.location"
    if found.notebook.fault is not None:
        case.refuse(NOT_A_NOTEBOOK(file=place, reason=found.notebook.fault, path=place))
    elif found.notebook.language.lower() not in languages:
        case.refuse(
            OTHER_LANGUAGE(
                file=place,
                language=found.notebook.language,
                platform=case.site.name,
                known=", ".join(sorted(languages)),
                path=place,
            )
        )


def _in_a_mode(
    case: Case, executable: Executable, support: ExecutableSupport, mode: Mode
) -> Executable:
    """The executable in a mode that is supported, if any is."""
    values = {
        "platform": case.site.name,
        "kind": short(support.kind),
        "known": ", ".join(support.modes) or "none",
        "mode": mode,
        "path": f"{EXECUTABLE}.mode",
    }
    if not support.modes:
        case.refuse(UNSUPPORTED_MODE(**values))
        return executable
    other = support.modes[0]
    changed = msgspec.structs.replace(executable, mode=other)
    case.relax(UNSUPPORTED_MODE(**values, from_=mode, to=other), executable=changed)
    return changed


def _fit_kinds(case: Case) -> None:
    capability = case.site.capability
    known: dict[Sort, frozenset[str]] = {
        "compute": capability.compute,
        "storage": capability.storage,
        "data": capability.data,
        "volumes": capability.volumes,
    }
    for _, place, sort, component in case.inquiry.parts:
        if _kind(component) not in known[sort]:
            _refuse_kind(case, place, component, known[sort])


def _refuse_kind(case: Case, place: str, component: Component, known: Iterable[str]) -> None:
    kind = short(_kind(component))
    words = ", ".join(sorted(short(kind) for kind in known)) or "none"
    case.refuse(
        UNSUPPORTED_KIND(
            platform=case.site.name, place=place, kind=kind, known=words, path=f"{place}.kind"
        )
    )


def _kind(component: Component) -> str:
    return str(component.__struct_config__.tag)


def _fit_locations(case: Case) -> None:
    """Schemes that are read here, and what a look at each location found. A site that only
    simulates reads nothing, wherever it is."""
    if case.site.capability.simulates != "nothing":
        return
    executable = case.demand.executable
    if isinstance(executable, JupyterNotebook):
        _fit_location(case, EXECUTABLE, EXECUTABLE, executable.location)
    for index, data in enumerate(case.demand.data):
        resource = data.resource
        location = resource.location if isinstance(resource, SimpleData) else None
        _fit_location(case, data.place, data_key(index), location)


def _fit_location(case: Case, place: str, key: str, location: str | None) -> None:
    site = case.site
    schemes = site.capability.schemes
    if location is not None and schemes:
        scheme = scheme_of(location)
        if scheme not in schemes:
            reason = f"{site.name} reads the schemes {', '.join(sorted(schemes))}, not {scheme}"
            path = f"{place}.location"
            case.refuse(NOT_ALLOWED(place=path, reason=reason, path=path))
    found = case.inquiry.lookups.get(key)
    if found is not None and found.fault is not None:
        where = without_secrets(location) if location else "its source"
        case.refuse(UNREACHABLE(place=place, location=where, reason=found.fault, path=place))


def _fit_further(case: Case) -> None:
    """Each further amount within what one session can have; one that is not counted here is told
    with those that are."""
    if not case.demand.amounts:
        return
    found = {}
    here = [name for name in further(case.site.capability.capacity) if case.site.most(name) > 0]
    for name, asked in case.demand.amounts.items():
        place = amount_place(name)
        if name in here:
            found[name] = _fit_amount(case, name, asked, name, place)
            continue
        case.faults.append(
            NO_SUCH_AMOUNT(
                platform=case.site.name,
                place=place,
                name=name,
                known=", ".join(here) or "none",
                path=place,
                from_=asked.min,
                **REMOVE,
            )
        )
    case.change(amounts=found)


def _fit_amount(case: Case, name: str, asked: Size, resource: str, place: str) -> Size:
    """The size within what one session can have here."""
    most = case.site.most(name)
    asked = _refuse_more(case, name, asked, resource, place)
    if asked.min <= most:
        if asked.max is None or asked.max <= most:
            return asked
        case.remarks.append(
            CAPPED(place=place, wanted=asked.max, platform=case.site.name, limit=most)
        )
        return Size(asked.min, most)
    values = {
        "place": place,
        "wanted": asked.min,
        "units": UNITS.get(name, _UNITS),
        "resource": resource,
        "platform": case.site.name,
        "limit": most,
        "path": f"{place}.min",
    }
    if most < 1:
        case.refuse(TOO_MUCH(**values))
        return asked
    case.relax(TOO_MUCH(**values, from_=asked.min, to=most))
    return Size(most)


def _refuse_more(case: Case, name: str, asked: Size, resource: str, place: str) -> Size:
    """Where the policy refuses requests that could use more: the size with less as its most."""
    maximum = case.site.maximum(name)
    if maximum is None or maximum.over == "cap" or asked.max is None:
        return asked
    if asked.max <= maximum.most:
        return asked
    path = f"{place}.max"
    case.relax(
        TOO_MUCH(
            place=place,
            wanted=asked.max,
            units=UNITS.get(name, _UNITS),
            resource=resource,
            platform=case.site.name,
            limit=maximum.most,
            path=path,
            from_=asked.max,
            to=maximum.most,
        )
    )
    return Size(asked.min, maximum.most)


def _fit_outputs(case: Case) -> None:
    """A platform that keeps outputs has room for those of one session, or can take none."""
    most = case.site.most(OUTPUTS)
    if case.site.capability.outputs > most:
        case.refuse(
            TOO_MUCH(
                place="the session",
                wanted=case.site.capability.outputs,
                units=UNITS[OUTPUTS],
                resource="outputs",
                platform=case.site.name,
                limit=most,
            )
        )


def _fit_duration(case: Case) -> None:
    limit = case.site.capability.limits.duration
    if limit is None or case.demand.duration <= timedelta(seconds=limit):
        return
    wanted, most = write_duration(case.demand.duration), write_seconds(limit)
    place = "schedule.requested.duration"
    fault = TOO_LONG(
        place=place,
        wanted=wanted,
        platform=case.site.name,
        limit=most,
        path=place,
        from_=wanted,
        to=most,
    )
    case.relax(fault, duration=timedelta(seconds=limit))
