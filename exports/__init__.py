"""Workbooks and CSV from rows. Knows nothing of HTTP.

What writes workbooks is slow to load: import ``exports.form_export`` where it is needed, not at a module's head.
"""

from exports.access import Access

__all__ = ["OPERATOR", "Access", "access_of"]

OPERATOR = Access.operator()
"""The reader of whoever runs the server's command line: everything."""


def access_of(role: str) -> Access:
    """The reader of an officer's role, for callers that bound the area themselves; see :meth:`Access.of`."""
    return Access(role)
