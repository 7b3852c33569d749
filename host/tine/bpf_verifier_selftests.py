# SPDX-License-Identifier: BSD-2-Clause
"""Linux's verifier selftests on both kernels: each program of the tables in tools/testing/selftests/bpf/verifier and of
progs/verifier_*.c is loaded alone (tests/bpf/selftests/tables.c, objects.c), those of types that Tine has not as socket
filter, XDP and syscall program. What Linux refuses has to be refused here and what it takes has to be taken, with the same r0;
exceptions are named, with a reason, in tests/bpf-verifier.txt. What Linux said is kept in the cache
(bench/bpf-verifier-...)."""
import collections
import fnmatch
import glob
import hashlib
import io
import os
import re
import struct
import subprocess
import tarfile

from . import base, bpf_selftests, fetch, suite_mm_selftests
from .base import TOP, Error

EXCEPTIONS = os.path.join(TOP, "tests", "bpf-verifier.txt")
SECONDS = 3600	# for all of it on one kernel
# Kinds of difference; exceptions name one of them.
ACCEPTED, REFUSED, RUN, ABSENT = "accepted", "refused", "run", "absent"
UNTRIED = "<invalid "	# in the log that libbpf makes where a program needs a map or function that was left out
SCRIPT = """tar x && mount -t bpf bpf /sys/fs/bpf && echo 1 >/proc/sys/net/core/bpf_jit_enable
./tables; for f in *.o; do ./objects $f; done"""


# --- building -------------------------------------------------------------------------------------
def weakened(data):
    """The object DATA with its undefined symbols weak: libbpf loads programs although a kernel has not what others ask for."""
    data = bytearray(data)
    table, = struct.unpack_from("<Q", data, 40)
    size, number = struct.unpack_from("<HH", data, 58)
    for at in range(table, table + size * number, size):
        if struct.unpack_from("<I", data, at + 4)[0] != 2:	# SHT_SYMTAB
            continue
        first, length = struct.unpack_from("<QQ", data, at + 24)
        for symbol in range(first, first + length, 24):
            if data[symbol + 4] >> 4 == 1 and data[symbol + 6:symbol + 8] == b"\0\0":
                data[symbol + 4] = data[symbol + 4] & 15 | 2 << 4
    return bytes(data)


def loaders(source):
    """Paths of `tables` and `objects`."""
    folder = base.ensure_dir(bpf_selftests.OUT + "/verifier")
    names = sorted(os.path.basename(f) for f in glob.glob(source.tests + "/verifier/*.c"))
    bpf_selftests.write(folder + "/tests.h", "".join('#include "verifier/%s"\n' % n for n in names).encode())
    libs = ["-B", source.lib, "-L", source.lib, bpf_selftests.libbpf(source), "-lelf", "-lz", "-lzstd"]
    return [bpf_selftests.command([*bpf_selftests.GCC, "-I", bpf_selftests.OUT, "-I", bpf_selftests.SHIM, *source.cflags,
                                   "-s", "-static", "%s/%s.c" % (bpf_selftests.SHIM, name), "-o", "@", *libs],
                                  "%s/%s" % (bpf_selftests.OUT, name)) for name in ("tables", "objects")]


def objects(source):
    """({name: compiled object}, {name: why it cannot be compiled})"""
    bpf_selftests.headers(source)
    made, failed = {}, {}

    def one(path):
        name = os.path.basename(path)[:-2]
        try:
            with open(bpf_selftests.bpf_object(source, name, "v4"), "rb") as f:
                made[name] = weakened(f.read())
        except Error as error:
            lines = [line for line in str(error).splitlines() if "error:" in line] or [str(error)]
            failed[name] = lines[0][-200:]
    bpf_selftests.parallel(one, sorted(glob.glob(source.tests + "/progs/verifier_*.c")))
    return made, failed


# --- running --------------------------------------------------------------------------------------
def answers(text):
    """{(file, program, type): what the loaders said, words}; ["stopped"]: it was begun and nothing said."""
    found = {}
    for line in text.splitlines():
        words = line.split("\t")
        if len(words) >= 4 and words[0] in "@>":
            found[tuple(words[1:4])] = words[4:] if words[0] == "@" else ["stopped"]
    return found


