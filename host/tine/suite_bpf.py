# SPDX-License-Identifier: BSD-2-Clause
"""BPF on this machine: programs with known results in the interpreter and in the JIT's code under
qemu-aarch64, and both on random programs. `--seconds` says how long for the latter."""
import glob
import os
import subprocess
import sys
import time

from . import bpf_clients, bpf_corpus, build
from .base import TOP, Error
from .suite_host import follow, make

TOOL = "build/host/tine-bpf-run"
# The options of a run, and which part of the groups with many cases it takes.
RUNS = ((), 1), (("--jit",), 12), (("--jit", "--exclusives", "--near"), 40), (("--jit", "--blind"), 40)

PROGRAMS, PROMISE = 50, 0.95	# real programs compared at least; our bytes of them to Linux's at most


def load_cases():
    sys.path.insert(0, os.path.join(TOP, "tests/bpf"))
    import cases
    return cases


def answers(options, group):
    """What the tool says of a group's cases, a line each."""
    text = "".join("%s %s\n" % (program.hex(), memory.hex() or "-") for _, program, memory, _ in group)
    done = subprocess.run([os.path.join(TOP, TOOL), "--batch", *options], input=text, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, cwd=TOP, timeout=600, check=False)
    return done.stdout.split("\n")[:-1]


def wrong(group, lines):
    for number, (name, program, memory, want) in enumerate(group):
        got = lines[number] if number < len(lines) else "nothing"
        if got != "%x" % want if want is not None else not got.startswith("error"):
            yield "%s: %s, not %s (program %s, memory %s)" % (
                name, got, "an error" if want is None else "%x" % want, program.hex()[:400], memory.hex())
    if len(lines) > len(group):
        yield lines[-1]


def known_results(report, groups):
    for options, part in RUNS:
        count = 0
        for name, group in groups.items():
            if len(group) > 1000:
                group = group[::part]
            problems = list(wrong(group, answers(options, group)))
            what = "bpf: %s %s" % (" ".join(options) or "interpreter", name)
            if problems:
                report.fail(what, "\n    ".join(problems[:5]))
            else:
                report.ok(what, quiet=True)
            count += len(group)
        report.note("# bpf: %d programs by %s" % (count, " ".join(options) or "the interpreter"))


def image_sizes(report, sizes):
    group = [(name, program, b"", most) for name, program, most in sizes]
    lines = answers(["--jit", "--size"], group)
    over = ["%s: %s bytes, at most %d" % (name, line, most) for (name, _, _, most), line in zip(group, lines)
            if line.startswith("error") or int(line, 16) > most]
    report.result("bpf: image sizes", "; ".join(over) if len(lines) == len(group) else repr(lines))


def by_libbpf(report):
    """Debian's libbpf loads compiled objects on Tine."""
    try:
        report.result("bpf: objects loaded by libbpf", "; ".join(bpf_corpus.loaded_here()))
    except Error as error:
        report.note("# bpf: nothing loaded by libbpf: %s" % error)


def real_programs(report, show):
    """Our code of real programs against Linux's of the same; without a network there may be none to compare."""
    try:
        table = bpf_corpus.compare()
    except Error as error:
        report.note("# bpf: no real programs compared: %s" % error)
        return
    for name, program, number, linux, ours in table if show else []:
        report.note("# %-24s %-40s %5d instructions %6d bytes %6d on Linux  %.2f" % (name, program, number, ours, linux, ours / linux))
    linux, ours = sum(line[3] for line in table), sum(line[4] for line in table)
    report.note("# bpf: %d real programs: %d bytes, %d on Linux, %.3f; the worst %.3f" % (
        len(table), ours, linux, ours / max(linux, 1), max((line[4] / line[3] for line in table), default=0)))
    problems = [] if len(table) >= PROGRAMS else ["only %d programs" % len(table)]
    if ours > PROMISE * linux:
        problems.append("%d bytes, at most %.2f of %d" % (ours, PROMISE, linux))
    report.result("bpf: code of real programs", "; ".join(problems))


def plugin(report):
    """The protocol of the conformance suite: hexadecimal with blanks, memory as an argument."""
    for options in ([], ["--jit"]):
        done = subprocess.run([os.path.join(TOP, TOOL), "aa BB cc 0d", *options], input="71 10 03 00 00 00 00 00\n9500000000000000\n",
                              stdout=subprocess.PIPE, text=True, check=False)
        report.result("bpf: plugin protocol %s" % " ".join(options), "" if (done.stdout, done.returncode) == ("d\n", 0) else repr(done))
    done = subprocess.run([os.path.join(TOP, TOOL)], input="9500", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    report.result("bpf: plugin protocol, bad program", "" if done.returncode == 1 and done.stderr else repr(done))


def suite_bpf(o, report):
    built = make("bpf-tools")
    output = built.stdout.read()
    if built.wait():
        raise Error("building the BPF tools failed:\n" + output[-2000:])
    plugin(report)
    cases = load_cases()
    known_results(report, {name: list(make_cases()) for name, make_cases in cases.GROUPS.items()})
    image_sizes(report, cases.IMAGE_SIZES)
    real_programs(report, o.verbose)
    build.image()
    by_libbpf(report)
    bpf_clients.clients(report)
    objects = sorted(glob.glob(os.path.join(TOP, "build/host/bpf/*.o")))
    follow(subprocess.Popen([os.path.join(TOP, "build/host/test_bpf_clang"), *objects], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"), report, "bpf")
    seed = str(int(time.time()))
    for tool in ("bpf_jit", "bpf_both"):
        follow(subprocess.Popen(["qemu-aarch64", os.path.join(TOP, "build/host/%s.arm64" % tool), str(o.seconds or 2), seed],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                errors="replace"), report, "bpf")
