"""The words of a diagram lie inside the box that they belong to, whatever font a reader has."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SVG = "{http://www.w3.org/2000/svg}"
WIDTH = 0.56
"""Of a character, in parts of the font's size: that of a wide font."""


class Box(NamedTuple):
    x: float
    y: float
    width: float
    height: float

    def has(self, x: float, y: float) -> bool:
        return self.x <= x <= self.x + self.width and self.y <= y <= self.y + self.height


@pytest.mark.parametrize("picture", sorted(DOCS.rglob("*.svg")), ids=lambda path: path.name)
def test_every_word_is_inside_its_box(picture: Path) -> None:
    root = ET.parse(picture).getroot()
    boxes = [
        Box(*(float(r.get(k, "0")) for k in ("x", "y", "width", "height")))
        for r in root.iter(f"{SVG}rect")
    ]
    assert boxes
    texts = list(_texts(root, {}, _rules(root)))
    assert texts
    outside = []
    for text, x, y, size, anchor in texts:
        around = [box for box in boxes if box.has(x, y)]
        if not around:
            continue
        box = min(around, key=lambda one: one.width * one.height)
        width = len(text) * size * WIDTH
        left = x - {"start": 0, "middle": width / 2, "end": width}[anchor]
        if left < box.x or left + width > box.x + box.width:
            outside.append(text)
    assert outside == []


def _texts(
    element: ET.Element, given: dict[str, str], rules: dict[str, dict[str, str]]
) -> Iterator[tuple[str, float, float, float, str]]:
    """Each text with its place, its size and how it is aligned; what is not said is inherited."""
    said = dict(given)
    for name in (element.get("class") or "").split():
        said |= rules.get(name, {})
    said |= {k: v for k in ("font-size", "text-anchor") if (v := element.get(k))}
    if element.tag == f"{SVG}text":
        text = "".join(element.itertext()).strip()
        size = float(said.get("font-size", "16").removesuffix("px"))
        place = float(element.get("x", "0")), float(element.get("y", "0"))
        yield text, *place, size, said.get("text-anchor", "start")
    for child in element:
        yield from _texts(child, said, rules)


def _rules(root: ET.Element) -> dict[str, dict[str, str]]:
    css = "".join(style.text or "" for style in root.iter(f"{SVG}style"))
    found: dict[str, dict[str, str]] = {}
    for names, body in re.findall(r"([^{}]+)\{([^}]*)\}", css):
        pairs = dict(re.findall(r"([\w-]+)\s*:\s*([^;}]+?)\s*(?:;|$)", body))
        for name in re.findall(r"\.([\w-]+)", names):
            found.setdefault(name, {}).update(pairs)
    return found
