"""The server's own judgement of a submission: which risk indicators hold, whatever the phone said.

A phone whose attached list is missing or old finds nothing in it and warns of nothing (DOMAIN 2.1). So the
server works out every calculation and every rule again, from the compiled form's own expressions and its
own lists.

1. A calculation counts only where its node came with the submission: what is absent was not relevant.
2. A calculation that depends on the moment or the phone (``today()``, ``uuid()``) is taken from the phone.
3. In rules ``today()`` and ``now()`` are the interview's (:meth:`Judge.interview`).
4. What cannot be worked out is reported and replaced by what the phone said, one indicator or calculation at
   a time: an alert too many costs a call, an alert lost may cost a child.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from lxml import etree

from forms.form import SEVERITIES, Form
from forms.instance import Instance, Node
from forms.lists import NAME, ListTable
from forms.recalculated import FAILURES, Recalculated, message
from forms.schema import Field, Schema
from forms.xml import parse_xml
from forms.xpath import Environment, Expression, XPathError, compile_expression
from forms.xpath.dates import read_moment
from forms.xpath.environment import READERS, Reader
from forms.xpath.values import Value, text_of_number

_XF: Final = "{http://www.w3.org/2002/xforms}"
_BIGGEST_XFORM: Final = 50_000_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the server found.

    ``indicators`` are the codes that hold, gravest first, then by code. ``phone`` is what the phone's
    ``ri_*`` said by code, None where it said nothing; ``differences`` are the codes where it said
    otherwise. ``calculated`` holds the calculations that came out otherwise than on the phone, by path
    (repeats with their position: ``/berangkat/costg/fees[2]/fee_banned``), as JSON values. ``errors`` are
    pairs of an indicator's code or a calculation's path, and what went wrong; no message holds an answer.
    ``unmet`` are pairs of a question's place and ``required`` or ``constraint``: what a phone would not have let
    through. Such data is taken like any other.
    """

    indicators: tuple[str, ...]
    phone: Mapping[str, bool | None]
    differences: tuple[str, ...]
    calculated: Mapping[str, Any] = field(default_factory=dict)
    errors: tuple[tuple[str, str], ...] = ()
    unmet: tuple[tuple[str, str], ...] = ()


