"""The shipped forms keep the contract: every question, every rule, two languages, tidy sheets."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

import forms
from forms.compile import CompileResult, compile_workbook
from forms.indicators import sms_faults
from forms.schema import Schema

LIBRARY = Path(forms.__file__).parent / "library"
FORMS = ("berangkat", "pulang", "tindak_lanjut", "pantau_penyedia", "laporan_bulanan")
INTERVIEWS = FORMS[:2]
SHEETS = ["petunjuk", "survey", "choices", "indicators", "settings", "entities"]

# name:type of each question, group by group; one = select_one, many = select_multiple
CONTRACT = {
    "berangkat": """
        loc: village:one/desa visit_date:date info_source:one consent:one consent_share:one
        idg: full_name:text has_nik:one nik:text sex:one birth_date:date birth_place:text address:text
             phone:text marital:one education:one disability:one
        famg: permit_from:one permit_village:one child_u5:int child_u18:int carer:one other_dep:int
             emg_name:text emg_phone:text
        recg: scheme:one recruiter_type:one contact_via:one offer_date:date recruiter_name:text
             recruiter_phone:text p3mi:one/p3mi p3mi_other:text
        jobg: country:one/negara city:text sector:one job_title:text employer_type:one employer_name:text
             knows_job:one wage:decimal wage_cur:one contract:one contract_read:one contract_months:int
        costg: paid_any:one fees/fee_type:one/biaya fees/fee_amt:int fees/fee_to:one fees/fee_receipt:one
             fees/fee_banned:calculate fee_total:calculate fee_banned_n:calculate debt_any:one
             debt_source:many debt_amt:int collateral:many pocket_money:one cancel_penalty:one
             deduct_months:int
        docg: docs:many docs_withheld:many false_data:many visa:one sisko_id:text
        prepg: lpk_name:text shelter:one mcu:one clinic_name:text bpjs:one opp:one
        depg: depart_date:date exit_point:one told:many observe:many
        : age_dep:calculate days_to_dep:calculate days_offer:calculate nik_ok:calculate
             nik_dob_diff:calculate nik_sex_diff:calculate nik_prov_ok:calculate c_place:calculate
             c_me:calculate c_scam:calculate p3mi_status:calculate wage_idr:calculate doc8:calculate
        """,
    "pulang": """
        loc: village:one/desa visit_date:date info_source:one private:one consent:one consent_share:one
        idg: full_name:text has_nik:one nik:text sex:one birth_date:date phone:text
        tripg: country:one/negara sector:one depart_date:date depart_status:one recruiter_type:one
             recruiter_name:text return_date:date return_reason:one return_mode:one entry_point:text
             stay_status:one travel_doc:one
        workg: diff:many passport_by:one wage_state:one unpaid_months:int unpaid_amt:int hours_day:int
             rest_day:one forced_ot:one move:one comm:one threat:many violence:many leave_why:many
             living_bad:one crime:many
        stateg: health:many debt_left:int child_with:int child_nodoc:int recruiter_threat:one needs:many
             refer:many complaint:many observe:many
        : age_dep:calculate age_ret:calculate fl_inv:calculate fl_pen:calculate
        """,
    "tindak_lanjut": """
        loc: village:one/desa update_date:date case_listed:one case_id:one/kasus case_ref:text
             contact_made:one
        persong: private:one worker_known:one worker:one/pmi
        safeg: person_safe:one last_contact_date:date departure_state:one
        actg: alert_valid:one actions:many amount_recovered:int
        refg: consent_referral:one referred_to:many referral_accepted:one accepted_date:date
        closeg: severity_now:one close_reason:one next_date:date notes:text
        : case_form:calculate case_code:calculate pmi_status:calculate pmi_last_contact:calculate
        """,
    "pantau_penyedia": """
        loc: village:one/desa visited_on:date visited_with:many provider_type:one provider:one/p3mi
             provider_name:text access:one
        licg: coord:geopoint licence:one licence_no:text licence_until:date job_order:one
             staff_letters:one
        feeg: price_list:one fee_asked:one fees/fee_type:one/biaya fees/fee_amt:int fees/fee_receipt:one
             fees/fee_banned:calculate deposit:one deduct_months:int refund:one
        conductg: advert:many contract_copy:one contract_id:one explained:one school_recruit:one
        healthg: clinic_pmi:one exam_consent:one preg_test:one result_explained:one price_shown:one
        traing: train_hours:int instructor:one job_link:one cert_body:one train_paid:one
             dropout_penalty:one
        privg: private:one
        heardg: heard_f:int heard_m:int complain_n:int main_complaint:one
        freeg: under18:one originals:int phones_taken:one data_safe:one complaint_box:one shelter:one
        shelterg: shelter_leave:one shelter_cap:int shelter_separate:one women_staff:one
        : heard_n:calculate list_status:calculate lic_expired:calculate lic_bad:calculate
             fee_banned_n:calculate iris_a:calculate iris_b:calculate iris_1:calculate iris_2:calculate
             iris_3:calculate iris_4:calculate iris_5:calculate iris_n:calculate unknown_n:calculate
             result:calculate
        """,
    "laporan_bulanan": """
        loc: village:one/desa month:date open_days:int staff_f:int staff_m:int
        infog: sessions:int part_f:int part_m:int topics:many with_whom:many home_visits:int
        letterg: letters_f:int letters_m:int letters_no:int letters_why:many cand_f:int cand_m:int
        depg: dep_f:int dep_m:int dep_proc:int dep_nonproc:int abroad_f:int abroad_m:int
        retg: ret_f:int ret_m:int ret_why:many ret_end:int ret_leave:int ret_term:int ret_sick:int
             ret_abuse:int ret_crisis:int ret_deport:int ret_death:int ret_harm:int
        compg: comp_in:int comp_done:int comp_ref:int child_n:int child_school:int
        recrg: recr_n:int recr_phones:text
        lawg: perdes:one budget_plan:int budget_used:int obstacles:many support:many photo:binary
        : period:calculate dep_n:calculate dep_dk:calculate ret_n:calculate ret_dk:calculate
        """,
}
CODES = {
    "berangkat": [f"D{n:02}" for n in range(1, 26)],
    "pulang": [f"R{n:02}" for n in range(1, 16)],
    "tindak_lanjut": [],
    "pantau_penyedia": ["X02"],
    "laporan_bulanan": [],
}
MEDIA = {
    "berangkat": ("biaya.csv", "desa.csv", "kurs.csv", "negara.csv", "p3mi.csv"),
    "pulang": ("desa.csv", "negara.csv", "pmi.csv"),
    "tindak_lanjut": ("desa.csv", "kasus.csv", "pmi.csv"),
    "pantau_penyedia": ("biaya.csv", "desa.csv", "p3mi.csv"),
    "laporan_bulanan": ("desa.csv",),
}
BINDS = {
    "text": "string", "int": "int", "decimal": "decimal", "date": "date", "geopoint": "geopoint",
    "binary": "binary",
}  # fmt: skip
SECRETS = {
    "berangkat": {
        **dict.fromkeys(("fee_amt", "debt_amt", "wage", "fee_total", "wage_idr"), "money"),
        **{"mcu": "health", "address": "identity"},
    },
    "pulang": {
        **dict.fromkeys(("violence", "threat", "crime", "move", "comm", "leave_why"), "violence"),
        **{"health": "health", "worker": "identity"},
    },
    "tindak_lanjut": {
        **dict.fromkeys(("person_safe", "actions", "notes"), "violence"),
        **{"worker": "identity", "amount_recovered": "money"},
    },
    "pantau_penyedia": {"provider_name": "identity", "main_complaint": "violence"},
    "laporan_bulanan": {"recr_phones": "identity", "photo": "identity"},
}

of_each_form = pytest.mark.parametrize("name", FORMS)
of_each_interview = pytest.mark.parametrize("name", INTERVIEWS)


@pytest.fixture(scope="module")
def compiled() -> dict[str, CompileResult]:
    """Every form, run through ODK Validate."""
    return {name: compile_workbook(LIBRARY / f"{name}.xlsx") for name in FORMS}


def contract(form: str) -> list[tuple[str, str]]:
    """(path, type) of each question, in the form's order."""
    found: list[tuple[str, str]] = []
    group = ""
    for word in CONTRACT[form].split():
        if word.endswith(":"):
            group = word[:-1]
        else:
            question, kind = word.rsplit(":", 1)
            found.append((f"/{form}/{group}/{question}".replace("//", "/"), kind))
    return found


