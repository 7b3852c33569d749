# SPDX-License-Identifier: BSD-2-Clause
"""Linux's BPF selftests on Tine and on Debian's Linux: what is right there has to be right here."""
from . import bpf_map_selftests, bpf_verifier_selftests
from .base import UsageError

# By name: functions (options, report).
PARTS = {"verifier": bpf_verifier_selftests.verifier, "maps": bpf_map_selftests.maps, "progs": bpf_map_selftests.progs}


def suite_bpf_selftests(o, report):
    names = [n for n in PARTS if not o.only or any(part in n for part in o.only.split(","))]
    if not names:
        raise UsageError("--only: no such part (%s)" % ", ".join(PARTS))
    for name in names:
        PARTS[name](o, report)
