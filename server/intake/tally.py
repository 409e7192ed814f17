"""What desks send, held against the bounds of what they may."""

from __future__ import annotations

from datetime import datetime

from forms.problems import Problem, Problems
from server.store import attachments, room
from server.store.attachments import NewFile
from server.store.room import Bounds, Fitting
from server.store.submissions import Kept


class Tally:
    """Counts for one process. Without ``bounds`` everything fits: staff release what has taken its room already."""

    def __init__(self, bounds: Bounds | None) -> None:
        self.bounds = bounds
        # desk -> bytes of its answers since they were counted last; what a process forgets by ending is no matter
        self._uncounted: dict[int, int] = {}

    def count_answers(self, desk_id: int, size: int) -> None:
        """Count a submission that is new. Raises :class:`Problem` (DESK_FULL_ANSWERS). Call inside a transaction."""
        if self.bounds is None:
            return
        total = self._uncounted.get(desk_id, 0) + size
        if total >= room.NOTED_EACH:
            if not room.take_answers(desk_id, total, self.bounds):
                raise Problem(Problems.DESK_FULL_ANSWERS)
            total = 0
        self._uncounted[desk_id] = total

    def attach(self, kept: Kept, files: list[NewFile], desk_id: int, received_at: datetime) -> Fitting:
        """Note the files of a submission that there is room for. Call inside a transaction."""
        fitting = Fitting(files)
        if self.bounds is not None and files:
            fitting = room.fit(files, attachments.arrived(kept.id), desk_id, self.bounds)
        attachments.attach(kept.id, fitting.files, received_at)
        return fitting


FREE = Tally(None)
"""Of what is not from a phone."""
