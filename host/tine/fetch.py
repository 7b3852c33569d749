# SPDX-License-Identifier: BSD-2-Clause
"""What is fetched from Debian and unpacked into the cache: Linux to compare with, the sources
that the kernel compiles in, a newer QEMU to measure with."""
import glob
import gzip
import os
import shutil
import subprocess

from . import base
from .apt import Apt, unpack_deb
from .base import Error, say

LINUX_SUITE, LINUX_META = "sid", "linux-image-cloud-arm64"
# Debian source package, version, the folder of it that the build uses, and its name in the cache.
SOURCES = {
    "zlib": ("zlib", "1:1.3.dfsg+really1.3.1-1", "", "trixie"),
    "libfdt": ("device-tree-compiler", "1.7.2-2", "libfdt", "trixie"),
}


def gunzip_image(path):
    """An arm64 Image may be packed (EFI zboot or gzip); QEMU 7.2 wants it plain or gzip."""
    with open(path, "rb") as f:
        data = f.read()
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data)
    if data[:2] == b"MZ" and data[4:8] == b"zimg":	# EFI zboot: offset, size, then the method
        start, size = (int.from_bytes(data[i:i + 4], "little") for i in (8, 12))
        method = data[24:56].split(b"\0")[0].decode("ascii", "replace")
        body = data[start:start + size]
        if method == "gzip":
            return gzip.decompress(body)
        tool = {"zstd": ["zstd", "-dc"], "xzkern": ["xz", "-dc"], "lzma": ["xz", "-dc", "--format=lzma"]}.get(method)
        if not tool:
            raise Error("%s is packed with %s, which is not supported" % (path, method))
        if not shutil.which(tool[0]):
            raise Error("%s is packed with %s: install %s" % (path, method, tool[0]))
        return subprocess.run(tool, input=body, stdout=subprocess.PIPE, check=True).stdout
    return data


def named_by(apt, meta, prefix):
    """The first package that META depends on whose name begins with PREFIX."""
    names = [n for n in apt.depends(meta) if n.startswith(prefix)]
    if not names:
        raise Error("%s names no %s* in Debian %s" % (meta, prefix, apt.suite))
    return names[0]


def linux():
    """The path of Debian's Linux for arm64 (cloud flavour), unpacked; fetched when missing."""
    return base.made(base.cache("linux", "Image"), "linux", fetch_linux)


def fetch_linux(image):
    apt = Apt(LINUX_SUITE, "arm64")
    name = named_by(apt, LINUX_META, "linux-image-")
    # Since 7.x the image package is a hull around linux-binary-*; before it held the kernel.
    binary = [n for n in apt.depends(name) if n.startswith("linux-binary-")]
    debs = apt.download((binary or [name])[:1], no_depends=True)
    with base.Progress("unpacking " + name), base.scratch(image) as tmp:
        unpack_deb(debs[0], tmp + "/x")
        found = glob.glob(tmp + "/x/boot/vmlinuz-*") + glob.glob(tmp + "/x/usr/lib/modules/*/vmlinuz")
        if not found:
            raise Error("no kernel in " + debs[0])
        with open(tmp + "/Image", "wb") as f:
            f.write(gunzip_image(found[0]))
        with open(os.path.join(os.path.dirname(image), "version"), "w") as f:
            f.write(name[len("linux-image-"):] + "\n")
        os.rename(tmp + "/Image", image)


def linux_version():
    try:
        with open(base.cache("linux", "version")) as f:
            return f.read().strip()
    except OSError:
        return "unknown"


def source(name):
    """The folder of the pinned source package NAME (a key of SOURCES), unpacked."""
    if name not in SOURCES:
        raise Error("no source package is known as %s (known: %s)" % (name, ", ".join(sorted(SOURCES))))
    return base.made(base.cache("src", name), "src-" + name, lambda where: fetch_source(where, *SOURCES[name]))


def fetch_source(where, package, version, part, suite):
    with base.scratch(where) as tmp:
        say("fetching Debian's source package %s %s" % (package, version))
        Apt(suite, "arm64").source(package, version, tmp)
        tars = glob.glob(tmp + "/*.orig.tar.*[a-z2]")
        tars = [t for t in tars if not t.endswith(".asc")]
        if not tars:
            raise Error("source package %s holds no .orig.tar" % package)
        os.mkdir(tmp + "/x")
        base.run(["tar", "-xf", tars[0], "-C", tmp + "/x", "--strip-components=1"], "unpacking " + package)
        base.replace_tree(os.path.join(tmp, "x", part) if part else tmp + "/x", where)


