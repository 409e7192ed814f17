"""What a public report hides cannot be computed from what it shows: an attacker with a solver tries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from exports.report.disclosure import LEAST, protect_line, protect_tables
from exports.report.tables import ALL, SEXES, Crossed, Line, Margins, Sex
from exports.report.tallies import Indicated, Moves, hide

Key = tuple[str, ...]


@dataclass
class Attacker:
    """Knows which counts add up to which, what is shown, and that no count is below zero."""

    shown: dict[Key, int | None] = field(default_factory=dict)
    sums: list[tuple[Key, Sequence[Key]]] = field(default_factory=list)

    def sees(self, key: Key, count: int | None) -> None:
        self.shown[key] = count

    def knows_sum(self, total: Key, parts: Sequence[Key]) -> None:
        self.sums.append((total, parts))

    def range_of(self, key: Key) -> tuple[int, int]:
        """The least and the greatest whole number that a hidden count could be."""
        low, high = (self._solve(key, sign) for sign in (1, -1))
        return low, high

    def _solve(self, key: Key, sign: int) -> int:
        keys, bounds, constraint = self._problem()
        goal = np.zeros(len(keys))
        goal[keys[key]] = sign
        found = milp(goal, integrality=np.ones(len(keys)), bounds=bounds, constraints=constraint)
        assert found.status in (0, 3), found.message
        return 10**9 if found.status == 3 else round(sign * found.fun)

    def _problem(self) -> tuple[dict[Key, int], Bounds, LinearConstraint]:
        keys = {key: number for number, key in enumerate(self.shown)}
        matrix = np.zeros((len(self.sums), len(keys)))
        for number, (total, parts) in enumerate(self.sums):
            matrix[number, keys[total]] = -1
            for part in parts:
                matrix[number, keys[part]] += 1
        low = [0 if count is None else count for count in self.shown.values()]
        high = [10_000 if count is None else count for count in self.shown.values()]
        return keys, Bounds(low, high), LinearConstraint(matrix, 0, 0)


def looks_at(margins: Margins, tables: list[Crossed]) -> Attacker:
    """Everything that a public report shows of these people, L, P and Jml."""
    attacker = Attacker()
    units = [*margins.units, ALL]
    sexes: dict[str, Sequence[Sex]] = {"m": ["m"], "f": ["f"], "all": SEXES}
    for sex, which in sexes.items():
        for unit in units:
            attacker.sees((sex, unit), margins.told(unit, which))
        attacker.knows_sum((sex, ALL), [(sex, unit) for unit in margins.units])
        for number, table in enumerate(tables):
            for unit in units:
                for category in table.categories:
                    told = table.told(unit, category, which)
                    attacker.sees((sex, unit, str(number), category), told)
                attacker.knows_sum((sex, unit), [(sex, unit, str(number), c) for c in table.categories])
            for category in table.categories:
                parts = [(sex, unit, str(number), category) for unit in margins.units]
                attacker.knows_sum((sex, ALL, str(number), category), parts)
    for key in list(attacker.shown):
        if key[0] == "all":
            attacker.knows_sum(key, [("m", *key[1:]), ("f", *key[1:])])
    return attacker


@st.composite
def tables(draw: st.DrawFn) -> tuple[Margins, list[Crossed]]:
    """People of two to five areas, in two tables of two to four categories; many small counts."""
    units = [f"u{n}" for n in range(draw(st.integers(2, 5)))]
    margins = Margins(units)
    made = [Crossed(margins, [f"c{n}" for n in range(draw(st.integers(2, 4)))]) for _ in range(2)]
    count = st.one_of(st.just(0), st.integers(0, 4), st.integers(0, 30))
    for sex in SEXES:
        for unit in units:
            first = [draw(count) for _ in made[0].categories]
            for category, number in zip(made[0].categories, first, strict=True):
                made[0].counts[sex, unit, category] = number
            margins.counts[sex, unit] = left = sum(first)
            for category in made[1].categories[:-1]:
                part = draw(st.integers(0, min(left, 6)))
                made[1].counts[sex, unit, category] = part
                left -= part
            made[1].counts[sex, unit, made[1].categories[-1]] = left
    return margins, made


@settings(max_examples=25, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(tables())
def test_no_hidden_count_of_people_can_be_computed(made: tuple[Margins, list[Crossed]]) -> None:
    margins, crossed = made
    protect_tables(margins, crossed)
    attacker = looks_at(margins, crossed)
    for key, told in attacker.shown.items():
        which: Sequence[Sex] = SEXES if key[0] == "all" else [sex for sex in SEXES if sex == key[0]]
        if len(key) == 2:
            count = sum(margins.value(sex, key[1]) for sex in which)
        else:
            table = crossed[int(key[2])]
            count = sum(table.value(sex, key[1], key[3]) for sex in which)
        if told is not None:
            assert told == count
            assert key[0] == "all" or told == 0 or told >= LEAST
        elif 0 < count < LEAST or (count and key[0] != "all"):
            # a sum of both of 5 or more may follow from the sexes that are shown; it tells of no small count
            low, high = attacker.range_of(key)
            assert low < high, f"{key} of {count} can only be {low}"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.integers(0, 5), st.integers(0, 60)), min_size=1, max_size=8), st.booleans())
def test_no_hidden_count_of_a_line_can_be_computed(counts: list[int], last_is_never_shown: bool) -> None:
    line = Line({str(n): count for n, count in enumerate(counts)})
    untold = {str(len(counts) - 1)} if last_is_never_shown else set()
    protect_line(line, untold=untold)
    attacker = Attacker()
    for key in line.counts:
        attacker.sees((key,), None if key in untold else line.told(key))
    attacker.sees((ALL,), line.told(ALL))
    attacker.knows_sum((ALL,), [(key,) for key in line.counts])
    for key, count in line.counts.items():
        shown = attacker.shown[(key,)]
        assert shown is None or shown == 0 or shown >= LEAST
        if shown is None and 0 < count < LEAST:
            low, high = attacker.range_of((key,))
            assert low < high


def test_an_indicator_that_is_a_category_under_another_name_tells_no_more_than_it() -> None:
    """Of those who died the recap hides two areas; the indicator's own line would show one of them."""
    units = ["a", "b", "c"]
    margins = Margins(units, Counter({("m", "a"): 20, ("m", "b"): 12, ("m", "c"): 30}))
    reasons = Crossed(margins, ["death", "rest"])
    for unit, dead in (("a", 2), ("b", 9), ("c", 6)):
        reasons.counts["m", unit, "death"] = dead
        reasons.counts["m", unit, "rest"] = margins.counts["m", unit] - dead
    died = Indicated(Line({"a": 2, "b": 9, "c": 6}), Line({"m": 17, "f": 0}))
    moves = Moves(margins, {"reason": reasons}, Line({}), {"R15": died})
    hide(moves)
    attacker = Attacker()
    for unit in (*units, ALL):
        told = [reasons.told(unit, "death"), died.units.told(unit)]
        attacker.sees((unit,), next((count for count in told if count is not None), None))
    attacker.knows_sum((ALL,), [(unit,) for unit in units])
    low, high = attacker.range_of(("a",))
    assert low < high


