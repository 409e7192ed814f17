"""What an expression refers to: questions, columns of lists, functions."""

from __future__ import annotations

from collections.abc import Iterator

from forms.xpath.syntax import Call, Chain, Constant, Negation, Operation, Path, Syntax


def children(tree: Syntax) -> tuple[Syntax, ...]:
    """What a tree is made of, one level down; of a path its predicates."""
    if isinstance(tree, Call):
        return tree.arguments
    if isinstance(tree, Operation):
        return (tree.left, tree.right)
    if isinstance(tree, Chain):
        return tree.terms
    if isinstance(tree, Negation):
        return (tree.operand,)
    if isinstance(tree, Path):
        return tuple(predicate for step in tree.steps for predicate in step.predicates)
    return ()


def parts(tree: Syntax) -> Iterator[Syntax]:
    """The tree itself and everything in it, predicates too."""
    yield tree
    for child in children(tree):
        yield from parts(child)


def question_path(path: Path, context: str) -> str | None:
    """The absolute path (``/coba/g/age``) of a reference in an expression of the node at ``context``.

    None for references into lists, and for those that go up past the root.
    """
    if path.start == "instance":
        return None
    base = [] if path.start == "root" else context.strip("/").split("/")
    if path.up > len(base):
        return None
    kept = base[: len(base) - path.up]
    return "/" + "/".join([*kept, *(step.name for step in path.steps)])


def questions(tree: Syntax, context: str, *, inside: bool = False) -> Iterator[str]:
    """The absolute paths of the questions that an expression asks.

    ``inside`` a predicate a relative path starts at what the predicate looks at, and is left out.
    """
    if isinstance(tree, Path):
        found = None if inside and tree.start == "context" else question_path(tree, context)
        if found is not None:
            yield found
    for child in children(tree):
        yield from questions(child, context, inside=inside or isinstance(tree, Path))


def columns(tree: Syntax) -> Iterator[tuple[str, str]]:
    """The columns of lists that an expression reads, as pairs of instance id and column."""
    for part in parts(tree):
        if isinstance(part, Path) and part.start == "instance":
            yield from _columns_of(part)
        elif isinstance(part, Call) and part.name == "pulldata":
            written = [a.value if isinstance(a, Constant) else None for a in part.arguments]
            if len(written) == 4 and isinstance(written[0], str):
                name = written[0].removesuffix(".csv")
                yield from ((name, column) for column in written[1:3] if isinstance(column, str))


def _columns_of(path: Path) -> Iterator[tuple[str, str]]:
    if len(path.steps) > 2:
        yield path.instance, path.steps[2].name
    for step in path.steps[1:2]:
        for predicate in step.predicates:
            for part in parts(predicate):
                if isinstance(part, Path) and part.start == "context" and part.up == 0 and part.steps:
                    yield path.instance, part.steps[0].name
