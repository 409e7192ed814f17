"""The part of the catalogue (:mod:`forms.problems`) that is about what phones send."""

from __future__ import annotations

from forms.problem_kind import Kind

XML_UNREADABLE = Kind(
    "xml.unreadable", 400,
    "Isi kiriman ini rusak, jadi belum diterima ({detail}). Datanya masih ada di HP: jangan dihapus. "
    "Kirim sekali lagi. Bila tetap begini, hubungi pengelola.",
    "What was sent is damaged and was not received ({detail}). The data is still on the phone: do not delete it. "
    "Send it once more. If it stays so, call the administrator.",
)  # fmt: skip
XML_TOO_BIG = Kind(
    "xml.too_big", 400,
    "Isi formulir ini terlalu besar, jadi belum diterima (batas: {limit}). Datanya masih ada di HP: jangan dihapus. "
    "Segera hubungi pengelola.",
    "The answers of this form are too large and were not received (limit: {limit}). The data is still on the phone: "
    "do not delete it. Call the administrator at once.",
)  # fmt: skip
XML_NO_FORM_ID = Kind(
    "xml.no_form_id", 400,
    "Kiriman ini tidak menyebut formulirnya, jadi belum diterima. Datanya masih ada di HP: jangan dihapus. "
    "Segera hubungi pengelola.",
    "What was sent does not name its form and was not received (its root element has no id). The data is still on the "
    "phone: do not delete it. Call the administrator at once.",
)  # fmt: skip
QUARANTINE_UNKNOWN = Kind(
    "quarantine.unknown", 404, "Kiriman tertahan {id} tidak ada.", "There is no held upload {id}."
)
QUARANTINE_DECIDED = Kind(
    "quarantine.decided", 409,
    "Kiriman tertahan {id} sudah diputuskan, mungkin oleh orang lain. Lihat lagi keadaannya.",
    "Held upload {id} was decided already, perhaps by somebody else. Look at it again.",
)  # fmt: skip
QUARANTINE_REMAINS = Kind(
    "quarantine.remains", 409,
    "Kiriman tertahan {id} masih belum dapat diterima ({reason}). Tidak ada yang berubah.",
    "Held upload {id} still cannot be taken in ({reason}). Nothing was changed.",
)  # fmt: skip
QUARANTINE_FULL = Kind(
    "quarantine.full", 503,
    "Terlalu banyak kiriman meja ini yang menunggu diperiksa. Data Anda aman di HP. Hubungi pengelola.",
    "Too many uploads of this desk wait to be looked at. Your data is safe on the phone. Call the administrator.",
)  # fmt: skip
QUARANTINE_CHOOSE = Kind(
    "quarantine.choose",
    422,
    "Pilih dulu salah satu, lalu coba lagi.",
    "Choose one first, then try again.",
)
FILES_TOO_MANY = Kind(
    "files.too_many", 413,
    "Jawaban sudah disimpan di server. Foto atau rekamannya terlalu banyak atau terlalu besar, jadi belum semua "
    "disimpan. Semuanya masih ada di HP. Hubungi pengelola (batas: {files} berkas, {megabytes} MB).",
    "The answers were stored. Their photos or recordings are too many or too large, so not all were kept. "
    "All of them are still on the phone. Call the administrator (limit: {files} files, {megabytes} MB).",
)  # fmt: skip
FILES_NO_ROOM = Kind(
    "files.no_room", 507,
    "Jawaban sudah disimpan di server. Foto dan rekaman belum, karena tempat di server hampir penuh. "
    "Semuanya masih ada di HP, dan HP akan mencoba lagi. Hubungi pengelola.",
    "The answers were stored. Photos and recordings were not, because the server is nearly full. "
    "All of them are still on the phone, which will try again. Call the administrator.",
)  # fmt: skip
DESK_FULL = Kind(
    "desk.full", 507,
    "Jawaban sudah disimpan di server. Foto dan rekaman belum, karena tempat untuk meja desa ini sudah penuh. "
    "Semuanya masih ada di HP. Hubungi pengelola.",
    "The answers were stored. Photos and recordings were not, because this desk has used up its room. "
    "All of them are still on the phone. Call the administrator.",
)  # fmt: skip
DESK_FULL_ANSWERS = Kind(
    "desk.full_answers", 507,
    "Jawaban belum diterima, karena meja desa ini sudah mengirim terlalu banyak data. "
    "Data Anda masih ada di HP. Segera hubungi pengelola.",
    "The answers were not received, because this desk has sent too much data. "
    "Your data is still on the phone. Call the administrator at once.",
)  # fmt: skip
MULTIPART_BROKEN = Kind(
    "request.multipart", 400,
    "Kiriman rusak atau terpotong di jalan, jadi belum diterima ({detail}). Datanya masih ada di HP: jangan dihapus. "
    "Kirim sekali lagi.",
    "The upload was damaged or cut off on its way and was not received ({detail}). The data is still on the phone: do "
    "not delete it. Send it once more.",
)  # fmt: skip
MULTIPART_NO_XML = Kind(
    "request.no_xml", 400,
    "Kiriman ini tidak berisi jawaban (xml_submission_file), jadi belum diterima. Datanya masih ada di HP: jangan "
    "dihapus. Kirim sekali lagi. Bila tetap begini, hubungi pengelola.",
    "The upload holds no answers (xml_submission_file) and was not received. The data is still on the phone: do not "
    "delete it. Send it once more. If it stays so, call the administrator.",
)  # fmt: skip
UPLOAD_TOO_BIG = Kind(
    "request.too_big", 413, "Kiriman lebih besar dari {limit}.", "The upload is bigger than {limit}."
)
TOO_MANY_AT_ONCE = Kind(
    "request.too_many_at_once", 503,
    "Terlalu banyak kiriman besar datang bersamaan. Data Anda aman di HP. HP akan mencoba lagi sebentar lagi.",
    "Too many large uploads come at the same time. Your data is safe on the phone, which will try again in a while.",
)  # fmt: skip
REQUEST_UNREADABLE = Kind(
    "request.unreadable", 400,
    "Permintaan ini rusak di jalan, jadi tidak terbaca. Coba lagi; data Anda aman di HP.",
    "This request was damaged on its way and cannot be read. Try again; your data is safe on the phone.",
)  # fmt: skip
REQUEST_TOO_LONG = Kind(
    "request.too_long", 431,
    "Alamat atau kepala permintaan ini terlalu panjang.",
    "The address or head of this request is too long.",
)  # fmt: skip