class Judge:
    """Judges submissions of one form. Made once, used by many threads: it keeps nothing between calls.

    ``faults`` are the expressions that cannot be compiled: pairs of an indicator's code or a calculation's
    path, and what is wrong. A form with faults should not be published; one that was is judged as well as
    can be.
    """

    def __init__(self, form: Form) -> None:
        self.form = form
        schema = Schema.from_xform(form.xform)
        self._root = f"/{schema.root}"
        self._types = {f.path: f.type for f in schema.questions()}
        self._repeats = frozenset(f.path for f in schema.repeats())
        self._selects = {f.path: f for f in schema.questions() if f.select}
        self._language = schema.default_language
        self._moments = (f"{self._root}/end", f"{self._root}/start")
        self._visits = tuple(f.path for f in schema.named("visit_date"))
        self._inline, self._attached = _secondary_instances(form.xform)
        faults: list[tuple[str, str]] = []
        ours = {f"{self._root}/{i.node}" for i in form.indicators}
        self._calculates: dict[str, Expression] = {}
        self._kept: set[str] = set()
        for question in schema.questions():
            if question.calculated and not question.path.startswith(f"{self._root}/meta/"):
                # a fault of a rule is told by its code; its calculate, which holds the same text, need not
                self._add_calculate(question, [] if question.path in ours else faults)
        self._checked = tuple(path for path in self._calculates if path not in ours)
        self._demands = tuple(
            demand for question in schema.questions() if (demand := self._demand(question)) is not None
        )
        self._rules: list[tuple[str, str, Expression | None]] = []
        for indicator in sorted(form.indicators, key=lambda i: (SEVERITIES.index(i.severity), i.code)):
            node = f"{self._root}/{indicator.node}"
            rule = self._compiled(indicator.rule, node, indicator.code, faults)
            self._rules.append((indicator.code, node, rule))
        self._asked = tuple(self._answers_asked())
        self.faults = tuple(faults)

    def _add_calculate(self, question: Field, faults: list[tuple[str, str]]) -> None:
        expression = self._compiled(question.calculate, question.path, question.path, faults)
        if expression is None or expression.momentary:
            self._kept.add(question.path)
        else:
            self._calculates[question.path] = expression

    def _answers_asked(self) -> Iterator[tuple[str, Reader | None]]:
        """The answers that any expression looks up, each with the reader of its type; calculations are worked out."""
        demands = (e for _, *pair in self._demands for e in pair if isinstance(e, Expression))
        rules = (rule for _, _, rule in self._rules if rule is not None)
        paths = {path for e in (*self._calculates.values(), *rules, *demands) for path in e.paths}
        for path in sorted(paths - self._calculates.keys() - self._kept):
            yield path, READERS.get(self._types.get(path, ""))

    def _demand(self, question: Field) -> tuple[str, Expression | None, Expression | None] | None:
        """What a question asks of its answer: (path, required, constraint); None where it asks nothing.

        An expression that cannot be read is left out: the gate lets none through, and nothing hangs on it.
        """
        if question.calculated or question.note:
            return None
        unread: list[tuple[str, str]] = []
        required, constraint = (
            self._compiled(text, question.path, question.path, unread) if text else None
            for text in (question.required, question.constraint)
        )
        return None if required is None and constraint is None else (question.path, required, constraint)

    def _compiled(self, text: str, path: str, name: str, faults: list[tuple[str, str]]) -> Expression | None:
        try:
            return compile_expression(text, path, self._repeats)
        except XPathError as error:
            faults.append((name, str(error)))
            return None

    def interview(self, instance: Instance, now: datetime) -> datetime:
        """When the interview took place: its ``end``, else ``start``, else the day of ``visit_date``, else ``now``.

        ``now`` is the time of receipt; its zone is the interview's where that names none. A mere day is taken at
        noon of UTC, which is the same day in all of Indonesia.
        """
        for path in self._moments:
            moment = _moment(instance.text(path))
            if moment is not None:
                return moment if moment.tzinfo is not None else moment.replace(tzinfo=now.tzinfo)
        for path in self._visits:
            day = _moment(instance.text(path)[:10])
            if day is not None:
                return day.replace(hour=12, tzinfo=UTC)
        return now

    def environment(self, instance: Instance, lists: Mapping[str, ListTable], now: datetime) -> Environment:
        """What the form's expressions see in a submission, for whoever asks others than :meth:`judge` does."""
        return self._environment(instance, lists, now, [])[0]

    def judge(self, instance: Instance, lists: Mapping[str, ListTable], now: datetime) -> Verdict:
        """Judge a submission.

        ``lists`` are the form's attached lists by file name (``negara.csv``) or instance id (``negara``);
        ``now`` is the time of receipt, with a zone: the officer's, where the submission names none.
        """
        errors: list[tuple[str, str]] = list(self.faults)
        if instance.root.path != self._root:
            return self._by_phone(instance, [(self._root, "the root element is not the form's"), *errors])
        environment, answers = self._environment(instance, lists, now, errors)
        phone: dict[str, bool | None] = {}
        holding: list[str] = []
        differences: list[str] = []
        index = instance.index
        calculated = self._otherwise(index, answers)  # first, for the rules to find them worked out
        for code, path, rule in self._rules:
            nodes = index.get(path)
            said = phone[code] = _said(nodes[0].text) if nodes else None
            holds = bool(said)
            if rule is not None:
                try:
                    holds = rule.holds(environment)
                except FAILURES as error:
                    errors.append((code, message(error)))
            if holds:
                holding.append(code)
            if said is not None and said != holds:
                differences.append(code)
        unmet = self._unmet(index, environment)
        # The two refer to each other: without this only the garbage collector would free them and all they hold.
        del answers.environment
        return Verdict(tuple(holding), phone, tuple(differences), calculated, tuple(errors), unmet)

    def _unmet(
        self, index: Mapping[str, list[Node]], environment: Environment
    ) -> tuple[tuple[str, str], ...]:
        """What a phone would have asked for. A node that is there was relevant; what fails to compute is no fault."""
        found: list[tuple[str, str]] = []
        for path, required, constraint in self._demands:
            for node in index.get(path, ()):
                answered = node.text != ""
                demand = constraint if answered else required
                if demand is None:
                    continue
                try:
                    holds = demand.holds(environment.at(node) if demand.placed else environment)
                except FAILURES:
                    continue
                if holds is not answered:  # a constraint should hold, "required" should not
                    found.append((self._place(node), "constraint" if answered else "required"))
        return tuple(found)

    def _by_phone(self, instance: Instance, errors: list[tuple[str, str]]) -> Verdict:
        """The phone's own verdict, where nothing can be worked out: no client of ours writes another root."""
        root = instance.root.path
        said = {
            code: _said(instance.text(root + path.removeprefix(self._root))) for code, path, _ in self._rules
        }
        return Verdict(tuple(code for code, holds in said.items() if holds), said, (), {}, tuple(errors))

    def _environment(
        self, instance: Instance, lists: Mapping[str, ListTable], now: datetime, errors: list[tuple[str, str]]
    ) -> tuple[Environment, Recalculated]:
        interview = self.interview(instance, now)
        offset = interview.utcoffset() or timedelta()
        given = dict(self._inline)
        for name, file in self._attached:
            table = lists.get(file) or lists.get(name)
            if table is not None:
                given[name] = table
        answers = Recalculated(instance, self._types, offset, self._calculates, self._kept, errors)
        answers.fill(self._asked)
        environment = Environment(
            answers,
            lists=given,
            now=interview.replace(tzinfo=None),
            offset=offset,
            version=self.form.version,
            attributes=instance.attributes,
            choice_name=lambda value, path: self._choice_name(value, path, given),
        )
        answers.environment = environment
        return environment, answers

    def _choice_name(self, value: str, path: str, lists: Mapping[str, ListTable]) -> str:
        """The label of a choice in the form's default language; of an attached list, its column ``label``."""
        question = self._selects.get(path)
        if question is None:
            return ""
        for name, labels in question.choices:
            if name == value:
                return labels.get(self._language) or next(iter(labels.values()), "")
        table = lists.get(question.list_name or "")
        rows = table.find(NAME, value) if table is not None and NAME in table.columns else ()
        return table.rows[rows[0]].get("label", "") if table is not None and rows else ""

    def _otherwise(self, index: Mapping[str, list[Node]], answers: Recalculated) -> dict[str, Any]:
        """The calculations that came out otherwise than the phone wrote them."""
        found: dict[str, Any] = {}
        for path in self._checked:
            nodes = index.get(path, ())
            for node in nodes:
                value, text = answers.value_of(node), node.text
                if len(nodes) == 1:
                    answers[path] = value
                if value.__class__ is float and text_of_number(value) == text:
                    continue
                if value != text and not _written_as(value, text, answers.offset):
                    found[self._place(node)] = _json(value)
        return found

    def _place(self, node: Node) -> str:
        """A node's path, with positions where repeats are."""
        steps: list[str] = []
        at: Node | None = node
        while at is not None:
            steps.append(f"{at.name}[{at.position}]" if at.path in self._repeats else at.name)
            at = at.parent
        return "/" + "/".join(reversed(steps))


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.strip()) if text else None
    except ValueError:
        return None


