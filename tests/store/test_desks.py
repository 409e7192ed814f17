"""Opening desks: whose phones may be for which area, and where a desk is reached."""

from __future__ import annotations

from datetime import timedelta

import pytest

from forms.problems import Problem
from server.store import desks, officers
from server.store.database import Store
from server.store.models import Desk
from tests.conftest import Clock


@pytest.mark.parametrize(
    ("role", "own", "asked", "code"),
    [
        ("disnaker", "35.07", "35.08", "desk.beyond_officer"),
        ("disnaker", "35.07", "35", "desk.beyond_officer"),
        ("admin", "ID", "35.07", "desk.beyond_officer"),
        ("bp3mi", "ID", "ID", "desk.beyond_officer"),
        (None, "", "35.07", "desk.officer"),
        (None, "", "35.99", "area.unknown"),
    ],
)
def test_phones_for_an_area_belong_to_an_officer_of_that_area(
    role: str | None, own: str, asked: str, code: str, store: Store, clock: Clock
) -> None:
    with store.transaction():
        person = officers.add("Petugas Contoh", role, own, clock())[0].slug if role else None
        with pytest.raises(Problem) as refused:
            desks.add(asked, None, store.keys, clock(), officer=person)
    assert refused.value.kind.code == code
    assert desks.listing() == []


def test_desks_of_one_village_have_names_and_credentials_of_their_own(store: Store, clock: Clock) -> None:
    with store.transaction():
        opened = [desks.add("35.07.01.2001", None, store.keys, clock()) for _ in range(3)]
    assert [desk.slug for desk, _ in opened] == [
        "desa-3507012001",
        "desa-3507012001-2",
        "desa-3507012001-3",
    ]
    with store.transaction():
        desks.revoke("desa-3507012001", clock())
        first = Desk.get(Desk.slug == "desa-3507012001").revoked_at
        clock.at += timedelta(days=1)
        desks.revoke("desa-3507012001", clock())
    assert Desk.get(Desk.slug == "desa-3507012001").revoked_at == first
    assert len({one for _, given in opened for one in (given.password, given.token)}) == 6


def test_a_desks_number_is_kept_as_it_is_dialled_and_can_be_taken_out(store: Store, clock: Clock) -> None:
    with store.transaction():
        slug = desks.add("35.07.01.2001", None, store.keys, clock(), phone="0812 0000 0011")[0].slug
        assert desks.listing()[0]["phone"] == "+6281200000011"
        desks.set_phone(slug, None)
    assert desks.listing()[0]["phone"] is None
    with pytest.raises(Problem, match="not valid"):
        desks.set_phone(slug, "12")
