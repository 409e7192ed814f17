"""Parting answers: nothing secret in the open half, nothing lost between the two."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from server.store.answers import merge, pack, split, unpack

_NAMES = st.sampled_from(["nik", "idg", "fees", "note", "_unknown"])
_LEAVES = st.one_of(st.none(), st.integers(0, 9), st.sampled_from(["", "Sulastri"]), st.just(["a", "b"]))
_GROUPS: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.dictionaries(_NAMES, _LEAVES, max_size=4),
    lambda inner: st.dictionaries(_NAMES, st.one_of(_LEAVES, inner, st.lists(inner, max_size=3)), max_size=4),
    max_leaves=12,
)
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map(lambda steps: "/".join(["/form", *steps]))


def _places(answers: Any, path: str) -> Iterator[str]:
    """The paths of all that stands in some answers."""
    for name, value in answers.items():
        yield f"{path}/{name}"
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict):
                yield from _places(inner, f"{path}/{name}")


@settings(max_examples=200, derandomize=True, deadline=None, database=None)
@given(_GROUPS, st.lists(_PATHS, max_size=4))
def test_what_is_marked_or_unknown_is_never_open_and_both_halves_are_the_whole(
    answers: dict[str, Any], sensitive: list[str]
) -> None:
    plain, secret = split(answers, "/form", sensitive)

    shown = set(_places(plain, "/form"))
    assert not shown & set(sensitive)
    assert not [path for path in shown if path.endswith("/_unknown")]
    assert merge(plain, unpack(pack(secret))) == answers
    under = tuple(f"{path}/" for path in sensitive)
    for path in set(_places(answers, "/form")) - shown:  # and nothing is hidden that need not be
        assert path in sensitive or path.startswith(under) or "/_unknown" in path


def test_a_group_that_only_looks_like_a_marked_one_stays_open() -> None:
    answers = {"idg": {"nik": "1", "nik_ok": 1}, "nik": "2", "other": {"idg": {"nik": "3"}}}

    plain, secret = split(answers, "/form", ["/form/idg/nik", "/formular/nik", "/form/other/idg/nik/deep"])

    assert secret == {"idg": {"nik": "1"}}
    assert plain == {"idg": {"nik_ok": 1}, "nik": "2", "other": {"idg": {"nik": "3"}}}
    assert answers["idg"] == {"nik": "1", "nik_ok": 1}
