"""What our document says of XML, so that generated clients write what is read."""

from typing import Any, Final

from execution_broker.formats.xml.naming import PROBLEM, item_of

_ROOTS: Final = {
    "ExecutionRequest": "offers-request",
    "OfferSetResponse": "offers-response",
    "ScheduledExecutionSession": "execution",
}


def hint(components: dict[str, Any]) -> None:
    """Add to each schema, in place: attributes, wrapped lists and their items, roots."""
    for name, schema in components.items():
        for key, part in schema.get("properties", {}).items():
            if key == "kind" and len(part.get("enum", ())) == 1:
                part["xml"] = {"attribute": True}
            elif part.get("type") == "array":
                part["xml"] = {"name": key, "wrapped": True}
                part["items"]["xml"] = {"name": item_of(key)}
        if name in _ROOTS:
            schema["xml"] = {"name": _ROOTS[name]}
    components["Problem"]["xml"] = {"name": "problem", "namespace": PROBLEM}
