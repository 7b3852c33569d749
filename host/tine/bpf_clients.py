# SPDX-License-Identifier: BSD-2-Clause
"""Real clients of bpf(2): Debian's bpftool, a static program of libbpf's and one with a light skeleton
(tests/bpf/clients), in a guest of both kernels. What they print has to be the same but for numbers that each kernel chooses, and what Linux has and we do not
has to be named in docs/bpf.md. What Linux said is kept in the cache (bench/bpf-clients-...)."""
import hashlib
import io
import os
import re
import subprocess
import tarfile

from . import base, fetch, rootfs
from .apt import Apt, unpack_deb
from .base import TOP, Error

SOURCES = os.path.join(TOP, "tests/bpf/clients")
# For the static program, of one suite: its libbpf wants the C library that it was built with.
BUILDING = ("libbpf-dev", "libelf-dev", "zlib1g-dev", "libzstd-dev", "libc6-dev", "linux-libc-dev")
OURS = ("socket_filter", "xdp", "syscall")	# the types of programs that are here
DOCS, CHAPTER = os.path.join(TOP, "docs/bpf.md"), "## What Linux has and Tine does not"

# Sections whose lines differ, what ours are, and why.
DIFFERENT = {
    "net": ["Error: can't open /proc/self/ns/net: No such file or directory", "status 255"],	# no network devices
    "perf": ["Error: perf_query_support: Invalid argument",	# nothing can be attached to an event
             "HINT: non root or kernel doesn't support TASK_FD_QUERY", "status 255"],
}
NUMBERS = (	# what each kernel chooses
    (r"^\d+: ", "N: "), (r"loaded_at \S+", "loaded_at TIME"), (r'"loaded_at":\d+', '"loaded_at":TIME'),
    (r"(xlated|jited|memlock) \d+B", r"\1 NB"), (r'"bytes_(xlated|jited|memlock)":\d+', r'"bytes_\1":N'),
    (r'"id":\d+', '"id":N'), (r"(prog|map)_ids [\d,]+", lambda m: "%s_ids: %d" % (m[1], m[0].count(",") + 1)),
    (r'"map_ids":\[([\d,]+)\]', lambda m: '"map_ids":%d' % (m[0].count(",") + 1)),
    (r'btf_id"?([: ])\d+', r"btf_id\1N"), (r"inner_map_id: \d+", "inner_map_id: N"),
    (r"duration( \(average\))?: \d+ns", r"duration\1"), (r"(vmlinux\]  size) \d+B", r"\1 NB"),
    (r"(unprivileged users is) \d+ bytes", r"\1 N bytes"),
)


# The objects, whose text is shown, are the same wherever this tree lies.
PLACE = ["-fdebug-compilation-dir=.", "-ffile-prefix-map=%s/=" % TOP]


