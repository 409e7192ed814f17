"""Rosters as a workbook: written for people to fill in, read back with each fault named by sheet, row and column.

Five sheets: ``Jaga`` (duties and swaps), ``Cuti`` (leave), ``Atasan`` (supervisors), ``Libur`` (days off), and
``Petugas``, which lists the officers so that their names of record can be copied. What is read takes the place of all
that is written for the area and not over yet: a line left out is taken out, unless others changed the rosters since the
workbook was made (``roster_state``): then it is refused. A table of somebody's own, which cannot know what it leaves
out, only adds its lines. Nothing is stored where anything is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZipFile

from openpyxl import Workbook, load_workbook
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet.datavalidation import DataValidation

from exports import roster_state
from forms.form import ROLES, Finding
from forms.problems import Problem, Problems
from server.store import areas, officers, roster_entries

SHEETS = {
    "Jaga": ("Petugas", "Dari", "Sampai", "Wakil", "Menggantikan"),
    "Cuti": ("Petugas", "Dari", "Sampai", "Wakil"),
    "Atasan": ("Petugas", "Peran", "Wilayah", "Atasan"),
    "Libur": ("Wilayah", "Tanggal", "Nama"),
}
_PEOPLE = ("Petugas", "Nama", "Peran", "Wilayah", "Nama wilayah")
_OFFICERS = ("Petugas", "Wakil", "Menggantikan", "Atasan")
MOST_ROWS = 5_000
_MOST_UNPACKED = 50_000_000
"""Bytes of a workbook's parts: a thousand times what a roster takes, and less than a bomb."""


def write(area: str, target: Path | BinaryIO, now: datetime, role: str | None = None) -> int:
    """Write the rosters within an area (of one ``role``), from now on; returns how many lines."""
    book = Workbook()
    book.remove(book.worksheets[0])
    lines = roster_state.written(area, now, role)
    people = roster_entries.people(area, role)
    for sheet, columns in _sheets(role).items():
        _fill(book, sheet, columns, lines[sheet])
        _offer(book[sheet], columns, len(people))
    named = areas.names(p.area for p in people)
    _fill(book, "Petugas", _PEOPLE, [(p.slug, p.name, p.role, p.area, named.get(p.area)) for p in people])
    made_from = roster_state.noted(area, role, now, roster_state.rows(lines))
    _fill(book, roster_state.SHEET, roster_state.HEADER, made_from)
    book[roster_state.SHEET].sheet_state = "veryHidden"
    book.save(target)
    return sum(map(len, lines.values()))


def _sheets(role: str | None) -> dict[str, tuple[str, ...]]:
    """Days off are everybody's: a workbook of one role has none."""
    return {title: columns for title, columns in SHEETS.items() if role is None or title != "Libur"}


