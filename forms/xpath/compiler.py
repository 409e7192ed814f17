"""From the text of an expression to something that can be evaluated again and again, by many threads."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import forms.xpath.functions_dates
import forms.xpath.functions_nodes
import forms.xpath.functions_numbers
import forms.xpath.functions_text  # noqa: F401 - these modules fill the table of functions
from forms.xpath import operators
from forms.xpath.code import Code, Evaluate, Truth, constant, truth
from forms.xpath.errors import XPathError
from forms.xpath.functions import MOMENTARY, compile_call
from forms.xpath.parser import parse
from forms.xpath.paths import Scope, compile_path
from forms.xpath.references import parts
from forms.xpath.syntax import Call, Chain, Constant, Negation, Operation, Path, Syntax
from forms.xpath.values import Value


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression.

    ``evaluate(environment)`` gives its value (str, float, bool, date or datetime), ``holds(environment)``
    the same as a truth value; both raise XPathError where there is none. ``momentary`` says that the value
    depends on the moment or the phone (``today()``, ``uuid()``, ``property()`` ...) and cannot be found
    again later. ``functions`` are the names of all that it calls, ``paths`` what it looks up in
    ``environment.answers``. Only where it is ``placed`` need the environment stand at its node.
    """

    text: str
    evaluate: Evaluate
    holds: Truth
    momentary: bool
    functions: frozenset[str]
    paths: frozenset[str]
    placed: bool


def compile_expression(
    text: str, context: str | None = None, repeats: Collection[str] | None = None
) -> Expression:
    """Compile an expression that belongs to the node at ``context`` (``/data/child/age``).

    ``repeats`` are the paths of the form's repeats; with them known, all other paths are found by one
    look-up. Raises XPathError, with position, for wrong syntax, unknown functions, and what JavaRosa does
    not support.
    """
    names = tuple(name for name in (context or "/").split("/") if name)
    scope = Scope(names, names, "", None if repeats is None else frozenset(repeats))
    try:
        tree = parse(text)
        code = _compile(tree, scope)
    except RecursionError:
        raise XPathError("the expression is nested too deeply") from None
    called = {part.name for part in parts(tree) if isinstance(part, Call)}
    uses = scope.uses
    return Expression(
        text,
        code.evaluate,
        truth(code),
        momentary=not called.isdisjoint(MOMENTARY),
        functions=frozenset(called),
        paths=frozenset(uses.paths),
        placed=uses.placed,
    )


def _compile(tree: Syntax, scope: Scope) -> Code:
    if isinstance(tree, Constant):
        return constant(tree.value)
    if isinstance(tree, Path):
        return compile_path(tree, scope, _compile)
    if isinstance(tree, Negation):
        return operators.negation(_compile(tree.operand, scope))
    if isinstance(tree, Chain):
        return operators.connective(tree.operator, [_compile(term, scope) for term in tree.terms])
    if isinstance(tree, Call):
        return compile_call(tree, [_compile(a, scope) for a in tree.arguments], scope)
    return _operation(tree, scope)


def _operation(tree: Operation, scope: Scope) -> Code:
    operator = tree.operator
    left, right = _compile(tree.left, scope), _compile(tree.right, scope)
    if operator in ("=", "!="):
        return operators.equality(operator, left, right)
    if operator in ("<", "<=", ">", ">="):
        return operators.comparison(operator, left, right)
    return operators.arithmetic(operator, left, right)


def constant_value(tree: Syntax) -> Value | None:
    """What an expression is worth whatever the answers are; None where it hangs on them.

    Raises XPathError as :func:`compile_expression`.
    """
    if any(isinstance(part, Path) for part in parts(tree)):
        return None
    return _compile(tree, Scope((), (), "", frozenset())).constant
