"""dbt in a process of its own that leaves, too, which nodes it runs and the rows that failing tests found.

`python -s plain.py TOLD DBT ARGUMENT…`.
"""

from __future__ import annotations

import sys


def main() -> None:
    """What the program `dbt` does, after the others are in place."""
    told, *sys.argv = sys.argv[1:]
    import failing  # type: ignore[import-not-found]  # noqa: PLC0415 -- it lies beside this file when it runs
    import reading  # type: ignore[import-not-found]  # noqa: PLC0415 -- so does this
    import selected  # type: ignore[import-not-found]  # noqa: PLC0415 -- and this

    del sys.path[0]  # where they lie: dbt finds what it would find without us
    from dbt.cli.main import cli  # noqa: PLC0415 -- there it is

    for part in (selected, failing, reading):
        try:
            part.begin(told)
            part.install()
        except Exception:  # noqa: BLE001, S112 -- a dbt whose inner ways are others does without
            continue
    sys.exit(cli())


if __name__ == "__main__":
    main()
