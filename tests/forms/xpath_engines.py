"""One form and its answers, before two engines: JavaRosa and ours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

from lxml import etree

from forms.instance import Node, read_instance
from forms.lists import ListTable
from forms.schema import Schema
from forms.xpath import Answers, Environment, Expression, XPathError, compile_expression
from forms.xpath.environment import READERS
from forms.xpath.functions import MOMENTARY
from tests.forms.javarosa_oracle import Failed, Oracle

ZONE_NAME: Final = "Asia/Jakarta"
ZONE: Final = timezone(timedelta(hours=7))
OUTSIDE: Final = (("data", 1), ("out", 1))
IN_SECOND: Final = (("data", 1), ("rep", 2), ("calc", 1))
Context = Sequence[tuple[str, int]]

COUNTRIES: Final = "name,label,penempatan\nMY,Malaysia,1\nKH,Kamboja,0\nHK,Hong Kong,9\n"
TYPES: Final = {
    "n": ("int", "12"),
    "big": ("decimal", "3000000000"),
    "dec": ("decimal", "3.75"),
    "neg": ("int", "-7"),
    "txt": ("string", "Siti Aminah"),
    "empty": ("string", ""),
    "emptyn": ("int", ""),
    "multi": ("string", "a b c"),
    "d": ("date", "2026-03-15"),
    "d2": ("date", "2008-03-15"),
    "dt": ("dateTime", "2026-03-15T10:20:30.500+07:00"),
    "b": ("boolean", "1"),
    "gp": ("geopoint", "-7.25 112.75 10 5"),
    "trace": ("geotrace", "-7.25 112.75 0 0;-7.26 112.76 0 0;-7.27 112.74 0 0;-7.25 112.75 0 0"),
    "one": ("string", "b"),
    "num": ("string", "42"),
    "country": ("string", "MY"),
    "unit": ("int", "1"),
}
"""Questions under the root: bind type and answer."""

_MODEL: Final = (
    "<g><x>5</x></g>"
    "<rep><k>A</k><amt>10</amt><calc/><in><v>1</v></in><in><v>2</v></in></rep>"
    "<rep><k>B</k><amt>20</amt><calc/><in><v>3</v></in></rep>"
    "<rep><k>A</k><amt/><calc/></rep><out/>"
)
_BODY: Final = (
    # JavaRosa loads only those lists that the form itself looks into
    '<input ref="/data/n"><label><output value="instance(\'negara\')/root/item[name=/data/country]/label"/>'
    "<output value=\"instance('yn')/root/item[name='yes']/label\"/></label></input>"
    '<group ref="/data/rep"><label>r</label><repeat nodeset="/data/rep">'
    '<input ref="/data/rep/k"><label>k</label></input><input ref="/data/rep/amt"><label>a</label></input>'
    '<group ref="/data/rep/in"><label>i</label><repeat nodeset="/data/rep/in">'
    '<input ref="/data/rep/in/v"><label>v</label></input></repeat></group></repeat></group>'
)


def form() -> str:
    """The XForm, its answers already in the instance."""
    answers = "".join(f"<{name}>{text}</{name}>" for name, (_, text) in TYPES.items())
    binds = "".join(f'<bind nodeset="/data/{name}" type="{kind}"/>' for name, (kind, _) in TYPES.items())
    binds += "".join(f'<bind nodeset="/data/{p}" type="int"/>' for p in ("rep/amt", "rep/in/v", "g/x"))
    return (
        '<h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml" '
        'xmlns:jr="http://openrosa.org/javarosa" xmlns:orx="http://openrosa.org/xforms">'
        "<h:head><h:title>engines</h:title><model>"
        f'<instance><data id="engines" version="7">{answers}{_MODEL}'
        "<orx:meta><orx:instanceID/></orx:meta></data></instance>"
        '<instance id="negara" src="jr://file-csv/negara.csv"/>'
        "<instance id='yn'><root><item><name>yes</name><label>Ya</label></item>"
        "<item><name>no</name><label>Tidak</label></item></root></instance>"
        f"{binds}</model></h:head><h:body>{_BODY}</h:body></h:html>"
    )


class Engines:
    """Both engines with the same form open."""

    def __init__(self) -> None:
        xform = form()
        self._oracle = Oracle(xform, {"negara.csv": COUNTRIES})
        schema = Schema.from_xform(xform)
        self._repeats = frozenset(f.path for f in schema.repeats())
        self._types = {f.path: f.type for f in schema.questions()}
        root = etree.fromstring(xform).find(".//{*}instance/*")
        assert root is not None
        self._instance = read_instance(etree.tostring(root))
        self._lists = {
            "negara": ListTable.from_csv("negara.csv", COUNTRIES.encode()),
            "yn": ListTable("yn", ("name", "label"), [["yes", "Ya"], ["no", "Tidak"]]),
        }

    def javarosa(self, expression: str, context: Context = OUTSIDE) -> object:
        """What JavaRosa makes of an expression: str, float, bool, datetime in local time, or Failed."""
        return self._oracle.worth(expression, context, ZONE)

    def ours(self, expression: str, context: Context = OUTSIDE) -> object:
        """The same of our evaluator; twice, where the judge would take its shorter way."""
        node = self._node(context)
        try:
            compiled = compile_expression(expression, node.path, self._repeats)
        except XPathError as error:
            return Failed(str(error))
        now = datetime.now(UTC).astimezone(ZONE).replace(tzinfo=None)
        worth = _worth(compiled, self._environment(node, now))
        environment = self._environment(node if compiled.placed else None, now)
        environment.answers.fill((path, READERS.get(self._types.get(path, ""))) for path in compiled.paths)
        shorter = _worth(compiled, environment)
        assert alike(worth, shorter) or not compiled.functions.isdisjoint(MOMENTARY), (
            f"{worth!r}, {shorter!r}"
        )
        return worth

    def _environment(self, node: Node | None, now: datetime) -> Environment:
        return Environment(
            Answers(self._instance.index, self._types, timedelta(hours=7)),
            node,
            node,
            lists=self._lists,
            now=now,
            offset=timedelta(hours=7),
            version="7",
            attributes=self._instance.attributes,
        )

    def _node(self, context: Context) -> Node:
        node = self._instance.root
        for name, position in context[1:]:
            node = next(c for c in node.children if c.name == name and c.position == position)
        return node


def _worth(expression: Expression, environment: Environment) -> object:
    try:
        value = expression.evaluate(environment)
    except XPathError as error:
        return Failed(str(error))
    return datetime.combine(value, datetime.min.time()) if value.__class__ is date else value


def alike(one: object, other: object) -> bool:
    """Whether two answers are one: of one type and equal, NaN equal to NaN, numbers to 12 digits."""
    if isinstance(one, Failed) or isinstance(other, Failed):
        return isinstance(one, Failed) and isinstance(other, Failed)
    if isinstance(one, float) and isinstance(other, float):
        if math.isnan(one) or math.isnan(other):
            return math.isnan(one) and math.isnan(other)
        return one == other or math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-300)
    return type(one) is type(other) and one == other
