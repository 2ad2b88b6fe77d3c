"""Flow YAML as everyone would indent it: two spaces, lists indented below their key, comments and quotes kept."""

from __future__ import annotations

import io

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError


def tidy(source: str) -> str | None:
    """The same document well indented, or None where the text is no YAML (its problems are told elsewhere)."""
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    try:
        document = yaml.load(source)
    except (YAMLError, ValueError, RecursionError):
        return None
    if document is None:
        return source
    out = io.StringIO()
    yaml.dump(document, out)
    return out.getvalue()
