"""Names of attachments as they are stored: the phone's own, made harmless."""

from __future__ import annotations

import hashlib
import unicodedata

LONGEST = 2_000  # bytes in UTF-8; an index of PostgreSQL holds some 2,700
_NAMELESS = "tanpa-nama"
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of writing: ``foto\u202egpj.exe`` would look like a picture."""


def stored_name(name: str) -> str:
    """A file's own name: no folders, no control characters; the same for what a form names and what a phone sends.

    A name that no index could hold keeps its beginning and its extension, and a hash tells it from others.
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    clean = "".join(c for c in last if _harmless(c)).strip()
    if clean in ("", ".", ".."):
        return _NAMELESS
    whole = clean.encode()
    if len(whole) <= LONGEST:
        return clean
    extension = clean.rpartition(".")[2] if "." in clean[-16:] else ""
    mark = hashlib.sha256(whole).hexdigest()
    return whole[: LONGEST // 2].decode(errors="ignore") + f"-{mark}" + (f".{extension}" if extension else "")


def _harmless(character: str) -> bool:
    # formatting characters (Cf) stay, but for those that turn: many letters and emoji are joined by them
    return unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp") and character not in _TURNING
