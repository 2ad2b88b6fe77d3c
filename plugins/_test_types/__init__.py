"""Task types that Kestra's own test flows use; offered only where `KESTRA_WEB_TEST_TYPES` switches them on.

The path is the type here too, below `io.kestra.` instead of `io.kestra.plugin.`.
"""
