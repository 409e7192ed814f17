"""Parses an expression into :mod:`forms.xpath.syntax`, with the precedence and the limits of JavaRosa.

What JavaRosa refuses is refused here (``//``, other axes than child, self, parent and attribute, unions,
variables), and so is what it takes but gets wrong without a word: wildcards, and ``..`` behind a name.
"""

from __future__ import annotations

from typing import Final

from forms.xpath.errors import XPathError
from forms.xpath.lexer import Token, tokenize
from forms.xpath.syntax import Call, Chain, Constant, Negation, Operation, Path, Start, Step, Syntax

_PRECEDENCE: Final[dict[str, int]] = {
    **dict.fromkeys(("or",), 1),
    **dict.fromkeys(("and",), 2),
    **dict.fromkeys(("=", "!="), 3),
    **dict.fromkeys(("<", "<=", ">", ">="), 4),
    **dict.fromkeys(("+", "-"), 5),
    **dict.fromkeys(("*", "div", "mod"), 6),
}
_NODE_TESTS: Final = frozenset(("node", "text", "comment", "processing-instruction"))
_DEEPEST: Final = 100
_LONGEST: Final = 100_000


def parse(text: str) -> Syntax:
    """Parse an expression. Raises XPathError with the position of what is wrong."""
    if len(text) > _LONGEST:
        raise XPathError(f"the expression is longer than {_LONGEST} characters", _LONGEST)
    parser = _Parser(tokenize(text))
    tree = parser.expression()
    parser.expect("end")
    return tree


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def _peek(self) -> str:
        return self._tokens[min(self._at + 1, len(self._tokens) - 1)].kind

    def _take(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def expect(self, kind: str) -> Token:
        if self._token.kind != kind:
            found = "the end" if self._token.kind == "end" else repr(self._token.text)
            wanted = "the end" if kind == "end" else repr(kind)
            raise XPathError(f"{wanted} was expected, not {found}", self._token.position)
        return self._take()

    def expression(self) -> Syntax:
        """Read a whole expression, as stands in brackets or as an argument."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise XPathError(f"nested deeper than {_DEEPEST} levels", self._token.position)
        tree = self._operation(1)
        self._depth -= 1
        return tree

    def _operation(self, weakest: int) -> Syntax:
        """Read terms joined by operators that bind at least as strongly as ``weakest``."""
        tree = self._unary()
        in_a_row = 0
        while True:
            sign = self._token
            strength = _PRECEDENCE.get(sign.kind, 0)
            if strength < weakest:
                return tree
            self._at += 1
            right = self._operation(strength + 1)
            if sign.kind in ("and", "or"):
                tree = self._chain(sign, tree, right)
                continue
            in_a_row += 1
            if in_a_row > _DEEPEST:
                raise XPathError(f"more than {_DEEPEST} operators in a row", sign.position)
            tree = Operation(sign.kind, tree, right, sign.position)

    def _chain(self, sign: Token, left: Syntax, right: Syntax) -> Chain:
        terms = [left, right]
        while self._token.kind == sign.kind:
            self._at += 1
            terms.append(self._operation(_PRECEDENCE[sign.kind] + 1))
        return Chain(sign.kind, tuple(terms), sign.position)

    def _unary(self) -> Syntax:
        signs: list[Token] = []
        while self._token.kind == "-":
            signs.append(self._take())
        tree = self._primary()
        if self._token.kind == "|":
            raise XPathError("a union of paths (|) is not supported", self._token.position)
        for sign in reversed(signs):
            tree = Negation(tree, sign.position)
        return tree

    def _primary(self) -> Syntax:
        token = self._token
        if token.kind == "number":
            self._take()
            return Constant(float(token.text), token.position)
        if token.kind == "string":
            self._take()
            return Constant(token.text, token.position)
        if token.kind == "(":
            self._take()
            tree = self.expression()
            self.expect(")")
            if self._token.kind in ("[", "/"):
                raise XPathError("a path cannot start with a bracket", self._token.position)
            return tree
        if token.kind == "name" and self._peek() == "(" and token.text not in _NODE_TESTS:
            return self._call()
        return self._path()

    def _call(self) -> Syntax:
        name = self._take()
        self.expect("(")
        arguments: list[Syntax] = []
        if self._token.kind != ")":
            arguments.append(self.expression())
            while self._token.kind == ",":
                self._take()
                arguments.append(self.expression())
        self.expect(")")
        if name.text == "instance":
            return self._instance_path(name, arguments)
        if name.text == "current":
            if arguments or self._token.kind != "/":
                raise XPathError("current() must be followed by a path", name.position)
            self._take()
            return self._steps("current", name.position)
        if self._token.kind in ("[", "/"):
            raise XPathError(f"a path cannot start with {name.text}()", self._token.position)
        return Call(name.text, tuple(arguments), name.position)

    def _instance_path(self, name: Token, arguments: list[Syntax]) -> Path:
        if (
            len(arguments) != 1
            or not isinstance(arguments[0], Constant)
            or not isinstance(arguments[0].value, str)
        ):
            raise XPathError("instance() takes one name in quotes", name.position)
        if self._token.kind != "/":
            raise XPathError("instance() must be followed by a path", name.position)
        self._take()
        return self._steps("instance", name.position, arguments[0].value)

    def _path(self) -> Path:
        token = self._token
        if token.kind == "//":
            raise XPathError("// is not supported", token.position)
        if token.kind == "/":
            self._take()
            return self._steps("root", token.position)
        return self._steps("context", token.position)

    def _steps(self, start: Start, position: int, instance: str = "") -> Path:
        up = 0
        steps: list[Step] = []
        while True:
            token = self._token
            step = self._step()
            if step == "..":
                if steps or start in ("root", "instance"):
                    raise XPathError("'..' is supported at the beginning of a path only", token.position)
                up += 1
            elif step != ".":
                steps.append(Step(step, self._predicates()))
            if self._token.kind == "//":
                raise XPathError("// is not supported", self._token.position)
            if self._token.kind != "/":
                return Path(start, up, tuple(steps), position, instance)
            if step.startswith("@"):
                raise XPathError("an attribute has no children", self._token.position)
            self._take()

    def _step(self) -> str:
        """Read one step: ``.``, ``..``, a name, or ``@name``."""
        token = self._take()
        if token.kind in (".", ".."):
            return token.kind
        if token.kind == "@":
            return "@" + self.expect("name").text
        if token.kind == "name" and self._token.kind == "::":
            self._take()
            return self._on_axis(token)
        if token.kind == "name" and self._token.kind != "(":
            return token.text
        if token.kind == "wildcard":
            raise XPathError("* as a step is not supported", token.position)
        if token.kind == "end":
            raise XPathError("the expression ends where a value was expected", token.position)
        raise XPathError(f"{token.text!r} stands where a value was expected", token.position)

    def _on_axis(self, axis: Token) -> str:
        test = self._take()
        if axis.text in ("self", "parent") and test.text == "node":
            self.expect("(")
            self.expect(")")
            return "." if axis.text == "self" else ".."
        if axis.text in ("child", "attribute") and test.kind == "name" and self._token.kind != "(":
            return test.text if axis.text == "child" else "@" + test.text
        raise XPathError(f"the step {axis.text}::{test.text} is not supported", axis.position)

    def _predicates(self) -> tuple[Syntax, ...]:
        predicates: list[Syntax] = []
        while self._token.kind == "[":
            self._take()
            predicates.append(self.expression())
            self.expect("]")
        return tuple(predicates)