# --- building -------------------------------------------------------------------------------------
def skeleton(tools, out):
    """light.skel.h in OUT, by the bpftool that is unpacked below TOOLS."""
    if not os.path.lexists(tools + "/lib"):
        os.symlink("usr/lib", tools + "/lib")
    with open(out + "/light.skel.h", "wb") as f:
        done = subprocess.run(["qemu-aarch64", "-L", tools, tools + "/usr/sbin/bpftool", "-L", "gen", "skeleton",
                               out + "/objects.o", "name", "light"], stdout=f, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise Error("bpftool gen skeleton: " + done.stderr.decode()[-300:])


def build(tree, tools, out):
    """The objects and the clients, in OUT; headers and libraries are unpacked below TREE."""
    lib, include = tree + "/usr/lib/aarch64-linux-gnu", tree + "/usr/include"
    for name in ("objects", "bad", "typed"):
        base.run(["clang", "-g", "-O2", "-target", "bpf", "-mcpu=v3", "-I", include, "-idirafter", "/usr/aarch64-linux-gnu/include",
                  *PLACE, "-c", "%s/%s.bpf.c" % (SOURCES, name), "-o", "%s/%s.o" % (out, name)],
                 "building the objects of BPF clients")
    base.run(["aarch64-linux-gnu-gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-static", "-B", lib, "-L", lib,
              "-isystem", include + "/aarch64-linux-gnu", "-isystem", include, "-o", out + "/client", SOURCES + "/client.c",
              "-lbpf", "-lelf", "-lz", "-lzstd"], "building a static client of libbpf")
    skeleton(tools, out)
    base.run(["aarch64-linux-gnu-gcc", "-O2", "-Wall", "-D_GNU_SOURCE", "-static", "-B", lib, "-L", lib, "-I", out,
              "-isystem", include + "/aarch64-linux-gnu", "-isystem", include, "-o", out + "/light", SOURCES + "/light.c"],
             "building a program with a light skeleton")


def run(debs, tree, *options):
    """What all clients print in a guest."""
    for deb in debs:
        unpack_deb(deb, base.ensure_dir(tree + "/sys"))
    for deb in Apt(rootfs.SUITE, "arm64").download(["bpftool"]):
        unpack_deb(deb, base.ensure_dir(tree + "/tools"))
    build(tree + "/sys", tree + "/tools", tree)
    bundle = io.BytesIO()
    with tarfile.open(fileobj=bundle, mode="w") as tar:
        for name in ("objects.o", "bad.o", "typed.o", "client", "light"):
            tar.add(os.path.join(tree, name), name)
        tar.add(SOURCES + "/bpftool.sh", "bpftool.sh")
    done = subprocess.run([os.path.join(TOP, "tine"), "run", "--quiet", "--smp", "1", *options, "--include", "bpftool", "--",
                           "sh", "-c", "tar x && sh bpftool.sh && ./client objects.o bad.o typed.o && ./light"], input=bundle.getvalue(),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=900,
                          env=dict(os.environ, TINE_CACHE=base.CACHE))
    if done.returncode:
        raise Error("BPF clients: status %d, %s" % (done.returncode, done.stderr.decode()[-300:]))
    return done.stdout.decode("utf-8", "replace")


def sections(text):
    found, name = {}, None
    for line in text.splitlines():
        if line.startswith("== "):
            name = line[3:]
            found[name] = []
        elif name:
            found[name].append(line)
    return found


def linux(debs):
    fetch.linux()
    sources = [open(os.path.join(SOURCES, name)).read() for name in sorted(os.listdir(SOURCES))]
    bpftool = Apt(rootfs.SUITE, "arm64").download(["bpftool"], no_depends=True)
    key = hashlib.sha256(repr((sorted(map(os.path.basename, debs + bpftool)), fetch.linux_version(), sources, "places")).encode())

    def ask(path):
        with base.Progress("asking BPF's clients on Linux"), base.scratch(path) as tmp:
            text = run(debs, tmp + "/x", "--linux")
            with open(tmp + "/text", "w") as f:
                f.write(text)
            os.rename(tmp + "/text", path)
    with open(base.made(base.cache("bench", "bpf-clients-" + key.hexdigest()[:16]), "bpf-clients", ask)) as f:
        return sections(f.read())


# --- judging --------------------------------------------------------------------------------------
def plain(name, lines):
    """LINES of section NAME without what may differ."""
    if name == "xlated":	# of the instructions, the order of the lines that they are from
        lines = [line for line in lines if re.match(r"-- |; .", line)]
        return [line for k, line in enumerate(lines) if not k or line != lines[k - 1]]
    if name == "load-refused":	# the verifier's log: numbers of its own, the address of a map or its descriptor
        lines = [re.sub(r"(?<=[(,])id=\d+,?|mark_read \d+|(?<= = )0x[0-9a-f]+ *(?=;)", "", line) for line in lines]
        return lines
    for pattern, text in NUMBERS:
        lines = [re.sub(pattern, text, line) for line in lines]
    if name == "tail-call":
        lines = [re.sub(r"value: .*", "value: ID", line) for line in lines]
    if name in ("map-list", "btf"):
        # Linux's answer has the number that user space left in its buffer where a map has no BTF (bpftool leaves the last).
        lines = [re.sub(r',?"btf_id:N|^\s*btf_id N$', "", line) for line in lines]
        lines = [re.sub(r"^\s*btf_id N  ", "\t", line) for line in lines if line]
    return lines


def features(found):
    """What bpftool and libbpf believe of a kernel: names, those of helpers with the type of program."""
    names, kind = set(), None
    for line in found.get("feature", []):
        there = re.match(r"eBPF (program|map)_type (\S+) is available", line)
        helpers = re.match(r"eBPF helpers supported for program type (\S+):", line)
        if there:
            names.add((there[1], there[2]))
        elif helpers:
            kind = helpers[1]
        elif line.startswith("\t- bpf_"):
            names.add((kind, line[len("\t- bpf_"):]))
    probed = [re.match(r"(?:(program|map)|helper (\S+)) (\S+): (-?\d+)", line) for line in found.get("client-probes", [])]
    return names, {(line[1] or line[2], line[3]) for line in probed if line and line[4] == "1"}


def named():
    """The names in the chapter of the documentation."""
    with open(DOCS) as f:
        text = f.read()
    if CHAPTER not in text:
        raise Error("docs/bpf.md has no chapter %r" % CHAPTER)
    return set(re.findall(r"`(\w+)`", text.split(CHAPTER)[1].split("\n## ")[0]))


def judged_features(report, ours, theirs):
    known, missing = named(), set()
    for who, mine, other in zip(("bpftool", "libbpf"), features(ours), features(theirs)):
        here = {(kind, name) for kind, name in other if kind in OURS + ("program", "map")}
        missing |= {name for kind, name in here - mine}
        problems = ["%s %s is here and not there" % pair for pair in sorted(mine - other)]
        problems += ["%s %s is not here, and not in docs/bpf.md" % pair for pair in sorted(here - mine) if pair[1] not in known]
        problems += ["no %s" % name for name in OURS if ("program", name) not in mine]
        report.result("bpf: features, as %s sees them" % who, "; ".join(problems[:8]))
    if known - missing:
        report.note("# bpf: docs/bpf.md names what is here: %s" % ", ".join(sorted(known - missing)))


def judged(report, ours, theirs):
    for name in theirs:
        if name in ("feature", "client-probes"):
            continue
        mine, want = plain(name, ours.get(name, ["no such section"])), DIFFERENT.get(name) or plain(name, theirs[name])
        differ = next((k for k in range(max(len(mine), len(want))) if mine[k:k + 1] != want[k:k + 1]), None)
        report.result("bpf: clients, %s" % name, "" if differ is None else "line %d is %r, not %r" % (
            differ + 1, (mine + [None])[min(differ, len(mine))], (want + [None])[min(differ, len(want))]))
    judged_features(report, ours, theirs)


def clients(report):
    """All clients on both kernels. Without a network there may be none; the report says so."""
    try:
        debs = Apt(fetch.LINUX_SUITE, "arm64").download(list(BUILDING), no_depends=True)
        theirs = linux(debs)
    except Error as error:
        report.note("# bpf: no clients: %s" % error)
        return
    with base.scratch(os.path.join(base.BUILD, "bpf-clients")) as tmp:
        judged(report, sections(run(debs, tmp + "/x")), theirs)
