# SPDX-License-Identifier: BSD-2-Clause
"""`tine bench`: the same static binaries on Tine and on Debian's Linux, in the same QEMU, on the
instruction clock, side by side with what part 1 promises."""
import bisect
import gzip
import hashlib
import io
import json
import os
import re
import time

from . import base, build, cpio, deps, fetch, qemu, vm
from .base import BUILD, TOP, Error, UsageError, say
from .cli_util import Parser

OUT = os.path.join(BUILD, "bench")
LIMIT = 900	# seconds of real time for one boot
GROUPS = {	# name: (what, lines of the suite, MiB of memory, in the default set)
    "calls": ("system calls and signals", ("env", "b syscalls", "b signal"), 2048, True),
    "switch": ("pipes, sockets, context switches, futexes, threads",
               ("b pipe", "b unix", "b ctxsw", "b futex", "b thread"), 2048, True),
    "memory": ("mappings and faults", ("b mmap 4k", "b fault 4k"), 2048, True),
    "process": ("fork, exec, exit, wait", ("exec 0 50", "fork 4k 1"), 2048, True),
    "boot": ("time to init, memory left, image size", (), 256, True),
    "minmem": ("the smallest -m that boots", (), 0, True),
    "fork": ("fork of 64 MiB and 1 GiB with 4 KiB, 64 KiB and 2 MiB pages",
             tuple("fork %s %d" % (m, s) for m in ("4k", "64k", "2m") for s in (64, 1024)), 3072, False),
    "large": ("faults, copies and unmapping with 4 KiB, 64 KiB and 2 MiB pages",
              ("b fault 64k", "b fault 2m", "b mmap 4k", "b mmap 64k", "b mmap 2m", "storm 4k 64"), 2048, False),
    "protect": ("mprotect of 1 GiB with 4 KiB, 64 KiB and 2 MiB pages",
                tuple("b mprotect %s 1024" % m for m in ("4k", "64k", "2m")), 3072, False),
    "bpf": ("loading, running, closing and the memory of BPF programs", ("bpf",), 1024, False),
    "cow": ("shared page tables: fork of 1 MiB, 1 and 8 GiB, 20 children of 1 GiB, fork servers, 30,000 mappings",
            ("fork 4k 1", "fork 4k 1024", "fork 4k 8192", "fork 64k 8192", "fork 2m 8192", "storm 4k 64", "split 2m 1024", "ptbytes 4k 1024 20",
             "afl 4k 32 10 500", "afl 64k 32 10 500", "afl 2m 32 10 500", "vmas 30000"), 11264, False),
    "vmas": ("many mappings; a fork server", ("vmas 1000", "afl 4k 32 10 500"), 3072, False),
}
# (group, the programs' name of the figure, ours, divisor, unit, at most (None: no promise), more is better)
FIGURES = (
    ("calls", "sys.getppid", "getppid", 1, "ns", 120),
    ("calls", "sys.read1_devzero", "read 1 byte of /dev/zero", 1, "ns", 300),
    ("calls", "sys.open_close_devnull", "open+close /dev/null", 1, "ns", 2000),
    ("calls", "sys.stat", "stat", 1, "ns", 1000),
    ("calls", "signal.kill_self_handler_return", "signal, handler, return", 1, "ns", 2500),
    ("switch", "pipe.roundtrip_processes", "pipe round trip of two processes", 1, "ns", 5000),
    ("switch", "ctxsw.yield_processes", "yield switch", 1, "ns", 1000),
    ("switch", "futex.roundtrip_threads_private", "futex round trip", 1, "ns", 5000),
    ("switch", "unix.roundtrip_stream", "unix stream round trip", 1, "ns", 7000),
    ("switch", "thread.create_join", "thread create+join", 1, "us", 15),
    ("memory", "mmap.4KiB_mmap_munmap", "mmap+munmap 4 KiB", 1, "ns", 2500),
    ("memory", "fault.4k.write", "first write to an anonymous page", 1, "ns", 1000),
    ("process", "fork.4k.1M.latency", "1 MiB process: fork", 1, "us", 40),
    ("process", "fork.4k.1M.fork_exit_wait", "1 MiB process: fork+exit+wait", 1, "us", 90),
    ("process", "exec.0M.tiny.vfork_exec_wait", "vfork+exec+wait of a tiny program", 1, "us", 50),
    ("boot", "boot.to_init", "kernel entry to init", 1000, "ms", 50),
    ("boot", "boot.freeram", "free of 256 MiB", 1024, "MiB", -245),
    ("boot", "boot.image_size", "image", 1 << 20, "MiB", 4),
    ("minmem", "boot.min_memory", "smallest -m that boots", 1, "MiB", 16),
    ("large", "fault.64k.write", "first touch of 4 KiB, 64 KiB folios", 1, "ns", 120),
    ("large", "fault.2m.write", "first touch of 4 KiB, 2 MiB folios", 1, "ns", 25),
    ("large", "fault.64k.read_untouched", "reading untouched 4 KiB, 64 KiB folios", 1, "ns", 100),
    ("large", "fault.2m.read_untouched", "reading untouched 4 KiB, 2 MiB folios", 1, "ns", 11),
    ("large", "cow.4k.64M.parent_storm", "copy-on-write after fork, 4 KiB", 1, "ns", 1500),
    ("large", "cow.4k.64M.parent_rewrite_after_child_storm_and_exit", "taking 4 KiB back", 1, "ns", 600),
    ("large", "mmap.4k.64MiB_munmap", "munmap of 64 MiB, 4 KiB", 1, "us", 2000),
    ("large", "mmap.64k.64MiB_munmap", "munmap of 64 MiB, 64 KiB", 1, "us", 400),
    ("large", "mmap.2m.64MiB_munmap", "munmap of 64 MiB, 2 MiB", 1, "us", 50),
    ("protect", "mprotect.4k.1024MiB_whole_to_ro", "mprotect of 1 GiB, 4 KiB", 1, "us", 4000),
    ("protect", "mprotect.64k.1024MiB_whole_to_ro", "mprotect of 1 GiB, 64 KiB", 1, "us", 1000),
    ("protect", "mprotect.2m.1024MiB_whole_to_ro", "mprotect of 1 GiB, 2 MiB", 1, "us", 30),
    ("protect", "mprotect.4k.1page_in_1024MiB", "mprotect of a page of 1 GiB", 1, "ns", 2000),
    ("fork", "fork.4k.1024M.latency", "fork of 1 GiB, 4 KiB", 1, "us", 8000),
    ("fork", "fork.64k.1024M.latency", "fork of 1 GiB, 64 KiB", 1, "us", 1500),
    ("fork", "fork.2m.1024M.latency", "fork of 1 GiB, 2 MiB", 1, "us", 100),
    ("fork", "fork.4k.1024M.fork_exit_wait", "with exit and wait, 4 KiB", 1, "us", 20000),
    ("fork", "fork.64k.1024M.fork_exit_wait", "with exit and wait, 64 KiB", 1, "us", 4000),
    ("fork", "fork.2m.1024M.fork_exit_wait", "with exit and wait, 2 MiB", 1, "us", 200),
    ("bpf", "bpf.load2", "load of 2 instructions", 1, "us", 20),
    ("bpf", "bpf.load20", "load of 20 instructions", 1, "us", 60),
    ("bpf", "bpf.load_per_insn", "each instruction more", 1, "us", 2),
    ("bpf", "bpf.close", "close", 1, "ns", 1500),
    ("bpf", "bpf.run_empty", "run of an empty filter", 1, "ns", 50),
    ("bpf", "bpf.run_33_tail_calls", "33 tail calls", 1, "ns", 500),
    ("bpf", "bpf.loop_array", "loop body: array lookup", 1, "ns", 10),
    ("bpf", "bpf.loop_hash", "loop body: hash lookup", 1, "ns", 80),
    ("bpf", "bpf.loop_call", "loop body: call", 1, "ns", 12),
    ("bpf", "bpf.image20", "code of 20 instructions", 1, "B", 192),
    ("bpf", "bpf.mem20_all", "all memory of such a program", 1, "B", 1692),
    ("bpf", "bpf.pages1000", "1,000 such programs: pages with code", 1, "", 48),
    ("bpf", "bpf.blocks1000", "blocks of 2 MiB they lie in", 1, "", 1),
    ("cow", "fork.4k.1M.latency", "fork of 1 MiB, 4 KiB", 1, "us", 15),
    ("cow", "fork.4k.1024M.latency", "fork of 1 GiB, 4 KiB", 1, "us", 15),
    ("cow", "fork.4k.8192M.latency", "fork of 8 GiB, 4 KiB", 1, "us", 15),
    ("cow", "fork.64k.8192M.latency", "fork of 8 GiB, 64 KiB", 1, "us", 15),
    ("cow", "fork.2m.8192M.latency", "fork of 8 GiB, 2 MiB", 1, "us", 15),
    ("cow", "fork.4k.1M.fork_exit_wait", "fork+exit+wait of 1 MiB", 1, "us", 50),
    ("cow", "fork.4k.8192M.fork_exit_wait", "fork+exit+wait of 8 GiB", 1, "us", 50),
    ("cow", "fork.4k.8192M.first_write", "first write after it, 4 KiB", 1, "ns", 12000),
    ("cow", "fork.64k.8192M.first_write", "first write after it, 64 KiB", 1, "ns", 7000),
    ("cow", "split.2m.1024M.fork_latency", "fork of 1 GiB, 2 MiB, blocks split by writes", 1, "us", 15),
    ("cow", "cow.4k.64M.fork_and_parent_storm", "fork of 64 MiB, a write to every page", 1000, "ms", 32),
    ("cow", "cow.4k.64M.parent_storm", "that, a page", 1, "ns", 1500),
    ("cow", "pt.4k.1024M.x20.meminfo_PageTables_delta", "tables of 20 children of 1 GiB", 1, "KiB", 800),
    ("cow", "afl.4k.32M.w10.iteration", "fork server, 4 KiB", 1, "us", 250),
    ("cow", "afl.64k.32M.w10.iteration", "fork server, 64 KiB", 1, "us", 250),
    ("cow", "afl.2m.32M.w10.iteration", "fork server, 2 MiB", 1, "us", 250),
    ("cow", "vmas.30000.fork_latency", "fork of 30,000 mappings", 1000, "ms", 6),
)	# a negative promise: at least
HELP = """Runs the same static arm64 programs on Tine and on Debian's Linux in the same QEMU, with
-icount: one instruction counts as one nanosecond, and runs repeat exactly. Caches, TLBs and
memory cost nothing on this clock. Linux's figures are kept in the cache.

groups:
""" + "".join("  %-9s%s%s\n" % (n, g[0], "" if g[3] else " (only when named)") for n, g in GROUPS.items())