def _said(text: str) -> bool | None:
    """What an ``ri_*`` of the phone says; a number, a truth value, or nothing."""
    if text in ("0", "1"):  # as phones write it; the rest is to be safe
        return text == "1"
    text = text.strip().lower()
    return None if text == "" else text not in ("0", "false", "0.0")


def _written_as(value: Value, text: str, offset: timedelta) -> bool:
    """Whether a phone that has this value writes this text."""
    if isinstance(value, float):
        read = READERS["decimal"](text, offset) if text else ""
        return isinstance(read, float) and abs(read - value) <= 1e-9 * max(1.0, abs(value))
    if isinstance(value, bool):
        return _said(text) is value
    if isinstance(value, date):
        return text == value.isoformat() or _same_moment(value, read_moment(text, offset))
    return False


def _same_moment(value: date, other: date | None) -> bool:
    return other is not None and other.isoformat()[:19].removesuffix("T00:00:00") == value.isoformat()[:19]


def _json(value: Value) -> Any:
    if isinstance(value, float):
        return int(value) if value.is_integer() else value if abs(value) < 1e308 else text_of_number(value)
    return value.isoformat() if isinstance(value, date) else value


def _secondary_instances(xform: str) -> tuple[dict[str, ListTable], tuple[tuple[str, str], ...]]:
    """The lists written in the form, by id; and the attached ones, as pairs of id and file name."""
    root = parse_xml(xform.encode(), most_bytes=_BIGGEST_XFORM)
    inline: dict[str, ListTable] = {}
    attached: list[tuple[str, str]] = []
    for instance in root.iter(f"{_XF}instance"):
        name = instance.get("id")
        if not name:
            continue
        source = instance.get("src")
        if source:
            attached.append((name, source.rsplit("/", 1)[-1]))
        else:
            inline[name] = _inline_list(name, instance)
    return inline, tuple(attached)


def _inline_list(name: str, instance: etree._Element) -> ListTable:
    rows = [
        {etree.QName(cell).localname: cell.text or "" for cell in item}
        for item in instance.iterfind(f"{_XF}root/{_XF}item")
    ]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    return ListTable(name, columns, ([row.get(column, "") for column in columns] for row in rows))
