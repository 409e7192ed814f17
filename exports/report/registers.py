"""What the registers share: one line a person, as far as the reader may see; the NIK masked for everybody."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, Final

from exports.labels import AreaNames, Labels, said
from exports.report.order import Order, short
from exports.report.people import age_on
from exports.report.people import said as answer
from exports.report.sheets import Block, Column, Kind, Sheet
from exports.values import Cell, mask_nik, number
from exports.visible import Version, Visible, relative
from exports.words import word
from forms.form import SEVERITIES, SensitiveKind
from forms.schema import Field, Schema
from server.store import recaps
from server.store.database import Store
from server.store.recaps import Entry

_SEX: Final = {"m": "L", "f": "P"}


@dataclass(frozen=True)
class Line:
    """What the cells of a line are made of."""

    number: int
    entry: Entry
    case: tuple[str, str] | None
    codes: Sequence[str]
    hidden: bool


Make = Callable[[Line], Cell]


@dataclass(frozen=True)
class Item:
    """A column with how its cells are made. ``kinds`` of secrets it tells; ``own``: it tells who somebody is."""

    column: Column
    make: Make
    kinds: frozenset[SensitiveKind] = frozenset()

    @property
    def own(self) -> bool:
        """Whether it stays blank for whoever did not agree to sharing."""
        return "identity" in self.kinds


class Register:
    """Makes the lines of one form's register."""

    def __init__(self, order: Order, versions: Sequence[Version], visible: Visible, names: AreaNames) -> None:
        self._order = order
        self._visible = visible
        self._names = names
        self._schema = versions[-1].schema
        self._fields = _newest_fields(versions)
        self._labels = Labels("id", names)

    def sheet(self, name: str, title: str, block: str, items: Sequence[Item], store: Store) -> Sheet:
        """The sheet, with the columns that the reader may see; its rows are read when they are written."""
        allowed = self._visible.reader.kinds - self._visible.without
        shown = [item for item in items if allowed.issuperset(item.kinds)]
        if self._order.restricted:
            shown += self._violence()
        keys = [item.column.key for item in shown]
        level, state = keys.index("level"), keys.index("state")
        return Sheet(
            name,
            title,
            [
                Block(
                    block,
                    "",
                    [item.column for item in shown],
                    self._rows(shown, store),
                    filtered=True,
                    marked=lambda row: (
                        row[level] == word("critical", "id")
                        and row[state] in (word("open", "id"), word("acknowledged", "id"))
                    ),
                )
            ],
            notes=(
                "Baris merah: ada indikator tingkat kritis dan kasusnya belum ditutup.",
                "Indikator adalah tanda untuk diperiksa, bukan bukti. NIK disamarkan. "
                "Orang yang tidak bersedia didata tidak ada di daftar ini.",
            ),
            repeat=2,
            pages_wide=3,
            frozen=2,
        )

    def _rows(self, items: Sequence[Item], store: Store) -> Iterator[list[Cell]]:
        number = 0
        reader, form_id = self._visible.reader, self._schema.form_id
        for page in recaps.entries(form_id, self._order.span, store):
            self._names.fetch(
                code for e in page for code in (e.village, e.village[:8], e.village[:5], e.village[:2])
            )
            known = recaps.standings(form_id, [entry.root for entry in page], self._order.sight)
            for entry in page:
                number += 1
                codes = [code for code in entry.indicators if code in self._visible.indicators]
                hidden = not reader.sees_unshared and answer(entry.answers, "loc", "consent_share") != "yes"
                line = Line(number, entry, known.get(entry.root), codes, hidden)
                yield [None if hidden and item.own else item.make(line) for item in items]

    def line(self) -> list[Item]:
        """The columns that begin each register."""
        return [
            self.item("no", "No", lambda x: x.number, "small", 5, "Nomor urut.", "laporan"),
            self.item(
                "ref", "Kode kasus", lambda x: x.case[0] if x.case else None, "code", 14, source="kasus"
            ),
        ]

    def person(self) -> list[Item]:
        """The columns that say who."""
        return [
            self.question("idg/full_name", "Nama", width=22),
            self.question(
                "idg/nik", "NIK (tersamar)", "code", 17, make=lambda nik: mask_nik(nik) if nik else None
            ),
            self.question("idg/sex", "L/P", width=5, make=lambda sex: _SEX.get(str(sex))),
        ]

    def age(self, header: str, width: float, meaning: str, source: str) -> Item:
        """Whole years on the day that the register is about; as secret as who somebody is."""
        return self.item(
            "age", header, _age, "small", width, meaning, source, "tahun", frozenset(("identity",))
        )

    def place(self) -> list[Item]:
        """The columns that say where."""
        return [
            self.item("village", "Kode desa", lambda x: x.entry.village, "code", 14, "Kode desa Kemendagri."),
            self.item(
                "village_name", "Desa/Kelurahan", lambda x: self._names.name(x.entry.village), width=17
            ),
            self.item("district", "Kecamatan", lambda x: self._names.name(x.entry.village[:8]), width=15),
            self.item(
                "regency", "Kab/Kota", lambda x: short(self._names.name(x.entry.village[:5])), width=20
            ),
        ]

    def case(self) -> list[Item]:
        """The columns that end each register."""
        return [
            self.item(
                "codes",
                "Kode indikator",
                lambda x: ", ".join(x.codes) or None,
                width=15,
                meaning="Indikator risiko yang berlaku menurut server, sejauh boleh dilihat penerima.",
                source="penilaian server",
            ),
            self.item(
                "level",
                "Tingkat",
                self._level,
                width=8,
                meaning="Tingkat tertinggi di antara indikator: kritis, tinggi, sedang.",
                source="penilaian server",
            ),
            self.item(
                "state",
                "Status kasus",
                lambda x: word(x.case[1], "id") if x.case else None,
                width=11,
                meaning="menunggu, ditangani, atau ditutup; kosong bila tidak ada kasus.",
                source="kasus",
            ),
        ]

    def _level(self, line: Line) -> Cell:
        found = {self._visible.indicators[code].severity for code in line.codes}
        return next((word(severity, "id") for severity in SEVERITIES if severity in found), None)

    def item(
        self,
        key: str,
        header: str,
        make: Make,
        kind: Kind = "text",
        width: float = 10,
        meaning: str = "",
        source: str = "wilayah Kemendagri",
        unit: str = "",
        kinds: frozenset[SensitiveKind] = frozenset(),
    ) -> Item:
        """A column that is no question's own."""
        return Item(
            Column(key, header, kind, width, meaning=meaning or header, source=source, unit=unit), make, kinds
        )

    def question(
        self,
        path: str,
        header: str,
        kind: Kind = "text",
        width: float = 10,
        unit: str = "",
        make: Callable[[Any], Cell] | None = None,
    ) -> Item:
        """A question's column, as secret as the question is. ``path`` is relative to the form's root."""
        field = self._fields.get(path)
        convert = make or self._converter(field, kind)
        names = path.split("/")
        column = Column(
            path.rpartition("/")[2],
            header,
            kind,
            width,
            meaning=said(field.labels, "id") or header if field else header,
            source=f"{self._schema.form_id}: {path}",
            unit=unit,
        )
        shown = partial(self._visible.withhold, path)
        return Item(
            column, lambda line: convert(shown(_at(line.entry.answers, names))), self._visible.of_path(path)
        )

    def _converter(self, field: Field | None, kind: Kind) -> Callable[[Any], Cell]:
        if field is not None and field.select is not None:
            label = self._labels.of(field)
            return lambda found: "; ".join(label(str(code)) for code in several(found)) or None
        if kind == "date":
            return as_date
        if kind in ("small", "money", "number", "papers"):
            return as_number
        return lambda found: str(found) if found not in (None, "") else None

    def _violence(self) -> list[Item]:
        """A column for every question that tells of violence; what is calculated says nothing more."""
        return [
            self.question(path, said(field.labels, "id") or field.name, width=22)
            for path, field in self._fields.items()
            if "violence" in self._visible.of_path(path) and not field.calculated
        ]


def _newest_fields(versions: Sequence[Version]) -> dict[str, Field]:
    found: dict[str, Field] = {}
    for version in versions:
        schema: Schema = version.schema
        found.update((relative(f.path), f) for f in schema.questions() if not f.note)
    return found


def _at(answers: Mapping[str, Any], names: Sequence[str]) -> Any:
    found: Any = answers
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def several(found: Any) -> list[Any]:
    """The choices of an answer, none of an empty one."""
    if found in (None, ""):
        return []
    return found if isinstance(found, list) else [found]


def _age(line: Line) -> Cell:
    entry = line.entry
    return age_on(entry.event_date, entry.birth_date) if entry.event_date is not None else None


def as_date(found: Any) -> Cell:
    """A day as a date that Excel can hold, else the text that came."""
    if not isinstance(found, str) or not found:
        return None
    try:
        day = date.fromisoformat(found[:10])
    except ValueError:
        return found
    return day if day.year >= 1901 else found


def as_number(found: Any) -> Cell:
    """A number, also where a calculation gave it as text; else the text that came."""
    if isinstance(found, str):
        try:
            value = float(found)
        except ValueError:
            return found or None
        return int(value) if value.is_integer() and abs(value) < 1e15 else number(value)
    return number(found) if found is not None else None
