"""States as conditions name them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator

from engine import states


def _known(value: str) -> str:
    if value not in states.ALL:
        raise ValueError(f"`{value}` is not one of {', '.join(states.ALL)}")
    return value


StateName = Annotated[str, AfterValidator(_known)]


def allows(state: str, wanted: Sequence[str] | None, unwanted: Sequence[str] | None) -> bool:
    """Whether a state is among those wanted, if any are named, and not among the others."""
    return (wanted is None or state in wanted) and (unwanted is None or state not in unwanted)
