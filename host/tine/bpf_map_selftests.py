# SPDX-License-Identifier: BSD-2-Clause
"""Of Linux's BPF selftests, those of maps and of libbpf's objects (test_maps, test_lru_map, test_progs), built by
bpf_selftests.py, in a guest of both kernels. What passes on Linux has to pass here; exceptions are named, with a
reason, in tests/bpf-maps.txt. What came of them on Linux is kept in the cache (bench/bpf-selftests-...)."""
import hashlib
import json
import os
import re

from . import base, bpf_selftests, fetch, qemu, rootfs, suite_mm_selftests, vm
from .base import TOP
from .suite_guest import kernel_of

EXCEPTIONS = os.path.join(TOP, "tests", "bpf-maps.txt")
SECONDS = 120	# for one test of test_progs
ALL = 1800	# for one machine
# Files of prog_tests whose programs are of types that are here, or that the shim makes so.
TESTS = (
    "arg_parsing", "async_stack_depth", "autoload", "bpf_attr_size", "bpf_loop", "bpf_obj_id", "bpf_obj_pinning",
    "btf", "btf_dedup_split", "btf_endian", "btf_field_iter", "btf_kind", "btf_permute", "btf_split", "btf_sysfs",
    "btf_write", "core_autosize", "enable_stats", "endian", "fd_array", "fd_htab_lookup", "for_each", "global_data",
    "global_data_init", "global_func_args", "hash_large_key", "hashmap", "htab_reuse", "inner_array_lookup",
    "legacy_printk", "log_buf", "log_fixup", "lookup_and_delete", "map_excl", "map_in_map", "map_init", "map_lock",
    "map_lookup_percpu_elem", "map_ops", "metadata", "mmap", "obj_name", "percpu_array_inner_map", "pinning",
    "pinning_htab", "prepare", "probe_read_user_str", "prog_array_init", "rdonly_maps", "ringbuf_multi", "sha256",
    "signal_pending", "snprintf", "spin_lock", "stack_var_off", "static_linked", "subprogs", "syscall", "tailcalls",
    "test_mmap_inner_array", "test_strncmp", "timer", "timer_crash", "timer_lockup", "timer_mim",
    "timer_start_delete_race", "uninit_stack", "varlen", "verifier_log", "xdp", "xdp_adjust_tail",
    "xdp_context_test_run", "xdp_noinline",
)
INIT = """#!/bin/sh
export PATH=/usr/bin:/usr/sbin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs devtmpfs /dev
mount -t debugfs debugfs /sys/kernel/debug; mount -t tmpfs tmpfs /tmp; mount -t bpf bpf /sys/fs/bpf
cd /selftests
%s
poweroff -f
"""


def archive(name, files, commands):
    """The path of an archive of FILES (paths on this machine) whose init runs COMMANDS ({name: shell words})."""
    tree = rootfs.build(())
    tree.directory("selftests")
    for path in files:
        with open(path, "rb") as f:
            tree.file("selftests/" + os.path.basename(path), f.read(), 0o755)
    lines = ["echo; echo '@begin %s'; %s </dev/null 2>&1; r=$?; echo; echo \"@end $r\"" % c for c in commands.items()]
    tree.file("init", INIT % "\n".join(lines), 0o755)
    path = os.path.join(base.ensure_dir(bpf_selftests.OUT), name + ".cpio")
    with open(path, "wb") as out:
        tree.write(out)
    return path


def results(lines):
    """{(test, case): word} of a console: pass, fail, skip; by TAP lines, and by those of test_progs (`#5/21
    btf/magic:OK`). A test's exit counts if it was ended, or has no cases."""
    found, test, seen = {}, None, {}
    for line in lines:
        mark = re.search(r"@(begin|end) (\S+)$", line)
        if mark and mark[1] == "begin":
            test, seen = mark[2], {}
        elif mark and test:
            if mark[2] not in ("0", "1") or not seen:
                seen["exit"] = {"0": "pass", "4": "skip"}.get(mark[2], "fail (status %s)" % mark[2])
            found.update({(test, case): word for case, word in seen.items()})
            test = None
        elif test:
            case = re.match(r"#\d+(?:/\d+)?\s+(.*?):(OK|SKIP|FAIL)$", line)
            tap = re.match(r"(not ok|ok) \d+ (.*?)(?: # .*)?$", line)
            if case:
                name = case[1].partition("/")[2] or "all"
                seen[name] = {"OK": "pass", "SKIP": "skip", "FAIL": "fail"}[case[2]]
            elif tap:
                seen[tap[2]] = "pass" if tap[1] == "ok" else "fail"
    if test:
        found[test, "exit"] = "fail (the VM stopped in it)"
        found.update({(test, case): word for case, word in seen.items()})
    tests = {name for name, case in found if case not in ("all", "exit")}
    return {key: word for key, word in found.items() if key[1] != "all" or key[0] not in tests}


def run(name, kernel, initrd, linux):
    machine = qemu.Machine(kernel=kernel, initrd=initrd, memory=2560, cpus=2, cpu="max,pauth-impdef=on", linux=linux,
                           append="console=ttyAMA0 quiet rdinit=/init panic=-1")
    outcome = vm.boot(machine, ALL)
    with open(os.path.join(bpf_selftests.OUT, "%s.%s.log" % (name, "linux" if linux else "tine")), "w") as out:
        out.write(outcome.text() + "\n")
    return results(outcome.lines)


def linux(name, initrd, commands):
    """What comes of them on Linux, which is asked once for the same programs and commands."""
    shim = [open(os.path.join(bpf_selftests.SHIM, f)).read() for f in ("shim.c", "cases.h", "maps.c", "lru.c")]
    key = hashlib.sha256(repr((name, fetch.linux_version(), commands, shim)).encode()).hexdigest()[:16]

    def ask(path):
        kernel = fetch.linux()
        with base.Progress("asking Linux for its selftests, %s" % name), base.scratch(path) as tmp:
            found = run(name, kernel, initrd, True)
            with open(tmp + "/x", "w") as f:
                json.dump([[*k, v] for k, v in found.items()], f)
            os.rename(tmp + "/x", path)
    with open(base.made(base.cache("bench", "bpf-selftests-" + key), "bpf-selftests-" + name, ask)) as f:
        return {(test, case): word for test, case, word in json.load(f)}


def compared(o, report, name, files, commands):
    initrd = archive(name, files, commands)
    there = linux(name, initrd, commands)
    here = run(name, kernel_of(o), initrd, False)
    suite_mm_selftests.compare(there, here, suite_mm_selftests.exceptions(EXCEPTIONS), "", o, report)


def maps(o, report):
    source = bpf_selftests.Source()
    files = bpf_selftests.maps(source) + [bpf_selftests.bpf_object(source, "test_map_in_map")]
    compared(o, report, "maps", files, {"maps": "./maps", "lru": "./lru"})


def progs(o, report):
    program, objects, failed = bpf_selftests.progs(bpf_selftests.Source(), list(TESTS))
    for test, why in failed.items():
        report.fail("bpf-selftests: " + test, "cannot be built: " + why)
    names = bpf_selftests.tests_of(program)
    compared(o, report, "progs", [program] + objects,
             {n: "timeout %d ./test_progs -a %s" % (SECONDS, n) for n in names})
