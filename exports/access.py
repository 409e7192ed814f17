"""Who may read what in an export: kinds of secrets and indicators by role.

The rule by role is ours, after DOMAIN 5.2 (who learns of which indicator) and 8 (what a province receives):

================== ======================== =====================================================
reader             kinds of secrets         besides
================== ======================== =====================================================
operator           all                      whoever runs the server sees everything anyway
ppa                all                      restricted indicators that name ``ppa``
disnaker p4mi      identity, health, money  no answer that tells of violence
bp3mi
dinsos             identity, health
province           identity, money          the NIK masked (``350712******0001``), as in its registers
admin              none                     looks after desks and people, not after cases
================== ======================== =====================================================

For every reader but the operator and ``ppa`` the identity of whoever did not agree to sharing stays blank.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, get_args

from forms.form import Indicator, SensitiveKind
from forms.problems import Problem, Problems
from server.store import areas, cases
from server.store.officers import Person

ALL_KINDS: Final[frozenset[SensitiveKind]] = frozenset(get_args(SensitiveKind))

_KINDS: Final[dict[str, frozenset[SensitiveKind]]] = {
    "ppa": ALL_KINDS,
    "disnaker": frozenset(("identity", "health", "money")),
    "p4mi": frozenset(("identity", "health", "money")),
    "bp3mi": frozenset(("identity", "health", "money")),
    "dinsos": frozenset(("identity", "health")),
    "province": frozenset(("identity", "money")),
    "admin": frozenset(),
}


@dataclass(frozen=True)
class Access:
    """What a reader may see. ``role`` is None for the operator of the server; ``area`` bounds it."""

    role: str | None
    area: str = areas.NATION

    @classmethod
    def operator(cls) -> Access:
        """Whoever runs the command line on the server."""
        return cls(None)

    @classmethod
    def of(cls, person: Person) -> Access:
        """An officer: their role, within their area."""
        return cls(person.role, person.area)

    @property
    def kinds(self) -> frozenset[SensitiveKind]:
        """The kinds of secrets that this reader may see; none for a role that the table does not know."""
        return ALL_KINDS if self.role is None else _KINDS.get(self.role, frozenset())

    @property
    def everything(self) -> bool:
        """Whether nothing is held back at all."""
        return self.role is None

    @property
    def sees_unshared(self) -> bool:
        """Whether the identity of people who did not agree to sharing is shown too."""
        return self.role in (None, "ppa")

    @property
    def masks_nik(self) -> bool:
        """Whether a NIK is shown without its middle (DOMAIN 8)."""
        return self.role == "province"

    def sees(self, indicator: Indicator, needs: Collection[SensitiveKind]) -> bool:
        """May this reader learn that an indicator holds? ``needs``: kinds of secrets that its rule looks at.

        Yes where its alerts are meant for them (:func:`server.store.cases.may_see`); else only where it is
        not restricted and tells nothing that its answers would not.
        """
        if self.role is None or cases.may_see(self.role, indicator.recipients, indicator.restricted):
            return True
        return not indicator.restricted and self.kinds.issuperset(needs)

    def require_area(self, area: str) -> None:
        """Raises :class:`Problem` (FORBIDDEN) where ``area`` is not within this reader's own."""
        if not areas.covers(self.area, area):
            raise Problem(Problems.FORBIDDEN)
