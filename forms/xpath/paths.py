"""References to answers and to rows of lists, resolved as far as can be before any answer is known.

An absolute path means, as on the phone, the same repeat instance that the expression itself stands in:
inside ``/data/child[2]`` the path ``/data/child/age`` is the age of the second child, and
``count(/data/child)`` is 1. A relative path is not narrowed so beyond the steps it goes up:
``count(../../child)`` counts all. The name of the root element is not looked at, JavaRosa does not either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from sys import intern

from forms.instance import Node
from forms.xpath.code import Code
from forms.xpath.environment import Environment, repeated
from forms.xpath.errors import XPathError
from forms.xpath.syntax import Call, Chain, Negation, Operation, Path, Step, Syntax
from forms.xpath.values import Value

Names = tuple[str, ...]
CompileIn = Callable[[Syntax, "Scope"], Code]


@dataclass(slots=True)
class Uses:
    """What an expression turned out to look at while it was compiled.

    ``paths`` are those that are found by one look-up; ``placed`` says that its value may hang on the node it
    belongs to, which is so of repeats and of calls such as ``position()``, not of ``.`` in a question of its own.
    """

    paths: set[str] = field(default_factory=set)
    placed: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """Where an expression stands: what is known of its place before it meets a submission.

    ``context`` and ``origin`` are names from the root (``("data", "child", "age")``); ``list_name`` is the
    list that the context is in, empty for the submission. ``repeats`` are the paths of all repeats, None
    where unknown (then every group may be one). ``uses`` is one for the whole expression, and filled.
    """

    context: Names
    origin: Names
    list_name: str = ""
    repeats: frozenset[str] | None = None
    narrowed: bool = False
    uses: Uses = field(default_factory=Uses)

    def inside(self, context: Names, list_name: str, predicate: Syntax | None = None) -> Scope:
        """The scope of a predicate on nodes of that path.

        Absolute paths in it are narrowed by the node that the predicate looks at, so in a list by nothing. But
        JavaRosa looks up ``item[name = /data/child/country]`` before it looks at any item: there the path is
        narrowed by the place of the whole expression, and only there (``narrowed``).
        """
        narrowed = list_name != "" and predicate is not None and _is_lookup(predicate)
        return replace(self, context=context, list_name=list_name, narrowed=narrowed)

    def may_repeat(self, names: Names) -> bool:
        """Whether any of the nodes on the way down may be one of several."""
        if self.repeats is None:
            return len(names) > 1
        return any("/" + "/".join(names[:depth]) in self.repeats for depth in range(2, len(names) + 1))


def compile_path(path: Path, scope: Scope, compile_in: CompileIn) -> Code:
    """Compile a reference; predicates are compiled by ``compile_in``."""
    if path.steps and path.steps[-1].name.startswith("@"):
        return _attribute(path, scope)
    if path.start == "instance":
        return _list_path(path, scope, compile_in)
    if path.start == "root":
        return _absolute(path, scope, compile_in)
    return _relative(path, scope, compile_in)


def _absolute(path: Path, scope: Scope, compile_in: CompileIn) -> Code:
    if not path.steps:
        raise XPathError("/ alone has no value", path.position)
    names = tuple(step.name for step in path.steps)
    # The root is the root, whatever it is called in the path.
    context = scope.origin if scope.narrowed else () if scope.list_name else scope.context
    if context and names[0] != context[0]:
        names = (context[0], *names[1:])
    shared = 0
    while shared < min(len(names), len(context)) and names[shared] == context[shared]:
        if path.steps[shared].predicates:
            break
        shared += 1
    base = "origin" if scope.narrowed else "context"
    return _main(names, path.steps, shared, len(context), scope, compile_in, base)


def _relative(path: Path, scope: Scope, compile_in: CompileIn) -> Code:
    origin = path.start == "current"
    base = scope.origin if origin else scope.context
    kept = len(base) - path.up
    if kept < 0 or (kept == 0 and not path.steps):
        raise XPathError("the path goes up past the root", path.position)
    names = base[:kept] + tuple(step.name for step in path.steps)
    if scope.list_name and not origin:
        return _walk(names, path.steps, kept, len(base), scope, compile_in, "context", _list_value)
    if kept == 0:  # ../../data/x: down again from above the root
        return _main(names, path.steps, 0, len(base), scope, compile_in, "context")
    steps = (*(Step(name) for name in base[:kept]), *path.steps)
    return _main(names, steps, kept, len(base), scope, compile_in, "origin" if origin else "context")


def _main(
    names: Names,
    steps: Sequence[Step],
    shared: int,
    depth: int,
    scope: Scope,
    compile_in: CompileIn,
    base: str,
) -> Code:
    """A path in the submission, of which the first ``shared`` levels are those of the base node."""
    if any(step.predicates for step in steps) or (shared > 1 and scope.may_repeat(names[:shared])):
        main_scope = replace(scope, list_name="", narrowed=False)
        return _walk(names, steps[shared:], shared, depth, main_scope, compile_in, base, _answer)
    path = intern("/" + "/".join(names))  # one string for all expressions: found without comparing it
    scope.uses.paths.add(path)
    return Code(
        lambda env: env.answers[path],
        nodes=lambda env: env.answers.index.get(path, ()),
        node_value=_answer,
        path=path,
    )


def _answer(env: Environment, node: Node) -> Value:
    return "" if node.children else env.answers.value_of(node)


def _list_value(_env: Environment, node: Node) -> Value:
    return node.text


def _walk(
    names: Names,
    steps: Sequence[Step],
    kept: int,
    depth: int,
    scope: Scope,
    compile_in: CompileIn,
    base: str,
    node_value: Callable[[Environment, Node], Value],
) -> Code:
    """A path that is walked at run time: up from the base node to level ``kept``, then down the steps."""
    climb = depth - kept
    descend = [_step(step, names[: kept + i + 1], scope, compile_in) for i, step in enumerate(steps)]
    from_origin = base == "origin"
    if from_origin or not scope.list_name:  # the context inside a list is one of its items
        scope.uses.placed = True

    def nodes(env: Environment) -> Sequence[Node]:
        node = env.origin if from_origin else env.context
        if kept == 0:
            top = _top(env)
            found: Sequence[Node] = () if top is None else (top,)
            remaining = descend[1:]
        else:
            for _ in range(climb):
                node = None if node is None else node.parent
            found = () if node is None else (node,)
            remaining = descend
        for step in remaining:
            found = step(env, found)
        return found

    path = "/" + "/".join(names)
    return Code(single(nodes, node_value, path), nodes=nodes, node_value=node_value)


def _top(env: Environment) -> Node | None:
    """The root of the submission; the context may be an item of a list, or nothing."""
    return next(iter(env.answers.index.values()), (None,))[0]


def single(
    nodes: Callable[[Environment], Sequence[Node]],
    node_value: Callable[[Environment, Node], Value],
    path: str,
) -> Callable[[Environment], Value]:
    """The value of a path that should have one node at most; none is ``''``, several are an error."""

    def value(env: Environment) -> Value:
        found = nodes(env)
        if not found:
            return ""
        if len(found) > 1:
            raise repeated(path)
        return node_value(env, found[0])

    return value


Filter = Callable[[Environment, Sequence[Node]], Sequence[Node]]


def _step(step: Step, names: Names, scope: Scope, compile_in: CompileIn) -> Filter:
    """One step down from each of some nodes, its predicates applied among the children of each node apart."""
    name = step.name
    filters = [
        _filter(compile_in(predicate, scope.inside(names, scope.list_name, predicate)), first=i == 0)
        for i, predicate in enumerate(step.predicates)
    ]

    def down(env: Environment, parents: Sequence[Node]) -> Sequence[Node]:
        found: list[Node] = []
        for parent in parents:
            children: Sequence[Node] = [child for child in parent.children if child.name == name]
            for keep in filters:
                children = keep(env, children)
            found += children
        return found

    return down


def _filter(code: Code, *, first: bool) -> Filter:
    """A predicate. Only ``true`` keeps a node: a number (``[2]``) keeps none on the phone, so none here."""
    evaluate = code.evaluate

    def keep(env: Environment, nodes: Sequence[Node]) -> Sequence[Node]:
        return [
            node
            for place, node in enumerate(nodes, 1)
            if evaluate(env.inside(node, node.position if first else place)) is True
        ]

    return keep


def _list_path(path: Path, scope: Scope, compile_in: CompileIn) -> Code:
    name, steps = path.instance, path.steps
    if not steps:
        raise XPathError("instance() must be followed by a path", path.position)
    names = tuple(step.name for step in steps)
    item_scope = replace(scope, context=(), list_name=name)
    descend = [_step(step, names[: i + 1], item_scope, compile_in) for i, step in enumerate(steps)]

    def nodes(env: Environment) -> Sequence[Node]:
        found: Sequence[Node] = (env.list_named(name).root,)
        for step in descend[1:]:
            found = step(env, found)
        return found

    walk = single(nodes, _list_value, f"instance('{name}')/" + "/".join(names))
    key = _looked_up(path, scope, compile_in)
    if key is None:
        return Code(walk, nodes=nodes, node_value=_list_value)
    column, wanted = key
    answer_column = names[2]

    def look_up(env: Environment) -> Value:
        value = wanted(env)
        table = env.lists.get(name)
        if table is None or value.__class__ is not str or column not in table.columns:
            return walk(env)  # which says so if there is no list
        rows = table.find(column, value)
        if not rows:
            return ""
        if len(rows) > 1:
            raise repeated(f"instance('{name}')/root/item/{answer_column}")
        return table.rows[rows[0]].get(answer_column, "")

    return Code(look_up, nodes=nodes, node_value=_list_value)


def _looked_up(
    path: Path, scope: Scope, compile_in: CompileIn
) -> tuple[str, Callable[[Environment], Value]] | None:
    """Column and wanted value of ``instance('x')/root/item[column = value]/y``, if the path is like that."""
    steps = path.steps
    if len(steps) != 3 or steps[0].predicates or steps[2].predicates or len(steps[1].predicates) != 1:
        return None
    predicate = steps[1].predicates[0]
    if not isinstance(predicate, Operation) or predicate.operator != "=":
        return None
    for column, value in ((predicate.left, predicate.right), (predicate.right, predicate.left)):
        if (
            isinstance(column, Path)
            and column.start == "context"
            and column.up == 0
            and len(column.steps) == 1
            and not column.steps[0].predicates
            and not column.steps[0].name.startswith("@")
            and not _looks_at_context(value)
        ):
            names = (steps[0].name, steps[1].name)
            code = compile_in(value, scope.inside(names, path.instance, predicate))
            return column.steps[0].name, code.evaluate
    return None


def _is_lookup(predicate: Syntax) -> bool:
    """Whether a predicate compares, by ``=``, a path from the item with an absolute path."""
    if not isinstance(predicate, Operation) or predicate.operator != "=":
        return False
    sides = (predicate.left, predicate.right)
    return {side.start for side in sides if isinstance(side, Path)} == {"context", "root"}


def _looks_at_context(tree: Syntax) -> bool:
    """Whether the value of an expression may depend on the node that a predicate looks at."""
    if isinstance(tree, Path):
        return tree.start == "context" or any(
            step.predicates for step in tree.steps
        )  # what stands in another predicate may look at anything; take the slow way
    if isinstance(tree, Operation):
        return _looks_at_context(tree.left) or _looks_at_context(tree.right)
    if isinstance(tree, Chain):
        return any(_looks_at_context(term) for term in tree.terms)
    if isinstance(tree, Negation):
        return _looks_at_context(tree.operand)
    if isinstance(tree, Call):
        return not tree.arguments or any(_looks_at_context(a) for a in tree.arguments)
    return False


def _attribute(path: Path, scope: Scope) -> Code:
    """An attribute of the submission's root; others are never filled in by a phone."""
    names = tuple(step.name for step in path.steps)
    base = scope.origin if path.start == "current" else scope.context
    depth = len(names) if path.start == "root" else len(base) - path.up + len(names)
    if path.start == "instance" or depth != 2 or any(step.predicates for step in path.steps):
        raise XPathError("only attributes of the root element can be read", path.position)
    name = names[-1][1:]
    return Code(lambda env: env.attributes.get(name, ""), "text")