def _fill(book: Workbook, title: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    sheet = book.create_sheet(title)
    sheet.append(columns)
    for cell in sheet[1]:
        cell.font = Font(bold=True, color="FFFFFF")
        cell.fill = PatternFill("solid", fgColor="0F5C63")
    for number, row in enumerate(rows, 2):
        for column, value in enumerate(row, 1):
            cell = sheet.cell(number, column, value)
            cell.number_format = "@"
            if isinstance(value, str):
                cell.data_type = "s"  # a name that begins with "=" is a name
    sheet.freeze_panes = "A2"
    for number in range(1, len(columns) + 1):
        sheet.column_dimensions[get_column_letter(number)].width = 26


def _offer(sheet: Any, columns: tuple[str, ...], people: int) -> None:
    """Let people choose officers from a list instead of typing them."""
    if not people:
        return
    choice = DataValidation("list", formula1=f"Petugas!$A$2:$A${people + 1}", allow_blank=True)
    sheet.add_data_validation(choice)
    for number, column in enumerate(columns, 1):
        if column in _OFFICERS:
            letter = get_column_letter(number)
            choice.add(f"{letter}2:{letter}500")


@dataclass(frozen=True)
class Line:
    """A row of a sheet: its number as Excel counts, and its cells as text by column."""

    sheet: str
    row: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Place:
    """For whom a workbook speaks: the offices within an area, of one role or (None) of all."""

    area: str
    role: str | None

    def holds(self, area: str, role: str) -> bool:
        """Is an office of that role and area among them?"""
        inside = self.area in (areas.NATION, area) or area.startswith(self.area + ".")
        return inside and self.role in (None, role)


@dataclass(frozen=True)
class Read:
    """What reading did: lines stored, lines that were over already, and faults (then nothing was stored).

    ``replaced`` is false for a table of somebody's own: then ``stored`` counts what was not written yet.
    """

    stored: int
    over: int
    findings: tuple[Finding, ...]
    replaced: bool = True


@dataclass(frozen=True)
class Opened:
    """What stands in a workbook, not looked at yet; and why it could not be read."""

    lines: tuple[Line, ...]
    findings: tuple[Finding, ...]
    state: roster_state.State | None = None


def opened(source: Path | BinaryIO, role: str | None = None) -> Opened:
    """Read the lines of a workbook for all roles or one. It takes long for a large one: not in a transaction."""
    findings: list[Finding] = []
    book = _book(source, findings)
    if book is None:
        return Opened((), tuple(findings))
    lines = tuple(_lines(book, findings, role))
    try:
        state = roster_state.read(book)
    except ValueError:
        message = "this hidden sheet, by which changes of others are found, was spoiled; export again"
        pesan = "lembar tersembunyi ini rusak, padahal menjaga perubahan orang lain; unduh Excel sekali lagi"
        findings.append(Finding(roster_state.SHEET, None, None, message, pesan))
        state = None
    return Opened(lines, tuple(findings), state)


def read(
    source: Path | BinaryIO | Opened, area: str, now: datetime, by: str, role: str | None = None
) -> Read:
    """Take over a workbook for an area, or for one role in it.

    Call inside a transaction, and undo it where there are findings. Raises :class:`Problem` (ROSTER_STALE): others
    changed something since, which would be undone.
    """
    book = source if isinstance(source, Opened) else opened(source, role)
    if book.findings:
        return Read(0, 0, book.findings)
    findings: list[Finding] = []
    roster_entries.hold(area)
    known: set[roster_state.Row] = set()
    if book.state is None:
        known.update(roster_state.rows(roster_state.written(area, now, role)))
    elif (book.state.area, book.state.role) != (area, role):
        return Read(0, 0, (_elsewhere(book.state),))
    else:
        roster_state.unharmed(book.state, map(_row, book.lines), now)
        roster_entries.clear(area, now, role)
    place = Place(area, role)
    stored = over = 0
    for line in book.lines:
        if _row(line) in known:
            continue
        try:
            if _WAYS[line.sheet](line, place, now, by):
                stored += 1
            else:
                over += 1
        except _Fault as fault:
            findings.append(fault.finding)
        except Problem as problem:
            column = _COLUMN_OF.get(problem.problem)
            findings.append(Finding(line.sheet, line.row, column, problem.text("en"), problem.text("id")))
    return Read(stored, over, tuple(findings), replaced=book.state is not None)


def _row(line: Line) -> roster_state.Row:
    return (line.sheet, *(line.cells.get(column, "") for column in SHEETS[line.sheet]))


def _elsewhere(state: roster_state.State) -> Finding:
    office = f"{state.role} {state.area}" if state.role else state.area
    return Finding(
        "-",
        None,
        None,
        f"this workbook was made for other offices ({office}); export one for these",
        f"berkas ini dibuat untuk kantor lain ({office}); unduh yang untuk kantor ini",
    )


def refused(file: str, findings: tuple[Finding, ...]) -> Problem:
    """Why a workbook is not taken over: its first fault, and how many there are."""
    first = findings[0]
    return Problem(
        Problems.ROSTER_BOOK,
        file=file,
        place=first.place,
        place_id=first.place_in("id"),
        message=first.message,
        pesan=first.text("id"),
        count=len(findings),
    )


_COLUMN_OF = {
    Problems.ROSTER_PERIOD: "Sampai",
    Problems.ROSTER_TWICE: "Dari",
    Problems.ROSTER_STAND_IN: "Wakil",
    Problems.SUPERVISOR_UNFIT: "Atasan",
    Problems.AREA_UNKNOWN: "Wilayah",
}


class _Fault(Exception):  # noqa: N818 - says what is the matter
    def __init__(self, finding: Finding) -> None:
        self.finding = finding


def _book(source: Path | BinaryIO, findings: list[Finding]) -> Workbook | None:
    try:
        with ZipFile(source) as package:
            if sum(part.file_size for part in package.infolist()) > _MOST_UNPACKED:
                raise InvalidFileException("a workbook that fills the memory")
        return load_workbook(source, read_only=True, data_only=True, keep_links=False)
    except Exception:  # noqa: BLE001 - openpyxl raises whatever its parts raise for a broken package
        message = "this is no Excel workbook (.xlsx), or it is too big"
        pesan = "berkas ini bukan buku kerja Excel (.xlsx), atau terlalu besar"
        findings.append(Finding("-", None, None, message, pesan))
        return None


def _lines(book: Workbook, findings: list[Finding], role: str | None) -> Iterator[Line]:
    if not set(SHEETS) & set(book.sheetnames):
        names = ", ".join(SHEETS)
        findings.append(Finding("-", None, None, f"there is no sheet {names}", f"tidak ada lembar {names}"))
    for title, columns in _sheets(role).items():
        if title not in book.sheetnames:
            continue
        book[title].reset_dimensions()  # what a file says of its size need not be so
        rows = book[title].iter_rows(values_only=True, max_row=MOST_ROWS + 1)
        header = [str(cell or "").strip() for cell in next(rows, ())]
        if missing := [column for column in columns if column not in header]:
            for column in missing:
                findings.append(Finding(title, 1, column, "the column is missing", "kolom ini tidak ada"))
            continue
        for number, row in enumerate(rows, 2):
            cells = {name: _text(value) for name, value in zip(header, row, strict=False) if name in columns}
            if any(cells.values()) and number > MOST_ROWS:  # what is not read would be taken out
                message, pesan = f"more than {MOST_ROWS} rows", f"lebih dari {MOST_ROWS} baris"
                findings.append(Finding(title, number, None, message, pesan))
            elif any(cells.values()):
                yield Line(title, number, cells)


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}" if (value.hour, value.minute) != (0, 0) else f"{value:%Y-%m-%d}"
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else str(value).strip()


