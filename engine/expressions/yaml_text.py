"""Values as YAML text, laid out as Kestra's writer does it (Jackson over SnakeYAML, with its arrays indented)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import yaml

from engine.expressions.values import is_list, java_date, to_text
from engine.yaml_ import plain_kind

# What YAML 1.1 reads as something else than text.
RESERVED = frozenset({"", "null", "true", "false", "yes", "no", "on", "off", "y", "n"})
QUOTED = frozenset("[]{},")


class Writer(yaml.SafeDumper):
    """Lists one space in from what holds them, maps and lists inside a list on a line of their own, no aliases."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":value"))]
        for first, resolvers in yaml.SafeDumper.yaml_implicit_resolvers.items()
    }

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def write_indicator(self, indicator: str, need_whitespace: bool, whitespace: bool = False, indention: bool = False) -> None:
        if indicator == "-" and indention:
            self.stream.write(" ")
            self.column += 1
            self.whitespace = True
        super().write_indicator(indicator, need_whitespace, whitespace, indention)


def _text(writer: Writer, value: str) -> yaml.ScalarNode:
    style = None
    if "\n" in value:
        style = "|"
    elif value.lower() in RESERVED or QUOTED & set(value) or ": " in value or " #" in value or value.endswith(":"):
        style = '"'
    elif plain_kind(value) != "str":
        style = "'"
    return writer.represent_scalar("tag:yaml.org,2002:str", value, style)


Writer.add_representer(str, _text)


def plain(value: Any) -> Any:
    """Only what YAML and JSON know: text, numbers, booleans, null, lists, maps."""
    if isinstance(value, Mapping):
        return {to_text(key): plain(item) for key, item in value.items()}
    if is_list(value):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, str)):
        return str(value) if isinstance(value, str) else int(value)
    if isinstance(value, float):
        return float(to_text(value))
    return java_date(value, always_seconds=True) if isinstance(value, dt.datetime) else to_text(value)


def to_yaml(value: Any) -> str:
    """A value as YAML text that ends with a newline."""
    text = yaml.dump(plain(value), Dumper=Writer, sort_keys=False, allow_unicode=True, default_flow_style=False, width=10**9)
    return text.removesuffix("...\n")
