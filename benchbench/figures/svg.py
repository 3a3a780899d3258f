"""SVG as matplotlib writes it, made fit for a file that speaks and for a page."""

from __future__ import annotations

from xml.etree import ElementTree

from benchbench.figures.style import INK, PAPER
from benchbench.printable import one_line

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_HREF = f"{{{_XLINK}}}href"


def described(svg: str, title: str, description: str) -> str:
    """Return a whole SVG file with a title and a description for who cannot see it."""
    root = _parsed(svg)
    for name, content in (("desc", description), ("title", title)):
        element = ElementTree.Element(f"{{{_SVG}}}{name}")
        element.text = one_line(content)
        root.insert(0, element)
    root.set("role", "img")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{_text(root)}\n'


def inline(svg: str, name: str, description: str) -> str:
    """Return the SVG as a part of an HTML page, in the page's own colours of text and paper.

    Every id gets the figure's name in front: ids are unique in the page. No style sheet of its own
    is left, which would hold for the whole page.
    """
    root = _parsed(svg)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in {f"{{{_SVG}}}{tag}" for tag in ("metadata", "style", "title", "desc")}:
                parent.remove(child)
    for element in root.iter():
        _adopt(element, name)
    for size in ("width", "height"):
        root.attrib.pop(size, None)
    root.set("role", "img")
    root.set("aria-label", one_line(description))
    return _text(root)


def _adopt(element: ElementTree.Element, name: str) -> None:
    for key, value in list(element.attrib.items()):
        changed = value
        if key == "id":
            changed = f"{name}-{value}"
        elif key == _HREF and value.startswith("#"):
            changed = f"#{name}-{value[1:]}"
        elif "url(#" in value:
            changed = value.replace("url(#", f"url(#{name}-")
        if key == "style":
            changed = changed.replace(INK, "currentColor").replace(PAPER, "var(--paper)")
        element.set(key, changed)


def _parsed(svg: str) -> ElementTree.Element:
    # What is read here was written by matplotlib a moment ago, and has no entities.
    return ElementTree.fromstring(svg)  # noqa: S314


def _text(root: ElementTree.Element) -> str:
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    return ElementTree.tostring(root, encoding="unicode")