def parser():
    p = Parser("bench", HELP, "./tine bench [options] [NAME...]",
               examples=("./tine bench", "./tine bench calls switch", "./tine bench --profile 'b pipe'"))
    p.add("--all", action="store_true", help="show every figure that the programs print, not only the promised ones")
    p.add("--no-linux", action="store_true", help="do not measure Linux; show its figures if they are cached")
    p.add("--fresh", action="store_true", help="measure Linux again")
    p.add("--profile", metavar="LINE", help="count instructions per symbol while LINE of a suite runs, say 'b futex' "
          "or 'fork 4k 64' (fetches QEMU 10)")
    p.add("--linux", action="store_true", help="--profile: of Linux")
    p.add("--top", type=int, default=40, metavar="N", help="--profile: how many symbols (default 40)")
    p.add("--system-qemu", action="store_true", help="measure with the installed QEMU even if it is older than 10, which "
          "the promises were made with (default: an older one is replaced by Debian's backport, in the cache)")
    p.add("--cpu", metavar="MODEL", default="max", help="measure on another CPU, say neoverse-n1, which has no FEAT_MOPS to "
          "clear and copy pages with (default: max, which the promises were made with)")
    p.add("--append", metavar="WORDS", default="", help="more words for Tine's command line, say cow_tables=off")
    p.add("--kernel", metavar="PATH", secret=True)
    p.add("names", nargs="*", metavar="NAME")
    return p


