# SPDX-License-Identifier: BSD-2-Clause
"""What every other module needs: where things are, how errors and progress are shown, how
files appear whole or not at all."""
import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, "build")
# Downloads and root file systems: they outlive `make clean`, and several trees may share one.
CACHE = os.path.abspath(os.environ.get("TINE_CACHE") or os.path.join(BUILD, "cache"))


class Error(Exception):
    """Something the user has to know: printed as one line; the exit status is 1."""
    status = 1


class UsageError(Error):
    """A wrong option or argument: one line, status 2."""
    status = 2


class Settings:
    """How talkative and how free ./tine is; set once from the command line."""
    yes = False
    quiet = False
    ci = bool(os.environ.get("CI")) and os.environ.get("CI") != "false"


def colour(code, text, stream=None):
    """TEXT in an SGR colour where STREAM is a terminal, plain elsewhere."""
    stream = stream or sys.stderr
    if stream.isatty() and os.environ.get("TERM") != "dumb" and "NO_COLOR" not in os.environ:
        return "\033[%sm%s\033[0m" % (code, text)
    return text


def say(text):
    """A line of progress, on standard error so that standard output stays the program's."""
    if not Settings.quiet:
        sys.stderr.write("%s %s\n" % (colour("36", "tine:"), text))
        sys.stderr.flush()


def warn(text):
    sys.stderr.write("%s %s\n" % (colour("33", "tine: warning:"), text))


class Progress:
    """Says WHAT, and then how long it took, if it took longer than a second."""

    def __init__(self, what):
        self.what = what

    def __enter__(self):
        self.start = time.monotonic()
        say(self.what + " ...")
        return self

    def __exit__(self, kind, value, trace):
        took = time.monotonic() - self.start
        if kind is None and took > 1:
            say("%s: done in %.0f s" % (self.what, took))


def cache(*parts):
    return os.path.join(CACHE, *parts)


def ensure_dir(path):
    os.makedirs(path, exist_ok=True)
    return path


@contextlib.contextmanager
def locked(name):
    """One process at a time fills one part of the cache; the others wait and find it filled."""
    ensure_dir(cache("lock"))
    with open(cache("lock", name.replace("/", "_")), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another tine that prepares %s" % name)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def made(path, lock, make):
    """PATH in the cache, which make(PATH) makes if it is missing, one process (by LOCK's name) at a time."""
    if not os.path.exists(path):
        with locked(lock):
            if not os.path.exists(path):
                make(path)
    return path


@contextlib.contextmanager
def scratch(beside):
    """A directory next to BESIDE that is gone afterwards; rename what is finished out of it."""
    ensure_dir(os.path.dirname(beside))
    path = tempfile.mkdtemp(prefix=".tmp-", dir=os.path.dirname(beside))
    try:
        yield path
    finally:
        subprocess.run(["chmod", "-R", "u+rwX", path], stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(path, ignore_errors=True)


def replace_tree(new, old):
    """OLD becomes NEW, whole."""
    if os.path.isdir(old):
        shutil.rmtree(old)
    os.rename(new, old)


def run(argv, what=None, log=None, **kw):
    """Runs ARGV; on failure an Error that names WHAT and shows the end of its output."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, **kw)
    text = done.stdout.decode("utf-8", "replace")
    if log:
        with open(log, "w") as out:
            out.write(text)
    if done.returncode:
        tail = "\n".join(text.strip().splitlines()[-12:])
        raise Error("%s failed (status %d)%s" % (what or argv[0], done.returncode,
                                                 ":\n" + tail if tail else ""))
    return text


def exit_status(code):
    """subprocess's return code as a shell would show it."""
    return 128 - code if code < 0 else code


def standard_streams():
    """A standard stream that is closed becomes /dev/null, or files of ours would get its number."""
    for fd, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)	# the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, open(fd, mode, closefd=False))


def on_signals():
    """SIGTERM and SIGHUP end us through the same unwinding as Ctrl-C, so nothing is left over.
    Ctrl-C does nothing if we were started so (in the background of a script)."""
    def stop(number, _frame):
        raise SystemExit(128 + number)
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
