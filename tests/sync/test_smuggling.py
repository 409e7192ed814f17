"""Every answer of every form tries to get into a message: by the whole way in, and by every argument of composing."""

from __future__ import annotations

import inspect
import itertools
import uuid
from collections.abc import Callable, Iterable
from random import Random
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forms.form import Form
from forms.schema import Field, Schema
from server.intake.intake import Intake
from server.intake.upload import Upload
from server.settings import Settings
from server.store import case_opening, desks, officers, owed
from server.store.claims import Claimed
from server.store.database import Store
from server.store.models import Case, Delivery, Event, Message, Submission
from sync import compose as composing
from sync.channels.console import Console
from sync.compose import Occasion, Place, Ref, compose, digest, notice
from sync.scheduler import Sync
from tests.conftest import Clock
from tests.sync.world import INDICATORS

FORMS = ("berangkat", "pulang", "tindak_lanjut", "pantau_penyedia", "laporan_bulanan")
ROLES = ("disnaker", "p4mi", "bp3mi", "ppa", "dinsos", "province", "admin")
ON_A_PHONE: tuple[Callable[[str], str], ...] = (
    lambda mark: f"Siti Aminah {mark}",
    lambda mark: f"{mark} {{ref}} {{kec}} ${{nama}} %s {{0.__class__}}",
    lambda mark: f"R-350712-0417 {mark}\r\n35.07.01 D01 KRITIS",
    lambda mark: f"{mark}漢字\u202e {mark * 30}",
    lambda mark: f"<indicators><sms>{mark}</sms></indicators>",
)
"""What somebody may write into an answer, or a forged phone into any node."""


def filled(form: Form, write: Callable[[str], str], marks: Iterable[str]) -> tuple[bytes, list[str]]:
    """An instance with every node filled in, and the marks that its values carry."""
    schema = Schema.from_xform(form.xform)
    taken: list[str] = []
    fresh = iter(marks)

    def node(field: Field) -> str:
        if field.kind != "question":
            return f"<{field.name}>{''.join(node(child) for child in field.children)}</{field.name}>"
        mark = next(fresh)
        taken.append(mark)
        return f"<{field.name}>{escape(write(mark))}</{field.name}>"

    inside = "".join(node(top) for top in schema.fields if top.name != "meta")
    root = f'{schema.root} id="{schema.form_id}" version="{schema.version}"'
    meta = f"<meta><instanceID>uuid:{uuid.uuid4()}</instanceID></meta>"
    return f"<{root}>{inside}{meta}</{schema.root}>".encode(), taken


def everything_of(*tables: Any) -> str:
    return "\n".join(str(row) for table in tables for row in table.select().dicts())