def programs(target="all"):
    if not os.path.exists(OUT):
        say("building the benchmark ...")
    base.run(["make", "-s", "-C", os.path.join(TOP, "bench"), "OUT=" + OUT, target], "building the benchmark",
             env={k: v for k, v in os.environ.items() if k != "MAKEFLAGS"})


def initrd(init, lines=(), settle=True):
    tree = cpio.Tree()
    for name in ("dev", "proc", "sys", "tmp"):
        tree.directory(name)
    for name in (init,) + (("tiny", "trivial") if init == "bench" else ()):
        with open(os.path.join(OUT, name), "rb") as f:
            tree.file("init" if name == init else name, f.read(), 0o755)
    tree.file("suite", "\n".join(([] if settle else ["#nosleep"]) + list(lines)) + "\n")
    for name, number in (("console", (5, 1)), ("null", (1, 3)), ("zero", (1, 5))):
        tree.add("dev/" + name, 0o020666, rdev=number)
    out = io.BytesIO()
    tree.write(out)
    path = os.path.join(base.ensure_dir(OUT), "initrd-%s-%d.gz" % (init, os.getpid()))
    with open(path, "wb") as f:
        f.write(gzip.compress(out.getvalue(), mtime=0))
    return path


def run(kernel, binary, init, lines, memory, limit=LIMIT, extra=(), settle=True, append="", cpu="max"):
    """[(name, value, unit)] that the programs printed, and whether they came to their end."""
    archive = initrd(init, lines, settle)
    try:
        machine = qemu.Machine(kernel=kernel, initrd=archive, memory=memory, cpu=cpu + ",cntfrq=1000000000", icount=True, qemu=binary,
                               machine=",dtb-randomness=off", extra=extra,
                               append="console=ttyAMA0 quiet rdinit=/init panic=-1 " + append)
        outcome = vm.boot(machine, limit)
    finally:
        os.unlink(archive)
    figures = {}
    for line in outcome.lines:
        found = re.fullmatch(r"([a-z][\w.-]*) ([-0-9.]+|NA) (\S+)", line)
        if found:
            figures[found.group(1)] = (found.group(2), found.group(3))
        elif line.startswith("FAILED"):
            base.warn(line)
    return figures, "BENCH-DONE" in outcome.lines, outcome


