"""The variables of a namespace as expressions see them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from namespaces.selectors import tree


class NamespaceVariables(Mapping[str, Any]):
    """The variables of a namespace and of those above it, read when an expression first asks for one."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._found: Mapping[str, Any] | None = None

    def _all(self) -> Mapping[str, Any]:
        if self._found is None:
            self._found = tree.variables(self._namespace)
        return self._found

    def __getitem__(self, key: str) -> Any:
        return self._all()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())
