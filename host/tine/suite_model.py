# SPDX-License-Identifier: BSD-2-Clause
"""The protocol of copy-on-write page tables, searched by spin: tests/model/cow.pml as it is, and with
each of its rules broken, which has to be found."""
import os
import re
import shutil
import subprocess
import tempfile

from .base import TOP, Error

MODEL = os.path.join(TOP, "tests/model/cow.pml")
WITH_WALKER = ("BREAK_T5", "BREAK_WAY")	# rules that only the walker by the reverse map can break
LIMIT = 300	# seconds for one search


def rules():
    """The -D names in the model's head."""
    with open(MODEL) as f:
        return re.findall(r"^ \*   (BREAK_\w+)", f.read(), re.M)


def run(argv, where, limit=LIMIT):
    done = subprocess.run(argv, cwd=where, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          timeout=limit, check=False)
    return done.stdout


def search(defines):
    """(what was violated or "", states): every state there is, unless a violation ends it."""
    with tempfile.TemporaryDirectory(prefix="tine-model-") as where:
        shutil.copy(MODEL, where)
        said = run(["spin", "-a"] + ["-D" + d for d in defines] + ["cow.pml"], where)
        if not os.path.exists(os.path.join(where, "pan.c")):
            raise Error("spin: " + said.strip())
        said = run(["gcc", "-O2", "-w", "-DSAFETY", "-DCOLLAPSE", "-DVECTORSZ=4096", "-DMEMLIM=4000", "-o", "pan", "pan.c"], where)
        if not os.path.exists(os.path.join(where, "pan")):
            raise Error("gcc: " + said.strip())
        said = run(["./pan", "-m500000", "-n"], where)
    if "errors: 0" not in said and "errors: 1" not in said:
        raise Error("the search did not end:\n" + said[-500:])
    violated = re.search(r"pan:1: (.*?) \(at depth", said)
    incomplete = "too small" in said or "out of memory" in said
    states = int(re.search(r"(\d+) states, stored", said).group(1))
    return violated.group(1) if violated else "the search was cut short" if incomplete else "", states


def suite_model(_, report):
    for defines, who in ([], "all CPUs"), (["WALKER"], "the walker"):
        problem, states = search(defines)
        report.result("model: every rule kept, with " + who, problem)
        report.note("# model: %d states" % states)
    for rule in rules():
        problem, _ = search(["WALKER", rule] if rule in WITH_WALKER else [rule])
        report.result("model: %s is found" % rule, "" if problem.startswith("assertion") else "not found: " + problem)