@pytest.mark.parametrize("form_id", FORMS)
@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_no_answer_of_a_form_gets_into_a_message_or_what_is_kept_and_logged_of_it(
    published: Store,
    library: dict[str, Form],
    clock: Clock,
    form_id: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = published
    shown: list[Claimed] = []
    for number, role in enumerate(ROLES):
        officers.add("Petugas", role, "35.07", clock(), phone=f"+62 812 0000 {number:04d}")
    with store.transaction():
        known, _ = desks.add("35.07.01.2001", None, store.keys, clock())
    intake = Intake(store, clock)
    marks = (f"Zq{number:05d}x" for number in itertools.count(10_000))
    taken: list[str] = []
    for write in ON_A_PHONE:
        xml, carried = filled(library[form_id], write, marks)
        taken += carried
        with store.transaction():
            receipt = intake.receive(Upload(xml, known, None))
            assert receipt.state == "new"
            kept = Submission.get(Submission.instance_id == receipt.instance_id)
            # whichever rules hold: let all fire, with those of other forms
            indicators = {i.code: i for i in (*INDICATORS.values(), *library[form_id].indicators)}
            chained = Case.select().where((Case.form_id == form_id) & (Case.root == kept.root)).exists()
            case_opening.open_or_extend(
                kept.id, form_id, kept.root, kept.village, list(indicators.values()), clock(), chained=chained
            )
    settings = Settings(home=store.home, cap_person=0)
    sync = Sync(store, settings, clock, {"console": Console(shown.append)}, "console", random=Random(1))
    sync.run_once()
    sync.close()
    assert len(shown) >= 5 * len(ON_A_PHONE), "there is nothing to look at"
    assert not owed.anything_unrouted(clock())
    said = everything_of(Message, Delivery, Event) + "".join(capsys.readouterr())
    said = said.lower()
    assert [mark for mark in taken if mark.lower() in said] == []
    assert "aminah" not in said


ANSWER = (
    st.from_regex(r"[0-9]{16}", fullmatch=True)
    | st.from_regex(r"\+62 8[0-9]{2} 0000 [0-9]{4}", fullmatch=True)
    | st.from_regex(r"Siti [A-Z][a-z]{5,12}", fullmatch=True)
    | st.dates().map(str)
    | st.integers(100, 10**12)
    | st.text(min_size=4)
)


@given(answer=ANSWER)
def test_no_argument_of_composing_takes_an_answer(answer: str | int) -> None:
    """Each argument in turn is the answer, all others are right: it is refused, or the answer is not in the text."""
    ref, district = Ref("R-350712-0417"), "35.07.12"
    form = {"indicators": [{"code": "D01", "sms": {"id": "PMI {ref} Kec {kec}."}}]}
    untyped: Any = compose

    def attempts() -> Iterable[Callable[[], Any]]:
        yield lambda: untyped(form, answer, "high", ref, _Place(district))
        yield lambda: untyped(form, "D01", answer, ref, _Place(district))
        yield lambda: untyped(form, "D01", "high", Ref(answer), _Place(district))  # type: ignore[arg-type]
        yield lambda: untyped(form, "D01", "high", ref, Place(answer))  # type: ignore[arg-type]
        yield lambda: untyped({"indicators": answer}, "D01", "high", ref, _Place(district))
        yield lambda: untyped({"D01": answer, "nama": answer}, "D01", "high", ref, _Place(district))
        yield lambda: untyped(form, "D01", "high", ref, _Place(district), 0, answer)
        yield lambda: untyped(form, "D01", "high", ref, _Place(district), answer)
        yield lambda: digest({str(answer): 1}, [ref])
        yield lambda: digest({"high": answer}, [ref])  # type: ignore[dict-item]
        yield lambda: digest({}, [Ref(answer)])  # type: ignore[arg-type]
        yield lambda: notice(str(answer))

    for attempt in attempts():
        try:
            said = attempt().body
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
        assert str(answer) not in said


class _Place(Place):
    """A kecamatan whose name needs no database."""

    name = "Wagir"


def test_composing_has_no_argument_for_free_text() -> None:
    """What may be given: the published form, codes and levels that are checked, references, places, numbers."""
    allowed = {"form", "code", "severity", "ref", "place", "more", "occasion"}
    assert set(inspect.signature(compose).parameters) == allowed
    assert set(inspect.signature(digest).parameters) == {"counts", "refs", "weekly"}
    assert set(inspect.signature(notice).parameters) == {"trouble"}
    assert set(inspect.signature(composing.held).parameters) == {"count"}
    assert set(inspect.signature(composing.export_ready).parameters) == {"public_url"}
    public = [n for n, f in vars(composing).items() if inspect.isfunction(f) and not n.startswith("_")]
    made_here = {n for n in public if vars(composing)[n].__module__ == composing.__name__}
    assert made_here == {
        *("compose", "digest", "notice", "held", "export_ready"),
        *("fill", "fallback_text", "in_gsm", "septets"),
    }


@pytest.mark.parametrize("occasion", list(Occasion))
@pytest.mark.parametrize("more", [0, 3, 120])
def test_every_text_of_every_form_fits_one_segment_with_its_reference(
    library: dict[str, Form], occasion: Occasion, more: int
) -> None:
    place = _Place("35.07.12")
    for form in library.values():
        for indicator in form.indicators:
            text = compose(
                form.definition(),
                indicator.code,
                str(indicator.severity),
                Ref("R-350712-0417"),
                place,
                more,
                occasion,
            )
            assert composing.septets(text.body) <= composing.SEGMENT
            assert "R-350712-0417" in text.body
            assert indicator.code in text.body


def test_every_notice_and_digest_fits_one_segment() -> None:
    from sync.channels import Trouble

    refs = [Ref(f"R-350712-{number:04d}") for number in range(40)]
    for text in (
        *(notice(trouble) for trouble in Trouble),
        digest({"critical": 500, "high": 99, "medium": 1}, refs, weekly=True),
        digest({"high": 40}, refs),
        digest({}, []),
    ):
        assert composing.septets(text.body) <= composing.SEGMENT
        assert text.segments == 1