def smallest_memory(kernel, binary, cpu):
    low, high = 1, 256	# LOW does not boot, HIGH does
    while high - low > 1:
        middle = (low + high) // 2
        _, done, _ = run(kernel, binary, "boot", (), middle, limit=60, cpu=cpu)
        low, high = (low, middle) if done else (middle, high)
    return {"boot.min_memory": (str(high), "MiB")}


def measure(group, kernel, binary, name, cpu, append=""):
    what, lines, memory, _ = GROUPS[group]
    with base.Progress("measuring %s: %s" % (name, what)):
        if group == "minmem":
            return smallest_memory(kernel, binary, cpu)
        figures, done, outcome = run(kernel, binary, "bench" if lines else "boot", lines, memory, cpu=cpu,
                                     append=append)
        if group == "boot":
            figures["boot.image_size"] = (str(os.path.getsize(os.path.realpath(kernel))), "B")
        if not done:
            base.warn("%s did not finish %s; the console's end:\n  %s"
                      % (name, group, "\n  ".join(outcome.tail(6))))
    return figures


def measuring_qemu(o):
    """QEMU 10 or later: its -cpu max has the memory copy instructions and a clock of 1 GHz."""
    found = re.search(r"version (\d+)\.", qemu_version("qemu-system-aarch64"))
    if o.system_qemu or (found and int(found.group(1)) >= 10):
        return "qemu-system-aarch64"
    return fetch.newer_qemu()