@of_each_form
def test_the_form_compiles_and_odk_validate_has_nothing_to_say(
    compiled: dict[str, CompileResult], name: str
) -> None:
    result = compiled[name]

    assert result.warnings == ()
    assert (result.form.form_id, Schema.from_xform(result.form.xform).root) == (name, name)
    assert result.form.media == MEDIA[name]


@of_each_form
def test_every_question_of_the_contract_is_there_with_its_type_in_its_order(
    compiled: dict[str, CompileResult], name: str
) -> None:
    schema = Schema.from_xform(compiled[name].form.xform)
    order = [question.path for question in schema.questions()]

    expected = contract(name)
    for path, kind in expected:
        question = schema.find(path)
        assert question is not None, path
        if kind == "calculate":
            assert question.calculated, path
        elif kind.startswith(("one", "many")):
            select, _, attached = kind.partition("/")
            assert question.select == select, path
            assert question.list_name == (attached or None), path
            assert attached or question.choices, path
        else:
            assert (question.type, question.select) == (BINDS[kind], None), path
    places = [order.index(path) for path, _ in expected]
    assert places == sorted(places)


@of_each_form
def test_all_rules_stand_directly_under_the_root(compiled: dict[str, CompileResult], name: str) -> None:
    form = compiled[name].form
    top = [f.name for f in Schema.from_xform(form.xform).fields]

    assert [i.code for i in form.indicators] == CODES[name]
    assert [n for n in top if n.startswith("ri_")] == [f"ri_{code.lower()}" for code in CODES[name]]