QEMU_SUITE = ("bookworm", ("bookworm-backports",))
QEMU_PACKAGES = ["qemu-system-arm/bookworm-backports", "qemu-system-common/bookworm-backports",
                 "qemu-system-data/bookworm-backports"]
# Taken from the machine, never from the unpacked tree: they belong to the loader that is running.
NOT_UNPACKED = ("libc6_", "libgcc-s1_", "gcc-", "debconf_", "passwd_", "adduser_")


def host_arch():
    return base.run(["dpkg", "--print-architecture"]).strip()


def newer_qemu():
    """A wrapper around QEMU 10 (bookworm-backports), unpacked beside the machine's own: what the
    figures of the benchmarks were measured with."""
    return base.made(base.cache("qemu10", "qemu-system-aarch64"), "qemu10", fetch_qemu)


def fetch_qemu(wrapper):
    debs = Apt(QEMU_SUITE[0], host_arch(), QEMU_SUITE[1]).download(QEMU_PACKAGES)
    with base.Progress("unpacking QEMU 10"), base.scratch(os.path.dirname(wrapper)) as tmp:
        for deb in debs:
            if not os.path.basename(deb).startswith(NOT_UNPACKED):
                unpack_deb(deb, tmp + "/x")
        libs = [p for p in glob.glob(tmp + "/x/usr/lib/*-linux-gnu*") + glob.glob(tmp + "/x/lib/*-linux-gnu*")]
        here = "$(dirname \"$(readlink -f \"$0\")\")"
        path = ":".join("$here" + p[len(tmp + "/x"):] for p in libs)
        with open(tmp + "/x/qemu-system-aarch64", "w") as f:
            f.write("#!/bin/sh\nhere=%s\nexport LD_LIBRARY_PATH=\"%s\"\n"
                    "exec \"$here/usr/bin/qemu-system-aarch64\" -L \"$here/usr/share/qemu\" \"$@\"\n" % (here, path))
        os.chmod(tmp + "/x/qemu-system-aarch64", 0o755)
        base.run([tmp + "/x/qemu-system-aarch64", "--version"], "QEMU 10 on this machine")
        base.replace_tree(tmp + "/x", os.path.dirname(wrapper))


CLANG = "19"	# of the machine's own suite; what it needs beside these is on the machine (package clang)
CLANG_PACKAGES = ["clang-", "libclang-cpp", "libllvm", "libclang-common-%s-dev"]


def newer_clang():
    """A wrapper around clang CLANG, unpacked beside the machine's own: Linux's selftests need one that knows
    BPF of today."""
    return base.made(base.cache("clang" + CLANG, "clang"), "clang" + CLANG, fetch_clang)


def fetch_clang(wrapper):
    names = [n % CLANG if "%" in n else n + CLANG for n in CLANG_PACKAGES]
    debs = Apt(QEMU_SUITE[0], host_arch()).download(names, no_depends=True)
    with base.Progress("unpacking clang " + CLANG), base.scratch(os.path.dirname(wrapper)) as tmp:
        for deb in debs:
            unpack_deb(deb, tmp + "/x")
        libs = glob.glob(tmp + "/x/usr/lib/*-linux-gnu*") + [tmp + "/x/usr/lib/llvm-%s/lib" % CLANG]
        with open(tmp + "/x/clang", "w") as f:
            f.write("#!/bin/sh\nhere=$(dirname \"$(readlink -f \"$0\")\")\nexport LD_LIBRARY_PATH=\"%s\"\n"
                    "exec \"$here/usr/lib/llvm-%s/bin/clang\" \"$@\"\n"
                    % (":".join("$here" + p[len(tmp + "/x"):] for p in libs), CLANG))
        os.chmod(tmp + "/x/clang", 0o755)
        base.run([tmp + "/x/clang", "--version"], "clang %s on this machine" % CLANG)
        base.replace_tree(tmp + "/x", os.path.dirname(wrapper))
