"""Requests as nobody should send them, drawn by Hypothesis, and what a raw connection hears in answer."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from hypothesis import strategies as st

FORM = b'<berangkat id="berangkat" version="1">%s</berangkat>'


@dataclass(frozen=True)
class Heard:
    """The first answer on a connection; ``status`` is 0 where the server closed without one."""

    status: int
    head: bytes
    body: bytes


def post(
    url: str, body: bytes, content_type: str, *, length: int | None = None, hang_up: bool = False
) -> Heard:
    """Send a POST to the desk's submission address as it is, byte for byte; ``length`` is what it claims."""
    parts = urlsplit(url)
    head = (
        f"POST {parts.path}/submission HTTP/1.1\r\nHost: {parts.netloc}\r\nX-OpenRosa-Version: 1.0\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body) if length is None else length}\r\n"
        "Connection: close\r\n\r\n"
    )
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as line:
        try:
            line.sendall(head.encode("utf-8", "surrogateescape") + body)
            if hang_up:
                line.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the server has heard enough
        heard = b""
        try:
            while chunk := line.recv(65_536):
                heard += chunk
        except OSError:
            pass
    top, _, rest = heard.partition(b"\r\n\r\n")
    status = int(top.split(b" ", 2)[1]) if top.startswith(b"HTTP/1.1 ") else 0
    return Heard(status, top, rest)


def bomb(levels: int) -> bytes:
    """A billion laughs."""
    entities = b"".join(
        b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10 if n else b"ha" * 10) for n in range(levels)
    )
    return b"<!DOCTYPE d [%s]>" % entities + FORM % (b"&a%d;" % (levels - 1))


_EXTERNAL = [
    b'<!DOCTYPE d SYSTEM "file:///etc/passwd"><berangkat id="berangkat"/>',
    b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + FORM % b"&x;",
    b'<!DOCTYPE d [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x.dtd"> %p;]><berangkat id="berangkat"/>',
    b'<?xml version="1.0"?><!DOCTYPE d PUBLIC "-//x" "http://127.0.0.1:1/"><berangkat id="berangkat"/>',
    '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE d [<!ENTITY a "b">]><d id="x">&a;</d>'.encode("utf-16"),
    FORM % b'<x xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///etc/passwd"/></x>',
]
_WRONG_ENCODINGS = [
    b'<?xml version="1.0" encoding="UTF-16"?><berangkat id="berangkat"/>',
    b'<?xml version="1.0" encoding="no-such"?><berangkat id="berangkat"/>',
    b'<?xml version="1.0" encoding="UTF-8"?><berangkat id="\xff\xfe"/>',
    FORM % b"\xc3\x28",
    '<?xml version="1.0" encoding="UTF-32"?><berangkat id="entah"/>'.encode("utf-32"),
    b'<?xml version="1.0" encoding="UTF-7"?>+ADw-berangkat id=+ACI-x+ACI-/+AD4-',
    b"\xef\xbb\xbf" * 3 + FORM % b"",
    b"\x4c\x6f\xa7\x94\x93" * 40,  # EBCDIC
]

hostile_xml = st.one_of(
    st.sampled_from(_EXTERNAL + _WRONG_ENCODINGS),
    st.integers(1, 12).map(bomb),
    st.integers(50, 60_000).map(lambda n: FORM % (b"<a>" * n + b"</a>" * n)),
    st.integers(1_000, 50_000).map(lambda n: FORM % (b"<a>" * n)),
    st.integers(0, 3_000).map(lambda n: FORM % (b"x" * n + b"\0")),
    st.integers(100_000, 4_000_000).map(lambda n: b'<d id="entah" a="' + b"x" * n + b'"/>'),
    st.integers(1, 40_000).map(
        lambda n: b"<d " + b" ".join(b'a%d="1"' % i for i in range(n)) + b' id="entah"/>'
    ),
    st.integers(48_000, 52_000).map(lambda n: FORM % (b"<a/>" * n)),
    st.integers(100, 20_000).map(lambda n: FORM % (b"<!--" + b"-x" * n + b"-->")),
    st.integers(100, 20_000).map(lambda n: FORM % (b"<?p " + b"x" * n + b"?>")),
    st.integers(100, 20_000).map(lambda n: FORM % (b"&#x41;" * n)),
    st.integers(100, 5_000).map(lambda n: b'<d id="' + b"y" * n + b'" version="' + b"z" * n + b'"/>'),
    st.binary(max_size=200).map(lambda raw: FORM % raw),
    st.binary(max_size=400),
    st.text(max_size=200).map(lambda text: f'<d id="entah">{text}</d>'.encode("utf-8", "surrogatepass")),
)
"""A part that claims to be a submission."""

_names = st.one_of(
    st.sampled_from(
        ["xml_submission_file", "foto.jpg", "*isIncomplete*", "", "audit.csv", "../../x", "a" * 300]
    ),
    st.text(max_size=20),
)


def _part(parts: tuple[str, str | None, bytes, bytes]) -> bytes:
    name, filename, extra, content = parts
    named = f'; filename="{filename}"' if filename is not None else ""
    head = f'Content-Disposition: form-data; name="{name}"{named}\r\n'.encode("utf-8", "surrogatepass")
    return b"\r\n".join([b"--xyz", head + extra, content]) + b"\r\n"


_parts = st.lists(
    st.tuples(
        _names,
        st.none() | _names,
        st.sampled_from(
            [b"", b"Content-Type: text/xml\r\n", b"Content-Length: 3\r\n", b"no header\r\n", b": :\r\n"]
        )
        | st.binary(max_size=30),
        st.binary(max_size=3_000) | hostile_xml,
    ).map(_part),
    max_size=6,
)
multipart_bodies = st.one_of(
    st.tuples(_parts, st.sampled_from([b"--xyz--\r\n", b"--xyz--", b"--xyz", b"", b"--xyz--\r\nmore"])).map(
        lambda drawn: b"".join(drawn[0]) + drawn[1]
    ),
    st.binary(max_size=2_000),
)
"""Bodies that may or may not be multipart, whole or cut."""

content_types = st.sampled_from(
    [
        *["multipart/form-data; boundary=xyz"] * 6,
        'multipart/form-data; boundary="xyz"',
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "x" * 400,
        "multipart/mixed; boundary=xyz",
        "text/xml",
        "application/x-www-form-urlencoded",
        "",
        "multipart/form-data; boundary=xyz; charset=utf-16",
    ]
)


def submission_of(xml: bytes, *files: tuple[str, bytes]) -> bytes:
    """A well-formed body around an XML part and files."""
    parts = [_part(("xml_submission_file", "a.xml", b"Content-Type: text/xml\r\n", xml))]
    parts += [_part((name, name, b"Content-Type: image/jpeg\r\n", content)) for name, content in files]
    return b"".join(parts) + b"--xyz--\r\n"
