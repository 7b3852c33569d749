# SPDX-License-Identifier: BSD-2-Clause
"""Boots the kernel on the machines that the README promises, with a tiny init that says what it
sees; and with broken input, which has to be refused with a message."""
import concurrent.futures
import dataclasses
import gzip
import io
import os
import re
import shutil

from . import base, build, cpio, deps, qemu, vm
from .suite_guest import kernel_of

CPUS = ("cortex-a57", "cortex-a76", "neoverse-n1", "max")
SMP, MEMORY = (1, 2, 4, 8), (32, 256, 1024, 4096)
LIMIT = 60	# seconds for a boot that should take one or two


@dataclasses.dataclass
class Case:
    name: str
    machine: qemu.Machine
    init: bool = True			# whether init has to run
    expect: str = ""			# a pattern that a line of the console has to match
    reserve: bool = True


def matrix():
    """Every CPU with every interrupt controller at EL1 and EL2; the CPU counts and memory sizes
    take turns so that each meets each CPU."""
    number = 0
    for cpu in CPUS:
        for gic in (2, 3):
            for virtualization in (False, True):
                smp, memory = SMP[number % 4], MEMORY[(number + number // 4) % 4]
                number += 1
                name = "%s, GICv%d, %s, %d CPUs, %d MiB" % (cpu, gic, "EL2" if virtualization else "EL1", smp, memory)
                yield Case(name, qemu.Machine(cpu=cpu, gic=gic, virtualization=virtualization, cpus=smp, memory=memory))


def extremes():
    yield Case("smoke: max, 2 CPUs, 256 MiB", qemu.Machine(cpu="max,pauth-impdef=on", memory=256, cpus=2))
    yield Case("plain -M virt, max, 16 MiB", qemu.Machine(cpu="max", memory=16))
    yield Case("64 GiB", qemu.Machine(cpu="max", memory=65536, cpus=2))
    yield Case("two memory banks by NUMA nodes, 512 MiB", qemu.Machine(cpu="max", memory=512, cpus=2, extra=(
        "-object", "memory-backend-ram,id=a,size=256M", "-object", "memory-backend-ram,id=b,size=256M",
        "-numa", "node,memdev=a", "-numa", "node,memdev=b")))
    yield Case("icount", qemu.Machine(cpu="max", memory=256, icount=True))


def write(name, data):
    path = os.path.join(base.ensure_dir(os.path.join(base.BUILD, "boot")), name)
    with open(path, "wb") as f:
        f.write(data)
    return path


def archives():
    """The tiny initrd: plain, gzip, cut short, without an init, and no archive at all."""
    tree = cpio.Tree()
    with open(build.program("host/guest/boot.c", "boot"), "rb") as f:
        tree.file("init", f.read(), 0o755)
    for name in ("dev", "proc"):
        tree.directory(name)
    tree.add("dev/console", 0o020600, rdev=(5, 1))
    out = io.BytesIO()
    tree.write(out)
    plain = out.getvalue()
    empty = io.BytesIO()
    cpio.Tree().write(empty)
    return {"plain": write("plain.cpio", plain), "gzip": write("gzip.cpio.gz", gzip.compress(plain)),
            "cut": write("cut.cpio", plain[:len(plain) // 2]), "empty": write("empty.cpio", empty.getvalue()),
            "cut-gzip": write("cut.cpio.gz", gzip.compress(plain)[:20000]),
            "noise": write("noise", bytes((i * 7919 + 13) >> 3 & 0xff for i in range(100000)))}


def broken(files):
    for name in ("cut", "cut-gzip", "empty", "noise"):
        yield Case("initrd %s: a panic that says why" % name,
                   qemu.Machine(cpu="max", memory=256, initrd=files[name]), init=False, expect=r"(?i)panic")
    yield Case("init that is not there", qemu.Machine(cpu="max", memory=256, append="rdinit=/nothing"),
               init=False, expect=r"(?i)panic")
    yield Case("init that returns", qemu.Machine(cpu="max", memory=256, append="boot.exit"),
               init=False, expect=r"(?is)panic.{,80}init")
    yield Case("restart ends QEMU", qemu.Machine(cpu="max", memory=256, append="boot.restart"))


def why_not(case, outcome):
    """The reason why CASE failed, empty if it passed."""
    text = outcome.text()
    if not outcome.ended:
        return "QEMU did not end in %d s%s" % (LIMIT, shown(outcome))
    if case.expect and not re.search(case.expect, text):
        return "no line like %s%s" % (case.expect, shown(outcome))
    if not case.init:
        return ""
    found = re.search(r"boot-ok cpus=(\d+) mib=(\d+) date=(\d+)", text)
    if not found:
        return "init did not run" + shown(outcome)
    cpus, mib, _ = map(int, found.groups())
    if cpus != case.machine.cpus:
        return "%d CPUs of %d" % (cpus, case.machine.cpus)
    if not case.machine.memory * 0.5 <= mib <= case.machine.memory:
        return "%d MiB of memory in a machine of %d" % (mib, case.machine.memory)
    return ""


def shown(outcome):
    tail = outcome.tail(6)
    return "".join("\n    " + l for l in tail) if tail else " (nothing on the console)"


def boot(case):
    machine = case.machine
    if machine.memory > 2048 and not machine.extra:	# more than this machine may have: reserve nothing
        machine.extra = ("-object", "memory-backend-ram,id=ram,size=%dM,reserve=off" % machine.memory)
        machine.machine = ",memory-backend=ram"
    return case, vm.boot(machine, LIMIT)


def suite_boot(o, report):
    deps.need(deps.QEMU)
    kernel, files = kernel_of(o), archives()
    cases = list(matrix()) + list(extremes()) + list(broken(files))
    cases.append(Case("initrd gzip", qemu.Machine(cpu="max", memory=256, initrd=files["gzip"])))
    if o.only:
        cases = [c for c in cases if any(w in c.name for w in o.only.split(","))]
    for case in cases:
        case.machine.kernel = kernel
        case.machine.initrd = case.machine.initrd or files["plain"]
        case.machine.append = " ".join(("console=ttyAMA0 quiet panic=-1", case.machine.append or "rdinit=/init")).strip()
    with concurrent.futures.ThreadPoolExecutor(max(1, (os.cpu_count() or 2) // 2)) as pool:
        for case, outcome in pool.map(boot, cases):
            report.result("boot: %s" % case.name, why_not(case, outcome))
    shutil.rmtree(os.path.join(base.BUILD, "boot"), ignore_errors=True)
