"""A village desk's phone whole: it gets its forms from a server, holds interviews, sends them."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.phone.collect import Collect, StoredForm, SubmitResult
from tests.phone.interviews import Interview
from tests.phone.javarosa import AnswerRefusedError, Engine, FilledForm, OpenForm, seeded_instance_id


@dataclass
class DeskPhone:
    """JavaRosa and :class:`Collect` in one hand. Knows only what the server gave it."""

    collect: Collect
    engine: Engine = field(default_factory=Engine)
    _open: dict[str, tuple[StoredForm, OpenForm]] = field(default_factory=dict)

    @classmethod
    def from_settings(cls, settings: str) -> DeskPhone:
        """Scan the text of a settings QR code."""
        return cls(Collect.from_settings(settings))

    def sync(self) -> tuple[str, ...]:
        """Fetch what is new; ids of all forms on the phone, sorted."""
        return tuple(sorted(self.collect.sync()))

    def hold(
        self, interview: Interview, *, language: str | None = None, seed: str | None = None
    ) -> FilledForm:
        """Hold an interview with the form as downloaded. ``seed`` makes the instanceID repeatable."""
        stored = self.collect.opened(interview.form_id)
        held = self._open.get(interview.form_id)
        if held is None or held[0] != stored:  # a sync brought a new form or new lists, or a worker was added
            held = self._open[interview.form_id] = (stored, self.engine.open(stored.xform, stored.media))
        identity = seeded_instance_id(f"{seed}/{interview.form_id}/{interview.name}") if seed else None
        answers = dict(interview.answers)
        try:
            filled = held[1].fill(answers, language=language, instance_id=identity)
        except AnswerRefusedError as refused:
            if refused.question != "worker_known":
                raise
            # asked once the village has workers on record: the people of the stories are new to it
            filled = held[1].fill(answers | {"worker_known": "no"}, language=language, instance_id=identity)
        self.collect.entities.finalized(stored.xform, filled.xml)
        return filled

    def send(self, filled: FilledForm, attachments: dict[str, bytes] | None = None) -> SubmitResult:
        """Send a finished interview."""
        return self.collect.submit(filled.xml, attachments)
