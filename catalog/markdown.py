"""dbt's descriptions as HTML: Markdown without HTML in it, without pictures, and with links that lead nowhere harmful."""

from __future__ import annotations

from markdown_it import MarkdownIt

_READER = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
LONGEST = 100_000


def rendered(text: str) -> str:
    """Safe HTML: everything is escaped that is not Markdown."""
    tokens = _READER.parse(text[:LONGEST])
    for token in (inner for outer in tokens for inner in (outer, *(outer.children or ()))):
        if token.type == "link_open":
            token.attrSet("rel", "noopener noreferrer nofollow")
        elif token.type in ("heading_open", "heading_close"):
            token.tag = "h4"  # the page has headings of its own above it
    return str(_READER.renderer.render(tokens, _READER.options, {}))
