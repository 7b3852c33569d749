# SPDX-License-Identifier: BSD-2-Clause
"""Machine code of real BPF programs, Linux's and ours. The programs (tests/bpf/corpus.txt) are those of Debian's
packages, as their authors' compilers made them: object files, and objects that libbpf's skeletons keep in programs.
Debian's Linux loads each by libbpf and says how long its code is, and which instructions it was made of; our JIT makes
its own of the same instructions. What Linux said is kept in the cache (bench/bpf-corpus-...)."""
import hashlib
import io
import os
import struct
import subprocess
import tarfile

from . import base, fetch
from .apt import Apt, unpack_deb
from .base import BUILD, TOP, Error

LIST = os.path.join(TOP, "tests/bpf/corpus.txt")
LOADER = os.path.join(TOP, "tests/bpf/corpus.c")
BUILDING = ("libbpf-dev", "libbpf1")
MAP = 0xffff000004a81c40	# an address of the kernel's, where one stood in the program
EM_BPF = 247
# Of types that both kernels have: loaded here as well, as a program of libbpf's would.
HERE = (("xdp-tests", "xdp_adjust_tail.o", "xdp_adjust_tail"), ("xdp-tests", "xdp_drop.o", "xdp_drop"),
        ("xdp-tests", "xdp_dispatcher_v1.o", "xdp_dispatcher"), ("libxdp1", "xdp-dispatcher.o", "xdp_pass"))
XDP = "6"


def wanted():
    """[(package, file, program)]"""
    with open(LIST) as f:
        return [tuple(line.split()) for line in f if line.strip() and not line.startswith("#")]


# --- the objects ----------------------------------------------------------------------------------
def packages():
    """Paths of the .deb files by package: of the programs, and of what the loader is built with."""
    names = sorted({package for package, _, _ in wanted()}) + list(BUILDING)
    debs = Apt(fetch.LINUX_SUITE, "arm64").download(names, no_depends=True)
    return {os.path.basename(deb).split("_")[0]: deb for deb in debs}


def embedded(data):
    """The BPF objects in DATA."""
    at = data.find(b"\x7fELF\x02\x01\x01")
    while at >= 0:
        if data[at + 16:at + 20] == struct.pack("<HH", 1, EM_BPF):
            sections, = struct.unpack_from("<Q", data, at + 40)
            size, number = struct.unpack_from("<HH", data, at + 58)
            yield data[at:at + sections + size * number]
        at = data.find(b"\x7fELF\x02\x01\x01", at + 4)


def objects(tree):
    """{(package, file): object} of what is unpacked below TREE/PACKAGE."""
    found = {}
    for package in {package for package, _, _ in wanted()}:
        for folder, _, files in os.walk(os.path.join(tree, package)):
            for name in files:
                path = os.path.join(folder, name)
                if os.path.islink(path):
                    continue
                with open(path, "rb") as f:
                    for number, data in enumerate(embedded(f.read())):
                        found.setdefault((package, name if not number else "%s#%d" % (name, number)), data)
    return found


# --- Linux ----------------------------------------------------------------------------------------
def build_loader(tree):
    out = os.path.join(BUILD, "host", "bpf_corpus")
    os.makedirs(os.path.dirname(out), exist_ok=True)
    base.run(["aarch64-linux-gnu-gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-I", tree + "/usr/include", "-o", out, LOADER,
              "-Wl,--unresolved-symbols=ignore-in-shared-libs", tree + "/usr/lib/aarch64-linux-gnu/libbpf.so.1"],
             "building the loader of BPF objects")
    return out


