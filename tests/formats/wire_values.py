"""Any value of a wire type, for properties that hold for all of them."""

from functools import cache
from typing import Any, Final

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from execution_broker.models.execution import (
    ExecutionRequest,
    ExecutionSession,
    OfferSetResponse,
)
from execution_broker.models.extensions import (
    Account,
    AccountRequest,
    PlatformList,
    Problem,
    Readiness,
    ResultList,
)
from execution_broker.models.update import Update

TYPES: Final[tuple[Any, ...]] = (
    *(ExecutionRequest, OfferSetResponse, ExecutionSession, Update),
    *(Account, AccountRequest, PlatformList, Problem, Readiness, ResultList),
)

_MISLEADING: Final = st.sampled_from(
    [
        *(
            "NO",
            "true",
            "1.10",
            "0x1F",
            "2027-01-01",
            "null",
            "~",
            "",
            " ",
            "\n",
            "\r",
            "\t",
            " a ",
        ),
        *("<a>", "&amp;", "]]>", "a: b", "- a", "# c", '"', "'", "\u00e9", "\U0001f600", " a"),
    ]
)
TEXT: Final = _MISLEADING | st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), max_size=6
)
"""What all three formats can say: XML has no control characters."""

_ANY: Final = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | TEXT,
    lambda inner: (
        st.lists(inner | st.none(), max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
    ),
    max_leaves=4,
)


@cache
def instances(type_: Any) -> st.SearchStrategy[Any]:
    """Structs of a wire type."""
    plain = _plain(inspect.type_info(type_))
    return plain.map(lambda values: msgspec.convert(values, type=type_))


def _plain(type_: inspect.Type) -> st.SearchStrategy[Any]:
    match type_:
        case inspect.StructType():
            return _object(type_)
        case inspect.UnionType(types=types):
            return st.one_of(*(_plain(one) for one in types if not _is_none(one)))
        case inspect.VarTupleType(item_type=item):
            return st.lists(_plain(item), max_size=2)
        case inspect.DictType(value_type=value):
            return st.dictionaries(TEXT, _plain(value), max_size=2)
        case inspect.AnyType():
            return _ANY
    return _scalar(type_)


def _scalar(type_: inspect.Type) -> st.SearchStrategy[Any]:
    match type_:
        case inspect.IntType():
            return st.integers(-(2**63), 2**63 - 1)
        case inspect.FloatType():
            return st.floats(allow_nan=False, allow_infinity=False)
        case inspect.BoolType():
            return st.booleans()
        case inspect.DateTimeType():
            return st.datetimes().map(lambda at: at.isoformat() + "Z")
        case inspect.EnumType(cls=cls):
            return st.sampled_from([member.value for member in cls])
        case inspect.LiteralType(values=values):
            return st.sampled_from(values)
    return TEXT


def _object(type_: inspect.StructType) -> st.SearchStrategy[dict[str, Any]]:
    needed = {"kind": st.just(type_.tag)} if type_.tag is not None else {}
    wanted = {one.encode_name: _plain(one.type) for one in type_.fields if one.required}
    optional = {one.encode_name: _plain(one.type) for one in type_.fields if not one.required}
    return st.fixed_dictionaries({**needed, **wanted}, optional=optional)


def _is_none(type_: inspect.Type) -> bool:
    return isinstance(type_, inspect.NoneType)
