"""Where dbt spends minutes on what can be told in a moment: the same answers by a shorter way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import networkx
from dbt.compilation import Linker


def install() -> None:
    """Once, before any fork."""
    linker: Any = Linker
    linker.find_cycles = _around_cycles(linker.find_cycles)


def _around_cycles(plain: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`networkx.find_cycle` takes time that grows with the square of the graph where there is none; sorting it shows that at once."""

    def find(linker: Any) -> Any:
        return None if networkx.is_directed_acyclic_graph(linker.graph) else plain(linker)

    return find
