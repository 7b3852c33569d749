# SPDX-License-Identifier: BSD-2-Clause
"""The programs of tests/guest in VMs: all of them in one boot per machine."""
import os
import re

from . import base, build, deps, fetch, qemu, vm
from .base import TOP, Error, UsageError

# A CPU of the guest that waits for another needs both to run: no more of them than there are here
# (and two at least), or tests of races take minutes and say little. --smp asks for more.
MANY = min(4, max(2, os.cpu_count() or 2))
MACHINES = (
    ("max, 1 CPU", dict(cpu="max,pauth-impdef=on", cpus=1)),
    ("max at EL2, %d CPUs, GICv3" % MANY, dict(cpu="max,pauth-impdef=on", cpus=MANY, gic=3, virtualization=True)),
    ("cortex-a57, 2 CPUs", dict(cpu="cortex-a57", cpus=2)),
)
LIMIT = 900		# seconds for one boot with all programs


def archive(name="guest-tests.cpio"):
    deps.need(deps.GUEST_TEST)
    out = os.path.join(base.BUILD, "guest")
    if not os.path.exists(os.path.join(out, name)):
        base.say("building the guest tests ...")
    base.run(["make", "-C", os.path.join(TOP, "tests/guest"), "--no-print-directory", "-j" + build.jobs(), "OUT=" + out],
             "building the guest tests", env={k: v for k, v in os.environ.items() if k != "MAKEFLAGS"})
    return os.path.join(out, name)


def kernel_of(o):
    if o.kernel:
        return os.path.abspath(o.kernel)
    return fetch.linux() if o.linux else build.image()


def machines(o):
    if o.cpu or o.smp:
        return [("%s, %d CPUs" % (o.cpu or "max", o.smp or 1),
                 dict(cpu=o.cpu or "max,pauth-impdef=on", cpus=o.smp or 1))]
    return MACHINES[:1] if o.linux else MACHINES


class Reader:
    """Reads the lines of a guest that runs tests, and reports them."""

    def __init__(self, report, where):
        self.report, self.where = report, where
        self.done = False
        self.audit = False
        self.good = self.bad = 0
        self.counts = 0		# lines of the audit
        self.trouble = []

    def line(self, line):
        found = re.match(r"(ok|not ok|skip) (\S+?)(?:: (.*))?$", line)
        if self.audit and re.match(r"(ok|BAD) ", line):
            self.counts += 1
            if line.startswith("BAD"):
                self.bad += 1
                self.report.fail("audit (%s)" % self.where, line)
        elif found:
            kind, name, why = found.groups()
            name = "%s (%s)" % (name, self.where)
            if kind == "ok":
                self.good += 1
                self.report.ok(name, quiet=True)
            elif kind == "skip":
                self.report.skip(name, why or "", quiet=True)
            else:
                self.bad += 1
                self.report.fail(name, why or "")
            self.report.progress("%d ok, %d failed: %s" % (self.good, self.bad, name))
        elif line.startswith("# audit"):
            self.audit = True
        elif line.startswith("# stress"):
            self.report.note(line)
        elif re.match(r"guest tests: \d+ passed", line):
            self.done = True
        elif re.search(r"[Pp]anic|BUG|Oops|not syncing", line):
            self.trouble.append(line)


def one_machine(o, report, where, what, append, limit, initrd="guest-tests.cpio"):
    machine = qemu.Machine(kernel=kernel_of(o), initrd=archive(initrd), **dict(dict(memory=1024), **what),
                           append="console=ttyAMA0 quiet rdinit=/init panic=-1 " + append)
    reader = Reader(report, where)
    report.progress("booting: " + where)
    outcome = vm.boot(machine, limit, reader.line)
    report.clear()
    if reader.done and outcome.ended and not reader.trouble:
        report.note("# %s: %d ok, %d failed in %.0f s%s" %
                    (where, reader.good, reader.bad, outcome.seconds,
                     "; audit: %d counts" % reader.counts if reader.counts else ""))
        if not reader.good and not reader.bad:
            report.ok(where)
        return
    why = "no end after %d s" % limit if not outcome.ended else "the VM ended early"
    if reader.trouble:
        why = reader.trouble[0]
    report.fail("all tests run (%s)" % where, why)
    for line in outcome.tail(12):
        report.note("    " + line)


def suite_guest(o, report):
    append = "tests=" + o.only if o.only else ""
    if o.only and not re.fullmatch(r"[\w.,-]+", o.only):
        raise UsageError("--only: %r" % o.only)
    for where, what in machines(o):
        one_machine(o, report, where, dict(what), append, LIMIT)


# Memory in MiB, EATERS of tests/stress: the last machine has never enough. (Linux needs more to boot.)
STRESS = ((2, 1024, 0), (4, 1024, 0), (4, 48, 2))
LINUX_LEAST = 160


def stress_machines(o, report, name, machines, seconds, last=""):
    """tests/stress in each of MACHINES, one of STRESS's kind; LAST: words behind its other arguments."""
    if not os.path.exists(os.path.join(TOP, "tests/stress/stress.c")):
        raise Error("tests/stress is not in this tree")
    for cpus, memory, eaters in dict.fromkeys((o.smp or cpus, memory, eaters) for cpus, memory, eaters in machines):
        memory = max(memory, LINUX_LEAST) if o.linux else memory
        where = "%s, %d CPUs, %d MiB%s, %d s" % (name, cpus, memory, ", out of memory" if eaters else "", seconds)
        one_machine(o, report, where, dict(cpus=cpus, memory=memory, cpu="max,pauth-impdef=on"),
                    "stress=%d,0,0,%d%s" % (seconds, eaters, last), seconds * 2 + 600, "stress.cpio")


def suite_stress(o, report):
    stress_machines(o, report, "stress", STRESS, o.seconds or 60)


# Much memory, so that large folios are there; and too little, so that each allocation may fail.
TORTURE = ((4, 8192, 0), (4, 192, 2))


def suite_mm(o, report):
    stress_machines(o, report, "mm", TORTURE, o.seconds or 10, ",mm")
