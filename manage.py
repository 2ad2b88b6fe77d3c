#!/usr/bin/env python
"""Django's command line with the product's settings, for makemigrations and the like; people use `kestra-web`."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kestra_web.settings")
    execute_from_command_line(sys.argv)
