"""An officer who reads a case finds its person in the download: by the case's reference, if it is theirs to know."""

from __future__ import annotations

from pathlib import Path

import pytest

from exports import OPERATOR, access_of
from server.store import case_opening, submissions
from server.store.database import Store
from tests.exports.exporting import export_form
from tests.exports.filled import NOON, VILLAGE, keep, publish_library_form
from tests.exports.reading import column


def _filed(store: Store, codes: tuple[str, ...], instance_id: str) -> str:
    form = publish_library_form("pulang")
    keep(store, form, {"loc": {"consent": "yes", "consent_share": "yes"}}, instance_id, indicators=codes)
    kept = submissions.find("pulang", instance_id)
    assert kept is not None
    with store.transaction():
        ref = case_opening.open_or_extend(
            kept.id,
            "pulang",
            instance_id,
            VILLAGE,
            [i for i in form.indicators if i.code in codes],
            NOON,
            chained=False,
        )
    assert ref is not None
    return ref


@pytest.mark.parametrize(
    ("role", "sees"),
    [(None, (True, True, False)), ("ppa", (False, True, False)), ("disnaker", (True, False, False))],
)
def test_the_reference_stands_where_the_reader_may_know_of_the_case(
    store: Store, tmp_path: Path, role: str | None, sees: tuple[bool, bool, bool]
) -> None:
    refs = [_filed(store, ("R03",), "uuid:1"), _filed(store, ("R05",), "uuid:2")]
    keep(store, publish_library_form("pulang"), {}, "uuid:3")
    target = tmp_path / "pulang.xlsx"
    export_form("pulang", target, store, reader=OPERATOR if role is None else access_of(role))
    shown = [cell.value for cell in column(target, "Kode kasus")]
    assert shown == [ref if seen else None for ref, seen in zip([*refs, ""], sees, strict=True)]
