"""Chains of edits: an original and what replaced it (``deprecatedID``)."""

from __future__ import annotations

from typing import Any

from server.store.models import Submission


def in_chain(form_id: str, root: str) -> Any:
    """The condition for all versions of a submission that counts (no trial), by the original's instanceID.

    Written as the partial index ``submission_edited_root`` is: most submissions are no edits.
    """
    edits = (Submission.root == root) & (Submission.root != Submission.instance_id)
    return (Submission.form_id == form_id) & ~Submission.draft & ((Submission.instance_id == root) | edits)
