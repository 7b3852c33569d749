# SPDX-License-Identifier: BSD-2-Clause
"""Linux's BPF selftests as static arm64 programs: its libbpf, test_maps and test_lru_map by the cases of
tests/bpf/selftests, and test_progs with the tests that need only what Tine has. What is made of Linux's
source alone is kept in the cache, the programs in the build folder."""
import concurrent.futures
import glob
import os
import re
import struct
import subprocess

from . import base, fetch, rootfs, selftests
from .apt import Apt, unpack_deb
from .base import BUILD, TOP, Error

SHIM = os.path.join(TOP, "tests", "bpf", "selftests")
OUT = os.path.join(BUILD, "bpf-selftests")
GCC = ("aarch64-linux-gnu-gcc", "-O1", "-w", "-std=gnu11", "-fno-omit-frame-pointer", "-D_GNU_SOURCE",
       "-D_FILE_OFFSET_BITS=64")
WRAPPED = ("syscall", "usleep", "nanosleep", "open64", "setns")	# by tests/bpf/selftests/shim.c
LINKED = {	# objects that are linked before a skeleton is made of them
    "test_static_linked": ("test_static_linked1", "test_static_linked2"), "linked_funcs": ("linked_funcs1", "linked_funcs2"),
    "linked_vars": ("linked_vars1", "linked_vars2"), "linked_maps": ("linked_maps1", "linked_maps2"),
}
# Of test_progs, the frame.
FRAME = ("test_progs", "cgroup_helpers", "trace_helpers", "network_helpers", "testing_helpers", "btf_helpers", "cap_helpers",
         "unpriv_helpers", "sysctl_helpers", "netlink_helpers", "jit_disasm_helpers", "io_helpers", "test_loader", "disasm",
         "disasm_helpers", "json_writer", "bpftool_helpers")


class Source:
    """Where the parts of the source are, and what the compilers are told."""

    def __init__(self):
        self.top = selftests.bpf_sources()
        self.linux = self.top + "/linux"
        self.tests = self.linux + "/tools/testing/selftests/bpf"
        self.gen, self.obj = self.top + "/gen", self.top + "/obj"
        self.tools = self.top + "/bpftool"
        tools = self.linux + "/tools"
        system = [self.top + "/usr/include/aarch64-linux-gnu", self.top + "/usr/include"]
        common = [self.gen, self.tests, tools + "/lib", tools + "/include", self.tests + "/libarena/include",
                  tools + "/include/uapi", tools + "/arch/arm64/include", os.path.dirname(self.tests)]
        self.cflags = [w for d in common for w in ("-I", d)] + [w for d in system for w in ("-isystem", d)]
        self.bpf_flags = [w for d in common for w in ("-I", d)] + [w for d in system for w in ("-idirafter", d)]
        self.lib = self.top + "/usr/lib/aarch64-linux-gnu"


def parallel(work, items):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(work, items))


def command(argv, out, **kw):
    """Runs ARGV, which makes a file where the argument is `@`; OUT appears whole or not at all."""
    with base.scratch(out) as tmp:
        made = os.path.join(tmp, os.path.basename(out))
        base.run([made if a == "@" else a for a in argv], os.path.basename(out), **kw)
        os.rename(made, out)
    return out


# --- what is made of Linux's source alone ---------------------------------------------------------
def libbpf(source):
    """libbpf.a of the same source."""
    def make(out):
        tree = source.linux + "/tools/lib/bpf"
        with base.scratch(out) as tmp:
            def one(name):
                base.run([*GCC, "-O2", *source.cflags, "-I", tree, "-D_LARGEFILE64_SOURCE", "-c", name, "-o",
                          os.path.join(tmp, os.path.basename(name) + ".o")], "libbpf")
            parallel(one, glob.glob(tree + "/*.c"))
            base.run(["aarch64-linux-gnu-ar", "rcs", tmp + "/lib.a", *sorted(glob.glob(tmp + "/*.o"))], "libbpf.a")
            os.rename(tmp + "/lib.a", out)
    return base.made(source.obj + "/libbpf.a", "selftests-libbpf", make)


