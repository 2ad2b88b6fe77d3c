"""`python -m kestra_web` is `kestra-web`, for the supervisor and for environments without the script."""

import sys

from kestra_web.cli import main

sys.exit(main())