def qemu_version(binary):
    return base.run([binary, "--version"]).split("\n")[0]


def linux_figures(group, o, binary):
    """Linux's figures of GROUP: from the cache, or measured and kept."""
    key = hashlib.sha256()
    for name in ("bench", "boot", "tiny", "trivial"):
        with open(os.path.join(OUT, name), "rb") as f:
            key.update(f.read())
    key.update(repr((GROUPS[group][1:3], fetch.linux_version(), qemu_version(binary)) + (() if o.cpu == "max" else (o.cpu,))).encode())
    path = base.cache("bench", "linux-%s-%s.json" % (group, key.hexdigest()[:16]))
    if os.path.exists(path) and not o.fresh:
        with open(path) as f:
            return json.load(f)
    if o.no_linux:
        return {}
    figures = measure(group, fetch.linux(), binary, "Linux " + fetch.linux_version(), o.cpu)
    base.ensure_dir(os.path.dirname(path))
    with open(path + ".new", "w") as f:
        json.dump(figures, f)
    os.rename(path + ".new", path)
    return figures


def number(figures, name, divisor=1):
    try:
        return float(figures[name][0]) / divisor
    except (KeyError, ValueError):
        return None


def shown(value):
    if value is None:
        return "-"
    return "%.0f" % value if value >= 100 else "%.1f" % value if value >= 10 else "%.2f" % value


def verdict(value, promise):
    if value is None:
        return "not measured"
    met = value >= -promise if promise < 0 else value <= promise
    return base.colour("32", "met", None) if met else base.colour("31", "missed", None)


def table(rows):
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(c.ljust(w) if i in (0, len(row) - 1) else c.rjust(w)
                        for i, (c, w) in enumerate(zip(row, widths))).rstrip())


def report(groups, tine, linux, everything):
    rows = [("work", "Linux", "Tine", "unit", "promise", "")]
    for group, name, label, divisor, unit, promise in FIGURES:
        if group in groups:
            value = number(tine, name, divisor)
            rows.append((label, shown(number(linux, name, divisor)), shown(value), unit,
                         ("at least %d" if promise < 0 else "at most %d") % abs(promise), verdict(value, promise)))
    known = {f[1] for f in FIGURES}
    for name in sorted(set(tine) | set(linux)) if everything else ():
        if name not in known:
            unit = (tine.get(name) or linux.get(name))[1]
            rows.append((name, shown(number(linux, name)), shown(number(tine, name)), unit, "", ""))
    table(rows)


def keep(tine, linux, binary):
    path = os.path.join(base.ensure_dir(os.path.join(OUT, "results")), time.strftime("%Y%m%d-%H%M%S.txt"))
    with open(path, "w") as f:
        f.write("# %s; Linux %s\n# name Tine Linux unit\n" % (qemu_version(binary), fetch.linux_version()))
        for name in sorted(set(tine) | set(linux)):
            f.write("%s %s %s %s\n" % (name, tine.get(name, ("-",))[0], linux.get(name, ("-",))[0],
                                       (tine.get(name) or linux.get(name))[1]))
    say("kept in " + os.path.relpath(path))


