"""dbt in a process of its own that leaves, too, the rows that failing tests found: `python -s plain.py TOLD DBT ARGUMENT…`."""

from __future__ import annotations

import sys


def main() -> None:
    """What the program `dbt` does, after `failing` is in place."""
    told, *sys.argv = sys.argv[1:]
    import failing  # type: ignore[import-not-found]  # noqa: PLC0415 -- it lies beside this file when it runs

    del sys.path[0]  # where both lie: dbt finds what it would find without us
    from dbt.cli.main import cli  # noqa: PLC0415 -- there it is

    try:
        failing.begin(told)
        failing.install()
    except Exception:  # noqa: BLE001, S110 -- a dbt whose inner ways are others does without
        pass
    sys.exit(cli())


if __name__ == "__main__":
    main()
