# SPDX-License-Identifier: BSD-2-Clause
"""The suites that need no VM: checks of the sources, unit tests."""
import glob
import os
import re
import subprocess

from . import base, build, check
from .base import TOP, Error


def make(target, **variables):
    env = {k: v for k, v in os.environ.items() if k != "MAKEFLAGS"}
    env["TINE_CACHE"] = base.CACHE
    argv = ["make", "-C", TOP, "--no-print-directory", "-j" + build.jobs(), target]
    argv += ["%s=%s" % item for item in variables.items()]
    return subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, errors="replace")


def follow(proc, report, what):
    """Reads the output of cmocka programs, and of others that print ok and not ok lines."""
    tail, why, failed, good = [], [], set(), 0
    for line in proc.stdout:
        line = line.rstrip()
        tail = (tail + [line])[-30:]
        if re.match(r"\[ RUN ", line):
            why = []
        elif found := re.match(r"\[\s+OK \] (\S+)$", line) or re.match(r"ok (\S+)", line):
            good += 1
            report.ok("%s: %s" % (what, found.group(1)), quiet=True)
        elif (found := re.match(r"\[  FAILED  \] (\S+)$", line)) or (found := re.match(r"not ok (.*)", line)):
            if found.group(1) not in failed:	# cmocka names each again in its summary
                failed.add(found.group(1))
                report.fail("%s: %s" % (what, found.group(1)), " ".join(why[:4]))
        elif line.startswith("[  ERROR   ] ---") or "ERROR: " in line:
            why.append(re.sub(r"^\[\s+ERROR\s+\] --- ", "", line))
        report.progress("%s: %s" % (what, line))
    report.clear()
    if proc.wait():
        if not failed:
            report.fail("%s: the whole of it" % what, "status %d" % base.exit_status(proc.returncode))
        for line in tail:
            report.note("    " + line)
    report.note("# %s: %d ok" % (what, good))


def suite_host(o, report):
    if not os.path.exists(os.path.join(TOP, "tests/host/host.mk")):
        raise Error("tests/host is not in this tree")
    follow(make("host-test"), report, "host")


def python_errors(paths):
    for path in paths:
        try:
            with open(path, encoding="utf-8") as f:
                compile(f.read(), path, "exec")
        except SyntaxError as error:
            yield str(error)


def suite_check(o, report):
    for name, problems in check.everything():
        report.result("check: " + name, "".join("\n    " + p for p in problems[:20]))
    report.result("check: Python compiles", "; ".join(
        python_errors(p for d in ("host", "tests", "bench")
                      for p in glob.glob(os.path.join(TOP, d, "**", "*.py"), recursive=True))))
    scripts = [os.path.join(TOP, "tine")] + glob.glob(os.path.join(TOP, ".ci", "*"))
    for script in scripts:
        done = subprocess.run(["sh", "-n", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        report.result("check: sh reads %s" % os.path.relpath(script, TOP), done.stdout.strip())