@of_each_form
def test_the_officer_reads_everything_in_indonesian_and_in_english(
    compiled: dict[str, CompileResult], name: str
) -> None:
    schema = Schema.from_xform(compiled[name].form.xform)

    assert (schema.languages, schema.default_language) == (("id", "en"), "id")
    for field in schema.walk():
        shown = field.kind != "question" or not (field.calculated or field.type == "dateTime")
        if shown and field.name != "meta" and not field.path.startswith(f"/{name}/meta/"):
            assert all(field.labels.get(lang) for lang in ("id", "en")), field.path
        for value, labels in field.choices:
            assert set(labels) == {"id", "en"}, (field.path, value)


@of_each_form
def test_every_constraint_and_every_required_question_says_what_is_right(
    compiled: dict[str, CompileResult], name: str
) -> None:
    xform = compiled[name].form.xform
    schema = Schema.from_xform(xform)

    for question in schema.questions():
        if question.constraint:
            assert f"jr:itext('{question.path}:jr:constraintMsg')" in xform
        if question.required:
            assert f"jr:itext('{question.path}:jr:requiredMsg')" in xform


@of_each_form
def test_every_sms_fits_one_message_and_fills_in_nothing_but_case_and_district(
    compiled: dict[str, CompileResult], name: str
) -> None:
    for indicator in compiled[name].form.indicators:
        assert sms_faults(indicator.sms["id"]) == [], indicator.code
        assert indicator.code in indicator.sms["id"]


def test_sexual_violence_is_restricted_to_the_unit_that_may_know(compiled: dict[str, CompileResult]) -> None:
    restricted = [i for i in compiled["pulang"].form.indicators if i.restricted]

    assert [(i.code, i.recipients) for i in restricted] == [("R05", ("ppa",))]


@of_each_form
def test_medium_indicators_go_to_the_weekly_digest_and_others_do_not(
    compiled: dict[str, CompileResult], name: str
) -> None:
    for indicator in compiled[name].form.indicators:
        assert indicator.digest == (indicator.severity == "medium"), indicator.code