def in_guest(programs, debs, tree, *options):
    """What the loader says of PROGRAMS in a guest, a list of words each; DEBS are unpacked below TREE."""
    for name, deb in debs.items():
        unpack_deb(deb, os.path.join(base.ensure_dir(tree), "sys" if name in BUILDING else name))
    loader, found = build_loader(tree + "/sys"), objects(tree)
    bundle, args = io.BytesIO(), []
    with tarfile.open(fileobj=bundle, mode="w") as tar:
        tar.add(loader, "corpus")
        for number, (package, name, program) in enumerate(programs):
            data = found.get((package, name))
            if data is None:
                raise Error("%s has no BPF object %s" % (package, name))
            info = tarfile.TarInfo("%d.o" % number)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
            args += [info.name, program]
    line = "tar x && { mount -t bpf bpf /sys/fs/bpf; ./corpus %s; }" % " ".join(args)
    done = subprocess.run([os.path.join(TOP, "tine"), "run", "--quiet", *options, "--include", "libbpf1", "--", "sh", "-c", line],
                          input=bundle.getvalue(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=900,
                          env=dict(os.environ, TINE_CACHE=base.CACHE))
    if done.returncode:
        raise Error("loading BPF objects: status %d, %s" % (done.returncode, done.stderr.decode()[-300:]))
    return [line.split() for line in done.stdout.decode().splitlines()]


def linux():
    """[(file, program, bytes of Linux's code, instructions in hexadecimal)]; those that Linux refused have 0 bytes."""
    debs = packages()
    fetch.linux()
    key = hashlib.sha256(repr((sorted(map(os.path.basename, debs.values())), fetch.linux_version(), wanted(),
                               open(LOADER).read())).encode()).hexdigest()[:16]
    kept = base.cache("bench", "bpf-corpus-" + key)

    def ask(path):
        with base.scratch(path) as tmp:
            lines = in_guest(wanted(), debs, tmp + "/x", "--linux")
            with open(tmp + "/lines", "w") as f:
                f.writelines(" ".join(words) + "\n" for words in lines)
            os.rename(tmp + "/lines", path)
    with open(base.made(kept, "bpf-corpus", ask)) as f:
        lines = [line.split() for line in f if line.strip()]
    return [(name, program, 0, "") if line[0] == "refused" else (name, program, int(line[3]), line[4])
            for (_, name, program), line in zip(wanted(), lines)]


# --- ours -----------------------------------------------------------------------------------------
def halves(value):
    return struct.unpack("<ii", struct.pack("<Q", value))


def plain(text):
    """Instructions as Linux shows them, as our JIT takes them: addresses in place of maps, any helper's number in place
    of Linux's offsets, calls of functions by distance. None: one that only Linux has."""
    data = bytes.fromhex(text)
    code = [list(struct.unpack_from("<BBhi", data, at)) for at in range(0, len(data), 8)]
    at = 0
    while at < len(code):
        op, regs, off, imm = code[at]
        source = regs >> 4
        if op == 0x18:
            if source in (1, 2, 3, 5, 6):
                low, high = halves(MAP)
                code[at], code[at + 1] = [op, regs & 15, 0, low], [0, 0, 0, high]
            elif source == 4:
                code[at + 1][3] = 0
            at += 1
        elif op == 0x85 and source == 1:
            code[at] = [op, 0x10, 0, off]
        elif op == 0x85 and (source or imm != 12):
            code[at] = [op, 0, 0, 1]
        elif op == 0xc2 or (op & 7 == 7 and op & 0xf0 == 0xb0 and off not in (0, 8, 16, 32)):
            return None
        at += 1
    return b"".join(struct.pack("<BBhi", *one) for one in code).hex()


def ours(texts):
    """Bytes of our code for each; None where there is none."""
    taken = [plain(text) if text else None for text in texts]
    done = subprocess.run([os.path.join(BUILD, "host", "tine-bpf-run"), "--jit", "--near", "--size", "--batch"],
                          input="".join("%s -\n" % (one or "00") for one in taken), stdout=subprocess.PIPE, text=True,
                          check=False, timeout=300)
    return [int(line, 16) if one and not line.startswith("error") else None
            for one, line in zip(taken, done.stdout.split("\n"))]


def compare():
    """[(file, program, instructions, Linux's bytes, ours)] of all that both have."""
    theirs = linux()
    return [(name, program, len(text) // 16, size, mine)
            for (name, program, size, text), mine in zip(theirs, ours([text for _, _, _, text in theirs])) if size and mine]


def loaded_here():
    """What is wrong with the programs of HERE when Debian's libbpf loads them on Tine: lines."""
    debs = packages()
    with base.scratch(os.path.join(BUILD, "bpf-corpus")) as tmp:
        try:
            lines = in_guest(HERE, debs, tmp + "/x")
        except Error as error:
            return [str(error)]
    problems = ["%d answers for %d programs" % (len(lines), len(HERE))] if len(lines) != len(HERE) else []
    return problems + [" ".join(words) for (_, _, program), words in zip(HERE, lines)
                       if words[0] == "refused" or words[1:3] != [program, XDP] or not int(words[3])]
