"""What the documents name exists, and what exists is named: commands, options, settings, addresses, files."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import typer

import posmigran
from forms.form import ROLES, SEVERITIES, Form, SensitiveKind
from forms.indicators import ALERTABLE, PLAIN, TRANSLATED
from server.app import create_app
from server.commands.common import now
from server.settings import SETTING_NAMES, Settings
from server.store import cases, messages
from server.store.database import Store
from tests.docs import phone_picture
from tests.docs.conftest import ROOT, Document, document, documents
from tests.phone.javarosa import Engine
from tests.phone.lists import library_lists

DOCUMENTS = documents()
each_document = pytest.mark.parametrize("read", DOCUMENTS, ids=lambda d: d.name)
WORDS_OF_SETTINGS = re.compile(r"\b(?:POSMIGRAN|TWILIO)_[A-Z_]+\b")


def commands() -> dict[str, Any]:
    """Every command by its words (``forms check``), as the typer app has them."""
    found: dict[str, Any] = {}

    def walk(command: Any, words: tuple[str, ...]) -> None:
        for name, inner in getattr(command, "commands", {}).items():
            walk(inner, (*words, name))
        if not hasattr(command, "commands"):
            found[" ".join(words)] = command

    walk(typer.main.get_command(posmigran.app), ())
    return found


def options(command: Any) -> set[str]:
    """The options that ``--help`` shows."""
    shown = [p for p in command.params if p.param_type_name == "option" and not p.hidden]
    return {name for parameter in shown for name in parameter.opts}


def sections() -> dict[str, str]:
    """The sections of docs/commands.md by command."""
    parts = re.split(r"^## posmigran (.+)$", document("docs/commands.md").text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_documents_describe_every_command_and_no_other() -> None:
    assert set(sections()) == set(commands())


@pytest.mark.parametrize("name", commands())
def test_the_section_of_a_command_lists_exactly_its_options(name: str) -> None:
    rows = [line for line in sections().get(name, "").splitlines() if line.startswith("| `-")]
    listed = {word for row in rows for word in re.findall(r"`(--?[a-z-]+)`", row.split("|")[1])}
    assert listed == options(commands()[name])


def test_the_readme_names_every_command() -> None:
    rows = [line for line in document("README.md").text.splitlines() if line.startswith("| `posmigran ")]
    named = set()
    for row in rows:
        first, *rest = re.findall(r"`([^`]+)`", row.split("|")[1])
        group = first.removeprefix("posmigran ")
        named |= {f"{group} {word}" for word in rest} or {group}
    assert named == set(commands())


def command_lines() -> list[tuple[str, str]]:
    """Every line of a shell block that runs posmigran."""
    lines = []
    for read in DOCUMENTS:
        for line in read.fenced("sh"):
            words = shlex.split(line, comments=True)
            if words and Path(words[0]).name == "posmigran":
                lines.append((read.name, line))
    return lines


@pytest.mark.parametrize(("where", "line"), command_lines(), ids=lambda text: text)
def test_a_command_line_in_the_documents_is_understood(where: str, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    command: Any = typer.main.get_command(posmigran.app)
    while hasattr(command, "commands"):
        assert words[0] in command.commands, f"{where}: {line}"
        command = command.commands[words.pop(0)]
    with command.make_context(line, words):  # reads the words, runs nothing
        pass


@each_document
def test_a_command_named_in_prose_exists(read: Document) -> None:
    known = {name for full in commands() for name in (full, full.split()[0])}
    for said in re.findall(r"`posmigran ([a-z]+(?: [a-z]+)?)[^`]*`", read.prose):
        assert said in known or said.split()[0] in commands(), said
    groups = {name.split()[0] for name in commands() if " " in name}
    for said in re.findall(r"`([a-z]+ [a-z]+)\b[^`]*`", read.prose):
        if said.split()[0] in groups:
            assert said in commands()


def test_an_option_named_in_prose_exists() -> None:
    known = {o for command in commands().values() for o in options(command)} | {"--help"}
    for read in DOCUMENTS:
        if read.name != "docs/commands.md":  # held to more above
            assert set(re.findall(r"`(--[a-z-]+)`", read.prose)) <= known, read.name


def test_every_setting_is_in_the_readme_s_table_and_the_documents_name_no_other() -> None:
    rows = [line for line in document("README.md").text.splitlines() if line.startswith("| `")]
    listed = {word for row in rows for word in WORDS_OF_SETTINGS.findall(row.split("|")[1])}
    assert listed == set(SETTING_NAMES)
    for read in DOCUMENTS:
        named = {word for word in WORDS_OF_SETTINGS.findall(read.text) if not word.endswith("_")}
        assert named <= set(SETTING_NAMES), read.name


def test_the_defaults_in_the_readme_s_table_are_the_settings_own() -> None:
    fresh = Settings.model_construct()
    table = document("README.md").text
    for name in ("sms", "timezone", "home"):
        assert f"| `POSMIGRAN_{name.upper()}` | `{getattr(fresh, name)}` |" in table


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_every_address_of_the_server_is_in_the_documents(store: Store, tmp_path: Path) -> None:
    application = create_app(Settings(home=tmp_path), store, now)
    application.close()
    routes = []

    def walk(nodes: Any) -> None:
        for node in nodes:
            if node.resource is not None:
                routes.append(node.uri_template)
            walk(node.children)

    walk(application.asgi._router._roots)
    rows = [line for line in document("docs/operation.md").text.splitlines() if line.startswith("| `/")]
    written = {word for row in rows for word in re.findall(r"`(/[^`]*)`", row.split("|")[1])}
    opened = {address[:-1] for address in written if address.endswith("…")}
    unnamed = [
        route
        for route in routes
        if route not in written and not any(route.startswith(address) for address in opened)
    ]
    assert routes
    assert unnamed == []
    assert [
        address for address in written if not any(r.startswith(address.rstrip("…")) for r in routes)
    ] == []


def test_words_to_choose_from_are_all_in_the_documents() -> None:
    forms, commanded, privacy = (document(f"docs/{n}.md").text for n in ("forms", "commands", "privacy"))
    for word in (*SensitiveKind.__args__, *SEVERITIES, *ALERTABLE, *PLAIN):  # type: ignore[attr-defined]
        assert f"`{word}`" in forms
    for word in TRANSLATED:
        assert f"`{word}::" in forms
    for word in (*ROLES, *cases.STATES, *cases.RESULTS, *messages.STATES):
        assert f"`{word}`" in commanded
    for word in ROLES:
        assert f"| `{word}`" in privacy or f"` `{word}`" in privacy


@each_document
def test_links_and_pictures_lead_somewhere(read: Document) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", read.prose):
        if target.startswith("https://"):
            continue
        file, _, heading = unquote(target).partition("#")
        found = (read.path.parent / file).resolve() if file else read.path
        assert found.is_relative_to(ROOT), target
        assert found.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.+)$", found.read_text("utf-8"), flags=re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", t).lower().replace(" ", "-") for t in titles}, target


@each_document
def test_files_and_folders_named_in_prose_exist(read: Document) -> None:
    rooms = "|".join(
        sorted(p.name for p in ROOT.iterdir() if (p / "__init__.py").exists() or p.name in ("docs", "design"))
    )
    for said in re.findall(rf"`((?:{rooms})/[\w./-]*)`", read.prose):
        assert (ROOT / said).exists(), said


@each_document
def test_make_targets_named_in_the_documents_exist(read: Document) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE))
    said = set(re.findall(r"`(?:\w+=\d )?make ([a-z]+)`", read.prose))
    said |= {line.split()[1] for line in read.fenced("sh") if line.startswith("make ")}
    assert said <= targets


@each_document
def test_no_document_names_a_package_registry_or_a_place_on_somebody_s_machine(read: Document) -> None:
    registries = r"pypi\.|pythonhosted|npmjs|crates\.io|/simple\b|artifactory|nexus|index-url"
    places = r"(?<![\w.])/(?:work|root|home|Users|tmp|mnt)/"
    assert re.findall(f"{registries}|{places}", read.text) == []


@each_document
def test_people_in_the_documents_are_invented(read: Document) -> None:
    for number in re.findall(r"\+62[ \d]+\d", read.text):
        assert re.fullmatch(r"\+62 8\d\d 0000 \d{4}", number), number
    assert re.findall(r"\b\d{16}\b", read.text) == []


def test_pictures_are_shown_and_small() -> None:
    shown = {Path(t).name for d in DOCUMENTS for t in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", d.text)}
    pictures = sorted((ROOT / "docs").glob("*.png"))
    assert {p.name for p in pictures} == shown
    for picture in pictures:
        assert picture.stat().st_size < 200_000, picture.name


def test_the_picture_of_the_form_can_be_made_again(library: dict[str, Form]) -> None:
    form = library["berangkat"]
    drawn = phone_picture.page(Engine().open(form.xform, library_lists()), form.title)
    assert all(screen in drawn for screen in phone_picture.SCREENS)
    warning = next(i for i in form.indicators if i.code == "D05")
    assert warning.advice["id"] in drawn


def test_the_version_in_the_changelog_is_the_project_s() -> None:
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert version is not None
    assert f"## [{version[1]}]" in document("CHANGELOG.md").text
