"""A form's questions, read from its compiled XForm alone, for readers of submissions, exports and judges.

Structure from the ODK XForms specification: the primary instance gives the tree, ``bind`` the types and
expressions, the body the controls, ``itext`` the languages, secondary instances the inline choices.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from lxml import etree

XF = "{http://www.w3.org/2002/xforms}"
H = "{http://www.w3.org/1999/xhtml}"
JR = "{http://openrosa.org/javarosa}"
_CONTROLS = {"input", "select", "select1", "upload", "range", "rank", "trigger", "secret"}
_ITEXT = "jr:itext('"

Kind = Literal["group", "repeat", "question"]
Texts = Mapping[str, str]


def language_code(name: str) -> str:
    """The code in a language's name as XLSForms write it: ``id`` of ``Indonesia (id)``; else the name."""
    code = re.search(r"\(([^()]+)\)\s*$", name)
    return code[1] if code else name


@dataclass(frozen=True)
class Field:
    """A group, a repeat or a question.

    ``type`` is the bind's type without prefix (``string``, ``int``, ``decimal``, ``date``, ``dateTime``,
    ``time``, ``geopoint``, ``binary`` …), empty for groups and repeats. ``labels`` and the labels in
    ``choices`` are keyed by language code (``id``, ``en``; empty where the form has no languages).
    ``choices`` holds (value, labels) of a list inside the form; ``list_name`` is the instance id of an
    attached list (``negara`` for ``negara.csv``). Expressions are as compiled, empty where there is none.
    """

    name: str
    path: str
    kind: Kind
    type: str = ""
    select: Literal["one", "many"] | None = None
    calculated: bool = False
    note: bool = False
    labels: Texts = field(default_factory=dict)
    choices: tuple[tuple[str, Texts], ...] = ()
    list_name: str | None = None
    required: str = ""
    relevant: str = ""
    constraint: str = ""
    calculate: str = ""
    readonly: str = ""
    children: tuple[Field, ...] = ()

    @property
    def binary(self) -> bool:
        """Whether its value is the name of an attached file (photo, sound, film, signature, document)."""
        return self.type == "binary"

    def walk(self) -> Iterator[Field]:
        """This field, then all below it, in the form's order."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True)
class Schema:
    """A compiled form's structure.

    ``root`` is the name of the instance's root element; ``languages`` are codes, in the form's order.
    """

    root: str
    form_id: str
    version: str
    languages: tuple[str, ...]
    default_language: str
    fields: tuple[Field, ...]

    @classmethod
    def from_xform(cls, xform: str) -> Schema:
        """Read an XForm (some milliseconds; keep the result).

        Raises ValueError where the text is no XForm.
        """
        return _Reader(xform).schema()

    def walk(self) -> Iterator[Field]:
        """Every group, repeat and question in the form's order."""
        for top in self.fields:
            yield from top.walk()

    def questions(self) -> Iterator[Field]:
        """Every question, notes and calculations among them, in the form's order."""
        return (f for f in self.walk() if f.kind == "question")

    def repeats(self) -> tuple[Field, ...]:
        """Every repeat, outer ones first."""
        return tuple(f for f in self.walk() if f.kind == "repeat")

    def binaries(self) -> tuple[Field, ...]:
        """The questions whose values name attachment files."""
        return tuple(f for f in self.questions() if f.binary)

    def find(self, path: str) -> Field | None:
        """The field at a path such as ``/berangkat/costg/fees/fee_amt`` (no indexes), or None."""
        return next((f for f in self.walk() if f.path == path), None)

    def named(self, name: str) -> tuple[Field, ...]:
        """All fields of that name."""
        return tuple(f for f in self.walk() if f.name == name)

    def repeats_of(self, path: str) -> tuple[Field, ...]:
        """The repeats around a path, outermost first, itself among them where it is one."""
        return tuple(f for f in self.repeats() if path == f.path or path.startswith(f.path + "/"))


