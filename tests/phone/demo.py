"""The main job end to end, on invented people, with everything visible: ``posmigran demo``.

A server with a fresh home, desks in two districts, officers for them; phones (JavaRosa, the engine of ODK
Collect) get the forms from the server, fill them and send them; each SMS is shown as it would be sent; one case
is acknowledged; the workbooks are written. Every step runs the product's own commands or its own addresses.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import date, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from tests.figures import still_owed
from tests.phone.collect import Collect
from tests.phone.interviews import demo_people
from tests.phone.javarosa import Engine, OpenForm
from tests.phone.listing import CollectError

VILLAGES = ("35.07.01.2001", "35.07.13.2004", "35.08.10.2001", "35.08.21.2003")
OFFICERS = (
    ("Petugas Disnaker Malang", "disnaker", "35.07", "+6281200000001", "disnaker.malang@contoh.id"),
    ("Petugas P4MI Malang", "p4mi", "35.07", "+6281200000002", None),
    ("Petugas PPA Malang", "ppa", "35.07", "+6281200000003", "ppa.malang@contoh.id"),
    ("Petugas Disnaker Lumajang", "disnaker", "35.08", "+6281200000004", None),
    ("Petugas P4MI Lumajang", "p4mi", "35.08", "+6281200000005", None),
    ("Petugas PPA Lumajang", "ppa", "35.08", "+6281200000006", None),
    ("Petugas BP3MI Jawa Timur", "bp3mi", "35", "+6281200000007", None),
    ("Petugas Dinsos Jawa Timur", "dinsos", "35", "+6281200000008", None),
    ("Staf Provinsi Jawa Timur", "province", "35", "+6281200000009", "provinsi@contoh.id"),
)
LONGEST_WAIT = 60.0  # seconds for the outbox to empty; it takes about two

console = Console(highlight=False, soft_wrap=True)


class DemoError(Exception):
    """Something that the demo needs did not work; the text says what, and where to look."""


def run_demo(home: Path | None) -> int:
    """Run the demo in ``home`` (default: a new folder under demo-output); returns the exit status."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")  # noqa: DTZ005 - a name
    folder = (home or Path("demo-output") / stamp).absolute()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends the demo ends its server too
    demo = Demo(folder, folder if home is not None else folder / "home")
    status, shown = 1, False
    try:
        demo.run()
        status, shown = 0, True
        if os.environ.get("DEMO_EXIT") != "1":
            console.print("The server goes on running. [bold]Ctrl-C[/bold] ends it.")
            demo.server.wait()
            console.print(f"The server has ended by itself: see {demo.log}", style="red")
            status = 1
    except KeyboardInterrupt:
        console.print("\nEnding ...")
        status = 0 if shown else 130
    except (DemoError, CollectError, OSError) as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"demo: {error}", markup=False)
    finally:
        demo.end()
    return status


