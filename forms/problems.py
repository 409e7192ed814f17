"""The one catalogue of what can go wrong, with stable codes and a text in Indonesian and English.

Every room raises a :class:`Problem`; each door (OpenRosa XML, JSON, page, command line) writes it in its own
way. Facts that go into a text are never personal data: a problem may end in a log or on somebody else's screen.
"""

from __future__ import annotations

from enum import Enum

from forms import upload_problems as uploads
from forms.problem_kind import Kind


class Problems(Enum):
    """All kinds of problems. Texts are ``str.format`` templates over the facts given when raised."""

    XML_UNREADABLE = uploads.XML_UNREADABLE
    XML_TOO_BIG = uploads.XML_TOO_BIG
    XML_NO_FORM_ID = uploads.XML_NO_FORM_ID
    FORM_UNKNOWN = Kind(
        "form.unknown", 404,
        "Formulir {form_id} versi {version} tidak ada di server ini.",
        "There is no form {form_id}, version {version}, on this server.",
    )  # fmt: skip
    FORM_CLOSED = Kind(
        "form.closed", 409,
        "Formulir {form_id} sudah ditutup. Kirimannya ditahan sampai petugas memutuskan.",
        "Form {form_id} is closed. What is sent of it is held until staff decide.",
    )  # fmt: skip
    FORM_VERSION_TAKEN = Kind(
        "form.version_taken", 409,
        "Formulir {form_id} versi {version} sudah terbit dengan isi lain. Naikkan kolom version di lembar settings.",
        "Form {form_id} version {version} is already published with other content. "
        "Raise version in the settings sheet.",
    )  # fmt: skip
    FORM_LOSES = Kind(
        "form.loses", 409,
        "{file}: {place_id}: {pesan} ({count} perubahan seperti ini; posmigran forms check menyebut semuanya.) "
        "Tambahkan --force bila memang begitu maksudnya.",
        "{file}: {place}: {message} ({count} such changes; posmigran forms check lists all.) "
        "Add --force if that is what you mean.",
    )  # fmt: skip
    LIST_UNKNOWN = Kind(
        "list.unknown", 404,
        "Tidak ada formulir terbit yang memakai daftar {name}. Yang dipakai: {known}.",
        "No published form uses a list {name}. In use are: {known}.",
    )  # fmt: skip
    MEDIA_UNKNOWN = Kind(
        "media.unknown", 404,
        "Berkas {file} tidak ada pada formulir {form_id}.",
        "There is no file {file} in form {form_id}.",
    )  # fmt: skip
    AREA_UNKNOWN = Kind(
        "area.unknown", 422,
        "Kode wilayah {code} tidak ada. Pakai kode Kemendagri bertitik, misalnya 35.07.01.2001.",
        "There is no area {code}. Use a Kemendagri code with dots, such as 35.07.01.2001.",
    )  # fmt: skip
    DESK_UNKNOWN = Kind("desk.unknown", 404, "Meja desa {desk} tidak ada.", "There is no desk {desk}.")
    DESKS_NONE = Kind(
        "desk.none", 404,
        "Belum ada meja desa di wilayah {area}. Buka dulu dengan posmigran desks add.",
        "There is no desk in area {area} yet. Open one with posmigran desks add.",
    )  # fmt: skip
    DESK_NEEDS_OFFICER = Kind(
        "desk.officer", 422,
        "{code} bukan desa. Pakai kode Kemendagri desa (35.07.01.2001). HP untuk wilayah yang lebih luas milik seorang "
        "petugas: tambahkan --officer.",
        "{code} is no village. Use a village's Kemendagri code (35.07.01.2001). Phones for a wider area belong to an "
        "officer: add --officer.",
    )  # fmt: skip
    DESK_BEYOND_OFFICER = Kind(
        "desk.beyond_officer", 422,
        "Petugas {officer} tidak bertugas di {code}, atau perannya tidak memakai HP (admin). HP untuk seluruh "
        "Indonesia tidak ada.",
        "Officer {officer} does not work in {code}, or has a role without phones (admin). There are no phones for "
        "all of Indonesia.",
    )  # fmt: skip
    OFFICER_UNKNOWN = Kind(
        "officer.unknown", 404, "Petugas {officer} tidak ada.", "There is no officer {officer}."
    )
    ROLE_UNKNOWN = Kind(
        "officer.role",
        422,
        "Peran {role} tidak dikenal. Pilih: {roles}.",
        "No role {role}. Use one of: {roles}.",
    )
    PHONE_INVALID = Kind(
        "officer.phone", 422,
        "Nomor telepon tidak sah. Tulis seperti +62 812 0000 0001.",
        "The phone number is not valid. Write it like +62 812 0000 0001.",
    )  # fmt: skip
    EMAIL_INVALID = Kind(
        "officer.email_invalid", 422,
        "Itu bukan alamat e-mail. Tulis seperti nama@contoh.go.id.",
        "That is no e-mail address. Write it like name@example.go.id.",
    )  # fmt: skip
    EMAIL_TAKEN = Kind(
        "officer.email", 409, "E-mail itu sudah dipakai petugas lain.", "Another officer has that e-mail."
    )
    CASE_UNKNOWN = Kind("case.unknown", 404, "Kasus {ref} tidak ada.", "There is no case {ref}.")
    CASE_RESULT_MISSING = Kind(
        "case.result", 422, "Pilih hasilnya dulu, baru tutup kasus.", "Choose a result, then close the case."
    )
    CASE_UNCHANGED = Kind(
        "case.unchanged", 409,
        "Tidak ada yang berubah: kasus {ref} {stands_id}.",
        "Nothing changed: case {ref} {stands}.",
    )  # fmt: skip
    CASE_CLOSED = Kind("case.closed", 409, "Kasus {ref} sudah ditutup.", "Case {ref} is closed.")
    ENTITY_UNKNOWN = Kind(
        "entity.unknown", 404,
        "Tidak ada isian seperti itu pada daftar ini.",
        "There is no such entry on this list.",
    )  # fmt: skip
    ENTITY_NO_CONFLICT = Kind(
        "entity.no_conflict", 409,
        "Isian ini tidak (lagi) berselisih: mungkin sudah diselesaikan orang lain. Muat ulang dan lihat lagi.",
        "This entry is not (or no longer) in conflict: somebody else may have resolved it. Look at it again.",
    )  # fmt: skip
    ENTITY_NEWER = Kind(
        "entity.newer", 409,
        "Sejak halaman ini dibuka, HP mengirim versi baru ({version}). Lihat dulu, lalu pilih lagi.",
        "Since this page was opened a phone has sent a newer version ({version}). Look at it, then choose again.",
    )  # fmt: skip
    ENTITY_VERSION_UNKNOWN = Kind(
        "entity.version", 422,
        "Versi {version} tidak ada. Pilih versi 1 sampai {newest}.",
        "There is no version {version}. Choose one from 1 to {newest}.",
    )  # fmt: skip
    ENTITY_DELETED = Kind(
        "entity.deleted", 409, "Isian ini sudah dihapus dari daftar.", "This entry is off the list already."
    )
    ENTITY_NOT_DELETED = Kind(
        "entity.not_deleted", 409, "Isian ini tidak dihapus.", "This entry was not deleted."
    )
    ASSIGNEE_UNFIT = Kind(
        "case.assignee", 422,
        "Petugas {officer} tidak dapat diminta menangani kasus {ref}: bukan wilayah atau tugasnya.",
        "Officer {officer} cannot be asked to take case {ref} on: it is not of their area or role.",
    )  # fmt: skip
    SUPERVISOR_UNFIT = Kind(
        "officer.supervisor", 422,
        "{supervisor} tidak dapat menjadi atasan di sini: wilayahnya tidak mencakup {area}, atau orangnya sama.",
        "{supervisor} cannot supervise here: their area does not hold {area}, or it is the same person.",
    )  # fmt: skip
    ROSTER_PERIOD = Kind(
        "roster.period", 422,
        "Waktu selesai harus sesudah waktu mulai ({starts} sampai {ends}).",
        "It must end after it begins ({starts} to {ends}).",
    )  # fmt: skip
    ROSTER_DATE = Kind(
        "roster.date", 422,
        "Tanggal {text} tidak terbaca. Tulis seperti 2026-11-23, atau dengan jam: 2026-11-23 18:00.",
        "The date {text} cannot be read. Write it like 2026-11-23, or with a time: 2026-11-23 18:00.",
    )  # fmt: skip
    ROSTER_OVER = Kind(
        "roster.over", 422,
        "Waktu itu sudah lewat ({starts} sampai {ends}). Periksa tanggal dan tahunnya.",
        "That time is over already ({starts} to {ends}). Check the days and the year.",
    )  # fmt: skip
    ROSTER_TWICE = Kind(
        "roster.twice", 409,
        "{name} sudah tercatat dari {starts} sampai {ends}. Hapus catatan itu dulu kalau mau mengubahnya.",
        "{name} is noted from {starts} to {ends} already. Remove that entry first if you want to change it.",
    )  # fmt: skip
    ROSTER_INSTEAD = Kind(
        "roster.instead", 422, "Pilih siapa yang digantikan.", "Choose whose duty is taken over."
    )
    ROSTER_STAND_IN = Kind(
        "roster.stand_in", 422,
        "{stand_in} tidak dapat menggantikan {officer}: perannya lain, wilayahnya tidak cocok, atau orangnya sama.",
        "{stand_in} cannot stand in for {officer}: another role, an area that does not fit, or the same person.",
    )  # fmt: skip
    ROSTER_UNKNOWN = Kind(
        "roster.unknown", 404, "Catatan jaga {entry} tidak ada.", "There is no roster entry {entry}."
    )
    ROSTER_BOOK = Kind(
        "roster.book", 422,
        "{file}: {place_id}: {pesan} ({count} kesalahan; tidak ada yang disimpan.)",
        "{file}: {place}: {message} ({count} faults; nothing was stored.)",
    )  # fmt: skip
    ROSTER_STALE = Kind(
        "roster.stale", 409,
        "Sesudah berkas ini dibuat, jadwal sudah diubah, dan perubahan itu akan hilang ({count}): {changes_id}."
        " Unduh Excel sekali lagi, isi di situ, lalu unggah. Tidak ada yang disimpan.",
        "Since this workbook was made, the rosters were changed, and that would be undone ({count}): {changes}."
        " Export again, fill in that one and import it. Nothing was stored.",
    )  # fmt: skip
    SUBMISSION_UNKNOWN = Kind(
        "submission.unknown", 404, "Kiriman {instance_id} tidak ada.", "There is no submission {instance_id}."
    )
    QUARANTINE_UNKNOWN = uploads.QUARANTINE_UNKNOWN
    QUARANTINE_DECIDED = uploads.QUARANTINE_DECIDED
    QUARANTINE_REMAINS = uploads.QUARANTINE_REMAINS
    QUARANTINE_FULL = uploads.QUARANTINE_FULL
    QUARANTINE_CHOOSE = uploads.QUARANTINE_CHOOSE
    REASON_MISSING = Kind(
        "request.reason",
        422,
        "Tulis dulu alasannya, lalu coba lagi.",
        "Write a reason first, then try again.",
    )
    FILES_TOO_MANY = uploads.FILES_TOO_MANY
    FILES_NO_ROOM = uploads.FILES_NO_ROOM
    DESK_FULL = uploads.DESK_FULL
    DESK_FULL_ANSWERS = uploads.DESK_FULL_ANSWERS
    MULTIPART_BROKEN = uploads.MULTIPART_BROKEN
    MULTIPART_NO_XML = uploads.MULTIPART_NO_XML
    UPLOAD_TOO_BIG = uploads.UPLOAD_TOO_BIG
    TOO_MANY_AT_ONCE = uploads.TOO_MANY_AT_ONCE
    UNAUTHENTICATED = Kind(
        "auth.needed", 401,
        "Nama pengguna atau kata sandi meja desa tidak cocok, atau sudah dicabut.",
        "The desk's username or password does not match, or was revoked.",
    )  # fmt: skip
    FORBIDDEN = Kind("auth.forbidden", 403, "Anda tidak berhak atas data ini.", "You have no right to this.")
    SIGN_IN_FAILED = Kind(
        "auth.sign_in", 403, "E-mail atau kata sandi tidak cocok.", "E-mail or password does not match."
    )
    SIGN_IN_SLOWED = Kind(
        "auth.slowed", 429,
        "Terlalu banyak percobaan masuk. Tunggu {seconds} detik, lalu coba lagi.",
        "Too many attempts to sign in. Wait {seconds} seconds, then try again.",
    )  # fmt: skip
    PAGE_EXPIRED = Kind(
        "page.expired", 403,
        "Halaman ini sudah terlalu lama terbuka. Kembali, muat ulang, lalu coba lagi.",
        "This page was open for too long. Go back, reload it, then try again.",
    )  # fmt: skip
    PAGE_UNAVAILABLE = Kind(
        "page.unavailable", 503,
        "Server sedang sibuk. Belum ada yang berubah. Coba lagi sebentar lagi.",
        "The server is busy. Nothing was changed. Try again in a moment.",
    )  # fmt: skip
    PAGE_FAILED = Kind(
        "page.failed", 500,
        "Ada kesalahan di server. Coba lagi; bila tetap begini, hubungi pengelola.",
        "Something went wrong on the server. Try again; if it stays so, tell whoever runs it.",
    )  # fmt: skip
    REQUEST_UNREADABLE = uploads.REQUEST_UNREADABLE
    REQUEST_TOO_LONG = uploads.REQUEST_TOO_LONG
    NOT_FOUND = Kind("request.not_found", 404, "Alamat ini tidak ada.", "There is nothing at this address.")
    STORE_BUSY = Kind(
        "store.unavailable", 503,
        "Server sedang tidak dapat menyimpan. HP akan mencoba lagi; data Anda aman di HP.",
        "The server cannot store at the moment. The phone will try again; your data is safe on it.",
    )  # fmt: skip
    SETTING_INVALID = Kind("setting.invalid", 500, "{name}: {detail}", "{name}: {detail}")
    HOME_MISSING = Kind(
        "home.missing", 500,
        "{home}: belum ada. Jalankan posmigran init lebih dulu.",
        "{home}: does not exist yet. Run posmigran init first.",
    )  # fmt: skip
    KEY_LOST = Kind(
        "home.key", 500,
        "{file}: kunci tidak ada atau bukan kunci basis data ini. Kembalikan berkas kunci dari cadangan: "
        "tanpa kunci itu jawaban yang disegel tidak terbaca, dan kode QR semua meja desa tidak berlaku.",
        "{file}: the key is missing, or is not the one of this database. Put the key file back from the backup: "
        "without it sealed answers cannot be read, and the QR codes of all desks stop working.",
    )  # fmt: skip
    FORM_UNPUBLISHED = Kind(
        "form.unpublished", 404,
        "Formulir {form_id} belum terbit di server ini.",
        "Form {form_id} is not published on this server.",
    )  # fmt: skip
    EXPORT_SUFFIX = Kind(
        "export.suffix", 422,
        "{file}: akhiran berkas tidak dikenal. Pakai salah satu: {suffixes}.",
        "{file}: unknown kind of file. Use one of: {suffixes}.",
    )  # fmt: skip
    EXPORT_OPTION = Kind(
        "export.option", 422,
        "Pilihan {option} hanya boleh: {allowed}.",
        "The option {option} must be one of: {allowed}.",
    )  # fmt: skip
    INDICATOR_UNKNOWN = Kind(
        "export.indicator_unknown", 422,
        "Formulir {form_id} tidak punya indikator {code} yang boleh Anda lihat.",
        "Form {form_id} has no indicator {code} that you may see.",
    )  # fmt: skip
    PASSWORD_XLSX_ONLY = Kind(
        "export.password_xlsx_only", 422,
        "Kata sandi hanya untuk berkas .xlsx.",
        "Only .xlsx files can have a password.",
    )  # fmt: skip
    MEDIA_ZIP_ONLY = Kind(
        "export.media_zip_only", 422,
        "Lampiran hanya dapat disertakan di berkas .zip.",
        "Only .zip files can hold the attached files.",
    )  # fmt: skip
    EXPORTS_MANY = Kind(
        "export.many", 429,
        "Sudah ada {most} permintaan yang menunggu. Tunggu sampai selesai atau batalkan salah satu.",
        "There are {most} orders waiting already. Wait for them or cancel one.",
    )  # fmt: skip
    EXPORT_GONE = Kind(
        "export.gone", 410,
        "Berkas ini sudah tidak ada, atau bukan untuk Anda. Pesan lagi di halaman Unduh.",
        "This file is gone, or not for you. Order it again on the download page.",
    )  # fmt: skip
    FILE_MISSING = Kind(
        "file.missing", 404, "{file}: berkas ini tidak ada.", "{file}: there is no such file."
    )
    PASSWORD_WEAK = Kind(
        "export.password_weak", 422,
        "Kata sandi berkas harus {least} sampai {most} huruf atau angka, dan tidak boleh satu huruf yang diulang.",
        "The password of a file must have {least} to {most} characters, and not one repeated.",
    )  # fmt: skip
    PASSWORD_NEEDED = Kind(
        "export.password_needed", 422,
        "{file} dikunci dengan kata sandi. Tambahkan --password.",
        "{file} is locked with a password. Add --password.",
    )  # fmt: skip
    PASSWORD_WRONG = Kind(
        "export.password_wrong", 422,
        "{file}: kata sandi tidak cocok, atau berkas rusak.",
        "{file}: the password does not match, or the file is broken.",
    )  # fmt: skip
    REPORT_MONTH = Kind("report.month", 422, "Pilih bulan dari daftar.", "Choose a month from the list.")
    REPORT_VARIANT = Kind(
        "report.variant", 422,
        "Laporan untuk umum tidak dapat sekaligus terbatas. Pilih salah satu.",
        "A public report cannot be a restricted one as well. Choose one.",
    )  # fmt: skip
    TEMPLATE_UNREADABLE = Kind(
        "template.unreadable", 422,
        "{file}: tidak dapat dipakai sebagai templat: {alasan}.",
        "{file}: cannot be used as a template: {reason}.",
    )  # fmt: skip
    TEMPLATE_MACROS = Kind(
        "template.macros", 422,
        "{file}: memuat makro. Simpan tanpa makro sebagai .xlsx, lalu coba lagi.",
        "{file}: holds macros. Save it without macros as .xlsx, then try again.",
    )  # fmt: skip
    TEMPLATE_NOTHING = Kind(
        "template.nothing", 422,
        "{file}: tidak ada nama atau tabel yang berawalan pmi_. Tidak ada yang dapat diisi.",
        "{file}: has no name and no table that begins with pmi_. There is nothing to fill.",
    )  # fmt: skip
    TEMPLATE_UNKNOWN = Kind(
        "template.unknown", 422,
        "Nama {name} dalam templat tidak dikenal. Yang mirip: {near}.",
        "The template's name {name} is not known. Similar ones: {near}.",
    )  # fmt: skip
    TEMPLATE_TWICE = Kind(
        "template.twice", 422,
        "Nama {name} ada dua kali dalam templat. Pakai satu kali saja.",
        "The template has {name} twice. Use it once.",
    )  # fmt: skip
    TEMPLATE_NAME = Kind(
        "template.name", 422,
        "Nama {name} dalam templat harus menunjuk sel di satu lembar, bukan: {reference}.",
        "The template's name {name} must point to cells of one sheet, not to: {reference}.",
    )  # fmt: skip
    TEMPLATE_HEADER = Kind(
        "template.header", 422,
        "Lembar {sheet}, sel {cell}: tidak ada judul kolom yang dikenal untuk {name}. Misalnya: {headers}.",
        "Sheet {sheet}, cells {cell}: no header here is known for {name}. For example: {headers}.",
    )  # fmt: skip
    TEMPLATE_FORMULA = Kind(
        "template.formula", 422,
        "Lembar {sheet}, sel {cell}: ada rumus di tempat yang harus diisi. Pindahkan rumusnya.",
        "Sheet {sheet}, cell {cell}: there is a formula where a value must go. Move the formula.",
    )  # fmt: skip
    TEMPLATE_DATE = Kind(
        "template.date", 422,
        "Lembar {sheet}, sel {cell}: beri format tanggal, karena sel ini akan berisi tanggal.",
        "Sheet {sheet}, cell {cell}: give it a date format, for it will hold a date.",
    )  # fmt: skip
    TEMPLATE_ROOM = Kind(
        "template.room", 422,
        "Lembar {sheet}, sel {cell}: sel ini sudah berisi, padahal tabel di atasnya memerlukan baris ini. Beri tempat.",
        "Sheet {sheet}, cell {cell}: is not empty, but the table above needs this row. Make room below it.",
    )  # fmt: skip
    CORRECTION_FILE = Kind(
        "correction.file", 422,
        "{file}: ini bukan buku koreksi dari server ini, atau sudah rusak. Unduh buku koreksi yang baru.",
        "{file}: this is no correction workbook of this server, or it is broken. Download a new one.",
    )  # fmt: skip
    CORRECTION_MANY = Kind(
        "correction.many", 422,
        "Ada {count} data; satu buku koreksi memuat paling banyak {most}. Persempit wilayah atau tanggalnya.",
        "There are {count} submissions; a correction workbook holds {most} at most. Narrow the area or the dates.",
    )  # fmt: skip
    CORRECTION_OTHER = Kind(
        "correction.other", 409,
        "Data sudah berubah sejak Anda memeriksanya. Periksa lagi perubahan di bawah ini.",
        "What is stored has changed since you looked. Look through the changes below again.",
    )  # fmt: skip
    CORRECTION_FAULTY = Kind(
        "correction.faulty", 422,
        "{pesan} Belum ada yang diubah (semua kesalahan: {count}).",
        "{message} Nothing was changed (faults in all: {count}).",
    )  # fmt: skip
    OUTPUT_UNWRITABLE = Kind(
        "output.unwritable", 500,
        "{file}: tidak dapat ditulis ({detail}). Pilih folder lain yang ada dan boleh Anda tulisi.",
        "{file}: cannot be written ({detail}). Choose another folder that exists and that you may write to.",
    )  # fmt: skip


class Problem(Exception):  # noqa: N818 - the field's word; "ProblemError" would say it twice
    """Something went wrong that has a place in the catalogue."""

    def __init__(self, problem: Problems, **facts: object) -> None:
        self.kind = problem.value
        self.problem = problem
        self.facts = facts
        super().__init__(self.text("en"))

    def text(self, lang: str = "id") -> str:
        """Say it in Indonesian (``id``, default) or English (``en``)."""
        template = self.kind.en if lang == "en" else self.kind.id
        return template.format(**self.facts)
