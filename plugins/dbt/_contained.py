"""dbt in a container, which leaves what `plain` has it leave; the image's own, untouched, where its inner ways are others.

`python contained.py TOLD DBT ARGUMENT…`, beside `plain.py`. The Python of an image may be any version that dbt ever ran on.
"""

import importlib.util
import os
import sys


def main() -> None:
    """What the program `dbt` does in a container."""
    try:
        known = importlib.util.find_spec("dbt.cli.main") is not None
    except ImportError:
        known = False
    if not known:
        os.execv(sys.argv[2], sys.argv[2:])
    import plain  # type: ignore[import-not-found]  # noqa: PLC0415 -- it lies beside this file when it runs

    plain.main()


if __name__ == "__main__":
    main()