def _officer(line: Line, column: str, place: Place, *, inside: bool = True) -> officers.Person:
    slug = _need(line, column)
    try:
        person = officers.require(slug)
    except Problem as problem:
        raise _fault(line, column, problem.text("en"), problem.text("id")) from problem
    if inside and not place.holds(person.area, person.role):
        raise _fault(
            line,
            column,
            f"{slug} is not of an office that this workbook is for",
            f"{slug} bukan petugas kantor yang diatur berkas ini",
        )
    return person


def _need(line: Line, column: str) -> str:
    text = line.cells.get(column, "")
    if not text:
        raise _fault(line, column, "this cell must be filled in", "sel ini harus diisi")
    return text


def _fault(line: Line, column: str, message: str, pesan: str) -> _Fault:
    return _Fault(Finding(line.sheet, line.row, column, message, pesan))


def _period(line: Line, area: str) -> tuple[datetime, datetime]:
    found = []
    for column, end in (("Dari", False), ("Sampai", True)):
        try:
            found.append(roster_entries.moment(_need(line, column), area, end=end))
        except Problem as problem:
            raise _fault(line, column, problem.text("en"), problem.text("id")) from problem
    return found[0], found[1]


def _others(line: Line, place: Place, *columns: str) -> dict[str, str | None]:
    for column in columns:
        if line.cells.get(column):
            _officer(line, column, place, inside=False)
    return {column: line.cells.get(column) or None for column in columns}


def _duty(line: Line, place: Place, now: datetime, by: str) -> bool:
    others = _others(line, place, "Wakil", "Menggantikan")
    person = _officer(line, "Petugas", place, inside=others["Menggantikan"] is None)
    starts_at, ends_at = _period(line, person.area)
    if starts_at < ends_at <= now:
        return False
    roster_entries.add_duty(
        person.slug,
        starts_at,
        ends_at,
        now,
        by,
        deputy=others["Wakil"],
        instead_of=others["Menggantikan"],
    )
    return True


def _leave(line: Line, place: Place, now: datetime, by: str) -> bool:
    person = _officer(line, "Petugas", place)
    starts_at, ends_at = _period(line, person.area)
    if starts_at < ends_at <= now:
        return False
    others = _others(line, place, "Wakil")
    roster_entries.add_leave(person.slug, starts_at, ends_at, now, by, deputy=others["Wakil"])
    return True


def _supervisor(line: Line, place: Place, now: datetime, by: str) -> bool:
    head = _officer(line, "Atasan", place, inside=False)
    if line.cells.get("Petugas"):
        roster_entries.set_supervisor(_officer(line, "Petugas", place).slug, head.slug)
        return True
    role, area = _need(line, "Peran"), _need(line, "Wilayah")
    if role not in ROLES:
        raise _fault(
            line, "Peran", f"no role {role}; one of {' '.join(ROLES)}", f"peran {role} tidak dikenal"
        )
    _inside(line, area, role, place)
    roster_entries.set_office_supervisor(role, area, head.slug)
    return True


def _day_off(line: Line, place: Place, now: datetime, by: str) -> bool:
    area = _need(line, "Wilayah")
    _inside(line, area, place.role or "", place)
    text = _need(line, "Tanggal")
    try:
        day = roster_entries.moment(text, area).date()
    except Problem as problem:
        raise _fault(line, "Tanggal", problem.text("en"), problem.text("id")) from problem
    roster_entries.add_day_off(area, day, line.cells.get("Nama", ""))
    return True


def _inside(line: Line, area: str, role: str, place: Place) -> None:
    if not place.holds(area, role):
        raise _fault(
            line,
            "Wilayah",
            f"{area} is not a place that this workbook is for",
            f"{area} bukan wilayah yang diatur berkas ini",
        )


_WAYS: dict[str, Callable[[Line, Place, datetime, str], bool]] = {
    "Jaga": _duty,
    "Cuti": _leave,
    "Atasan": _supervisor,
    "Libur": _day_off,
}