def run(programs, made, *options):
    """What the loaders print on one kernel, and the VM's status: not 0 if that kernel stopped meanwhile."""
    bundle = io.BytesIO()
    with tarfile.open(fileobj=bundle, mode="w") as tar:
        for path in programs:
            tar.add(path, os.path.basename(path))
        for name, data in sorted(made.items()):
            info = tarfile.TarInfo(name + ".o")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    done = subprocess.run([os.path.join(TOP, "tine"), "run", "--quiet", "-m", "2G", "--smp", "2", *options, "--", "sh", "-c", SCRIPT],
                          input=bundle.getvalue(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                          timeout=SECONDS, env=dict(os.environ, TINE_CACHE=base.CACHE))
    text = done.stdout.decode("utf-8", "replace")
    if "@\t" not in text:
        raise Error("verifier selftests: status %d, %s" % (done.returncode, done.stderr.decode()[-300:]))
    return text, done.returncode


def linux(programs, made):
    fetch.linux()
    key = hashlib.sha256(repr((fetch.linux_version(), fetch.CLANG, sorted(made), SCRIPT)).encode())
    for name in ("tables.c", "objects.c", "verdict.h"):
        with open(os.path.join(bpf_selftests.SHIM, name), "rb") as f:
            key.update(f.read())

    def ask(path):
        with base.Progress("asking Linux's verifier"):
            text, status = run(programs, made, "--linux")
            if status:
                raise Error("Linux ended with status %d in %s" % (status, text.splitlines()[-1]))
            bpf_selftests.write(path, text.encode())
    with open(base.made(base.cache("bench", "bpf-verifier-" + key.hexdigest()[:16]), "bpf-verifier", ask)) as f:
        return answers(f.read())


# --- judging --------------------------------------------------------------------------------------
def exceptions():
    """[(kind, pattern, reason)]; lines are `KIND PATTERN = REASON`."""
    rules = []
    for what, reason in suite_mm_selftests.exceptions(EXCEPTIONS):
        kind, _, pattern = what.partition(" ")
        if kind not in (ACCEPTED, REFUSED, RUN) or not pattern:
            raise Error("%s: %s: not KIND PATTERN = REASON" % (EXCEPTIONS, what))
        rules.append((kind, pattern.strip(), reason))
    return rules


def differ(there, here):
    """The kind of difference between two answers, or None. Pure."""
    if here[0] not in ("accepted", "refused"):
        return ABSENT
    if there[0] != here[0] and there[0] in ("accepted", "refused"):
        return here[0]
    return RUN if here[0] == "accepted" and there[1:] != here[1:] else None


def excuse(rules, kind, name, here):
    """The first of RULES for a difference of KIND: its pattern stands for the name, or, behind `log: `, for the end of our log."""
    for rule in rules:
        _, pattern, _ = rule
        log = pattern.startswith("log: ")
        text = here[-1].rpartition(" / ")[2] if log else name
        if rule[0] == kind and fnmatch.fnmatchcase(text, pattern[5:] if log else pattern):
            return rule
    return None


def judged(report, there, here, rules):
    """Reports each program of Linux's answers THERE; a count of each kind of difference, named or not."""
    counts, used, missing = collections.Counter(), set(), []
    for key, theirs in there.items():
        name, mine = "%s: %s (%s)" % key, here.get(key, ["absent"])
        if UNTRIED in theirs[-1] and mine[0] == "refused":
            counts["left out"] += 1
            continue
        kind = differ(theirs, mine)
        rule = kind and excuse(rules, kind, name, mine)
        counts[kind + (", named" if rule else "") if kind else "same, " + mine[0]] += 1
        used.add(rule)
        if kind == ABSENT:
            missing.append("%s %s" % (name, mine[0]))
        elif not kind:
            report.ok(name, quiet=True)
        elif rule:
            report.skip(name, "%s, exception: %s" % (kind, rule[2]), quiet=True)
        else:
            report.fail(name, "on Linux: %s, here: %s" % (" ".join(theirs)[:200], " ".join(mine)[:200]))
    if missing:
        report.fail("%d programs without an answer" % len(missing), missing[0])
    for kind, pattern, _ in [r for r in rules if r not in used]:
        report.fail("bpf-verifier.txt: %s %s" % (kind, pattern), "names nothing")
    return counts


def verifier(o, report):
    """The part of `tine test bpf-selftests`."""
    source = bpf_selftests.Source()
    programs, (made, failed) = loaders(source), objects(source)
    for name, why in failed.items():
        report.skip("bpf: " + name, "cannot be compiled: " + why)
    there = linux(programs, made)
    text, status = run(programs, made)
    report.result("bpf: the verifier's VM ends", status and "status %d" % status)
    log = os.path.join(bpf_selftests.OUT, "verifier-tine.txt")
    bpf_selftests.write(log, text.encode())
    counts = judged(report, there, answers(text), exceptions())
    report.note("# verifier selftests: %d programs and types; %s" % (len(there), ", ".join(
        "%s: %d" % pair for pair in sorted(counts.items()))))
