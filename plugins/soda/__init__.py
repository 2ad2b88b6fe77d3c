"""Task types below `io.kestra.plugin.soda`; `_driver.py` runs where Soda is and imports nothing of ours."""
