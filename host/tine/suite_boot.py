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

from . import base, build, cpio, qemu, vm
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
    hvc: str = ""			# the same of a virtio console's output; the machine then has one
    hvc_file: str = ""


def matrix():
    """Every CPU with every interrupt controller at EL1 and EL2; the CPU counts and memory sizes
    take turns so that each meets each CPU. Each checks what hal promises."""
    number = 0
    for cpu in CPUS:
        for gic in (2, 3):
            for virtualization in (False, True):
                smp, memory = SMP[number % 4], MEMORY[(number + number // 4) % 4]
                number += 1
                name = "%s, GICv%d, %s, %d CPUs, %d MiB" % (cpu, gic, "EL2" if virtualization else "EL1", smp, memory)
                yield Case(name, qemu.Machine(cpu=cpu, gic=gic, virtualization=virtualization, cpus=smp, memory=memory,
                                              append="hal_check"), expect=r"hal_check: \d+ held, 0 failed")


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


def consoles():
    """console= words: the last is /dev/console, messages go to all; and a panic that others keep still in."""
    both = "console=ttyAMA0 console=hvc0"
    yield Case("console: the last word is /dev/console", qemu.Machine(cpu="max", memory=64, append=both),
               init=False, hvc=r"boot-ok")
    yield Case("console: the serial line named last", qemu.Machine(cpu="max", memory=64, append="console=hvc0 console=ttyAMA0,115200 boot.kmsg"),
               hvc=r"boot-kmsg")
    yield Case("console: messages go to all", qemu.Machine(cpu="max", memory=64, append=both + " boot.kmsg"),
               init=False, expect=r"boot-kmsg", hvc=r"boot-kmsg")
    yield Case("console: messages go to those named only", qemu.Machine(cpu="max", memory=64, append="console=hvc0 boot.kmsg"),
               init=False, expect=r"\A\s*\Z", hvc=r"(?s)boot-ok.*boot-kmsg")
    yield Case("console: a panic is shown on all", qemu.Machine(cpu="max", memory=64, cpus=2, append=both + " boot.exit"),
               init=False, expect=r"end of kernel panic", hvc=r"(?s)boot-ok.*Kernel panic.*end of kernel panic")
    yield Case("console that is not there", qemu.Machine(cpu="max", memory=64, append="console=ttyAMA0 console=hvc0"),
               expect=r"boot-ok")
    yield Case("console: loglevel", qemu.Machine(cpu="max", memory=64, append="loglevel=3 boot.kmsg"),
               expect=r"(?s)\A(?!.*boot-kmsg).*boot-ok")
    yield Case("a panic stops the other CPUs", qemu.Machine(cpu="max", memory=64, cpus=4, append="boot.busy panic=2"),
               init=False, expect=r"(?s)busy.*end of kernel panic[^\n]*\s*\Z")


def add_hvc(case):
    """A virtio console whose output becomes a file; the file's name."""
    path = write("%s.hvc" % re.sub(r"\W", "-", case.name), b"")
    case.machine.extra += ("-global", "virtio-mmio.force-legacy=false", "-device", "virtio-serial-device",
                           "-chardev", "file,id=hvc,path=" + path, "-device", "virtconsole,chardev=hvc")
    return path


def why_not(case, outcome):
    """The reason why CASE failed, empty if it passed."""
    text = outcome.text()
    if not outcome.ended:
        return "QEMU did not end in %d s%s" % (LIMIT, shown(outcome))
    if case.expect and not re.search(case.expect, text):
        return "no line like %s%s" % (case.expect, shown(outcome))
    if case.hvc:
        with open(case.hvc_file, encoding="utf-8", errors="replace") as f:
            text = f.read()
        if not re.search(case.hvc, text):
            return "no line like %s on hvc0, but %r%s" % (case.hvc, text[-300:], shown(outcome))
        text = outcome.text()
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
    if case.hvc:
        case.hvc_file = add_hvc(case)
    return case, vm.boot(machine, LIMIT)


def suite_boot(o, report):
    kernel, files = kernel_of(o), archives()
    cases = list(matrix()) + list(extremes()) + list(broken(files)) + list(consoles())
    cases.append(Case("initrd gzip", qemu.Machine(cpu="max", memory=256, initrd=files["gzip"])))
    if o.only:
        cases = [c for c in cases if any(w in c.name for w in o.only.split(","))]
    for case in cases:
        case.machine.kernel = kernel
        case.machine.initrd = case.machine.initrd or files["plain"]
        words = case.machine.append or "rdinit=/init"
        console = "" if "console=" in words else "console=ttyAMA0 "
        quiet = "" if "hal_check" in words else "quiet "	# its result is no error
        case.machine.append = console + quiet + "panic=-1 " + words
    with concurrent.futures.ThreadPoolExecutor(max(1, (os.cpu_count() or 2) // 2)) as pool:
        for case, outcome in pool.map(boot, cases):
            report.result("boot: %s" % case.name, why_not(case, outcome))
    shutil.rmtree(os.path.join(base.BUILD, "boot"), ignore_errors=True)