def main(args):
    o = parser().parse(args)
    for name in o.names:
        if name not in GROUPS:
            raise UsageError("no group %r (%s)" % (name, ", ".join(GROUPS)))
    deps.need(deps.QEMU + deps.BUILD + (deps.HOST if o.profile else []))
    if o.profile:
        return profile(o)
    groups = o.names or [n for n, g in GROUPS.items() if g[3]]
    kernel = os.path.abspath(o.kernel) if o.kernel else build.image()
    programs()
    binary = measuring_qemu(o)
    try:
        o.no_linux or fetch.linux()
    except Error as error:
        base.warn("no figures of Linux: %s" % error)
        o.no_linux = True
    tine, linux = {}, {}
    for group in groups:
        linux.update(linux_figures(group, o, binary))
        tine.update(measure(group, kernel, binary, "Tine", o.cpu, o.append))
    report(groups, tine, linux, o.all or bool(o.names))
    keep(tine, linux, binary)
    return 0


# --- instructions per symbol ---------------------------------------------------------------------

def symbols_of_tine():
    listed = base.run(["aarch64-linux-gnu-nm", "-n", os.path.join(BUILD, "tine.elf")])
    return [(int(a, 16), n) for a, t, n in re.findall(r"^([0-9a-f]{16}) (\w) (\S+)$", listed, re.M) if t in "tTwW"]


def symbols_of_linux(binary):
    path = base.cache("bench", "kallsyms-" + fetch.linux_version())
    if not os.path.exists(path):
        with base.Progress("reading Linux's symbols"):
            base.ensure_dir(os.path.dirname(path))
            archive = initrd("bench", ("prof kallsyms 4k 1 1",), settle=False)
            machine = qemu.Machine(kernel=fetch.linux(), initrd=archive, memory=1024, cpu="max", qemu=binary,
                                   append="console=ttyAMA0 quiet rdinit=/init panic=-1 nokaslr")
            outcome = vm.boot(machine, LIMIT)
            os.unlink(archive)
            found = [l for l in outcome.lines if re.match(r"[0-9a-f]{16} [tTwW] \S+$", l)]
            with open(path, "w") as f:
                f.write("\n".join(found) + "\n")
    with open(path) as f:
        return [(int(l.split()[0], 16), l.split()[2]) for l in f if l.strip()]


def profile(o):
    """Per symbol, the instructions between two readings of the clock by the program (that is, what
    it times), or between its marks where it has some (the prof lines)."""
    programs()
    programs(os.path.join(OUT, "prof.so"))
    binary = measuring_qemu(o)
    kernel = fetch.linux() if o.linux else os.path.abspath(o.kernel) if o.kernel else build.image()
    table_of = symbols_of_linux(binary) if o.linux else symbols_of_tine()
    out = os.path.join(OUT, "profile.out")
    clock = "" if o.profile.startswith("prof ") else ",clock=on"
    figures, done, outcome = run(kernel, binary, "bench", (o.profile,), 3072, settle=o.linux, append="nokaslr",
                                 extra=("-plugin", "%s,out=%s%s" % (os.path.join(OUT, "prof.so"), out, clock)))
    for name, (value, unit) in figures.items():
        print(name, value, unit)
    if not done:
        raise Error("the run did not finish:\n  " + "\n  ".join(outcome.tail(6)))
    show_profile(out, sorted(table_of), o.top)
    return 0


def show_profile(path, table_of, top):
    starts, sums, total, windows = [a for a, _ in table_of], {}, 0, "?"
    with open(path) as f:
        for line in f:
            if line.startswith("#"):
                windows = line.split()[-1]
                continue
            address, count, times = (int(v, b) for v, b in zip(line.split(), (16, 10, 10)))
            at = bisect.bisect_right(starts, address) - 1
            name = "(user)" if address < 1 << 56 else table_of[at][1] if at >= 0 else hex(address)
            have = sums.setdefault(name, [0, 0])
            have[0] += count
            have[1] += times
            total += count
    print("%d instructions in %s windows" % (total, windows))
    rows = [("instructions", "share", "blocks", "symbol")]
    for name, (count, times) in sorted(sums.items(), key=lambda item: -item[1][0])[:top]:
        rows.append(("%d" % count, "%.1f %%" % (100 * count / max(total, 1)), "%d" % times, name))
    table(rows)
