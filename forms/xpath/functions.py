"""The table of functions: each module of functions adds its own rows.

The list of functions is JavaRosa's (COLLECT 12.1, 12.2); what it means is said where a function is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from forms.xpath.code import Code, folded
from forms.xpath.errors import XPathError
from forms.xpath.paths import Scope
from forms.xpath.syntax import Call

Builder = Callable[["Site"], Code]


@dataclass(frozen=True, slots=True)
class Site:
    """A call being compiled: its arguments, compiled and as written, and the scope it stands in."""

    call: Call
    arguments: Sequence[Code]
    scope: Scope

    def nodes_argument(self, number: int) -> Code:
        """The argument of that number (from 0), which must be a path."""
        argument = self.arguments[number]
        if argument.nodes is None:
            raise XPathError(f"{self.call.name}() needs a path as argument {number + 1}", self.call.position)
        return argument

    def wrong(self, message: str) -> XPathError:
        """An error of this call."""
        return XPathError(f"{self.call.name}() {message}", self.call.position)


@dataclass(frozen=True, slots=True)
class Function:
    """A row of the table: how many arguments, how it compiles, whether its value hangs on them alone."""

    fewest: int
    most: int | None
    build: Builder
    pure: bool


FUNCTIONS: Final[dict[str, Function]] = {}
"""By name; filled by the ``functions_*`` modules when :mod:`forms.xpath.compiler` imports them."""

MOMENTARY: Final = frozenset(("today", "now", "random", "uuid", "once", "randomize", "property"))
"""Functions whose value cannot be found again later: the phone's word is all there is."""

PHONE_ONLY: Final = frozenset(("property", "extract-signed", "geofence", "intersects", "jr:itext"))
"""Functions that need the phone itself. No form may use them: the server could not judge."""


def function(
    *names: str, fewest: int, most: int | None = -1, pure: bool = True
) -> Callable[[Builder], Builder]:
    """Enter a builder into the table. ``most`` is ``fewest`` where not given, None for no limit."""

    def enter(build: Builder) -> Builder:
        for name in names:
            FUNCTIONS[name] = Function(fewest, fewest if most == -1 else most, build, pure)
        return build

    return enter


def compile_call(call: Call, arguments: Sequence[Code], scope: Scope) -> Code:
    """Compile a call. Raises XPathError for an unknown function and for a wrong number of arguments."""
    known = FUNCTIONS.get(call.name)
    if known is None:
        raise XPathError(f"there is no function {call.name}()", call.position)
    count = len(arguments)
    if count < known.fewest or (known.most is not None and count > known.most):
        raise XPathError(f"{call.name}() takes {_arity(known)}, not {count}", call.position)
    code = known.build(Site(call, arguments, scope))
    return folded(code, arguments) if known.pure and arguments else code


def _arity(known: Function) -> str:
    if known.most is None:
        return f"at least {known.fewest} arguments"
    if known.fewest == known.most:
        return "no arguments" if known.most == 0 else f"{known.most} argument{'s' if known.most > 1 else ''}"
    return f"{known.fewest} to {known.most} arguments"
