"""Entities: what a form says it will create and update, and what a submission asks for.

ODK entities spec 2022.1 to 2025.1, as pyxform writes it: a block ``meta/entity`` in the instance's root, a group
or a repeat, and ``entities:saveto`` on the binds of the questions whose answers become properties (COLLECT 7).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from forms.instance import Instance, Node
from forms.xml import parse_xml

_XF: Final = "{http://www.w3.org/2002/xforms}"
_H: Final = "{http://www.w3.org/1999/xhtml}"
_ENTITIES: Final = "{http://www.opendatakit.org/xforms/entities}"
_BIGGEST_XFORM: Final = 50_000_000
_TRUE: Final = ("1", "true", "TRUE")  # COLLECT 7.5
_UUID4: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}").fullmatch
_VERSION: Final = re.compile(r"[0-9]{1,9}").fullmatch


@dataclass(frozen=True)
class Declaration:
    """One entity block of a form: the ``list`` it belongs to, where it stands, what it saves.

    ``container`` is the path of the element whose ``meta/entity`` it is; ``saves`` maps a property's name to
    the path of the question whose answer it takes.
    """

    list: str
    container: str
    saves: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The path of the block in an instance."""
        return f"{self.container}/meta/entity"


@dataclass(frozen=True)
class Block:
    """What one entity block of a submission says, as it stands there: nothing of it is checked yet.

    ``properties`` holds only what the submission answers: what was not relevant is absent, what was left
    empty is ``''``. Versions are 0 where they are missing or no whole number.
    """

    list: str
    uuid: str
    create: bool
    update: bool
    label: str
    properties: Mapping[str, str]
    base_version: int
    trunk_version: int
    branch_id: str


def declarations(xform: str) -> tuple[Declaration, ...]:
    """The entity blocks that a compiled form declares, outer ones first; none for most forms."""
    if _ENTITIES[1:-1] not in xform:  # spares the parse
        return ()
    root = parse_xml(xform.encode(), most_bytes=_BIGGEST_XFORM)
    model = root.find(f"{_H}head/{_XF}model")
    primary = model.find(f"{_XF}instance") if model is not None else None
    if model is None or primary is None or not len(primary):
        return ()
    found: dict[str, str] = {}
    stack = [(primary[0], f"/{_local(primary[0].tag)}")]
    while stack:
        element, path = stack.pop(0)
        for child in element:
            name = _local(child.tag)
            if name == "meta":
                for entity in child:
                    if _local(entity.tag) == "entity" and entity.get("dataset"):
                        found[path] = entity.get("dataset", "")
            elif len(child):
                stack.append((child, f"{path}/{name}"))
    saves: dict[str, dict[str, str]] = {path: {} for path in found}
    for bind in model.iter(f"{_XF}bind"):
        prop, nodeset = bind.get(f"{_ENTITIES}saveto"), bind.get("nodeset", "")
        # a saveto belongs to the nearest container above it that has a block (7.6)
        owner = max((p for p in found if nodeset.startswith(p + "/")), key=len, default=None)
        if prop and owner is not None:
            saves[owner][prop] = nodeset
    return tuple(Declaration(name, path, saves[path]) for path, name in found.items())


def blocks(instance: Instance, declared: tuple[Declaration, ...]) -> Iterator[Block]:
    """The entity blocks of a submission that want something, in the form's order.

    The list is the form's, whatever the submission says: a phone cannot write to another one. Call before the
    instance is released: what a repeat saves is told apart by its nodes' parents.
    """
    for declaration in declared:
        for node in instance.index.get(declaration.path, ()):
            given = node.attributes
            create, update = given.get("create", "") in _TRUE, given.get("update", "") in _TRUE
            container = node.parent.parent if node.parent is not None else None
            if container is not None and (create or update):
                label = node.child("label")
                yield Block(
                    list=declaration.list,
                    uuid=given.get("id", "").strip().lower(),
                    create=create,
                    update=update,
                    label=label.text.strip() if label is not None else "",
                    properties=_properties(declaration, container, instance),
                    base_version=_version(given.get("baseVersion", "")),
                    trunk_version=_version(given.get("trunkVersion", "")),
                    branch_id=given.get("branchId", "").strip().lower(),
                )


def _properties(declaration: Declaration, container: Node, instance: Instance) -> dict[str, str]:
    """What the answers below a container make of the properties; one that was not relevant is absent."""
    found: dict[str, str] = {}
    groups: dict[str, Node | None] = {container.path: container}
    for prop, path in declaration.saves.items():
        saved = _below(path, groups, instance)
        if saved is not None:
            found[prop] = saved.text
    return found


def _below(path: str, groups: dict[str, Node | None], instance: Instance) -> Node | None:
    """The first node at a path below a container; ``groups`` are those of the container that are known already."""
    above, _, name = path.rpartition("/")
    if above not in groups:
        groups[above] = _below(above, groups, instance)
    group, nodes = groups[above], instance.index.get(path)
    if group is None or nodes is None:
        return None
    # outside of repeats it is the first there is: no need to look through the group
    return nodes[0] if nodes[0].parent is group else group.child(name)


def is_uuid(text: str) -> bool:
    """Whether a text is a version 4 UUID in lower case: the only ids that phones take (7.8)."""
    return _UUID4(text) is not None


def _version(text: str) -> int:
    text = text.strip()
    return int(text) if _VERSION(text) else 0


def _local(tag: object) -> str:
    return str(tag).rpartition("}")[2]
