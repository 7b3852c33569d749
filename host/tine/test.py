# SPDX-License-Identifier: BSD-2-Clause
"""`tine test`: every suite, one summary. A suite is a function (options, report)."""
import sys
import time

from . import base, deps
from .base import Settings, UsageError, say
from .cli_util import Parser

SUITES = {	# name: (module, what it is, part of the default set)
    "check": ("suite_host", "format, static and layer rules of the sources", True),
    "host": ("suite_host", "unit tests of the core folders, on this machine, under sanitizers", True),
    "bpf": ("suite_bpf", "BPF on this machine: interpreter, and JIT under qemu-aarch64", True),
    "model": ("suite_model", "the protocol of copy-on-write page tables, and each of its rules broken, by spin", True),
    "boot": ("suite_boot", "boots on every CPU, interrupt controller, memory size and CPU count", True),
    "guest": ("suite_guest", "the programs of tests/guest, in several machines", True),
    "run": ("suite_run", "./tine itself: status, streams, terminal, options", True),
    "mm": ("suite_guest", "memory torture: processes and threads against their model of it, for --seconds each", True),
    "cow": ("suite_cow", "shared page tables: host and guest tests of them, with sharing and without; torture for --seconds", False),
    "stress": ("suite_guest", "fork, exec, mmap, pipes and signals for --seconds each: 2 CPUs, 4 CPUs, too little memory", False),
    "mm-selftests": ("suite_mm_selftests", "the Linux kernel's own memory selftests, here and on Debian's Linux", False),
    "bpf-selftests": ("suite_bpf_selftests", "the Linux kernel's own BPF selftests, here and on Debian's Linux", False),
    "fuzz": ("suite_fuzz", "the libFuzzer targets of tests/fuzz, for --seconds each, and a tally of all runs", False),
}
HELP = "Runs every test, or the suites that are named; ends with `N passed, N failed`, status 1 if one\nfailed.\n\nsuites:\n" \
    + "".join("  %-14s%s%s\n" % (n, s[1], "" if s[2] else " (only when named)") for n, s in SUITES.items())


class Report:
    """Counts, and shows failures in full and successes one line per group (all with --verbose)."""

    def __init__(self, verbose):
        self.verbose = verbose
        self.passed = self.failed = self.skipped = 0
        self.failures = []
        self.live = sys.stdout.isatty()

    def note(self, text):
        self.clear()
        print(text, flush=True)

    def clear(self):
        if self.live:
            sys.stdout.write("\r\033[K")

    def progress(self, text):
        """What runs now: a line that the next one replaces; terminals only."""
        if self.live:
            sys.stdout.write("\r%s\033[K" % text[:100])
            sys.stdout.flush()

    def ok(self, name, quiet=False):
        self.passed += 1
        if self.verbose or not quiet:
            self.note("%s %s" % (base.colour("32", "ok", sys.stdout), name))

    def fail(self, name, why=""):
        self.failed += 1
        self.failures.append(name)
        self.note("%s %s%s" % (base.colour("31", "not ok", sys.stdout), name, ": " + why if why else ""))

    def skip(self, name, why, quiet=False):
        self.skipped += 1
        if self.verbose or not quiet:
            self.note("%s %s: %s" % (base.colour("33", "skip", sys.stdout), name, why))

    def result(self, name, why):
        """WHY is empty when the test passed."""
        if why:
            self.fail(name, why)
        else:
            self.ok(name)


def parser():
    p = Parser("test", HELP, "./tine test [options] [SUITE...]",
               examples=("./tine test", "./tine test boot", "./tine test guest --linux",
                         "./tine test guest --only mem_map,signal_basic.nested", "./tine test stress --seconds 600"))
    p.add("--linux", action="store_true", help="guest, mm, stress, run: on Debian's Linux in Tine's place")
    p.add("--only", metavar="NAME,...", help="guest: these programs or PROGRAM.TEST; fuzz: these targets;\n"
          "mm-selftests, bpf-selftests, run, boot: names that contain one")
    p.add("--seconds", type=int, metavar="N", help="mm (default 10), stress (60), fuzz (30), bpf (2): for how long")
    p.add("--smp", type=int, metavar="N", help="guest: one machine with N CPUs in place of the usual set; mm, stress: all with N")
    p.add("--cpu", metavar="MODEL", help="guest: one machine with this CPU in place of the usual set")
    p.add("--verbose", action="store_true", help="show every test that passed, too")
    p.add("--kernel", metavar="PATH", secret=True)
    p.add("suites", nargs="*", metavar="SUITE")
    return p


def main(args):
    import importlib
    o = parser().parse(args)
    for name in o.suites:
        if name not in SUITES:
            raise UsageError("no suite %r (%s)" % (name, ", ".join(SUITES)))
    names = o.suites or [n for n, s in SUITES.items() if s[2]]
    deps.need([what for n in names for what in deps.SUITES[n]])
    report = Report(o.verbose)
    start = time.monotonic()
    for name in names:
        report.note("# %s: %s" % (name, SUITES[name][1]))
        try:
            getattr(importlib.import_module("tine." + SUITES[name][0]), "suite_" + name.replace("-", "_"))(o, report)
        except base.Error as error:
            if isinstance(error, UsageError):
                raise
            report.fail(name, str(error))
    if report.failed and not Settings.quiet:
        report.note("failed: " + ", ".join(report.failures[:40]))
    if report.skipped:
        report.note("# %d skipped" % report.skipped)
    say("%d s" % (time.monotonic() - start))
    report.note("%d passed, %d failed" % (report.passed, report.failed))
    return 1 if report.failed else 0
