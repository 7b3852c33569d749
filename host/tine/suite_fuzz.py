# SPDX-License-Identifier: BSD-2-Clause
"""`tine test fuzz`: the libFuzzer targets of tests/fuzz. What they learn and how much they have run
is kept in the cache, so that short runs add up.

    fuzz/TARGET/corpus/     inputs, each of which reached something new; made smaller when it has grown
    fuzz/TARGET/found/      inputs that failed: run first, each time; one that passes joins the corpus
    fuzz/tally.json         TARGET: seconds of CPU and executions, without those that load the corpus; inputs
                            after the corpus was last made smaller
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

from . import base
from .base import BUILD, TOP, Error, UsageError, say
from .build import make

sys.path.insert(0, os.path.join(TOP, "tests", "fuzz"))
TICK = 10	# seconds between entries in the tally: what an interrupt can take from it
GROWN = 200	# inputs beyond twice what was left last time: time to make the corpus smaller
ENV = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:detect_stack_use_after_return=0",
       "UBSAN_OPTIONS": "print_stacktrace=1"}


def folder(*parts):
    return base.ensure_dir(base.cache("fuzz", *parts))


# --- the tally ------------------------------------------------------------------------------------
def read_tally():
    try:
        with open(os.path.join(folder(), "tally.json")) as f:
            return json.load(f)
    except (OSError, ValueError):
        return {}


def count(target, **what):
    """Adds WHAT (seconds, executions) to TARGET's line, or sets it (inputs). Several trees share one tally."""
    with base.locked("fuzz-tally"):
        tally = read_tally()
        line = tally.setdefault(target, {"seconds": 0.0, "executions": 0, "inputs": 0})
        for key, value in what.items():
            line[key] = value if key == "inputs" else line[key] + value
        path = os.path.join(folder(), "tally.json")
        with open(path + ".new", "w") as f:
            json.dump(tally, f, indent=1, sort_keys=True)
        os.replace(path + ".new", path)
        return line


