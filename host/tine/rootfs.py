# SPDX-License-Identifier: BSD-2-Clause
"""Root file systems, as newc archives in the cache: the default one (Debian's arm64 busybox), the
same with packages, or what the user names."""
import gzip
import hashlib
import io
import os
import re
import shutil
import stat
import subprocess
import tarfile

from . import base
from .apt import Apt
from .base import Error, UsageError
from .cpio import Tree, open_tar

SUITE = "trixie"
FORMAT = 3	# counts up when what is written below changes, so that old caches are not used
LINKS = (("bin", "usr/bin"), ("lib", "usr/lib"), ("sbin", "usr/sbin"))
PASSWD = "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n" \
    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
GROUP = "root:x:0:\ndaemon:x:1:\ntty:x:5:\nnogroup:x:65534:\n"
PROFILE = 'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n' \
    'PS1="\\u@\\h:\\w\\\\$ "\n'
# Debian sets these links in its packages' scripts, which cannot run here.
ALTERNATIVES = (("awk", ("gawk", "mawk", "original-awk")), ("vi", ("vim.basic", "vim.tiny", "nvi")),
                ("pager", ("less", "more")), ("which", ("which.debianutils",)),
                ("nc", ("nc.openbsd", "nc.traditional")))


# The root lives in the guest's memory: what no program needs is left out of packages.
LEFT_OUT = ("usr/share/doc/", "usr/share/man/", "usr/share/locale/", "usr/share/info/", "usr/share/lintian/",
            "usr/share/bug/", "usr/share/doc-base/")


# Debian's packages count on these without naming them: accounts, terminals' descriptions, C.UTF-8.
ESSENTIAL = ("base-files", "base-passwd", "ncurses-base", "libc-bin")


def applets(busybox):
    """The commands in a busybox binary: its table of names, which begins with [ and [[."""
    start = busybox.find(b"[\0[[\0")
    if start < 0:
        raise Error("no table of commands in busybox")
    end = busybox.find(b"\0\0", start)
    return [n.decode() for n in busybox[start:end].split(b"\0")]


def skeleton():
    tree = Tree()
    for name in ("dev", "proc", "sys", "run", "etc", "mnt", "opt", "srv", "home", "usr", "usr/bin", "usr/sbin",
                 "usr/lib", "usr/share", "usr/local", "usr/local/bin", "var", "var/log", "var/lib", "var/cache"):
        tree.directory(name)
    tree.directory("root", 0o700)
    for name in ("tmp", "var/tmp"):
        tree.directory(name, 0o1777)
    for name, target in LINKS:
        tree.link(name, target)
    tree.link("var/run", "/run")
    for name, number in (("console", (5, 1)), ("null", (1, 3))):	# until devtmpfs covers them
        tree.add("dev/" + name, stat.S_IFCHR | 0o600, rdev=number)
    tree.file("etc/passwd", PASSWD)
    tree.file("etc/group", GROUP)
    tree.file("etc/hostname", "tine\n")
    tree.file("etc/hosts", "127.0.0.1 localhost tine\n")
    tree.file("etc/profile", PROFILE)
    tree.file("etc/shells", "/bin/sh\n/bin/bash\n")
    tree.link("etc/mtab", "/proc/self/mounts")
    return tree


def add_deb(tree, deb):
    pack = subprocess.run(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE, check=False)
    if pack.returncode:
        raise Error("%s cannot be read" % deb)
    with tarfile.open(fileobj=io.BytesIO(pack.stdout)) as tar:
        tree.add_tar(tar, lambda path: not path.startswith(LEFT_OUT))


def add_busybox(tree):
    data = tree.get("usr/bin/busybox")
    if not data:
        raise Error("no busybox in Debian's busybox-static")
    for name in applets(data["data"]):
        if name != "busybox":
            tree.link("usr/bin/" + name, "busybox", replace=False)


def add_alternatives(tree):
    for name, choices in ALTERNATIVES:
        for choice in choices:
            if tree.get("usr/bin/" + choice):
                tree.link("usr/bin/" + name, choice)
                break


def build(packages):
    """The tree of the default root with PACKAGES and all they depend on."""
    tree = skeleton()
    names = ["busybox-static"] + (list(ESSENTIAL) if packages else []) + list(packages)
    debs = Apt(SUITE, "arm64").download(names)
    for deb in debs:
        add_deb(tree, deb)
    for name in ("passwd", "group"):
        master = tree.get("usr/share/base-passwd/%s.master" % name)
        if master:
            tree.file("etc/" + name, master["data"].replace(b"root:*:", b"root:x:"))
    if packages:	# the package's own is in /usr/share
        tree.file("etc/profile", PROFILE)
    add_alternatives(tree)
    add_busybox(tree)
    return tree


def cached(name, what, make):
    """The archive NAME in the cache, made by MAKE(file) when it is not there."""
    def write(path):
        with base.Progress(what), base.scratch(path) as tmp:
            with open(tmp + "/cpio", "wb") as out:
                make(out)
            os.rename(tmp + "/cpio", path)
    return base.made(base.cache("root", name + ".cpio"), "root-" + name, write)


def default(packages=()):
    packages = sorted(set(packages))
    for name in packages:
        if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", name):
            raise UsageError("--include: %r is no package name" % name)
    name = "debian-%s-%d" % (SUITE, FORMAT)
    what = "building the default root file system"
    if packages:
        name += "-" + hashlib.sha256(" ".join(packages).encode()).hexdigest()[:16]
        what += " with " + ", ".join(packages)
    return cached(name, what, lambda out: build(packages).write(out))


def stamp(path):
    st = os.stat(path)
    key = "%s %d %d %d" % (os.path.abspath(path), st.st_size, st.st_mtime_ns, FORMAT)
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def write_dir(path, out):
    tree = Tree()
    try:
        tree.add_dir(path, own=os.geteuid() == 0)
    except OSError as error:
        raise Error("--root %s: %s: %s" % (path, error.filename, error.strerror))
    tree.write(out)


def write_tar(path, out):
    tree = Tree()
    try:
        tar = open_tar(path)
    except (tarfile.TarError, EOFError, OSError):
        raise Error("--root %s: neither a directory, nor a tar archive (plain, gzip, bzip2, xz), nor a newc archive "
                    "(plain, gzip)" % path)
    try:
        with tar:
            tree.add_tar(tar)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise Error("--root %s: %s" % (path, error))
    tree.write(out)


def write_gunzipped(path, out):
    try:
        with gzip.open(path) as f:
            shutil.copyfileobj(f, out, 1 << 20)
    except (OSError, EOFError) as error:
        raise Error("--root %s: %s" % (path, error))


def named(path, keep):
    """The archive for --root PATH: a directory, a tar archive or a newc archive. A directory may
    change from one run to the next, so it is packed into the folder KEEP each time."""
    if os.path.isdir(path):
        target = os.path.join(keep, "root.cpio")
        with base.Progress("packing " + path), open(target, "wb") as out:
            write_dir(path, out)
        return target
    try:
        with open(path, "rb") as f:
            magic = f.read(6)
    except OSError as error:
        raise UsageError("--root %s: %s" % (path, error.strerror))
    if magic in (b"070701", b"070702"):
        return path
    name = "named-" + stamp(path)
    if magic[:2] == b"\x1f\x8b":
        with gzip.open(path) as f:
            try:
                magic = f.read(6)
            except (OSError, EOFError):
                magic = b""
        if magic in (b"070701", b"070702"):
            return cached(name, "unpacking " + path, lambda out: write_gunzipped(path, out))
    return cached(name, "converting " + path, lambda out: write_tar(path, out))
