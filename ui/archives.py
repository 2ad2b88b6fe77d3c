"""What reading a zip archive that someone uploaded may raise."""

from __future__ import annotations

import lzma
import zipfile
import zlib

# Torn, lying about its sizes, encrypted, packed by a method that nobody here knows.
DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)
