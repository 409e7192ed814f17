"""Small XLSForms for tests, written as tables of text."""

from __future__ import annotations

from pathlib import Path

from openpyxl import Workbook

SETTINGS = """
| form_title | form_id | name | version    | default_language |
| Coba       | coba    | coba | 2026112101 | Indonesia (id) |
"""
CHOICES = """
| list_name | name | label:id | label:en |
| yn        | yes  | Ya       | Yes |
| yn        | no   | Tidak    | No |
"""
SURVEY = """
| type          | name  | label:id | label:en | relevant   | constraint | calculation |
| begin_group   | g     | Bagian   | Part     |            |            | |
| integer       | age   | Umur     | Age      |            | . >= 0     | |
| select_one yn | ok    | Baik?    | Well?    | ${age} > 3 |            | |
| end_group     |       |          |          |            |            | |
| calculate     | twice |          |          |            |            | ${age} * 2 |
"""
INDICATORS = """
| code | severity | rule        | recipients | label:id| label:en | sms:id           | advice:id | advice:en |
| X01  | high     | ${age} < 18 | ppa only   | Anak    | Child    | {ref} {kec} anak | Jaga.     | Care.     |
"""


def cells(table: str) -> list[list[str | None]]:
    """The rows of a table; ``label:id`` in its first line is short for ``label::Indonesia (id)``."""
    head, *rest = table.strip("\n").split("\n")
    lines = [head.replace(":id", "::Indonesia (id)").replace(":en", "::English (en)"), *rest]
    return [[cell.strip() or None for cell in line.strip().strip("|").split("|")] for line in lines]


def put(table: str, row: int, column: str, text: str) -> str:
    """The table with another text in a cell; rows count as in Excel, a new column is added at the right."""
    head, *rest = table.strip("\n").split("\n")
    headers = [header.strip() for header in head.strip().strip("|").split("|")]
    if column not in headers:
        headers.append(column)
        head += f" {column} |"
    line = rest[row - 2].strip().strip("|").split("|")
    line += [""] * (len(headers) - len(line))
    line[headers.index(column)] = f" {text} "
    rest[row - 2] = f"|{'|'.join(line)}|"
    return "\n".join([head, *rest]) + "\n"


def write(
    folder: Path,
    *,
    survey: str = SURVEY,
    settings: str = SETTINGS,
    choices: str = CHOICES,
    indicators: str = INDICATORS,
    entities: str = "",
    file: str = "coba.xlsx",
) -> Path:
    """Write a workbook; a sheet given as an empty table is left out."""
    book = Workbook()
    book.remove(book.worksheets[0])
    tables = {
        "survey": survey,
        "choices": choices,
        "entities": entities,
        "indicators": indicators,
        "settings": settings,
    }
    for name, table in tables.items():
        if table.strip():
            sheet = book.create_sheet(name)
            for row in cells(table):
                sheet.append(row)
    path = folder / file
    book.save(path)
    return path
