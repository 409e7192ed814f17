"""Workbooks and CSV from rows. Knows nothing of HTTP."""
