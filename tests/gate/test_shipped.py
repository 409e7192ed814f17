"""The forms that come with the software pass their own gate, also where the server makes their lists."""

from __future__ import annotations

import pytest

from forms.outline import LIBRARY
from server.publishing import check
from server.store.database import Store


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
@pytest.mark.parametrize("form_id", ["pulang", "tindak_lanjut"])
def test_a_form_that_chooses_a_worker_passes_the_gate_of_a_home_that_has_the_list(
    form_id: str, published: Store
) -> None:
    found = check(LIBRARY / f"{form_id}.xlsx", store=published).found

    assert (found.errors, found.warnings) == ((), ())
