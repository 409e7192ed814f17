"""Attached lists are read as phones read them, and what is wrong is said with its row."""

from __future__ import annotations

import pytest

from forms.lists import ListTable, ListUnreadable

COUNTRIES = 'name,label,open\r\nMY,"Malaysia, Timur",1\r\nKH,Kamboja,0\r\nZZ,"dua\nbaris",0\r\n'


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with byte order mark"])
def test_a_list_has_columns_and_rows(mark: bytes) -> None:
    table = ListTable.from_csv("negara.csv", mark + COUNTRIES.encode() + b"\r\n")

    assert table.columns == ("name", "label", "open")
    assert [row["label"] for row in table.rows] == ["Malaysia, Timur", "Kamboja", "dua\nbaris"]


def test_rows_are_found_by_any_column() -> None:
    table = ListTable.from_csv("negara.csv", COUNTRIES.encode())

    assert table.find("name", "KH") == (1,)
    assert table.find("open", "0") == (1, 2)
    assert table.find("open", "7") == ()


def test_xpath_sees_items_below_a_root() -> None:
    root = ListTable.from_csv("negara.csv", COUNTRIES.encode()).root

    assert [item.path for item in root.children] == ["/root/item"] * 3
    assert [item.position for item in root.children] == [1, 2, 3]
    assert [(c.name, c.text) for c in root.children[1].children] == [
        ("name", "KH"),
        ("label", "Kamboja"),
        ("open", "0"),
    ]


@pytest.mark.parametrize(
    ("content", "row", "says"),
    [
        (b"", 1, "no column 'name'"),
        (b"code,label\nMY,Malaysia\n", 1, "no column 'name'"),
        (b"name,label,label\nMY,a,b\n", 1, "two columns 'label'"),
        (b"name,,x\nMY,a,b\n", 1, "column 2 has no header"),
        (b"name,label\nMY,Malaysia\nKH\n", 3, "1 columns where the header has 2"),
        (b"name,label\nMY,a,b\n", 2, "3 columns where the header has 2"),
        ("name,label\nMY,Malaisië\n".encode("latin-1"), 2, "not UTF-8"),
        (b'name,label\nMY,"open\n', 2, "unexpected end of data"),
    ],
)
def test_a_list_that_phones_cannot_use_is_refused_with_its_row(content: bytes, row: int, says: str) -> None:
    with pytest.raises(ListUnreadable, match=says) as caught:
        ListTable.from_csv("negara.csv", content)

    assert (caught.value.name, caught.value.row) == ("negara.csv", row)
    assert str(caught.value).startswith(f"negara.csv row {row}: ")
