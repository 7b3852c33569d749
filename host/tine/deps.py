# SPDX-License-Identifier: BSD-2-Clause
"""What has to be on the machine: programs and files, and the Debian packages that bring them."""
import os
import shutil
import subprocess
import sys

from . import base
from .base import Error, Settings

# What a job needs: (a program in PATH or a file, the package that brings it).
QEMU = [("qemu-system-aarch64", "qemu-system-arm")]
FETCH = [("apt-get", "apt"), ("dpkg-deb", "dpkg"),
         ("/usr/share/keyrings/debian-archive-keyring.gpg", "debian-archive-keyring")]
CROSS = [("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
         ("/usr/aarch64-linux-gnu/include/stdio.h", "libc6-dev-arm64-cross")]
BUILD = [("make", "make"), ("xz", "xz-utils"), ("pahole", "dwarves")] + CROSS + FETCH
HOST = [("gcc", "gcc"), ("/usr/include/stdio.h", "libc6-dev")]
GUEST_TEST = QEMU + CROSS + [("make", "make"), ("cpio", "cpio")]
# What each suite of `tine test` needs, so that all is asked for at once.
SUITES = {
    "check": [],
    "host": BUILD + HOST + [("/usr/include/cmocka.h", "libcmocka-dev")],
    "bpf": BUILD + HOST + QEMU + [("qemu-aarch64", "qemu-user"), ("clang", "clang")],
    "model": HOST + [("spin", "spin")],
    "boot": BUILD + QEMU,
    "guest": BUILD + GUEST_TEST,
    "run": BUILD + QEMU,
    "stress": BUILD + GUEST_TEST,
    "mm": BUILD + GUEST_TEST,
    "cow": BUILD + HOST + GUEST_TEST + [("/usr/include/cmocka.h", "libcmocka-dev")],
    "mm-selftests": BUILD + QEMU,
    "bpf-selftests": BUILD + QEMU + [("qemu-aarch64", "qemu-user"), ("clang", "clang")],
    "fuzz": BUILD + [("clang", "clang"), ("llvm-symbolizer", "llvm")],
}


def missing(needs):
    packages = []
    for what, package in needs:
        there = os.path.exists(what) if what.startswith("/") else shutil.which(what)
        if not there and package not in packages:
            packages.append(package)
    return packages


def agreed(packages):
    if Settings.yes or Settings.ci:
        return True
    if not sys.stdin.isatty():
        raise Error("missing Debian packages: %s (--yes installs them)" % " ".join(packages))
    sys.stderr.write("tine: these Debian packages are missing: %s\nInstall them with apt now? [Y/n] "
                     % " ".join(packages))
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("", "y", "yes")


def need(needs):
    """Sees to it that all of NEEDS is there: installs the packages that are missing, if allowed."""
    packages = missing(needs)
    if not packages:
        return
    if not shutil.which("apt-get"):
        raise Error("missing: %s (Debian's package names; there is no apt here to install them)"
                    % " ".join(packages))
    if not agreed(packages):
        raise Error("cannot go on without %s" % " ".join(packages))
    root = [] if os.geteuid() == 0 else ["sudo"]
    if root and not shutil.which("sudo"):
        raise Error("run as root: apt-get install %s" % " ".join(packages))
    with base.Progress("installing %s" % " ".join(packages)):
        install(root, packages)
    left = missing(needs)
    if left:
        raise Error("still missing after installing: %s" % " ".join(left))


def install(root, packages):
    """Through apt-get, which ROOT ([] or ["sudo"]) may have to go before."""
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    command = root + ["apt-get", "install", "-y", "-qq", "--no-install-recommends"] + packages
    stdin = None if sys.stdin.isatty() else subprocess.DEVNULL
    done = subprocess.run(command, env=env, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:	# a fresh machine has no package lists yet
        subprocess.run(root + ["apt-get", "update", "-qq"], env=env, stdin=stdin, stdout=subprocess.DEVNULL,
                       check=False)
        base.run(command, "installing " + " ".join(packages), env=env)
