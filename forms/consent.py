"""Did a person agree that their data be passed on? One answer for rows, files, pages and lists.

The question is ``consent_share`` (DOMAIN 2.1), wherever a form has it: shipped forms ask it in the group ``loc``,
a desk's own form may ask it elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from forms.schema import Schema

CONSENT_SHARE: Final = "consent_share"


def asked_to_share(schema: Schema) -> tuple[str, ...] | None:
    """The names from the instance's root down to the question; None where the form does not ask."""
    asked = schema.named(CONSENT_SHARE)
    return tuple(asked[0].path.strip("/").split("/")[1:]) if asked else None


@lru_cache(maxsize=64)
def asked_in(xform: str) -> tuple[str, ...] | None:
    """The same of an XForm. Raises ValueError where the text is none."""
    return asked_to_share(Schema.from_xform(xform))


def agreed(answers: Mapping[str, Any], asked: tuple[str, ...] | None) -> bool | None:
    """Do these answers agree? Anything but a yes is a no where the form asks; None where it does not."""
    if asked is None:
        return None
    found: Any = answers
    for name in asked:
        found = found.get(name) if isinstance(found, Mapping) else None
    return bool(found == "yes")
