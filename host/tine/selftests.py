# SPDX-License-Identifier: BSD-2-Clause
"""The selftests of the Linux kernel: their sources from Debian's linux-source package, of the version of
the Linux that is compared with; those of memory are built here, as static arm64 programs in the cache."""
import glob
import os
import subprocess

from . import base, fetch
from .apt import Apt, unpack_deb

# What they include: the tests' own frame, and headers for programs in the kernel's tree.
PARTS = ("*/tools/testing/selftests/*.h", "*/tools/testing/selftests/mm", "*/tools/testing/selftests/kselftest",
         "*/tools/include")
COMMON = ("vm_util.c", "hugepage_settings.c", "thp_settings.c")	# linked into each, as far as there
FLAGS = ("-O2", "-s", "-static", "-w", "-D_GNU_SOURCE", "-U_FORTIFY_SOURCE")


def unpack_source(deb, where, parts):
    """The PARTS of the tar archive inside DEB; the whole is 1.5 GB and not wanted."""
    member = "./usr/src/linux-source-*.tar.xz"
    line = "set -o pipefail; dpkg-deb --fsys-tarfile \"$0\" | tar -xO --wildcards '%s' | tar -xJ -C \"$1\" " \
        "--strip-components=1 --wildcards %s" % (member, " ".join("'%s'" % p for p in parts))
    base.run(["bash", "-c", line, deb, where], "unpacking " + os.path.basename(deb))


# Those of BPF, with libbpf, and what their programs include.
BPF_PARTS = ("*/tools/testing/selftests/*.h", "*/tools/testing/selftests/bpf", "*/tools/lib", "*/tools/include",
             "*/tools/arch/arm64/include", "*/include/uapi", "*/kernel/bpf/disasm.*", "*/scripts/bpf_doc.py",
             "*/tools/bpf/bpftool/json_writer.*", "*/tools/testing/selftests/kselftest")
# What a static program with libbpf is linked with; all of one suite, as libc has to be the one they were built with.
BPF_NEEDS = ("libelf-dev", "zlib1g-dev", "libzstd-dev", "libcap-dev", "libc6-dev", "linux-libc-dev")


def sources(name="selftests", parts=PARTS, needs=("linux-libc-dev", "libcap-dev")):
    """The folder NAME with linux/ (PARTS of its source) and usr/ (of the packages NEEDS); fetched when missing."""
    return base.made(base.cache("src", name), "src-" + name, lambda where: fetch_sources(where, parts, needs))


def bpf_sources():
    return sources("selftests-bpf", BPF_PARTS, BPF_NEEDS)


def fetch_sources(where, parts, needs):
    apt = Apt(fetch.LINUX_SUITE, "arm64")
    source = fetch.named_by(apt, "linux-source", "linux-source-")
    debs = apt.download([source, *needs], no_depends=True)
    with base.Progress("unpacking Linux's selftests"), base.scratch(where) as tmp:
        os.makedirs(tmp + "/x/linux")
        unpack_source(debs_of(debs, "linux-source")[0], tmp + "/x/linux", parts)
        for deb in debs:
            if not os.path.basename(deb).startswith("linux-source"):
                unpack_deb(deb, tmp + "/x")
        base.replace_tree(tmp + "/x", where)


def debs_of(debs, package):
    return [d for d in debs if os.path.basename(d).startswith(package)]


def build(names):
    """(path by name of the programs, why by name of those that cannot be built)."""
    top = sources()
    linux, mm = os.path.join(top, "linux"), os.path.join(top, "linux/tools/testing/selftests/mm")
    include = ["-isystem", top + "/usr/include/aarch64-linux-gnu", "-isystem", top + "/usr/include",
               "-I", os.path.dirname(mm), "-I", linux + "/tools/include", "-I", linux + "/tools/include/uapi"]
    common = [os.path.join(mm, c) for c in COMMON if os.path.exists(os.path.join(mm, c))]
    libcap = glob.glob(top + "/usr/lib/aarch64-linux-gnu/libcap.a")
    built, failed = {}, {}
    for name in names:
        out, source = os.path.join(top, "bin", name), os.path.join(mm, name + ".c")
        if not os.path.exists(out):
            if not os.path.exists(source):
                failed[name] = "not in this version of the sources"
                continue
            with base.scratch(out) as tmp:
                done = subprocess.run(["aarch64-linux-gnu-gcc", *FLAGS, *include, "-o", tmp + "/out", source, *common,
                                       *libcap, "-lpthread", "-lrt", "-lm"], cwd=mm, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
                if done.returncode:
                    failed[name] = done.stdout.decode("utf-8", "replace").strip().splitlines()[-1][:200]
                    continue
                os.rename(tmp + "/out", out)
        built[name] = out
    return built, failed