def bpftool(source, *args):
    """What Debian's bpftool, which runs under qemu-aarch64, prints."""
    def unpack(where):
        with base.scratch(where) as tmp:
            for deb in Apt(rootfs.SUITE, "arm64").download(["bpftool"]):
                unpack_deb(deb, tmp + "/x")
            if not os.path.lexists(tmp + "/x/lib"):
                os.symlink("usr/lib", tmp + "/x/lib")
            os.rename(tmp + "/x", where)
    tools = base.made(source.tools, "selftests-bpftool", unpack)
    done = subprocess.run(["qemu-aarch64", "-L", tools, tools + "/usr/sbin/bpftool", *args], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise Error("bpftool %s: %s" % (" ".join(args[:2]), done.stderr.decode("utf-8", "replace").strip()[-300:]))
    return done.stdout


def write(path, data):
    """Nothing happens to a file that is like that already."""
    if os.path.exists(path):
        with open(path, "rb") as f:
            if f.read() == data:
                return
    with base.scratch(path) as tmp:
        with open(tmp + "/x", "wb") as f:
            f.write(data)
        os.rename(tmp + "/x", path)


def linux_btf():
    """The types of Debian's Linux, as they are in its image: the largest thing with BTF's header."""
    with open(fetch.linux(), "rb") as f:
        image = f.read()
    at, best = -1, b""
    while (at := image.find(b"\x9f\xeb\x01\x00\x18\0\0\0", at + 1)) >= 0:
        _, types, strings, size = struct.unpack_from("<IIII", image, at + 8)
        if strings == types and len(best) < 24 + strings + size <= len(image) - at:
            best = image[at:at + 24 + strings + size]
    return best


def headers(source):
    """gen/ with vmlinux.h of Linux's types and the helpers' declarations."""
    def types(out):
        with base.Progress("making vmlinux.h"), base.scratch(out) as tmp:
            with open(tmp + "/btf", "wb") as f:
                f.write(linux_btf())
            write(out, bpftool(source, "btf", "dump", "file", tmp + "/btf", "format", "c"))

    def helpers(out):
        write(out, subprocess.run(["python3", source.linux + "/scripts/bpf_doc.py", "--header", "--file",
                                   source.linux + "/include/uapi/linux/bpf.h"], check=True, stdout=subprocess.PIPE).stdout)
    base.made(source.gen + "/vmlinux.h", "selftests-vmlinux", types)
    base.made(source.gen + "/bpf_helper_defs.h", "selftests-helpers", helpers)


def bpf_object(source, name, cpu="v3"):
    """obj/NAME.bpf.o, compiled for version CPU of BPF; but for v3, that is in the name."""
    def make(out):
        command([fetch.newer_clang(), "-g", "-O2", "--target=bpfel", "-mcpu=" + cpu, "-D__TARGET_ARCH_arm64",
                 "-DENABLE_ATOMICS_TESTS", "-std=gnu11", "-fno-strict-aliasing", "-fms-extensions", "-w",
                 *source.bpf_flags, "-c", "%s/progs/%s.c" % (source.tests, name), "-o", "@"], out)
    file = name + (".bpf.o" if cpu == "v3" else ".%s.bpf.o" % cpu)
    return base.made(os.path.join(source.obj, file), "selftests-" + file, make)


def skeleton(source, name, light):
    """gen/NAME.skel.h (or .lskel.h) of the object of that name, or of those it is linked of."""
    def make(out):
        parts = [bpf_object(source, part) for part in LINKED.get(name, (name,))]
        with base.scratch(out) as tmp:
            linked = "%s/%s.bpf.o" % (tmp, name)
            bpftool(source, "gen", "object", linked, *parts)
            text = bpftool(source, "gen", "skeleton", *(["-L"] if light else []), linked, "name",
                           name + ("_lskel" if light else ""))
            write(out, text)
    kind = "lskel" if light else "skel"
    return base.made("%s/%s.%s.h" % (source.gen, name, kind), "selftests-%s-%s" % (name, kind), make)


# --- programs -------------------------------------------------------------------------------------
def compiled(source, c_file, flags=(), includes=()):
    """The object of C_FILE, in the build folder, made again if that or one of INCLUDES is newer."""
    out = "%s/%s.o" % (OUT, os.path.basename(c_file)[:-2])
    if not os.path.exists(out) or os.path.getmtime(out) < max(os.path.getmtime(f) for f in (c_file, *includes)):
        command([*GCC, *source.cflags, "-I", SHIM, *flags, "-c", c_file, "-o", "@"], out, cwd=source.tests)
    return out


def link(source, name, objects):
    objects = objects + [compiled(source, SHIM + "/shim.c", ["-I", source.linux + "/tools/lib/bpf"])]
    return command([GCC[0], "-static", "-B", source.lib, "-L", source.lib, *("-Wl,--wrap=" + n for n in WRAPPED),
                    "-o", "@", *objects, libbpf(source), "-lelf", "-lz", "-lzstd", "-lcap", "-lrt"],
                   os.path.join(OUT, name))


def declared(c_files):
    """What the frames call tests.h, of the functions test_NAME(void) in C_FILES."""
    names = []
    for path in c_files:
        with open(path) as f:
            names += re.findall(r"^void (?:serial_)?test_(\w+)\((?:void)?\)", f.read(), re.M)
    return names, "".join("DEFINE_TEST(%s)\n" % n for n in sorted(names))


def maps(source):
    """[path] of `maps` and `lru`. Where Linux starts 100 processes, 6 have to do: the machines are emulated."""
    base.ensure_dir(OUT + "/map_tests")
    files = [f for f in sorted(glob.glob(source.tests + "/map_tests/*.c"))
             if os.path.basename(f) not in ("sk_storage_map.c", "map_percpu_stats.c")]
    _, text = declared(files)
    write(OUT + "/map_tests/tests.h", text.encode())
    with open(source.tests + "/test_maps.c") as f:
        write(OUT + "/test_maps.c", re.sub(r"(#define TASKS|run_parallel\() *100", r"\1 6", f.read()).encode())
    helpers = [compiled(source, source.tests + "/testing_helpers.c")]
    objects = parallel(lambda f: compiled(source, f), files)
    cases = [SHIM + "/cases.h", OUT + "/test_maps.c", OUT + "/map_tests/tests.h"]
    ours = [compiled(source, SHIM + "/maps.c", ["-iquote", OUT, "-I", OUT], cases), compiled(source, SHIM + "/lru.c", (), cases)]
    return [link(source, "maps", [ours[0]] + objects + helpers), link(source, "lru", [ours[1]] + helpers)]


def needs(source, test):
    """(skeletons, light skeletons, objects) that prog_tests/TEST.c names."""
    with open("%s/prog_tests/%s.c" % (source.tests, test)) as f:
        text = f.read()
    return (re.findall(r'#include "(\w+)\.skel\.h"', text), re.findall(r'#include "(\w+)\.lskel\.h"', text),
            re.findall(r'"(?:\./)?(\w+)\.bpf\.l?o"', text))


def tests_of(program):
    """The names of the tests in PROGRAM, which is test_progs."""
    with open(os.path.dirname(program) + "/prog_tests/tests.h") as f:
        return re.findall(r"DEFINE_TEST\((\w+)\)", f.read())


def progs(source, tests):
    """(path of test_progs with TESTS, paths of objects that they read, {test: why it cannot be built})."""
    headers(source)
    base.ensure_dir(OUT + "/prog_tests")
    failed, objects, readable = {}, {}, set()

    def one(test):
        try:
            skeletons, lights, files = needs(source, test)
            for name in skeletons:
                skeleton(source, name, False)
            for name in lights:
                skeleton(source, name, True)
            readable.update([bpf_object(source, name) for name in files])
            objects[test] = compiled(source, "%s/prog_tests/%s.c" % (source.tests, test))
        except (Error, OSError) as error:
            lines = [l for l in str(error).splitlines() if "error" in l] or str(error).splitlines()
            failed[test] = lines[0][:200]
    parallel(one, tests)
    built = [t for t in tests if t in objects]
    _, text = declared("%s/prog_tests/%s.c" % (source.tests, t) for t in built)
    write(OUT + "/prog_tests/tests.h", text.encode())
    write(OUT + "/verification_cert.h", b"static const unsigned char test_progs_verification_cert[1];\n"
          b"static const unsigned int test_progs_verification_cert_len = 1;\n")
    frame = parallel(lambda n: compiled(source, "%s/%s.c" % (source.tests, n), ["-I", OUT],
                                        [OUT + "/prog_tests/tests.h"]), FRAME)
    frame.append(compiled(source, source.linux + "/tools/lib/find_bit.c"))
    return link(source, "test_progs", frame + [objects[t] for t in built]), sorted(readable), failed
