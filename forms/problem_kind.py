"""What is known of a kind of problem. All there are stand in :mod:`forms.problems`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """What went wrong: a stable code, the HTTP status that fits, and the text in two languages."""

    code: str
    status: int
    id: str
    en: str
