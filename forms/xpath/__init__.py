"""An evaluator of ODK XPath that answers as JavaRosa, the engine inside ODK Collect, does.

Where JavaRosa departs from XPath 1.0, or is plainly wrong, this package goes with it: phone and server must
judge one text alike. Such places are named where they are written. Expressions become trees of closures; no
text of a form ever reaches Python's own compiler. (Generated source was measured: a tenth of judging would be saved.)

Known to differ from the phone, and left so:

- refused when compiled, where JavaRosa goes wrong without a word: ``*`` as a step, ``..`` behind a name;
- ``format-date`` writes ``%b`` and ``%a`` in English, phones in their own language;
- days are those of the years 1 to 9999; offsets from UTC are the interview's, also for days long past;
- ``if()`` and ``coalesce()`` give values, so ``sum(if(...))`` is refused;
- of Java's regular expressions classes inside classes (``[a-z&&[^b]]``) are refused;
- a list that is missing is an error here; the phone finds nothing in it and goes on.
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
