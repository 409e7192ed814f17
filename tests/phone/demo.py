"""The main job end to end, on invented people, with everything visible: ``posmigran demo``.

A server with a fresh home, desks in two districts, officers for them; phones (JavaRosa, the engine of ODK
Collect) get the forms from the server, fill them and send them; each SMS is shown as it would be sent; one case
is acknowledged; the workbook is written. Every step runs the product's own commands or its own addresses.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from datetime import date, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.phone.collect import Collect
from tests.phone.interviews import demo_people
from tests.phone.javarosa import Engine, OpenForm

VILLAGES = ("35.07.01.2001", "35.07.13.2004", "35.08.10.2001", "35.08.21.2003")
OFFICERS = (
    ("Petugas Disnaker Malang", "disnaker", "35.07", "+62 812 0000 0001", "disnaker.malang@contoh.id"),
    ("Petugas P4MI Malang", "p4mi", "35.07", "+62 812 0000 0002", None),
    ("Petugas PPA Malang", "ppa", "35.07", "+62 812 0000 0003", "ppa.malang@contoh.id"),
    ("Petugas Disnaker Lumajang", "disnaker", "35.08", "+62 812 0000 0004", None),
    ("Petugas P4MI Lumajang", "p4mi", "35.08", "+62 812 0000 0005", None),
    ("Petugas PPA Lumajang", "ppa", "35.08", "+62 812 0000 0006", None),
    ("Petugas BP3MI Jawa Timur", "bp3mi", "35", "+62 812 0000 0007", None),
    ("Petugas Dinsos Jawa Timur", "dinsos", "35", "+62 812 0000 0008", None),
    ("Staf Provinsi Jawa Timur", "province", "35", None, "provinsi@contoh.id"),
)
LONGEST_WAIT = 60.0  # seconds for the outbox to empty; it takes about two

console = Console(highlight=False)


def run_demo(home: Path | None) -> int:
    """Run the demo in ``home`` (default: a new folder under demo-output); returns the exit status."""
    folder = home or Path("demo-output") / datetime.now().strftime("%Y%m%d-%H%M%S")  # noqa: DTZ005 - a name
    demo = Demo(folder.absolute())
    try:
        demo.run()
        if os.environ.get("DEMO_EXIT") != "1":
            console.print("\nThe server goes on running. [bold]Ctrl-C[/bold] ends it.")
            demo.server.wait()
    except KeyboardInterrupt:
        console.print("\nEnding.")
    finally:
        demo.end()
    return 0


class Demo:
    """One run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server: subprocess.Popen[str]
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("POSMIGRAN_", "TWILIO_"))},
            "POSMIGRAN_HOME": str(folder / "home"),
        }

    def posmigran(self, *words: str) -> Any:
        """Run a command of the product and return its JSON."""
        done = subprocess.run(
            [sys.executable, "-m", "posmigran", *words, "--json"],
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)

    def run(self) -> None:
        """All steps, in order."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._say("1  Making a home: database, areas of Indonesia, the forms compiled and validated")
        made = self.posmigran("init")
        for form in made["forms"]:
            console.print(f"   form {form['form_id']} {form['version']}: {form['title']}")
        self._say("2  Starting the server on a free port")
        url = self._start()
        console.print(f"   {url}")
        self._say("3  Desks in two districts, and officers for them")
        desks = [self.posmigran("desks", "add", village) for village in VILLAGES]
        for desk in desks:
            console.print(f"   desk {desk['desk']} in {desk['village']}, QR code {desk['qr']}")
        sign_ins = self._officers()
        self._say("4  Phones get the forms, fill 20 departures and 10 returns, and send them")
        self._send(desks)
        self._say("5  The SMS, each as it would be sent")
        self._texts()
        self._say("6  One case is acknowledged")
        ref = self._acknowledge()
        self._say("7  The workbooks")
        workbooks = [self.folder / f"{form}.xlsx" for form in ("berangkat", "pulang")]
        for workbook in workbooks:
            rows = self.posmigran("export", workbook.stem, "-o", str(workbook))["rows"]
            console.print(f"   {workbook}: {rows} rows")
        lines = [f"page       {url}/"]
        lines += [f"sign in    {email}  {password}   ({name})" for name, email, password in sign_ins]
        lines += [f"case       {ref} (acknowledged)"]
        lines += [f"workbook   {workbook}" for workbook in workbooks]
        lines += [f"QR code    {desks[0]['qr']} (scan it with ODK Collect)"]
        console.print(Panel("\n".join(lines), title="Where to look", expand=False))

    def _say(self, text: str) -> None:
        console.print(f"\n[bold]{text}[/bold]")

    def _start(self) -> str:
        log = (self.folder / "server.log").open("a")
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
            raise RuntimeError(f"the server did not start, see {self.folder / 'server.log'}")
        return line.removeprefix("listening on ").strip()

    def _officers(self) -> list[tuple[str, str, str]]:
        sign_ins = []
        for name, role, area, phone, email in OFFICERS:
            words = ["officers", "add", name, "--role", role, "--area", area]
            words += ["--phone", phone] if phone else []
            words += ["--email", email] if email else []
            added = self.posmigran(*words)
            if email:
                sign_ins.append((name, email, added["password"]))
        console.print(f"   {len(OFFICERS)} officers: {', '.join(sorted({o[1] for o in OFFICERS}))}")
        return sign_ins

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
                    raise RuntimeError(f"a phone was refused: {result.status} {result.message}")
                progress.advance(sending)
        kept = self.posmigran("submissions", "list")
        console.print(
            f"   kept: {len(kept)}, with risk indicators: {sum(1 for s in kept if s['indicators'])}"
        )

    def _texts(self) -> None:
        pause = threading.Event()
        waited = 0.0
        while waited < LONGEST_WAIT:
            texts = self.posmigran("messages", "list")
            if texts and all(t["state"] not in ("owed", "sending") for t in texts):
                break
            pause.wait(0.5)
            waited += 0.5
        for text in texts:
            console.print(f"   to {text['to']} ({text['officer']}, {len(text['body'])} characters)")
            console.print(f"      {text['body']}", style="cyan", soft_wrap=True)
        console.print(
            f"   {len(texts)} SMS, of {text['segments'] if len(texts) == 1 else 'one'} segment each"
        )

    def _acknowledge(self) -> str:
        mine = self.posmigran("alerts", "list", "--area", "35.07", "--state", "open")
        grave = next(a for a in mine if a["severity"] == "critical" and a["indicator"].startswith("D"))
        officer = next(
            o["officer"]
            for o in self.posmigran("officers", "list")
            if (o["role"], o["area"]) == ("disnaker", "35.07")
        )
        self.posmigran("alerts", "ack", grave["ref"], "--by", officer)
        after = next(a for a in self.posmigran("alerts", "list") if a["ref"] == grave["ref"])
        console.print(
            f"   {grave['ref']} ({grave['indicator']}): {after['state']} by {after['acknowledged_by']}"
        )
        return str(grave["ref"])

    def end(self) -> None:
        """Stop the server in good order."""
        server = getattr(self, "server", None)
        if server is not None and server.poll() is None:
            server.send_signal(signal.SIGTERM)
            server.wait(30)