def test_nor_does_it_tell_of_women_and_men_what_the_category_hides() -> None:
    margins = Margins(["a"], Counter({("m", "a"): 11, ("f", "a"): 28}))
    reasons = Crossed(margins, ["death", "rest"])
    reasons.counts.update({("m", "a", "death"): 9, ("m", "a", "rest"): 2})
    reasons.counts.update({("f", "a", "death"): 8, ("f", "a", "rest"): 20})
    died = Indicated(Line({"a": 17}), Line({"m": 9, "f": 8}))
    hide(Moves(margins, {"reason": reasons}, Line({}), {"R15": died}))
    hidden = [sex for sex in SEXES if reasons.told(ALL, "death", [sex]) is None]
    assert hidden, "one of two men is told from the other by those who died"
    assert [died.sexes.told(sex) for sex in hidden] == [None] * len(hidden)


def test_companies_tell_no_sum_that_the_schemes_hide() -> None:
    margins = Margins(["a"], Counter({("m", "a"): 30}))
    schemes = Crossed(margins, ["p2p", "none", "indiv"])
    schemes.counts.update({("m", "a", "indiv"): 20, ("m", "a", "p2p"): 7, ("m", "a", "none"): 3})
    companies: dict[Sex, Line] = {"m": Line({"p1": 7}), "f": Line({"p1": 0}), "": Line({"p1": 0})}
    hide(Moves(margins, {"scheme": schemes}, Line({}), {}, p3mi=companies))
    assert schemes.told(ALL, "p2p", ["m"]) is None
    assert companies["m"].told("p1") is None


def test_zeros_and_large_counts_stay_where_nothing_is_small() -> None:
    margins = Margins(["a", "b"], Counter({("m", "a"): 20, ("m", "b"): 12}))
    table = Crossed(margins, ["x", "y"])
    table.counts.update({("m", "a", "x"): 20, ("m", "b", "x"): 7, ("m", "b", "y"): 5})
    protect_tables(margins, [table])
    assert table.hidden == set()
    assert margins.hidden == set()


def test_one_small_count_takes_no_more_with_it_than_a_rectangle() -> None:
    units, categories = ["a", "b", "c"], ["x", "y", "z"]
    margins = Margins(units, Counter({("m", unit): 60 for unit in units}))
    table = Crossed(margins, categories)
    table.counts.update({("m", u, c): 20 for u in units for c in categories})
    table.counts["m", "a", "x"], table.counts["m", "a", "y"] = 3, 37
    protect_tables(margins, [table])
    assert len(table.hidden) == 4
    assert ("m", "a", "x") in table.hidden


def test_the_order_of_categories_tells_nothing_of_hidden_ones() -> None:
    margins = Margins(["a"], Counter({("m", "a"): 30}))
    table = Crossed(margins, ["z", "y", "x"])
    table.counts.update({("m", "a", "z"): 24, ("m", "a", "y"): 4, ("m", "a", "x"): 2})
    protect_tables(margins, [table])
    table.order_openly()
    assert table.categories == ["z", "x", "y"]
