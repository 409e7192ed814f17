"""Headers for what forms calculate: a calculation has no question that people were asked."""

from __future__ import annotations

from typing import Final

from exports.words import Lang

_SAID: Final[dict[str, tuple[str, str]]] = {
    "age_dep": ("Umur saat berangkat", "Age at departure"),
    "age_ret": ("Umur saat pulang", "Age at return"),
    "c_me": ("Negara Timur Tengah (1 = ya)", "Middle East country (1 = yes)"),
    "c_place": ("Negara terbuka untuk penempatan", "Country open for placement"),
    "c_scam": ("Negara rawan penipuan daring (1 = ya)", "Country known for online scams (1 = yes)"),
    "case_code": ("Kode kasus", "Case code"),
    "case_form": ("Formulir asal kasus", "Form of the case"),
    "days_offer": ("Hari sejak ditawari", "Days since the offer"),
    "days_to_dep": ("Hari sampai berangkat", "Days to departure"),
    "dep_dk": ("Berangkat, status tidak diketahui", "Departed, status unknown"),
    "dep_n": ("Jumlah berangkat", "Departed in all"),
    "doc8": ("Dokumen wajib yang ada (dari 8)", "Required documents at hand (of 8)"),
    "fee_banned": ("Biaya terlarang (1 = ya)", "Forbidden fee (1 = yes)"),
    "fee_banned_n": ("Jumlah biaya terlarang", "Number of forbidden fees"),
    "fee_total": ("Total biaya (Rp)", "Fees in all (IDR)"),
    "fl_inv": ("Tanda kerja paksa: keterlibatan", "Forced labour sign: involuntariness"),
    "fl_pen": ("Tanda kerja paksa: ancaman hukuman", "Forced labour sign: menace of penalty"),
    "heard_n": ("Jumlah yang diwawancarai", "People heard"),
    "iris_1": ("IRIS 1: biaya perekrutan", "IRIS 1: recruitment fees"),
    "iris_2": ("IRIS 2: kebebasan bergerak", "IRIS 2: freedom of movement"),
    "iris_3": ("IRIS 3: keterbukaan syarat", "IRIS 3: transparent terms"),
    "iris_4": ("IRIS 4: kerahasiaan data", "IRIS 4: confidentiality"),
    "iris_5": ("IRIS 5: pemulihan", "IRIS 5: access to remedy"),
    "iris_a": ("IRIS A: taat hukum", "IRIS A: respect for laws"),
    "iris_b": ("IRIS B: perilaku etis", "IRIS B: ethical conduct"),
    "iris_n": ("Jumlah asas IRIS yang dilanggar", "IRIS principles breached"),
    "lic_bad": ("Izin bermasalah (1 = ya)", "Licence at fault (1 = yes)"),
    "lic_expired": ("Izin habis (1 = ya)", "Licence expired (1 = yes)"),
    "list_status": ("Status P3MI di daftar", "Status of the P3MI in the list"),
    "nik_dob_diff": ("NIK berbeda dari tanggal lahir (1 = ya)", "NIK and birth date differ (1 = yes)"),
    "nik_ok": ("Bentuk NIK benar (1 = ya)", "NIK well formed (1 = yes)"),
    "nik_prov_ok": ("Kode provinsi NIK benar (1 = ya)", "Province of the NIK exists (1 = yes)"),
    "nik_sex_diff": ("NIK berbeda dari jenis kelamin (1 = ya)", "NIK and sex differ (1 = yes)"),
    "p3mi_status": ("Status P3MI", "Status of the P3MI"),
    "period": ("Bulan laporan", "Month of the report"),
    "pmi_last_contact": ("Kontak terakhir dengan PMI", "Last contact with the worker"),
    "pmi_status": ("Status PMI", "Status of the worker"),
    "result": ("Hasil (warna)", "Result (colour)"),
    "ret_dk": ("Pulang, status tidak diketahui", "Returned, status unknown"),
    "ret_n": ("Jumlah pulang", "Returned in all"),
    "unknown_n": ("Jumlah jawaban tidak tahu", "Answers 'do not know'"),
    "wage_idr": ("Upah (Rp)", "Wage (IDR)"),
}  # fmt: skip


def calculated_header(name: str, lang: Lang) -> str:
    """What the header says of a question without label; for other forms' the name in words: ``Fee total``."""
    known = _SAID.get(name)
    if known is not None:
        return known[0 if lang == "id" else 1]
    plain = name.replace("_", " ").strip()
    return plain[:1].upper() + plain[1:] or name