# --- one process ----------------------------------------------------------------------------------
def cpu_seconds(pid):
    """What a process has used; 0 if it is gone."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            user, system = f.read().rpartition(")")[2].split()[11:13]
    except OSError:
        return 0
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


class Run:
    """One run of a target: its status, what it wrote, and its CPU time and executions since it loaded its
    corpus. tick(run), if given, is called every TICK seconds while it runs and at its end, which is told to
    come when it says so."""

    def __init__(self, target, *options, tick=None):
        argv = [os.path.join(BUILD, "host", target), "-print_final_stats=1", "-max_len=4096", *options]
        proc = subprocess.Popen(argv, cwd=BUILD, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, env=dict(os.environ, **ENV))
        self.lines, self.executions, self.loaded, self.seconds = [], 0, None, 0
        reader = threading.Thread(target=self.read, args=(proc,))
        reader.start()
        try:
            while proc.poll() is None:
                self.used(proc)
                if tick and tick(self):
                    proc.send_signal(signal.SIGUSR1)	# it ends well after this execution
                try:
                    proc.wait(TICK)
                except subprocess.TimeoutExpired:
                    pass
        finally:
            if proc.poll() is None:	# an interrupt: it does not outlive us
                proc.kill()
                proc.wait()
            reader.join()
        self.status = base.exit_status(proc.returncode)
        if tick:
            tick(self)

    def used(self, proc):
        if self.loaded:
            self.seconds = max(self.seconds, cpu_seconds(proc.pid) - self.loaded[0])

    def read(self, proc):
        for line in proc.stdout:
            line = line.decode("utf-8", "replace").rstrip()
            self.lines = self.lines[-400:] + [line]
            done = re.match(r"stat::number_of_executed_units: *(\d+)|#(\d+)\s+(INITED)?", line)
            if not done:
                continue
            count = int(done.group(1) or done.group(2))
            if done.group(3):
                self.loaded = cpu_seconds(proc.pid), count, time.monotonic()
            elif self.loaded:
                self.executions = max(self.executions, count - self.loaded[1])
                self.used(proc)

    def why(self):
        """The line that says what went wrong."""
        for line in self.lines:
            if re.search(r"panic: |runtime error: |ERROR: |WARN", line):
                return line
        return "status %d" % self.status


# --- a target -------------------------------------------------------------------------------------
def seed(target, corpus):
    """Puts the starting inputs beside what is there."""
    import seeds
    for name, data in seeds.inputs(target):
        path = os.path.join(corpus, "seed-" + name)
        if not os.path.exists(path):
            with open(path, "wb") as f:
                f.write(data)


def retry(target, report):
    """Runs what failed earlier. False: something still does."""
    found, good = folder(target, "found"), True
    with base.locked("fuzz-" + target):		# other trees share the folder
        for name in sorted(os.listdir(found)):
            path = os.path.join(found, name)
            run = Run(target, "-timeout=60", path)
            if run.status:
                good = False
                report.fail("fuzz: %s, found earlier" % target, "%s\n    input: %s" % (run.why(), path))
            else:
                os.replace(path, os.path.join(folder(target, "corpus"), name))
    return good


def fuzz(target, seconds):
    """Fuzzes for so long, after the corpus has been loaded. Returns the Run."""
    counted = [0, 0]

    def tick(run):
        count(target, seconds=run.seconds - counted[0], executions=run.executions - counted[1])
        counted[:] = run.seconds, run.executions
        return run.loaded and time.monotonic() - run.loaded[2] > seconds

    return Run(target, "-timeout=25", "-rss_limit_mb=4096",
               "-artifact_prefix=%s/" % folder(target, "found"), folder(target, "corpus"), tick=tick)


def minimise(target):
    """When the corpus has grown: keeps one small input for each thing reached."""
    corpus, inputs = folder(target, "corpus"), read_tally().get(target, {}).get("inputs", 0)
    before = len(os.listdir(corpus))
    if before < 2 * inputs + GROWN:
        return
    with base.locked("fuzz-" + target):
        smaller = os.path.join(folder(target), ".smaller")
        shutil.rmtree(smaller, ignore_errors=True)
        os.mkdir(smaller)
        run = Run(target, "-merge=1", "-timeout=25", smaller, corpus)
        after = len(os.listdir(smaller))
        if run.status or not after:
            shutil.rmtree(smaller, ignore_errors=True)
            return
        base.replace_tree(smaller, corpus)
        count(target, inputs=after)
        say("%s: %d inputs of %d kept" % (target, after, before))


def targets():
    text = subprocess.run(["make", "-s", "-C", TOP, "fuzz-list"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          text=True, check=True, env=dict(os.environ, TINE_CACHE=base.CACHE)).stdout
    return text.split()


def suite_fuzz(o, report):
    known = targets()
    wanted = o.only.split(",") if o.only else known
    for target in wanted:
        if target not in known:
            raise UsageError("no fuzz target %r (%s)" % (target, ", ".join(known)))
    for target in wanted:
        make("build/host/" + target, "building " + target)
    for target in wanted:
        report.progress("fuzz: %s" % target)
        seed(target, folder(target, "corpus"))
        if not retry(target, report):
            continue
        run = fuzz(target, o.seconds or 30)
        if run.status:
            for line in run.lines[-40:]:
                report.note("    " + line)
            report.fail("fuzz: " + target, run.why())
            continue
        if not run.loaded:
            raise Error("%s did not come to an end of its corpus" % target)
        minimise(target)
        report.ok("fuzz: %s, %d executions, %d inputs kept" % (target, run.executions, len(os.listdir(folder(target, "corpus")))))
    for target, line in sorted(read_tally().items()):
        report.note("# %s: %.2f CPU-hours, %.3g executions in all" % (target, line["seconds"] / 3600, line["executions"]))
