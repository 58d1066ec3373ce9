"""Reads the subset of YAML that docker-compose.yml is written in: nested mappings, lists of
scalars, flow lists, anchors and merges. Anything else is refused, so that nothing is misread."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

_KEY = re.compile(r"(?P<key>[\w.<-]+):(?: +(?P<value>.*))?$")
_ANCHOR = re.compile(r"&(?P<name>[\w-]+)$")


@dataclass
class _Lines:
    lines: list[tuple[int, str]]
    at: int = 0
    anchors: dict[str, Any] = field(default_factory=dict)

    def peek(self) -> tuple[int, str] | None:
        return self.lines[self.at] if self.at < len(self.lines) else None


def read_compose(text: str) -> dict[str, Any]:
    """The document. Raises `ValueError` for YAML outside the subset."""
    lines = [
        (len(line) - len(line.lstrip()), line.strip())
        for line in text.splitlines()
        if line.strip() and not line.strip().startswith("#")
    ]
    document = _block(_Lines(lines), 0)
    assert isinstance(document, dict)
    return document


def _block(lines: _Lines, indent: int) -> Any:
    first = lines.peek()
    is_list = first is not None and first[1].startswith("- ")
    return _list(lines, indent) if is_list else _mapping(lines, indent)


def _list(lines: _Lines, indent: int) -> list[Any]:
    items = []
    while (line := lines.peek()) and line[0] == indent and line[1].startswith("- "):
        lines.at += 1
        items.append(_scalar(line[1][2:]))
    return items


def _mapping(lines: _Lines, indent: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    while (line := lines.peek()) and line[0] >= indent:
        if line[0] != indent or not (match := _KEY.match(line[1])):
            raise ValueError(f"not in the subset: {line[1]!r}")
        lines.at += 1
        key, value = match["key"], match["value"] or ""
        if key == "<<":
            found = {**lines.anchors[value.removeprefix("*")], **found}
        else:
            found[key] = _value(lines, indent, value)
    return found


def _value(lines: _Lines, indent: int, value: str) -> Any:
    anchor = _ANCHOR.match(value)
    if value and not anchor:
        return _scalar(value)
    following = lines.peek()
    nested = _block(lines, following[0]) if following and following[0] > indent else None
    if anchor:
        lines.anchors[anchor["name"]] = nested
    return nested


def _scalar(text: str) -> Any:
    if text[0] in '["{':
        return json.loads(text)
    if text[0] in "&*!|>'" or " #" in text:
        raise ValueError(f"not in the subset: {text!r}")
    return text
