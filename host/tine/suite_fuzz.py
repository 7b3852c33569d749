# SPDX-License-Identifier: BSD-2-Clause
"""`tine test fuzz`: the libFuzzer targets of tests/fuzz. What they learn and how much they have run
is kept in the cache, so that short runs add up.

    fuzz/TARGET/corpus/     inputs, each of which reached something new; made smaller when it has grown
    fuzz/TARGET/found/      inputs that failed: run first, each time; one that passes joins the corpus
    fuzz/tally.json         TARGET: seconds of CPU, executions, inputs after the corpus was last made smaller
"""
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time

from . import base
from .base import BUILD, TOP, Error, UsageError, say
from .build import make

sys.path.insert(0, os.path.join(TOP, "tests", "fuzz"))
SLICE = 60	# seconds of one process: what an interrupt can take from the tally
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
class Run:
    """One run of a target: its status, what it wrote, the CPU time it took, how often it ran the target."""

    def __init__(self, target, *options):
        argv = [os.path.join(BUILD, "host", target), "-print_final_stats=1", "-max_len=4096", *options]
        proc = subprocess.Popen(argv, cwd=BUILD, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, env=dict(os.environ, **ENV))
        self.lines = []
        reader = threading.Thread(target=self.read, args=(proc.stdout,))
        reader.start()
        try:
            _, status, usage = os.wait4(proc.pid, 0)
            proc.returncode = os.waitstatus_to_exitcode(status)
        finally:
            if proc.returncode is None:	# an interrupt: it does not outlive us
                proc.kill()
                proc.wait()
            reader.join()
        self.status = base.exit_status(proc.returncode)
        self.seconds = usage.ru_utime + usage.ru_stime

    def read(self, pipe):
        for line in pipe:
            self.lines = self.lines[-400:] + [line.decode("utf-8", "replace").rstrip()]

    def executions(self):
        done = [int(m.group(1)) for line in self.lines
                if (m := re.match(r"stat::number_of_executed_units: *(\d+)", line) or re.match(r"#(\d+)\s", line))]
        return max(done, default=0)

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
    """Fuzzes for so long. Returns the executions, and the Run that failed, if one did."""
    corpus, end, done = folder(target, "corpus"), time.monotonic() + seconds, 0
    while (left := end - time.monotonic()) >= 1:
        run = Run(target, "-max_total_time=%d" % min(left, SLICE), "-timeout=25", "-rss_limit_mb=4096",
                  "-artifact_prefix=%s/" % folder(target, "found"), corpus)
        done += run.executions()
        count(target, seconds=run.seconds, executions=run.executions())
        if run.status:
            return done, run
    return done, None


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
        count(target, inputs=after, seconds=run.seconds)
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
        done, failed = fuzz(target, o.seconds or 30)
        if failed:
            for line in failed.lines[-40:]:
                report.note("    " + line)
            report.fail("fuzz: " + target, failed.why())
            continue
        if not done:
            raise Error("%s ran nothing" % target)
        minimise(target)
        report.ok("fuzz: %s, %d executions, %d inputs kept" % (target, done, len(os.listdir(folder(target, "corpus")))))
    for target, line in sorted(read_tally().items()):
        report.note("# %s: %.2f CPU-hours, %.3g executions in all" % (target, line["seconds"] / 3600, line["executions"]))
