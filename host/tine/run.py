# SPDX-License-Identifier: BSD-2-Clause
"""`tine run`: a VM, a command in it, and the command's status as ours."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

from . import base, build, console, cpio, deps, fetch, qemu, rootfs
from .base import Error, UsageError, say
from .cli_util import Parser

HELP = """Boots Tine in QEMU and runs CMD with ARGS in it; without CMD, a shell on the terminal.
Standard input, output and error are the command's; its status is tine's (128+n for
signal n, 126 or 127 if it could not be started, 125 if the kernel ended without a status).
On a terminal, all keys go to the guest; Ctrl-] three times in a row ends the VM."""


def parser():
    p = Parser("run", HELP, "./tine run [options] [--] [CMD [ARGS...]]",
               examples=("./tine run", "./tine run -- uname -a", "echo hello | ./tine run -- rev",
                         "./tine run --include bash,coreutils -- bash -c 'ls / | wc -l'"))
    p.add("-m", dest="memory", metavar="SIZE", default="512M", help="memory of the VM: 256M, 2G (default 512M)")
    p.add("--smp", type=int, metavar="N", help="number of CPUs (default: this machine's, at most 4; 1 with --icount); "
          "Tine uses up to 8")
    p.add("--root", metavar="DIR|TAR|CPIO", help="the root file system: a directory, a tar or a newc cpio archive "
          "(default: a small Debian one with busybox, built and cached by the first run)")
    p.add("--include", metavar="PKG,...", action="append", default=[],
          help="Debian packages (arm64) to unpack into the default root, with what they depend on")
    p.add("--share", metavar="HOSTDIR:GUESTDIR", help="not in this version: needs the disk part")
    p.add("--publish", metavar="HOSTPORT:GUESTPORT", help="not in this version: needs the network part")
    p.add("--icount", action="store_true", help="deterministic: one instruction is one nanosecond (one CPU, TCG)")
    p.add("--append", metavar="WORDS", default="", help="more words for the kernel's command line")
    p.add("--gdb", action="store_true", help="wait for a debugger on port 1234 before the first instruction")
    p.add("--linux", action="store_true", help="boot Debian's Linux in Tine's place, to compare")
    p.add("--env", metavar="NAME=VALUE", action="append", default=[], help="a variable for the command")
    p.add("--cwd", metavar="DIR", help="the directory in the guest to start in (default /root)")
    p.add("--verbose", action="store_true", help="show the kernel's messages and QEMU's command line")
    p.add("--kernel", metavar="PATH", secret=True)
    p.add("--cpu", metavar="MODEL", secret=True)
    p.add("--gic", type=int, secret=True)
    p.add("--virtualization", action="store_true", secret=True)
    p.add("--serial", action="store_true", secret=True)
    p.add("--pci", action="store_true", secret=True)
    p.add("--direct", action="store_true", secret=True)
    p.add("--qemu", metavar="PATH", default="qemu-system-aarch64", secret=True)
    p.command()
    return p


def check(o):
    if o.share:
        raise UsageError("--share: not in this version")
    if o.publish:
        raise UsageError("--publish: not in this version")
    if o.smp is not None and not 1 <= o.smp <= 512:
        raise UsageError("--smp: %d is out of range" % o.smp)
    if o.icount and (o.smp or 1) != 1:
        raise UsageError("--icount goes with one CPU only")
    if o.root and o.include:
        raise UsageError("--root and --include exclude each other")
    for word in o.env:
        if word.find("=") < 1:
            raise UsageError("--env: %r is not NAME=VALUE" % word)
    if "\n" in o.append:
        raise UsageError("--append: a line break in it")
    o.mib = qemu.size_in_mib(o.memory)


def environment(o, terminal):
    env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "USER": "root",
           "LOGNAME": "root", "SHELL": "/bin/sh"}
    if terminal:
        env["TERM"] = os.environ.get("TERM") or "vt100"
    if "TZ" in os.environ:
        env["TZ"] = os.environ["TZ"]
    if re.search(r"\.utf-?8", os.environ.get("LANG", ""), re.I):	# the one such locale that the guest has
        env["LANG"] = "C.UTF-8"
    env.update(word.split("=", 1) for word in o.env)
    return env


def wishes(o, command, ttys):
    """The contents of /.tine/run: what init is to do."""
    words = [b"a" + os.fsencode(w) for w in command]
    words += [b"e%s=%s" % (os.fsencode(k), os.fsencode(v)) for k, v in environment(o, any(ttys)).items()]
    words += [b"c" + os.fsencode(o.cwd or "/root"), b"htine", b"t" + b"".join(b"01"[t:t + 1] for t in ttys)]
    words.append(b"w%d %d" % console.winsize(next((fd for fd in (1, 2, 0) if ttys[fd]), 0)))
    if o.direct:
        words.append(b"d")
    if not (o.serial or o.direct):
        words.append(b"p")
    return b"".join(w + b"\0" for w in words)


def initrd(root, wish, where, mib):
    """The root's archive with init's behind it, as one file in the folder WHERE, for a VM of MIB."""
    tree = cpio.Tree()
    tree.directory(".tine", 0o700)
    with open(build.program("host/guest/init.c", "init"), "rb") as f:
        tree.file(".tine/init", f.read(), 0o700)
    tree.file(".tine/run", wish, 0o600)
    for name in ("dev", "proc", "sys", "tmp"):
        tree.directory(name)
    path = os.path.join(where, "initrd")
    with open(path, "wb") as out:
        with open(root, "rb") as f:
            shutil.copyfileobj(f, out, 1 << 20)
        out.write(b"\0" * (-out.tell() % 4))
        own = cpio.Tree()
        own.entries = {k: v for k, v in tree.entries.items() if k.startswith(".tine")}
        own.write(out)
        size = out.tell()
    if 2 * size + (4 << 20) > mib << 20:	# the archive, what is in it, and the kernel
        raise Error("the root file system of %d MiB needs more memory than -m %dM" % ((size >> 20) + 1, mib))
    return path


def kernel_of(o):
    if o.kernel:
        if not os.path.exists(o.kernel):
            raise UsageError("--kernel: no file %s" % o.kernel)
        return os.path.abspath(o.kernel)
    return fetch.linux() if o.linux else build.image()


def main(args):
    o = parser().parse(args)
    check(o)
    command = o.command or ["/bin/sh", "-l"]
    ttys = console.our_ttys()
    deps.need((deps.QEMU if o.qemu == "qemu-system-aarch64" else []) +
              (deps.CROSS + deps.FETCH if o.kernel or o.linux else deps.BUILD))
    kernel = kernel_of(o)
    with tempfile.TemporaryDirectory(prefix="tine-") as where:
        if o.root:
            root = rootfs.named(o.root, where)
        else:
            root = rootfs.default([p for words in o.include for p in words.split(",") if p])
        cpus = o.smp or (1 if o.icount else min(os.cpu_count() or 1, 4))
        append = "console=ttyAMA0 rdinit=/.tine/init panic=-1 %s%s" % ("" if o.verbose else "quiet ", o.append)
        machine = qemu.Machine(kernel=kernel, initrd=initrd(root, wishes(o, command, ttys), where, o.mib),
                               append=append.strip(), memory=o.mib, cpus=cpus, cpu=o.cpu, gic=o.gic,
                               virtualization=o.virtualization, icount=o.icount, gdb=o.gdb, qemu=o.qemu,
                               linux=o.linux or o.pci, port=not (o.serial or o.direct))
        if o.gdb:
            say("waiting for a debugger: gdb-multiarch %s -ex 'target remote :1234'"
                % os.path.relpath(os.path.join(base.BUILD, "tine.elf")))
        if o.verbose:
            say(" ".join(machine.argv()))
        return boot(machine, ttys, o.direct)


def boot(machine, ttys, direct):
    vm = qemu.start(machine)
    status = None
    try:
        status = console.talk(vm, ttys, direct)
        if status is None:
            complain(vm)
    finally:
        qemu.stop(vm, patience=1 if status is not None else 0)
    return 125 if status is None else status


def complain(vm):
    try:
        code = vm.wait(1)
    except subprocess.TimeoutExpired:
        code = None
    console.flush_standard()
    sys.stderr.write("tine: the VM ended without the command's status%s\n"
                     % ("" if not code else " (QEMU's status %d)" % base.exit_status(code)))
