"""Sheet 1: who left this month."""

from __future__ import annotations

from exports.report.people import STATUS_WORDS, departure_status
from exports.report.registers import Register
from exports.report.sheets import Sheet
from server.store.database import Store


def departures(register: Register, store: Store) -> Sheet:
    """One line a person who left."""
    ask, make = register.question, register.item
    items = [
        *register.line(),
        ask("loc/visit_date", "Tgl pendataan", "date", 11),
        *register.place(),
        *register.person(),
        ask("idg/birth_date", "Tgl lahir", "date", 11),
        register.age(
            "Umur saat berangkat",
            9,
            "Umur genap pada hari berangkat.",
            "dihitung dari idg/birth_date dan depg/depart_date",
        ),
        ask("idg/marital", "Status kawin", width=11),
        ask("idg/education", "Pendidikan", width=20),
        ask("jobg/country", "Negara tujuan", width=14),
        ask("jobg/sector", "Sektor", width=20),
        ask("jobg/job_title", "Jabatan", width=16),
        ask("jobg/employer_type", "Pemberi kerja", width=17),
        ask("recg/scheme", "Skema", width=20),
        ask("recg/p3mi", "P3MI", width=20),
        ask("recg/recruiter_type", "Perekrut", width=22),
        ask("docg/visa", "Jenis visa", width=16),
        ask("jobg/contract", "Perjanjian kerja", width=22),
        ask("doc8", "Dokumen wajib (x/8)", "papers", 10, "dari 8 dokumen pasal 13"),
        ask("prepg/bpjs", "BPJS", width=10),
        ask("costg/fee_total", "Total biaya (Rp)", "money", 14, "rupiah"),
        ask("costg/debt_amt", "Utang (Rp)", "money", 14, "rupiah"),
        ask("depg/depart_date", "Tgl berangkat", "date", 11),
        make(
            "status",
            "Status prosedural (indikasi)",
            lambda x: STATUS_WORDS[departure_status(x.entry.answers)],
            width=15,
            meaning="Indikasi dari visa, jalur, negara, skema, dan perjanjian kerja; bukan penetapan hukum.",
            source="dihitung dari docg/visa, depg/exit_point, jobg/country, recg/scheme, jobg/contract",
        ),
        *register.case(),
    ]
    return register.sheet(
        "1 Register Keberangkatan",
        "Register Keberangkatan Pekerja Migran",
        "pmi_register_keberangkatan",
        items,
        store,
    )