@of_each_form
def test_personal_questions_are_marked_as_secrets(compiled: dict[str, CompileResult], name: str) -> None:
    form = compiled[name].form
    sensitive = {path.rsplit("/", 1)[1]: kind for path, kind in form.sensitive.items()}

    schema = Schema.from_xform(form.xform)
    assert all(schema.find(path) for path in form.sensitive)

    assert sensitive.items() >= SECRETS[name].items()
    if name in INTERVIEWS:
        for question in ("full_name", "nik", "phone", "birth_date", "recruiter_name"):
            assert sensitive[question] == "identity"


@of_each_form
def test_the_name_of_a_submission_holds_no_secret(compiled: dict[str, CompileResult], name: str) -> None:
    form = compiled[name].form
    (instance_name,) = Schema.from_xform(form.xform).named("instanceName")

    assert f"/{name}/loc/village" in instance_name.calculate
    assert not any(path in instance_name.calculate for path in form.sensitive)


@pytest.mark.parametrize("name", ["tindak_lanjut", "pantau_penyedia"])
def test_delicate_questions_open_only_after_privacy_is_confirmed(
    compiled: dict[str, CompileResult], name: str
) -> None:
    form = compiled[name].form
    schema = Schema.from_xform(form.xform)
    (private,) = schema.named("private")

    for path, kind in form.sensitive.items():
        field = schema.find(path)
        assert field is not None
        above = [f for f in schema.walk() if f.kind == "group" and path.startswith(f.path + "/")]
        conditions = " ".join(f.relevant for f in [*above, field])
        if kind == "violence":
            assert private.path in conditions, path


@of_each_interview
def test_refusing_consent_closes_every_group_that_asks_about_the_person(
    compiled: dict[str, CompileResult], name: str
) -> None:
    groups = [f for f in Schema.from_xform(compiled[name].form.xform).fields if f.kind == "group"]

    asking = [g for g in groups if g.name not in ("loc", "meta", "advice")]
    assert len(asking) >= 4
    for group in asking:
        assert f"/{name}/loc/consent ='yes'" in group.relevant, group.path


@pytest.mark.parametrize("list_name", ["biaya", "kurs", "negara", "p3mi"])
def test_an_attached_list_has_unique_names_and_a_label_in_every_row(list_name: str) -> None:
    with (LIBRARY / "media" / f"{list_name}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    assert len({row["name"] for row in rows}) == len(rows)
    assert all(row["name"] and row["label"] for row in rows)


def sheets(name: str) -> list[Worksheet]:
    return [
        sheet for sheet in load_workbook(LIBRARY / f"{name}.xlsx").worksheets if isinstance(sheet, Worksheet)
    ]


@of_each_form
def test_the_workbook_opens_on_its_explanation_and_has_frozen_headers_and_widths(name: str) -> None:
    book = sheets(name)

    optional = {"indicators": bool(CODES[name]), "entities": "pmi.csv" in MEDIA[name] or name == "berangkat"}
    assert [sheet.title for sheet in book] == [sheet for sheet in SHEETS if optional.get(sheet, True)]
    for sheet in book:
        assert sheet.freeze_panes, sheet.title
        for number, header in enumerate(next(sheet.iter_rows(max_row=1, values_only=True)), start=1):
            width = sheet.column_dimensions[get_column_letter(number)].width
            assert 6 <= width <= 100, (sheet.title, header)


@of_each_form
def test_every_cell_is_text_so_that_excel_changes_no_code(name: str) -> None:
    for sheet in sheets(name):
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.value is None or (cell.data_type, cell.number_format) == ("s", "@"), (
                    sheet.title,
                    cell.coordinate,
                )


@of_each_form
def test_the_explanation_names_every_column(name: str) -> None:
    explanation, *others = (sheet for sheet in sheets(name) if sheet.title not in ("settings", "entities"))
    text = " ".join(str(cell.value) for row in explanation.iter_rows() for cell in row if cell.value)

    for sheet in others:
        for cell in next(sheet.iter_rows(max_row=1)):
            base = str(cell.value).split("::")[0] if "bind" not in str(cell.value) else str(cell.value)
            assert re.search(rf"(?<!\w){re.escape(base)}(?!\w)", text), (sheet.title, cell.value)
