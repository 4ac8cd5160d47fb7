"""From bytes to a light tree of elements, bounded, with nothing of a document type."""

from dataclasses import dataclass, field
from typing import Any, Final

from lxml import etree

from execution_broker.domain.errors import MalformedBody
from execution_broker.formats.limits import DEPTH

ELEMENTS: Final = 20_000
ATTRIBUTES: Final = 16

_NIL: Final = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_KNOWN: Final = frozenset({"kind", "name", "type"})
_ENTITIES: Final[Any] = "internal"
"""Off would leave `&amp;` in attributes unread. No other entity exists without a document type."""

_REMEDY: Final = "Send one plain XML document in UTF-8, without a document type."


@dataclass(slots=True)
class Node:
    """An element by its local name. `others` are the attributes beside `kind`, `name` and `type`;
    those of a namespace are dropped."""

    name: str
    kind: str | None = None
    key: str | None = None
    type: str | None = None
    is_nil: bool = False
    others: tuple[str, ...] = ()
    text: str = ""
    children: list["Node"] = field(default_factory=list)


def parse(data: bytes) -> Node:
    """The root element. MalformedBody for what is not well-formed, not UTF-8, or too much.

    A document type is refused as soon as it begins, so that no entity is ever declared; so is text
    between elements. Comments and processing instructions are passed over. Nothing is fetched.
    """
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedBody(f"The body is not UTF-8: {error.reason}.", "Send UTF-8.") from None
    target: Any = _Builder()
    parser = etree.XMLParser(
        target=target,
        encoding="utf-8",
        resolve_entities=_ENTITIES,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
    )
    try:
        root: Any = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise malformed(str(error.msg)) from None
    assert isinstance(root, Node)
    return root


def malformed(problem: str) -> MalformedBody:
    return MalformedBody(f"The body is not XML as it is read here: {problem}.", _REMEDY)


class _Builder:
    """What the parser calls. The first excess ends the parsing."""

    def __init__(self) -> None:
        self._open: list[Node] = []
        self._texts: list[list[str]] = []
        self._root: Node | None = None
        self._count = 0

    def doctype(self, _name: str, _public: str | None, _system: str | None) -> None:
        raise malformed("it has a document type")

    def start(self, tag: str, attributes: Any) -> None:
        self._count += 1
        if self._count > ELEMENTS:
            raise malformed(f"it has more than {ELEMENTS} elements")
        if len(attributes) > ATTRIBUTES:
            raise malformed(f"an element has more than {ATTRIBUTES} attributes")
        if len(self._open) >= DEPTH:
            raise malformed(f"it nests deeper than {DEPTH} levels")
        node = Node(
            name=_local(tag),
            kind=attributes.get("kind"),
            key=attributes.get("name"),
            type=attributes.get("type"),
            is_nil=attributes.get(_NIL) in ("true", "1"),
            others=tuple(key for key in attributes if key not in _KNOWN and key[0] != "{"),
        )
        if self._open:
            self._open[-1].children.append(node)
        else:
            self._root = node
        self._open.append(node)
        self._texts.append([])

    def data(self, text: str) -> None:
        self._texts[-1].append(text)

    def end(self, _tag: str) -> None:
        node = self._open.pop()
        node.text = "".join(self._texts.pop())
        if node.children:
            if node.text.strip():
                raise malformed(f"<{node.name}> has text beside its elements")
            node.text = ""

    def close(self) -> Node | None:
        return self._root


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
