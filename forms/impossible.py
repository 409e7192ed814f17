"""Rules that can never hold, and comparisons with codes that no question has: slips that no engine complains of.

What is said here is certain: constants are worked out, a chosen code must be among the choices, and what one rule
asks of one number must leave room for a number. Whatever may depend on more than that is taken for possible.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from forms.expressions import Written
from forms.form import Finding
from forms.schema import Field, Schema
from forms.xpath import XPathError
from forms.xpath.compiler import constant_value
from forms.xpath.parser import parse
from forms.xpath.references import parts, question_path
from forms.xpath.syntax import Call, Chain, Constant, Negation, Operation, Path, Syntax
from forms.xpath.values import to_boolean

_MIRRORED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}


def rule_doubts(written: Iterable[Written], schema: Schema, rules: Mapping[str, str]) -> list[Finding]:
    """Rules and conditions that can never hold, and codes that are no choices.

    ``rules`` maps the path of a risk indicator's node to its rule. In rules both are errors, for an indicator that
    never warns looks like one that works. So is a constraint that no answer meets; the rest are warnings.
    """
    found: list[Finding] = []
    fields = {field.path: field for field in schema.questions()}
    for expression in written:
        rule = expression.path in rules
        if rule and expression.kind != "calculate":
            continue
        tree = parse(rules[expression.path]) if rule else expression.tree
        codes = list(_unknown_codes(tree, expression.path, fields))
        found += [_unknown_code(expression, *code, rule=rule) for code in dict.fromkeys(codes)]
        asked = rule or expression.kind in ("relevant", "constraint")
        if asked and not codes and _never(tree, expression.path, fields):
            found.append(_impossible(expression, rule=rule))
    return found


def _unknown_code(
    expression: Written, name: str, code: str, known: tuple[str, ...], *, rule: bool
) -> Finding:
    some = ", ".join(known[:12]) + (" ..." if len(known) > 12 else "")
    return Finding(
        *expression.place,
        f"'{code}' is no choice of the question {name}. Its choices: {some}.",
        f"'{code}' bukan pilihan pertanyaan {name}. Pilihannya: {some}.",
        "error" if rule else "warning",
    )


def _impossible(expression: Written, *, rule: bool) -> Finding:
    said = {
        "relevant": (
            "this never holds: nobody will ever see it.",
            "ini tidak pernah terpenuhi: tidak akan tampil.",
        ),
        "constraint": ("no answer can meet this.", "tidak ada jawaban yang memenuhi ini."),
        "calculate": (
            "this rule can never hold, whatever is answered: it would never warn.",
            "aturan ini tidak mungkin terpenuhi, apa pun jawabannya: tidak akan pernah memperingatkan.",
        ),
    }
    message, pesan = said[expression.kind]
    grave = rule or expression.kind == "constraint"
    return Finding(
        *expression.place, f"{message} Check it.", f"{pesan} Periksa lagi.", "error" if grave else "warning"
    )


def _unknown_codes(
    tree: Syntax, context: str, fields: Mapping[str, Field]
) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """(question, code, its choices) of every comparison of a question with a code that it does not have."""
    for part in parts(tree):
        asked = _asked_code(part, context, fields)
        if asked is None:
            continue
        field, code = asked
        known = tuple(value for value, _ in field.choices)
        given = code.split() if field.select == "many" and isinstance(part, Operation) else [code]
        for word in given:
            if word not in known and word != "":
                yield field.name, word, known


def _asked_code(part: Syntax, context: str, fields: Mapping[str, Field]) -> tuple[Field, str] | None:
    """The question and the code of ``${q} = 'code'``, ``${q} != 'code'`` and ``selected(${q}, 'code')``."""
    if isinstance(part, Operation) and part.operator in ("=", "!="):
        pair = _ordered(part.left, part.right)
    elif isinstance(part, Call) and part.name in ("selected", "is-selected") and len(part.arguments) == 2:
        pair = part.arguments[0], part.arguments[1]
    else:
        return None
    question, code = pair
    if not isinstance(question, Path) or not isinstance(code, Constant) or not isinstance(code.value, str):
        return None
    field = fields.get(question_path(question, context) or "")
    return (field, code.value) if field is not None and field.select and field.choices else None


def _ordered(left: Syntax, right: Syntax) -> tuple[Syntax, Syntax]:
    return (right, left) if isinstance(left, Constant) else (left, right)


def _never(tree: Syntax, context: str, fields: Mapping[str, Field]) -> bool:
    """Is it certain that an expression is false, whatever the answers?"""
    try:
        value = constant_value(tree)
    except XPathError:
        return False  # it fails when run: said elsewhere
    if value is not None:
        return not to_boolean(value)
    if isinstance(tree, Chain):
        never = [_never(term, context, fields) for term in tree.terms]
        return (
            all(never) if tree.operator == "or" else any(never) or _contradicts(tree.terms, context, fields)
        )
    if isinstance(tree, Operation):
        return _contradicts((tree,), context, fields)
    return False


def _contradicts(terms: Sequence[Syntax], context: str, fields: Mapping[str, Field]) -> bool:
    """Do terms that must all hold leave no answer to some question?"""
    limits: dict[str, _Limit] = {}
    texts: dict[str, set[str]] = {}
    for path, operator, value in _comparisons(terms, context):
        field = fields.get(path)
        if isinstance(value, str):
            if operator == "=" and value and (field is None or field.select != "many"):
                texts.setdefault(path, set()).add(value)
        else:
            limit = limits.get(path)
            if limit is None:
                limit = limits[path] = _limit_of(field, context)
            limit.narrow(operator, value)
    return any(len(values) > 1 for values in texts.values()) or any(limit.empty for limit in limits.values())


def _comparisons(terms: Sequence[Syntax], context: str) -> Iterator[tuple[str, str, str | float]]:
    """The (path, operator, constant) of the terms that compare a single question with a constant."""
    for term in terms:
        if isinstance(term, Chain) and term.operator == "and":
            yield from _comparisons(term.terms, context)
        if not isinstance(term, Operation) or term.operator not in _MIRRORED:
            continue
        left, operator, right = term.left, term.operator, term.right
        if not isinstance(left, Path):
            left, operator, right = right, _MIRRORED[operator], left
        value = _number(right)
        if isinstance(left, Path) and value is not None and not any(step.predicates for step in left.steps):
            path = question_path(left, context)
            if path is not None:
                yield path, operator, value


def _number(tree: Syntax) -> str | float | None:
    if isinstance(tree, Constant):
        return tree.value
    if isinstance(tree, Negation) and isinstance(tree.operand, Constant):
        value = tree.operand.value
        return -value if isinstance(value, float) else None
    return None


class _Limit:
    """What numbers are left to a question."""

    def __init__(self, *, whole: bool) -> None:
        self.whole = whole
        self._low, self._high = -math.inf, math.inf
        self._low_open = self._high_open = False

    def narrow(self, operator: str, value: float) -> None:
        if operator in (">", ">=", "="):
            opened = operator == ">"
            if value > self._low or (value == self._low and opened):
                self._low, self._low_open = value, opened
        if operator in ("<", "<=", "="):
            opened = operator == "<"
            if value < self._high or (value == self._high and opened):
                self._high, self._high_open = value, opened

    @property
    def empty(self) -> bool:
        low, high = self._low, self._high
        if self.whole and math.isfinite(low) and math.isfinite(high):
            least = math.floor(low) + 1 if self._low_open else math.ceil(low)
            most = math.ceil(high) - 1 if self._high_open else math.floor(high)
            return least > most
        return low > high or (low == high and (self._low_open or self._high_open))


def _limit_of(field: Field | None, context: str) -> _Limit:
    """The numbers that a question's own constraint leaves it, where that is simple enough to see."""
    limit = _Limit(whole=field is not None and field.type == "int" and not field.calculated)
    if field is None or not field.constraint or field.path == context:
        return limit
    tree = parse(field.constraint)
    terms = tree.terms if isinstance(tree, Chain) and tree.operator == "and" else (tree,)
    for path, operator, value in _comparisons(terms, field.path):
        if path == field.path and isinstance(value, float):
            limit.narrow(operator, value)
    return _Limit(whole=limit.whole) if limit.empty else limit  # an impossible constraint is said of itself
