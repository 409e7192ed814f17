"""An evaluator of ODK XPath that answers as JavaRosa, the engine inside ODK Collect, does.

Where JavaRosa departs from XPath 1.0, or is plainly wrong, this package goes with it: phone and server must
judge one text alike. Such places are named where they are written. Expressions become trees of closures; no
text of a form ever reaches Python's own compiler.
"""

from forms.xpath.compiler import Expression, compile_expression
from forms.xpath.environment import Answers, Environment
from forms.xpath.errors import UnsupportedFunction, XPathError

__all__ = [
    "Answers",
    "Environment",
    "Expression",
    "UnsupportedFunction",
    "XPathError",
    "compile_expression",
]
