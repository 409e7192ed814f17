"""Readable XML that cannot be taken as it is: kept for staff, answered 201, never a submission.

Otherwise the record would stay on the phone for ever and be sent again and again (COLLECT 10.19).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from server.store.database import Store
from server.store.models import Quarantine
from server.store.submissions import NewFile, xml_hash


def hold(
    reason: str,
    *,
    form_id: str,
    version: str,
    instance_id: str,
    desk_id: int | None,
    device_id: str | None,
    xml: bytes,
    files: list[NewFile],
    store: Store,
    now: datetime,
) -> None:
    """Keep it; the same bytes again only add files. ``reason`` is a problem's code."""
    digest = xml_hash(xml)
    noted = [{"filename": f.filename, "sha256": f.sha256, "size": f.size} for f in files]
    same = (
        (Quarantine.form_id == form_id)
        & (Quarantine.instance_id == instance_id)
        & (Quarantine.xml_hash == digest)
    )
    known = Quarantine.get_or_none(same)
    if known is not None:
        names = {f["filename"] for f in noted}
        merged = [f for f in known.files if f["filename"] not in names] + noted
        Quarantine.update(files=merged).where(Quarantine.id == known.id).execute()
        return
    Quarantine.insert(
        desk=desk_id,
        received_at=now,
        reason=reason,
        form_id=form_id,
        version=version,
        instance_id=instance_id,
        device_id=device_id,
        xml=store.keys.seal(xml, instance_id),
        xml_hash=digest,
        files=noted,
    ).on_conflict_ignore().execute()


def listing() -> list[dict[str, Any]]:
    """What is held, oldest first; no answers."""
    return [
        {
            "id": q.id,
            "received_at": q.received_at,
            "reason": q.reason,
            "form_id": q.form_id,
            "version": q.version,
            "instance_id": q.instance_id,
            "desk": q.desk.slug if q.desk_id else None,
            "files": len(q.files),
            "state": q.state,
        }
        for q in Quarantine.select().where(Quarantine.state == "held").order_by(Quarantine.id)
    ]
