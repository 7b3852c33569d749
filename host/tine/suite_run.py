# SPDX-License-Identifier: BSD-2-Clause
"""Tests of ./tine run, through the front door as a user: statuses, streams, a session on a
terminal, options."""
import contextlib
import fcntl
import hashlib
import os
import pty
import re
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import tarfile
import tempfile
import termios
import time

from . import base, build, fetch
from .base import TOP

TINE = os.path.join(TOP, "tine")
LIMIT = 90	# seconds for one VM; Linux takes five, Tine less than two


def children_cpu():
    """Seconds of CPU that ended children have used, theirs included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Failure(Exception):
    """A test's reason."""


class Skip(Exception):
    """Why a test cannot be made here."""


def children_of(pid):
    found = []
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError), open("/proc/%s/stat" % name) as f:
            if int(f.read().rpartition(")")[2].split()[1]) == pid:
                found.append(name)
    return found


class Tests:
    """The tests are the methods named test_*; HOW are the options that choose the kernel."""

    def __init__(self, how):
        self.how = how

    def tine(self, *args, data=b"", limit=LIMIT):
        argv = [TINE, "run", "--quiet", *self.how, *args]
        try:
            return subprocess.run(argv, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=limit,
                                  check=False)
        except subprocess.TimeoutExpired as error:
            raise Failure("no end after %d s; so far: %r %r" % (limit, error.stdout, error.stderr))

    def expect(self, done, status=0, out=None, err=None):
        if done.returncode != status or (out is not None and done.stdout != out) or \
                (err is not None and err not in done.stderr):
            raise Failure("status %d, output %r, errors %r" % (done.returncode, done.stdout[-300:], done.stderr[-300:]))

    def test_output_and_status(self):
        self.expect(self.tine("--", "sh", "-c", "echo out; echo err >&2; exit 7"), 7, b"out\n", b"err\n")

    def test_arguments_keep_their_bytes(self):
        words = ["a b", "", "\"'\\$x", "ä\n", "--help", "*"]
        done = self.tine("--", "printf", "<%s>", *words)
        self.expect(done, 0, "".join("<%s>" % w for w in words).encode())

    def test_directory_with_python_files(self):
        with base.scratch(os.path.join(base.BUILD, "run")) as tmp:
            for name in ("signal", "grp", "tarfile", "tine"):
                with open(os.path.join(tmp, name + ".py"), "w") as f:
                    f.write("raise SystemExit(3)\n")
            done = subprocess.run([TINE, "run", "--help"], cwd=tmp, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, check=False)
        self.expect(done, 0, err=b"")

    def test_options_end_at_the_command(self):
        self.expect(self.tine("echo", "-m", "1"), 0, b"-m 1\n")

    def test_status_of_a_signal(self):
        self.expect(self.tine("--", "sh", "-c", "kill -TERM $$"), 143)

    def test_command_not_found(self):
        self.expect(self.tine("--", "no-such-command"), 127, b"", b"no-such-command")

    def test_command_not_executable(self):
        self.expect(self.tine("--", "/etc/passwd"), 126)

    def test_input_is_binary_clean(self):
        data = bytes(range(256)) * 512 + b"\x1d\x1d\x1d\x03\x04"
        done = self.tine("--", "cat", data=data)
        if done.returncode or done.stdout != data:
            raise Failure("status %d, %d bytes of %d came back" % (done.returncode, len(done.stdout), len(data)))

    def test_large_input_by_sum(self):
        data = os.urandom(16 << 20)
        self.expect(self.tine("--", "md5sum", data=data), 0, hashlib.md5(data).hexdigest().encode() + b"  -\n")

    def test_large_output(self):
        done = self.tine("--", "sh", "-c", "seq 1 200000")
        if done.stdout != b"".join(b"%d\n" % i for i in range(1, 200001)):
            raise Failure("%d bytes, status %d" % (len(done.stdout), done.returncode))

    def test_input_not_read(self):
        self.expect(self.tine("--", "true", data=b"x" * 200000), 0)

    def test_end_of_input(self):
        self.expect(self.tine("--", "sh", "-c", "cat; echo end"), 0, b"end\n")

    def test_environment_and_directory(self):
        done = self.tine("--env", "A=b c", "--cwd", "/usr", "--", "sh", "-c", "echo $A $PWD $HOME")
        self.expect(done, 0, b"b c /usr /root\n")

    def test_pipeline_of_the_issue(self):
        done = self.tine("--", "sh", "-c", "for i in 1 2 3; do echo $i | cat; done | sort -r")
        self.expect(done, 0, b"3\n2\n1\n")

    def test_programs(self):
        script = ("set -e; cd /tmp; mkdir d; seq 1 1000 > d/f; tar cf t.tar d; gzip t.tar; mkdir e; cd e; "
                  "gzip -dc ../t.tar.gz | tar xf -; cmp d/f ../d/f; md5sum < d/f; awk '{s+=$1} END {print s}' d/f; "
                  "find / -xdev | wc -l | grep -q '^[0-9]'; ps | grep -q ps; date +%Y")
        done = self.tine("--", "sh", "-c", script)
        sum1000 = hashlib.md5(b"".join(b"%d\n" % i for i in range(1, 1001))).hexdigest()
        year = time.gmtime().tm_year
        self.expect(done, 0, b"%s  -\n500500\n%d\n" % (sum1000.encode(), year))

    def test_memory_and_cpus(self):
        done = self.tine("-m", "256M", "--smp", "2", "--", "sh", "-c", "nproc; grep MemTotal /proc/meminfo")
        lines = done.stdout.split()
        if done.returncode or lines[0] != b"2" or not 150000 < int(lines[2]) < 262144:
            raise Failure("%r" % done.stdout)

    def test_icount_repeats(self):
        # Early in the boot: what the console's host side does later is not part of the promise.
        one, two = (self.tine("--icount", "--", "cat", "/proc/version") for _ in range(2))
        self.expect(one, 0, two.stdout)

    def test_dynamic_programs(self):
        script = "set -e; echo $BASH_VERSION | grep -q .; ls --version | head -1; find /etc -name passwd; " \
            "echo abc | sed s/b/x/ | grep x; gawk 'BEGIN {print 6*7}'; LANG=C.UTF-8 locale charmap; " \
            "find /usr/share/terminfo /usr/lib/terminfo -name xterm | grep -q ."
        done = self.tine("--include", "bash,coreutils,findutils,grep,sed,gawk", "-m", "1G", "--", "bash", "-c", script)
        if done.returncode or not done.stdout.startswith(b"ls (GNU coreutils)") or \
                not done.stdout.endswith(b"/etc/passwd\naxc\n42\nUTF-8\n"):
            self.expect(done, -1)

    def roots(self, where):
        busybox = os.path.join(where, "dir", "bin")
        os.makedirs(busybox)
        static = build.program("tests/run/hello.c", "hello")
        with open(static, "rb") as f, open(os.path.join(busybox, "hello"), "wb") as out:
            out.write(f.read())
        os.chmod(os.path.join(busybox, "hello"), 0o755)
        tar = os.path.join(where, "root.tar.gz")
        with tarfile.open(tar, "w:gz") as t:
            t.add(os.path.join(where, "dir"), ".")
        return os.path.join(where, "dir"), tar

    def test_roots(self):
        with tempfile.TemporaryDirectory() as where:
            for root in self.roots(where):
                self.expect(self.tine("--root", root, "--", "/bin/hello", "x"), 3, b"hello x\n")

    def test_no_init_is_left(self):
        self.expect(self.tine("--", "ls", "-a", "/"), 0)
        done = self.tine("--", "test", "-e", "/.tine")
        self.expect(done, 1)

    def wrong(self, *args, say=b""):
        done = subprocess.run([TINE, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              check=False, timeout=20)
        if done.returncode != 2 or done.stdout or done.stderr.count(b"\n") != 1 or say not in done.stderr:
            raise Failure("%s: status %d, %r" % (" ".join(args), done.returncode, done.stderr))

    def test_wrong_options(self):
        self.wrong("nonsense", say=b"nonsense")
        self.wrong("run", "--nonsense", say=b"--nonsense")
        self.wrong("run", "-m", "lots", say=b"lots")
        self.wrong("run", "-m", "1", say=b"range")
        self.wrong("run", "--smp", "0", say=b"--smp")
        self.wrong("run", "--share", "a:b", say=b"not in this version")
        self.wrong("run", "--publish", "1:2", say=b"not in this version")
        self.wrong("run", "--root", "/no/such/thing", say=b"/no/such/thing")
        self.wrong("run", "--env", "=x", say=b"NAME=VALUE")
        self.wrong("test", "nonsense", say=b"nonsense")
        self.wrong("bench", "nonsense", say=b"nonsense")
        self.wrong("image", "--nonsense", say=b"--nonsense")

    def test_errors_are_one_line(self):
        with tempfile.TemporaryDirectory() as where:
            for args, env, say in (((*self.how, "--root", TINE), {}, b"tar archive"),
                                   ((*self.how, "-m", "9M"), {}, b"memory"),
                                   ((), {"TINE_CACHE": "/proc/no"}, b"/proc/no")):
                done = subprocess.run([TINE, "run", "--quiet", *args, "--", "true"], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=LIMIT,
                                      env=dict(os.environ, TMPDIR=where, **env))
                if done.returncode != 1 or done.stderr.count(b"\n") != 1 or say not in done.stderr:
                    raise Failure("%s: status %d, %r" % (" ".join(args), done.returncode, done.stderr))

    def test_closed_streams(self):
        script = '"$@" -- sh -c "echo out; echo err >&2; exit 3" '
        for closing, out, err in (("<&- >&-", b"", b"err\n"), ("2>&-", b"out\n", b"")):
            done = subprocess.run(["sh", "-c", script + closing, "sh", TINE, "run", "--quiet", *self.how],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                                  timeout=LIMIT)
            if (done.returncode, done.stdout, done.stderr) != (3, out, err):
                raise Failure("%s: status %d, %r, %r" % (closing, done.returncode, done.stdout, done.stderr))

    def read_late(self, script):
        """What SCRIPT, which ends with status 5, wrote, nobody reading until it is most likely over."""
        proc = subprocess.Popen([TINE, "run", "--quiet", *self.how, "--", "sh", "-c", script],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with contextlib.suppress(subprocess.TimeoutExpired):
            proc.wait(20 if "--linux" in self.how else 5)
        try:
            out, err = proc.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            proc.kill()
            raise Failure("no end")
        if proc.returncode != 5 or err:
            raise Failure("status %d, %d bytes, errors %r" % (proc.returncode, len(out), err[-300:]))
        return out

    def test_slow_reader_gets_all(self):
        size = 250000	# more than a pipe and one read hold, less than what QEMU has room for
        out = self.read_late("head -c %d /dev/zero; exit 5" % size)
        if out != bytes(size):
            raise Failure("%d bytes of %d" % (len(out), size))

    def test_writer_that_stays(self):
        out = self.read_late("yes & sleep 1; exit 5")
        if not out.startswith(b"y\ny\n"):
            raise Failure("%d bytes, %r" % (len(out), out[:9]))

    def test_reader_that_leaves(self):
        proc = subprocess.Popen([TINE, "run", "--quiet", *self.how, "--", "yes"], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        proc.stdout.read(2)
        proc.stdout.close()
        if proc.wait(LIMIT) != 141 or proc.stderr.read():
            raise Failure("status %d" % proc.returncode)

    def test_poweroff_ends_the_vm(self):
        self.expect(self.tine("--", "sh", "-c", "poweroff; sleep 1000"), 0, b"", b"")

    def test_gdb_commands(self):
        if "--linux" in self.how or not shutil.which("gdb-multiarch"):
            raise Skip("needs Tine and gdb-multiarch")
        with socket.socket() as s:
            if not s.connect_ex(("127.0.0.1", 1234)):
                raise Skip("port 1234 is in use")
        proc = subprocess.Popen([TINE, "run", *self.how, "--gdb", "--", "sleep", "50"], stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            while b"waiting" not in proc.stderr.readline():
                pass
            words = ("target remote :1234", "source host/gdb/tine.py", "hbreak sys_clock_nanosleep", "continue", "tine-ps",
                     "tine-bt 1", "tine-pt 0x400000", "tine-log 5", "tine-percpu percpu_offset", "kill")
            done = subprocess.run(["gdb-multiarch", "-batch", "build/tine.elf"] + [w for x in words for w in ("-ex", x)],
                                  cwd=TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=LIMIT, check=False)
        finally:
            proc.terminate()
            proc.stderr.read()
            proc.wait()
        for what in (rb" 2 +2 +\d running +sleep +0x\w+  on CPU", rb" 1 +1 +\d sleep +init", rb"schedule|switch",
                     rb"level 3 .* page at", rb"initrd: \d+ files"):
            if not re.search(what, done.stdout) or b"Error" in done.stdout:
                raise Failure("no %r in %s" % (what, done.stdout.decode("utf-8", "replace")))

    def test_help(self):
        for command in ("run", "test", "bench", "image"):
            done = subprocess.run([TINE, command, "--help"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  check=False, timeout=20)
            if done.returncode or b"usage:" not in done.stdout or b"--help" not in done.stdout:
                raise Failure("%s --help: %r" % (command, done.stdout))

    def test_interrupt_leaves_nothing(self):
        with tempfile.TemporaryDirectory() as where:
            proc = subprocess.Popen([TINE, "run", "--quiet", *self.how, "--", "sh", "-c", "echo up; sleep 100"],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                    env=dict(os.environ, TMPDIR=where))
            if not select.select([proc.stdout], [], [], LIMIT)[0]:
                proc.kill()
                raise Failure("the command did not start")
            children = children_of(proc.pid)
            proc.send_signal(signal.SIGINT)
            if proc.wait(10) != 130:
                raise Failure("status %d" % proc.returncode)
            left = [c for c in children if os.path.exists("/proc/%s" % c)]
            if not children or left or os.listdir(where):
                raise Failure("children %s, left %s, files %s" % (children, left, os.listdir(where)))

    def test_start_time(self):
        self.tine("--", "true")
        times = []
        for _ in range(3):	# the best: the machine may be busy with other things
            start, used = time.monotonic(), children_cpu()
            self.expect(self.tine("--", "true"))
            times.append((time.monotonic() - start, children_cpu() - used))
        took, cpu = min(times)
        busy = os.getloadavg()[0] > (os.cpu_count() or 1)	# then only the CPU's time says anything
        if (cpu if busy else took) > 2 and "--linux" not in self.how:
            raise Failure("%.1f s from Enter to the command's end, %.1f s of CPU" % (took, cpu))

    def test_session(self):
        with session(self.how) as s:
            s.until(b"# ")
            s.send(b"stty size; tty; echo te\x7f\x7fdone\n")
            s.until(b"31 97\r\n")
            s.until(b"done\r\n")
            s.until(b"# ")
            s.send(b"sleep 100\n")
            s.until(b"sleep 100\r\n", pause=0.7)
            s.send(b"\x03")
            s.until(b"# ")
            s.send(b"sleep 100\n")
            s.until(b"sleep 100\r\n", pause=0.7)
            s.send(b"\x1a")
            s.until(b"Stopped")
            s.until(b"# ")
            s.send(b"fg\n")
            s.until(b"sleep 100\r\n", pause=0.7)
            s.send(b"\x03")
            s.until(b"# ")
            s.size(44, 121)
            time.sleep(0.7)
            s.send(b"stty size\n")
            s.until(b"44 121\r\n")
            s.until(b"# ")
            s.send(b"vi /tmp/new\n")
            s.until(b"/tmp/new", pause=0.7)
            s.send(b"itext\x1b")
            time.sleep(0.7)	# or the escape would begin a key's sequence
            s.send(b":wq\n")
            s.until(b"# ")
            s.send(b"cat /tmp/new; top -bn1 | head -1\n")
            s.until(b"\ntext\r\n")
            s.until(b"Mem")
            s.until(b"# ")
            s.send(b"exit 5\n")
            s.ends(5)

    def test_terminal_before_the_guest_is_there(self):
        with session(self.how) as s:
            s.send(b"stty size; echo ty''ped\n")
            time.sleep(0.3)
            s.size(52, 98)
            s.until(b"# ")
            s.until(b"52 98\r\n")
            s.until(b"typed\r\n")
            os.close(s.fd)
            s.fd = os.open(os.devnull, os.O_RDWR)
            s.ends(129)

    def test_lines_on_a_terminal(self):
        for words, out in (("echo hello | %s -- rev", b"olleh\r\n"),
                           ("%s -- sh -c 'echo a; echo b' | sed 's/^/>/'", b">a\r\n>b\r\n"),
                           ("%s -- sh -c 'echo c >&2' >/dev/null", b"c\r\n")):
            with contextlib.closing(Pty(["sh", "-c", words % " ".join([TINE, "run", "--quiet", *self.how])])) as s:
                s.until(out)
                if s.past != out:
                    raise Failure("%s: %r" % (words, s.past))

    def test_escape_ends_the_vm(self):
        with session(self.how) as s:
            s.until(b"# ")
            s.send(b"\x1d\x1d\x1d")
            s.ends(130)


class Pty:
    """A command on a terminal of its own."""

    def __init__(self, argv):
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.execvp(argv[0], argv)
        self.size(31, 97)
        self.seen = b""
        self.past = b""

    def size(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, data):
        os.write(self.fd, data)

    def until(self, what, limit=LIMIT, pause=0):
        end = time.monotonic() + limit
        while what not in self.seen:
            left = end - time.monotonic()
            data = b""
            if left > 0 and select.select([self.fd], [], [], left)[0]:
                with contextlib.suppress(OSError):
                    data = os.read(self.fd, 4096)
            if not data:
                raise Failure("no %r; after %r came %r" % (what, self.past[-60:], self.seen[-300:]))
            self.seen += data
        at = self.seen.index(what) + len(what)
        self.past, self.seen = self.seen[:at], self.seen[at:]
        time.sleep(pause)

    def ends(self, status):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if select.select([self.fd], [], [], 0.1)[0]:
                with contextlib.suppress(OSError):
                    os.read(self.fd, 4096)
            pid, st = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                if os.waitstatus_to_exitcode(st) != status:
                    raise Failure("status %d, not %d" % (os.waitstatus_to_exitcode(st), status))
                return
        raise Failure("still there after 20 s")

    def close(self):
        if self.pid:
            os.kill(self.pid, signal.SIGTERM)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, 0)
        os.close(self.fd)


@contextlib.contextmanager
def session(how):
    s = Pty([TINE, "run", "--quiet", *how])
    try:
        yield s
    finally:
        s.close()


def suite_run(o, report):
    how = ["--linux"] if o.linux else ["--kernel", o.kernel] if o.kernel else []
    if o.linux:
        fetch.linux()
    elif not o.kernel:
        build.image()
    tests = Tests(how)
    for name in sorted(n for n in dir(tests) if n.startswith("test_")):
        title = name[5:].replace("_", " ")
        if o.only and not any(w in title or w in name for w in o.only.split(",")):
            continue
        report.progress("run: " + title)
        try:
            getattr(tests, name)()
            report.ok("run: " + title)
        except Skip as why:
            report.skip("run: " + title, str(why))
        except Failure as why:
            report.fail("run: " + title, str(why))
        except (OSError, subprocess.SubprocessError, base.Error, ValueError, IndexError) as why:
            report.fail("run: " + title, "%s: %s" % (type(why).__name__, why))
