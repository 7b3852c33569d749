# SPDX-License-Identifier: BSD-2-Clause
"""How QEMU is started: one description of a machine, one command line."""
import dataclasses
import os
import platform
import re
import shutil
import signal
import socket
import subprocess

from .base import Error, UsageError

SIZES = {"": 1 << 20, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@dataclasses.dataclass
class Machine:
    """What to boot and on what. Sizes in MiB. CPU None: the host's own where it can be used."""
    kernel: str = ""
    initrd: str = ""
    append: str = ""
    memory: int = 512
    cpus: int = 1
    cpu: str = None
    gic: int = None
    virtualization: bool = False
    icount: bool = False
    gdb: bool = False
    linux: bool = False
    qemu: str = "qemu-system-aarch64"
    machine: str = ""		# more properties of -M virt
    extra: tuple = ()
    port: bool = False		# a virtio port tine.ctl, whose host end start() leaves in vm.port
    port_fd: int = -1

    def accel(self):
        if self.icount or self.cpu or self.virtualization:
            return "tcg"
        if platform.machine() in ("aarch64", "arm64"):
            if os.access("/dev/kvm", os.R_OK | os.W_OK):
                return "kvm"
            if platform.system() == "Darwin":
                return "hvf"
        return "tcg"

    def argv(self):
        accel = self.accel()
        virt = "virt"
        if self.gic or accel != "tcg":
            virt += ",gic-version=%s" % (self.gic or "host" if accel == "kvm" else self.gic or 3)
        elif self.cpus > 8:
            virt += ",gic-version=3"
        if self.virtualization:
            virt += ",virtualization=on"
        virt += self.machine
        # The default algorithm of pointer authentication costs TCG much, and says nothing here.
        cpu = self.cpu or ("max,pauth-impdef=on" if accel == "tcg" else "host")
        argv = [self.qemu, "-M", virt, "-accel", accel, "-cpu", cpu, "-smp", str(self.cpus), "-m", "%dM" % self.memory,
                "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-kernel", self.kernel]
        if self.initrd:
            argv += ["-initrd", self.initrd]
        if self.append:
            argv += ["-append", self.append]
        if self.icount:
            argv += ["-icount", "shift=0,sleep=off", "-rtc", "base=2026-01-01,clock=vm", "-seed", "1"]
        if self.gdb:
            argv += ["-s", "-S"]
        if self.port:
            device = "virtio-serial-pci" if self.linux else "virtio-serial-device"	# what each kernel has built in
            argv += ["-global", "virtio-mmio.force-legacy=false", "-device", device,
                     "-chardev", "socket,id=ctl,fd=%d" % self.port_fd, "-device", "virtserialport,chardev=ctl,name=tine.ctl"]
        return argv + ["-chardev", "stdio,id=con,signal=off", "-serial", "chardev:con"] + list(self.extra)


def start(machine):
    """QEMU with its console on pipes. It gets a session of its own, so that a Ctrl-C meant for the
    guest or for us does not reach it; the caller ends it with stop()."""
    if not shutil.which(machine.qemu):
        raise Error("%s is not installed" % machine.qemu)

    def die_with_us():	# PR_SET_PDEATHSIG: no QEMU outlives us, however we end
        if platform.system() == "Linux":
            import ctypes
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    ours = theirs = None
    if machine.port:
        ours, theirs = socket.socketpair()
        machine.port_fd = theirs.fileno()
    vm = subprocess.Popen(machine.argv(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          bufsize=0, start_new_session=True, preexec_fn=die_with_us,
                          pass_fds=[theirs.fileno()] if theirs else [])
    if theirs:
        theirs.close()
    vm.port = ours
    return vm


def stop(vm, patience=0):
    """Ends VM, after PATIENCE seconds in which it may end by itself."""
    try:
        vm.wait(patience) if patience else vm.poll()
    except subprocess.TimeoutExpired:
        pass
    if vm.poll() is None:
        vm.kill()
    vm.wait()


def size_in_mib(text):
    """-m's SIZE: a number with K, M (the default) or G after it."""
    found = re.fullmatch(r"(\d+)([KMGkmg]?)[iI]?[bB]?", text)
    if not found:
        raise UsageError("-m: %r is no size (say 256M or 2G)" % text)
    size = int(found.group(1)) * SIZES[found.group(2).upper()] >> 20
    if not 8 <= size <= 1 << 20:
        raise UsageError("-m: %s is out of range (8M to 1024G)" % text)
    return size
