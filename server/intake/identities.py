"""What a submission calls itself, as the databases can hold it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Final

from forms.instance import Instance

_LONGEST_ID: Final = 200  # characters; the databases' indexes hold no more than some 2,700 bytes


def bounded(instance: Instance) -> Instance:
    """The same instance with identities that an index can hold: an endless one becomes its hash."""

    def short(text: str) -> str:
        return text if len(text) <= _LONGEST_ID else "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    if max(
        map(len, (instance.instance_id, instance.form_id, instance.version, instance.deprecated_id or ""))
    ) <= (_LONGEST_ID):
        return instance
    return replace(
        instance,
        instance_id=short(instance.instance_id),
        form_id=short(instance.form_id),
        version=short(instance.version),
        deprecated_id=short(instance.deprecated_id) if instance.deprecated_id else None,
    )
