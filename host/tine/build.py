# SPDX-License-Identifier: BSD-2-Clause
"""Builds: the kernel through make, and the small arm64 programs of the host side."""
import os
import re
import subprocess
import sys

from . import base, deps, fetch
from .base import BUILD, TOP, Error, say


def image():
    """The path of the kernel image, built if it is not up to date."""
    deps.need(deps.BUILD)
    if not os.path.exists(base.cache("src", ".done")):	# make would, too, but its errors hide ours
        for name in fetch.SOURCES:
            fetch.source(name)
    make("image", "building the kernel")
    return os.path.join(BUILD, "Image")


def jobs():
    return os.environ.get("TINE_JOBS") or str(min(os.cpu_count() or 1, 16))


def make(target, what, show=False):
    """`make TARGET`; progress where it takes long, its output only if it fails (or SHOW)."""
    env = dict(os.environ, TINE_CACHE=base.CACHE)
    env.pop("MAKEFLAGS", None)
    argv = ["make", "-j" + jobs(), "--no-print-directory", "-C", TOP, target]
    if show:
        return subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, check=False).returncode
    count, lines, started = 0, [], False
    live = sys.stderr.isatty() and not base.Settings.quiet
    with subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace") as proc:
        for line in proc.stdout:
            lines.append(line)
            if not re.match(r"\s+(CC|AS|LD|AR)\s", line):
                continue
            count += 1
            if not started:
                say(what + " ...")
                started = True
            if live:
                sys.stderr.write("\r%s: %d files\033[K" % (what, count))
                sys.stderr.flush()
    if live and count:
        sys.stderr.write("\r\033[K")
    if proc.returncode:
        wrong = [l for l in lines if "error" in l.lower() or "***" in l] or lines
        raise Error("%s failed:\n%s" % (what, "".join(wrong[-20:]).rstrip()))
    return 0


def program(source, name, flags=("-static", "-Os", "-Wall", "-Wextra", "-Wshadow", "-Werror")):
    """A static arm64 program built from the one C file SOURCE; its path."""
    out = os.path.join(BUILD, "run", name)
    source = os.path.join(TOP, source)
    if os.path.exists(out) and os.path.getmtime(out) >= os.path.getmtime(source):
        return out
    deps.need(deps.CROSS)
    with base.scratch(out) as tmp:
        base.run(["aarch64-linux-gnu-gcc", *flags, "-s", "-o", tmp + "/out", source], "building " + name)
        os.rename(tmp + "/out", out)
    return out
