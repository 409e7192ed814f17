"""Workbooks and CSV from rows. Knows nothing of HTTP."""

from exports.access import Access
from exports.form_export import ExportResult, export_form, kind_of
from exports.options import Filters, Options

__all__ = [
    "OPERATOR",
    "Access",
    "ExportResult",
    "Filters",
    "Options",
    "access_of",
    "export_form",
    "kind_of",
]

OPERATOR = Access.operator()
"""The reader of whoever runs the server's command line: everything."""


def access_of(role: str) -> Access:
    """The reader of an officer's role, for callers that bound the area themselves; see :meth:`Access.of`."""
    return Access(role)
