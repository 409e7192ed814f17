"""What a home of a former release holds is not forgotten by what came later."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime, timedelta

from server.store import escalations
from server.store.database import Store
from server.store.models import Alert
from tests.conftest import Clock
from tests.sync.world import publish, submit

HOUR = timedelta(hours=1)


def test_alerts_of_which_people_were_told_before_the_upgrade_climb_and_are_followed_up(
    store: Store, clock: Clock
) -> None:
    publish(clock())
    for codes in (["D01"], ["D08"], ["D02"], ["D05"]):
        submit(store, codes, clock())
    Alert.update(owed=False).execute()
    Alert.update(state="acknowledged", acknowledged_at=clock()).where(Alert.indicator == "D05").execute()
    submit(store, ["D01"], clock())  # nobody was told of this one yet: routing gives it its time

    importlib.import_module("server.store.migrations.0012_climbing").up(None, store.db)

    upgraded = datetime.now(UTC)
    assert not escalations.anything(upgraded)
    late = upgraded + 5 * HOUR
    told = Alert.select(Alert.indicator).where(Alert.escalate_at <= late).tuples()
    assert list(told) == [("D01",)], "critical ones within hours"
    told = Alert.select(Alert.indicator).where(Alert.escalate_at.is_null(False)).order_by(Alert.id).tuples()
    assert list(told) == [("D01",), ("D08",)]
    assert len(escalations.not_followed_up(upgraded + 25 * HOUR, 9)) == 1