class Demo:
    """One run: its files in ``folder``, its database in ``home``."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.home = home
        self.log = folder / "server.log"
        self.server: subprocess.Popen[str]
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("POSMIGRAN_", "TWILIO_"))},
            "POSMIGRAN_HOME": str(home),
            "POSMIGRAN_QUIET_HOURS": "none",  # so that it can be shown in the evening, too
        }

    def posmigran(self, *words: str) -> Any:
        """Run a command of the product and return its JSON. Raises :class:`DemoError`."""
        done = subprocess.run(
            [sys.executable, "-m", "posmigran", *words, "--json"],
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise DemoError(
                f"`posmigran {' '.join(words[:2])}` ended with status {done.returncode}, see above"
            )
        return json.loads(done.stdout)

    def run(self) -> None:
        """All steps, in order."""
        began = time.monotonic()
        if self.home.exists() and any(self.home.iterdir()):
            raise DemoError(f"{self.home} is not empty: invented people must not get among real ones")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._say(1, "A home is made: database, areas of Indonesia, the forms compiled and validated")
        for form in self.posmigran("init")["forms"]:
            console.print(f"   form {form['form_id']} {form['version']}: {form['title']}")
        self._say(2, "The server starts on a free port")
        url = self._start()
        console.print(f"   {url}")
        self._say(3, "Desks in two districts, and officers for them")
        desks = [self._desk(village, f"+6281200000{100 + n}") for n, village in enumerate(VILLAGES)]
        sign_ins = [self._officer(*officer) for officer in OFFICERS]
        self._say(4, "Phones get the forms, fill 20 departures and 10 returns, and send them")
        self._send(desks)
        self._say(5, "The SMS, each as it would be sent")
        self._texts(url)
        self._say(6, "One case is acknowledged")
        ref = self._acknowledge()
        self._say(7, "The workbooks are written")
        workbooks = [self._export(form_id) for form_id in ("berangkat", "pulang")]
        self._where(url, [line for line in sign_ins if line], ref, [*workbooks, desks[0]["qr"]])
        console.print(f"All of it in {time.monotonic() - began:.0f} seconds.\n", style="dim")

    def _say(self, number: int, text: str) -> None:
        console.print(f"\n[bold cyan]{number}[/bold cyan]  [bold]{text}[/bold]")

    def _start(self) -> str:
        with self.log.open("a") as log:
            self.server = subprocess.Popen(
                [sys.executable, "-m", "posmigran", "serve", "--port", "0"],
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C is for the demo, which then ends the server in good order
            )
        assert self.server.stdout is not None
        line = self.server.stdout.readline()
        if not line.startswith("listening on "):
            raise DemoError(f"the server did not start, see {self.log}")
        return line.removeprefix("listening on ").strip()

    def _desk(self, village: str, phone: str) -> dict[str, Any]:
        desk: dict[str, Any] = self.posmigran("desks", "add", village, "--phone", phone)
        console.print(f"   desk {desk['desk']} in village {desk['village']}")
        return desk

    def _officer(self, name: str, role: str, area: str, phone: str | None, email: str | None) -> str:
        words = ["officers", "add", name, "--role", role, "--area", area]
        words += ["--phone", phone] if phone else []
        words += ["--email", email] if email else []
        added = self.posmigran(*words)
        console.print(f"   {name}, {role} of {area}{f', {phone}' if phone else ''}")
        return f"{email}  {added['password']}  ({name})" if email else ""

    def _send(self, desks: list[dict[str, Any]]) -> None:
        phones = {desk["village"]: Collect.from_settings(desk["settings"]) for desk in desks}
        engine = Engine()
        people = demo_people(7, VILLAGES, date.today())  # noqa: DTZ011 - the phone's own day
        opened: dict[tuple[str, str], OpenForm] = {}
        columns = (
            TextColumn("   {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=console) as progress:
            getting = progress.add_task("phones get forms and lists", total=len(phones))
            for village, phone in phones.items():
                for form_id, form in phone.sync().items():
                    opened[village, form_id] = engine.open(form.xform, form.media)
                progress.advance(getting)
            sending = progress.add_task("filled and sent", total=len(people))
            for interview in people:
                village = interview.answers["village"]
                filled = opened[village, interview.form_id].fill(interview.answers)
                result = phones[village].submit(filled.xml)
                if not result.sent:
                    raise DemoError(f"a phone was refused: {result.status} {result.message}; see {self.log}")
                progress.advance(sending)
        kept = self.posmigran("submissions", "list")
        shown = sum(1 for s in kept if s["indicators"])
        console.print(f"   {len(kept)} are kept; {shown} of them show a risk indicator")

    def _texts(self, url: str) -> None:
        deadline = time.monotonic() + LONGEST_WAIT
        pause = threading.Event()
        while still_owed(url):
            if time.monotonic() > deadline:
                raise DemoError(f"not all SMS went out within {LONGEST_WAIT:.0f} seconds, see {self.log}")
            pause.wait(0.2)
        names = {phone: name for name, _, _, phone, _ in OFFICERS}
        texts = self.posmigran("messages", "list")
        for text in texts:
            body = text["body"]
            style = "red" if "KRITIS" in body else "yellow"
            console.print(f"   to {names[text['to']]} {text['to']}, {len(body)} characters", style="dim")
            console.print(Text(f"      {body}", style=style))
        segments = sum(text["segments"] for text in texts)
        console.print(f"   {len(texts)} SMS of {segments} segments; none names a person")

    def _acknowledge(self) -> str:
        alerts = self.posmigran("alerts", "list", "--area", "35.07", "--state", "open")
        ref = next(a["ref"] for a in alerts if a["severity"] == "critical" and a["indicator"] == "D05")
        self.posmigran("alerts", "ack", ref, "--by", "petugas-disnaker-malang")
        after = [a for a in self.posmigran("alerts", "list", "--area", "35.07") if a["ref"] == ref]
        codes = " ".join(a["indicator"] for a in after if a["state"] == "acknowledged")
        console.print(f"   {ref} ({codes}) by {after[0]['acknowledged_by']}")
        return str(ref)

    def _export(self, form_id: str) -> str:
        file = self.folder / f"{form_id}.xlsx"
        rows = self.posmigran("export", form_id, "-o", str(file))["rows"]
        console.print(f"   {file.name}: {rows} rows")
        return str(file)

    def _where(self, url: str, sign_ins: list[str], ref: str, files: list[str]) -> None:
        console.print("\n[bold]Where to look[/bold]")
        program = Path(sys.executable).parent / "posmigran"
        facts = [("page", f"{url}/")]
        facts += [("sign in", line) for line in sign_ins]
        facts += [("case", f"{url}/kasus/{ref}")]
        facts += [("QR code" if file.endswith(".png") else "workbook", _near(file)) for file in files]
        facts += [("commands", f"{_near(str(program))} alerts list --home {_near(str(self.home))}")]
        for name, fact in facts:
            console.print(f"   {name:10} {fact}", markup=False)
        console.print()

    def end(self) -> None:
        """Stop the server in good order."""
        server = getattr(self, "server", None)
        if server is not None and server.poll() is None:
            server.send_signal(signal.SIGTERM)
            server.wait(60)


def _near(path: str) -> str:
    """A path as one would type it here."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path
