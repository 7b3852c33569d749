# SPDX-License-Identifier: BSD-2-Clause
"""Copy-on-write page tables: the host tests of address spaces, and the guest tests of memory and fork, in
machines that share page tables and in one that does not (cow_tables=off); then the memory torture."""
from .suite_guest import TORTURE, one_machine, stress_machines
from .suite_host import follow, make

HOST = ("test_pt_share", "test_mm", "test_mm_alloc", "test_mm_race")
GUEST = ("cow_tables,mem_cow,mem_pin,mem_advice,mem_file,mem_large,mem_block,mem_lock,mem_map,mem_shmem,mem_split,mem_thp,"
         "mem_zero,proc_exec,proc_fork,proc_thread,procfs,race,thread")
MACHINES = (
    ("max, 2 CPUs", dict(cpu="max,pauth-impdef=on", cpus=2), ""),
    ("cortex-a57, 2 CPUs", dict(cpu="cortex-a57", cpus=2), ""),
    ("max, 2 CPUs, cow_tables=off", dict(cpu="max,pauth-impdef=on", cpus=2), " cow_tables=off"),
)
LIMIT = 900


def suite_cow(o, report):
    follow(make("host-test", HOST_TESTS=" ".join("build/host/" + t for t in HOST)), report, "host")
    for where, what, words in MACHINES:
        one_machine(o, report, where, dict(what), "tests=" + (o.only or GUEST) + words, LIMIT)
    stress_machines(o, report, "mm", TORTURE, o.seconds or 10, ",mm")
