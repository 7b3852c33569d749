# SPDX-License-Identifier: BSD-2-Clause
"""Linux's memory selftests on Tine and on Debian's Linux. Every subtest that passes there has to
pass here, with shared page tables and without; exceptions are named, with a reason, in tests/mm-selftests.txt."""
import fnmatch
import os
import re

from . import base, fetch, qemu, rootfs, selftests, vm
from .base import TOP, BUILD, Error, UsageError
from .suite_guest import kernel_of

EXCEPTIONS = os.path.join(TOP, "tests", "mm-selftests.txt")
SECONDS = 120	# for one program
# (program, arguments, user): as Linux's run_vmtests.sh runs them, but for the time of the stress.
PROGRAMS = (
    ("map_fixed_noreplace", "", "root"), ("map_populate", "", "root"), ("droppable", "", "root"),
    ("madv_populate", "", "root"), ("mremap_dontunmap", "", "root"), ("mremap_test", "", "root"),
    ("mlock2-tests", "", "root"), ("mlock-random-test", "", "root"), ("on-fault-limit", "", "nobody"),
    ("mrelease_test", "", "root"), ("mseal_test", "", "root"), ("mdwe_test", "", "root"),
    ("va_high_addr_switch", "", "root"), ("thuge-gen", "", "root"), ("transhuge-stress", "-d 10", "root"),
    ("split_huge_page_test", "", "root"), ("prctl_thp_disable", "", "root"), ("process_madv", "", "root"),
)
INIT = """#!/bin/sh
export PATH=/usr/bin:/usr/sbin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs devtmpfs /dev
mount -t debugfs debugfs /sys/kernel/debug; mount -t tmpfs tmpfs /tmp
cd /selftests
%s
poweroff -f
"""


def archive(built):
    tree = rootfs.build(())
    tree.directory("selftests")
    lines = []
    for name, args, user in PROGRAMS:
        if name not in built:
            continue
        with open(built[name], "rb") as f:
            tree.file("selftests/" + name, f.read(), 0o755)
        command = "timeout %d ./%s %s" % (SECONDS, name, args)
        if user != "root":
            command = "su -s /bin/sh %s -c '%s'" % (user, command)
        lines.append("echo; echo '@begin %s'; %s </dev/null 2>&1; r=$?; echo; echo \"@end $r\"" % (name, command))
    tree.file("init", INIT % "\n".join(lines), 0o755)
    path = os.path.join(base.ensure_dir(os.path.join(BUILD, "mm-selftests")), "initrd.cpio")
    with open(path, "wb") as out:
        tree.write(out)
    return path


def subtests(lines):
    """{(program, subtest): word} from a console's lines: pass, fail, skip. Subtests are what TAP lines
    name, numbers left out where they may differ from run to run; `exit` is the program's status."""
    results, program = {}, None
    for line in lines:
        found = re.search(r"@begin (\S+)$", line)
        if found:
            program, seen = found.group(1), {}
            continue
        if not program:
            continue
        found = re.search(r"@end (\d+)$", line)
        if found:
            status = int(found.group(1))
            results[program, "exit"] = {0: "pass", 4: "skip"}.get(status, "fail (status %d)" % status)
            program = None
            continue
        found = re.search(r"(?:^|\s)(not ok|ok) \d+ ?(?:- )?(.*)$", line)
        if not found:
            continue
        word = "fail" if found.group(1) == "not ok" else "skip" if re.search(r"# *SKIP", found.group(2)) else "pass"
        name = re.sub(r"\s*# *SKIP.*", "", found.group(2)).strip()
        name = re.sub(r"0x[0-9a-f]+|\d{5,}|(?<=with )\d+MB", "N", name)
        seen[name] = seen.get(name, 0) + 1
        results[program, name + (" (%d)" % seen[name] if seen[name] > 1 else "")] = word
    if program:
        results[program, "exit"] = "fail (the VM stopped in it)"
    return results


def run(kernel, initrd, linux, log, words=""):
    machine = qemu.Machine(kernel=kernel, initrd=initrd, memory=2560, cpus=2, cpu="max,pauth-impdef=on", linux=linux,
                           append="console=ttyAMA0 quiet rdinit=/init panic=-1 " + words)
    outcome = vm.boot(machine, SECONDS * len(PROGRAMS))
    with open(log, "w") as out:
        out.write(outcome.text() + "\n")
    return subtests(outcome.lines)


def exceptions(path):
    """[(pattern of `program: subtest`, reason)] of the file PATH; lines are `PATTERN = REASON`."""
    rules = []
    with open(path) as f:
        for number, line in enumerate(f, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            pattern, sep, reason = line.partition(" = ")
            if not sep:
                raise Error("%s:%d: not PATTERN = REASON" % (path, number))
            rules.append((pattern.strip(), reason.strip()))
    return rules


def judge(there, here, reason):
    """(ok, skip or fail, why) of a subtest by what came of it on Linux and on Tine. Pure."""
    if here == "pass":
        return "ok", ""
    if there != "pass" and not (there == "absent" and here.startswith("fail")):	# only failures are named
        return "skip", "on Linux: %s, here: %s" % (there, here)
    if reason:
        return "skip", "exception: " + reason
    return "fail", "on Linux: %s, here: %s" % (there, here)


def compare(there, here, rules, words, o, report):
    """Reports every subtest of a run on Tine, whose command line had WORDS, beside Linux's."""
    for key in list(dict.fromkeys(list(there) + list(here))):
        name = "%s: %s" % key
        a, b = there.get(key, "absent"), here.get(key, "absent")
        reason = next((r for pattern, r in rules if fnmatch.fnmatchcase(name, pattern)), "")
        kind, why = judge(a, b, reason)
        if o.verbose or key[1] == "exit" or a != b:
            report.note("  %-9s %-9s %s" % (a, b, name))
        name += words and " [%s]" % words
        if kind == "ok":
            report.ok(name, quiet=True)
        elif kind == "skip":
            report.skip(name, why, quiet=True)
        else:
            report.fail(name, why)


def suite_mm_selftests(o, report):
    names = [p[0] for p in PROGRAMS]
    if o.only:
        names = [n for n in names if any(part in n for part in o.only.split(","))]
        if not names:
            raise UsageError("--only: no such selftest (%s)" % ", ".join(p[0] for p in PROGRAMS))
    built, failed = selftests.build(names)
    for name, why in failed.items():
        report.fail(name, "cannot be built: " + why)
    initrd, rules = archive(built), exceptions(EXCEPTIONS)
    there = run(fetch.linux(), initrd, True, os.path.join(BUILD, "mm-selftests", "linux.log"))
    for words in ("", "cow_tables=off"):
        log = "tine%s.log" % (words and "." + words)
        here = run(kernel_of(o), initrd, False, os.path.join(BUILD, "mm-selftests", log), words)
        report.note("# %-9s %-9s subtest%s" % ("Linux", "Tine", words and ", " + words))
        compare(there, here, rules, words, o, report)
    report.note("# consoles: build/mm-selftests/linux.log, tine.log, tine.cow_tables=off.log")
