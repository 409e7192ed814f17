"""Lists of workers and cases as the server gives them to a phone, with invented people, for tests without one."""

from __future__ import annotations

from tests.phone.lists import NO_CASES, NO_WORKERS

VILLAGE, ELSEWHERE = "35.07.01.2001", "35.07.02.2001"
SULASTRI = "5f0c7a52-8c3e-4b7a-9a51-0d6f6c1e2a01"
SLAMET = "5f0c7a52-8c3e-4b7a-9a51-0d6f6c1e2a02"
FAR_AWAY = "5f0c7a52-8c3e-4b7a-9a51-0d6f6c1e2a03"

WORKERS = (
    NO_WORKERS
    + (
        f"{SULASTRI},Sulastri Contoh (1996),3,{VILLAGE},2026-03-01,Sulastri Contoh,MY,2026-02-01,abroad,\n"
        f"{SLAMET},Slamet Contoh (1990),1,{VILLAGE},2026-03-02,Slamet Contoh,TW,2026-12-01,planned,\n"
        f"{FAR_AWAY},Wening Contoh (1988),1,{ELSEWHERE},2026-03-03,Wening Contoh,HK,2026-12-01,planned,\n"
    ).encode()
)
CASES = (
    NO_CASES
    + (
        f"R-350701-0001,R-350701-0001 Tulungrejo 01-03-2026,R-350701-0001,{VILLAGE},berangkat,2026-03-01\n"
        f"R-350701-0002,R-350701-0002 Tulungrejo 02-03-2026,R-350701-0002,{VILLAGE},pulang,2026-03-02\n"
        f"R-350701-0003,R-350701-0003 Tulungrejo 03-03-2026,R-350701-0003,{VILLAGE},pantau_penyedia,2026-03-03\n"
        f"R-350702-0001,R-350702-0001 Kalipare 04-03-2026,R-350702-0001,{ELSEWHERE},berangkat,2026-03-04\n"
    ).encode()
)
