"""What Return tells by metrics: told apart by what came of its text, as Kestra's are."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plugins.core.debug.return_ import LONGEST_TAG, Return
from tests.plugins.context import MemoryContext


@pytest.mark.parametrize(
    ("written", "value", "tag"), [("{{ 1 + 1 }}!", "2!", "2!"), (None, None, ""), ("a" * 5000, "a" * 5000, "a" * LONGEST_TAG)]
)
def test_its_metrics_carry_the_rendered_text(
    written: str | None, value: str | None, tag: str, make_context: Callable[..., MemoryContext]
) -> None:
    context = make_context()
    assert Return(id="give", type="io.kestra.plugin.core.debug.Return", format=written).run(context).outputs == {"value": value}
    assert [(one.name, one.tags) for one in context.metrics] == [("length", {"format": tag}), ("duration", {"format": tag})]