class _Reader:
    """The pass over one XForm."""

    def __init__(self, xform: str) -> None:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
        try:
            tree = etree.fromstring(xform.encode(), parser)
        except etree.XMLSyntaxError as wrong:
            raise ValueError(f"not an XForm: {wrong}") from wrong
        model, body = tree.find(f"{H}head/{XF}model"), tree.find(f"{H}body")
        primary = model.find(f"{XF}instance") if model is not None else None
        if model is None or body is None or primary is None or not len(primary):
            raise ValueError("not an XForm: it lacks a model, an instance or a body")
        self.root: etree._Element = primary[0]
        self.binds = {b.get("nodeset", ""): b for b in model.iter(f"{XF}bind")}
        self.languages: list[str] = []
        self.default_language = ""
        self.texts: dict[str, dict[str, str]] = {}
        for translation in model.iterfind(f"{XF}itext/{XF}translation"):
            self._translation(translation)
        self.attached: set[str] = set()
        self.lists: dict[str, etree._Element] = {}
        for instance in model.findall(f"{XF}instance")[1:]:
            name = instance.get("id") or ""
            self.lists[name] = instance
            if instance.get("src"):
                self.attached.add(name)
        self.controls: dict[str, etree._Element] = {}
        self.repeats: set[str] = set()
        self._body(body)

    def schema(self) -> Schema:
        return Schema(
            root=etree.QName(self.root).localname,
            form_id=self.root.get("id") or "",
            version=self.root.get("version") or "",
            languages=tuple(self.languages),
            default_language=self.default_language,
            fields=self._children(self.root, f"/{etree.QName(self.root).localname}"),
        )

    def _translation(self, translation: etree._Element) -> None:
        lang = language_code(translation.get("lang") or "")
        self.languages.append(lang)
        if translation.get("default") == "true()" or not self.default_language:
            self.default_language = lang
        for text in translation.iterfind(f"{XF}text"):
            for value in text.iterfind(f"{XF}value"):
                if value.get("form") is None:  # other forms are pictures, sounds and guidance
                    self.texts.setdefault(text.get("id") or "", {})[lang] = _flat(value)

    def _body(self, body: etree._Element) -> None:
        for element in body.iter("*"):  # any namespace: rank is odk:rank
            tag = etree.QName(element).localname
            if tag == "repeat":
                nodeset = element.get("nodeset") or ""
                self.repeats.add(nodeset)
                around = element.getparent()
                if nodeset not in self.controls and around is not None:
                    self.controls[nodeset] = around  # the label of a repeat stands on the group around it
            elif (tag == "group" or tag in _CONTROLS) and element.get("ref"):
                self.controls[element.get("ref") or ""] = element

    def _children(self, node: etree._Element, path: str) -> tuple[Field, ...]:
        fields = []
        seen: set[str] = set()
        for child in node.iterchildren("*"):
            name = etree.QName(child).localname
            if name in seen:  # a repeat's template stands beside its first instance
                continue
            seen.add(name)
            fields.append(self._field(child, name, f"{path}/{name}"))
        return tuple(fields)

    def _field(self, node: etree._Element, name: str, path: str) -> Field:
        bind = self.binds.get(path)
        control = self.controls.get(path)

        def of_bind(attribute: str) -> str:
            return (bind.get(attribute) or "").strip() if bind is not None else ""

        tag = etree.QName(control).localname if control is not None else ""
        labels = self._texts_of(control.find(f"{XF}label")) if control is not None else {}
        if path in self.repeats or tag == "group" or len(node):
            return Field(
                name,
                path,
                "repeat" if path in self.repeats else "group",
                labels=labels,
                relevant=of_bind("relevant"),
                readonly=of_bind("readonly"),
                children=self._children(node, path),
            )
        list_name, choices = self._choices(control)
        return Field(
            name,
            path,
            "question",
            type=of_bind("type").rsplit(":", 1)[-1] or "string",
            select="one" if tag == "select1" else "many" if tag in ("select", "rank") else None,
            calculated=control is None and bool(of_bind("calculate")),
            note=tag == "input" and of_bind("readonly") == "true()" and not of_bind("calculate"),
            labels=labels,
            choices=choices,
            list_name=list_name,
            required=of_bind("required"),
            relevant=of_bind("relevant"),
            constraint=of_bind("constraint"),
            calculate=of_bind("calculate"),
            readonly=of_bind("readonly"),
        )

    def _choices(self, control: etree._Element | None) -> tuple[str | None, tuple[tuple[str, Texts], ...]]:
        if control is None:
            return None, ()
        inline = tuple(
            (item.findtext(f"{XF}value") or "", self._texts_of(item.find(f"{XF}label")))
            for item in control.iterfind(f"{XF}item")
        )
        itemset = control.find(f"{XF}itemset")
        if itemset is None:
            return None, inline
        nodeset = itemset.get("nodeset") or ""
        start = nodeset.find("instance('")
        if start < 0:
            return None, ()
        list_name = nodeset[start + len("instance('") :].split("'", 1)[0]
        if list_name in self.attached:
            return list_name, ()
        if list_name not in self.lists:
            return None, ()
        value = itemset.find(f"{XF}value")
        wanted = (value.get("ref") if value is not None else None) or "name"
        items = self.lists[list_name].iterfind(f".//{XF}item")
        return None, tuple((i.findtext(f"{XF}{wanted}") or "", self._item_texts(i)) for i in items)

    def _item_texts(self, item: etree._Element) -> Texts:
        text_id = item.findtext(f"{XF}itextId")
        if text_id:
            return self.texts.get(text_id, {})
        label = item.findtext(f"{XF}label")
        return dict.fromkeys(self.languages or [""], label) if label else {}

    def _texts_of(self, label: etree._Element | None) -> Texts:
        if label is None:
            return {}
        ref = label.get("ref") or ""
        if ref.startswith(_ITEXT):
            return self.texts.get(ref[len(_ITEXT) :].removesuffix("')"), {})
        text = _flat(label)
        return dict.fromkeys(self.languages or [""], text) if text else {}


def _flat(element: etree._Element) -> str:
    """The text of a label; what the phone would fill in (``output``) becomes an ellipsis."""
    parts = [element.text or ""]
    for child in element:
        parts += ["…", child.tail or ""]
    return "".join(parts).strip()
