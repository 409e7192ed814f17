"""Makes ``docs/formulir-hp.png``, the picture of the phone form in the README: ``python -m tests.docs.phone_picture``.

No device is involved: JavaRosa, the engine of ODK Collect, is led through the compiled form, and what it asks,
offers and warns of is laid out on an HTML page as wide as a phone. Not a word of it is written here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from html import escape
from pathlib import Path
from shutil import which
from typing import Any

from playwright.sync_api import sync_playwright

from tests.conftest import compiled_library
from tests.phone.answers import Answers
from tests.phone.interviews import interviews
from tests.phone.javarosa import Engine, OpenForm, _Walk
from tests.phone.lists import library_lists

PICTURE = Path(__file__).parent.parent.parent / "docs" / "formulir-hp.png"
SCREENS = ("Lokasi dan persetujuan", "Negara tujuan dan pekerjaan", "Peringatan")
STORY = "scam ring in Cambodia"
ANSWERS = {"city": "Phnom Penh", "job_title": "Admin toko daring"}

STYLE = """
* { box-sizing: border-box; margin: 0 }
body { display: flex; gap: 12px; padding: 12px; background: #dfe5e6; width: max-content;
  font: 15px/1.4 "DejaVu Sans", "Noto Sans", sans-serif; color: #1d2528 }
.phone { width: 360px; height: 740px; overflow: hidden; background: #fff; position: relative }
header { background: #0b5d69; color: #fff; padding: 13px 16px; font-weight: bold }
main { padding: 14px 16px } main > p.group { color: #56656a; font-size: 13px; margin-bottom: 10px }
section { margin-bottom: 15px } b.must { color: #a3192b }
.hint { color: #56656a; font-size: 13px } .note { background: #f3f6f6; padding: 10px; font-size: 14px }
.box { border-bottom: 1px solid #8a989c; padding: 5px 2px; margin-top: 3px; display: flex }
.box i { margin-left: auto; font-style: normal; color: #56656a }
.choice { display: inline-block; padding: 5px 18px 0 0 } .choice.long { display: block }
.warned .note { background: #fdf0f1; border-left: 5px solid #a3192b; margin-bottom: 10px }
footer { position: absolute; bottom: 0; width: 100%; background: #fff; border-top: 1px solid #c9d2d4;
  padding: 11px 16px; display: flex; justify-content: space-between; color: #0b5d69; font-weight: bold }
"""


@dataclass(frozen=True)
class Shown:
    """A question as the engine puts it. ``choices`` are (label, chosen); ``menu``: they unfold on a tap."""

    text: str
    hint: str
    required: bool
    note: bool
    answer: str
    choices: tuple[tuple[str, bool], ...]
    menu: bool

    def html(self) -> str:
        if self.note:
            return f'<section class="note">{_bold(self.text)}</section>'
        must = '<b class="must">*</b> ' if self.required else ""
        hint = f'<p class="hint">{escape(self.hint)}</p>' if self.hint else ""
        return f"<section><p><b>{must}{_bold(self.text)}</b></p>{hint}{self._field()}</section>"

    def _field(self) -> str:
        if not self.choices or self.menu:
            arrow = "<i>▾</i>" if self.menu else ""
            return f'<p class="box">{escape(self.answer) or "&nbsp;"}{arrow}</p>'
        size = "choice long" if len(self.choices) > 2 else "choice"
        return "".join(
            f'<span class="{size}">{"◉" if chosen else "○"} {escape(label)}</span>'
            for label, chosen in self.choices
        )


@dataclass
class Screens(_Walk):
    """An interview that remembers its screens: the questions of each group that is shown on one screen."""

    scenario: Any
    answers: Answers
    by_title: dict[str, list[Shown]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(self.scenario, self.answers)

    def _question(self) -> None:
        super()._question()
        model = self.controller.getModel()
        prompt = model.getQuestionPrompt()
        appearance = str(prompt.getAppearanceHint() or "")
        menu = "minimal" in appearance
        answer = str(prompt.getAnswerText() or "")
        choices = () if menu else tuple(
            (label := str(prompt.getSelectChoiceText(choice)), label in answer.split(", "))
            for choice in prompt.getSelectChoices() or ()
        )  # fmt: skip
        shown = Shown(
            str(prompt.getQuestionText()),
            str(prompt.getHelpText() or ""),
            bool(prompt.isRequired()),
            bool(prompt.isReadOnly()),
            answer,
            choices,
            menu,
        )
        title = str(model.getCaptionHierarchy()[0].getLongText() or "")
        self.by_title.setdefault(title, []).append(shown)


def _bold(text: str) -> str:
    """The little Markdown that Collect knows."""
    return re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", escape(text)).replace("\n", "<br>")


def page(opened: OpenForm, title: str) -> str:
    """The HTML of the three screens."""
    story = next(i for i in interviews(date.today()) if i.name == STORY)  # noqa: DTZ011 - the phone's own day
    opened._scenario.setLanguage("Indonesia (id)")
    walk = Screens(opened._scenario, Answers.sort(story.answers | ANSWERS))
    walk.go()
    phones = []
    for name in SCREENS:
        body = "".join(shown.html() for shown in walk.by_title[name])
        warned = ' class="warned"' if name == SCREENS[-1] else ""
        phones.append(
            f'<div class="phone"><header>{escape(title)}</header>'
            f'<main{warned}><p class="group">{escape(name)}</p>{body}</main>'
            "<footer><span>‹</span><span>›</span></footer></div>"
        )
    return f'<meta charset="utf-8"><style>{STYLE}</style>{"".join(phones)}'


def main() -> None:
    """Make the picture."""
    form = compiled_library()["berangkat"]
    content = page(Engine().open(form.xform, library_lists()), form.title)
    with sync_playwright() as playwright:
        executable = which("chromium") or which("chromium-browser") or which("google-chrome")
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=executable, args=flags)
        sheet = browser.new_page(viewport={"width": 1128, "height": 764})
        sheet.set_content(content)
        sheet.screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    main()
