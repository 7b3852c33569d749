# SPDX-License-Identifier: BSD-2-Clause
"""Carries a guest's console and its command's streams between QEMU and our own descriptors. The
protocol is described in host/guest/init.c, which is its other end."""
import collections
import contextlib
import fcntl
import os
import select
import signal
import struct
import sys
import termios
import time
import tty

MARK = b"\033_tine;"
END = b"\033\\"
# Bytes in flight to the guest and in one frame: over the serial line half of what a tty buffers,
# over the port what init takes at once.
SERIAL, PORT = (2048, 512), (98304, 32768)
ESCAPE = b"\x1d"	# Ctrl-]; three of them end the VM
ESCAPES, ESCAPE_TIME = 3, 1.0


class Parser:
    """Splits what the guest's console says into text and frames: feed() gives [(type, bytes)],
    type None for text. Bytes that may begin a mark are held back until they are known."""

    def __init__(self):
        self.buffer = b""

    def feed(self, data):
        self.buffer += data
        out = []
        while self.buffer:
            at = self.buffer.find(b"\033")
            if at < 0:
                out.append((None, self.buffer))
                self.buffer = b""
                break
            if at:
                out.append((None, self.buffer[:at]))
                self.buffer = self.buffer[at:]
            frame = self.frame()
            if frame is None:
                break
            out.append(frame)
        return out

    def frame(self):
        """The frame at the buffer's start; text if it is none; None if more has to come."""
        buffer = self.buffer
        if not buffer.startswith(MARK[:len(buffer)]):
            self.buffer = buffer[1:]
            return None, buffer[:1]
        if len(buffer) < len(MARK):
            return None
        head = buffer[len(MARK):len(MARK) + 12].split(b";", 2)
        if len(head) < 3 and len(buffer) < len(MARK) + 12:
            return None
        if len(head) < 3 or len(head[0]) != 1 or not head[1].isdigit():
            self.buffer = buffer[len(MARK):]
            return None, MARK
        start = len(MARK) + len(head[0]) + len(head[1]) + 2
        size = int(head[1])
        if len(buffer) < start + size + len(END):
            return None
        payload = buffer[start:start + size]
        rest = buffer[start + size:]
        self.buffer = rest[len(END):] if rest.startswith(END) else rest
        return head[0].decode("latin-1"), payload


def winsize(fd):
    try:
        rows, cols = struct.unpack("HHHH", fcntl.ioctl(fd, termios.TIOCGWINSZ, b"\0" * 8))[:2]
    except OSError:
        return 24, 80
    return rows or 24, cols or 80


def raw_output(ttys):
    """Whether the terminal is to leave our output alone. Not where our output is a pipe: what it
    leads to may well write lines to the terminal."""
    return ttys[0] and ttys[1]


class RawTerminal:
    """The terminal, if our stdin is one, in raw mode inside a with. Always put back."""

    def __init__(self, ttys):
        self.fd = 0 if ttys[0] else None
        self.raw_output = raw_output(ttys)

    def __enter__(self):
        if self.fd is not None:
            self.old = termios.tcgetattr(self.fd)
            tty.setraw(self.fd, termios.TCSADRAIN)	# what was typed already is the guest's
            if not self.raw_output:
                mode = termios.tcgetattr(self.fd)
                mode[1] = self.old[1]
                termios.tcsetattr(self.fd, termios.TCSADRAIN, mode)

    def __exit__(self, *_):
        if self.fd is not None:
            with contextlib.suppress(termios.error):	# it has gone: SIGHUP
                termios.tcsetattr(self.fd, termios.TCSAFLUSH, self.old)


class Session:
    """One VM's conversation. TTYS says which of our stdin, stdout, stderr are the terminal."""

    def __init__(self, vm, ttys, direct=False):
        self.vm, self.ttys, self.direct = vm, ttys, direct
        self.parsers = {vm.stdout.fileno(): Parser()}
        if vm.port:
            self.parsers[vm.port.fileno()] = Parser()
        self.channel = vm.stdin.fileno()	# where input goes: the port, once init has spoken there
        self.window, self.chunk = SERIAL
        self.status = None
        self.ready = direct
        self.open_input = True
        self.queue = collections.deque()	# frames to send
        self.flight = 0
        self.resized = False
        self.escapes = collections.deque(maxlen=ESCAPES)
        self.ended = False
        screens = [fd for fd in (1, 2, 0) if ttys[fd]]
        self.screen = screens[0] if screens else 2	# kernel messages end up here, too
        self.at_line_start = True

    def text(self, data):
        """What goes to the screen: the command's terminal output and the kernel's own words."""
        if not raw_output(self.ttys):
            data = data.replace(b"\r\n", b"\n")
        self.put(self.screen, data)

    def put(self, fd, data):
        while data:
            try:
                data = data[os.write(fd, data):]
            except BlockingIOError:
                select.select([], [fd], [])
            except BrokenPipeError:	# as a shell's pipeline: the reader has gone, so end
                self.end(128 + signal.SIGPIPE)
                return

    def end(self, status):
        """The VM ends now, whatever the guest does."""
        self.ended, self.status = True, status
        self.vm.kill()

    def from_guest(self, fd, data):
        for kind, payload in self.parsers[fd].feed(data):
            if kind is None:
                self.text(payload)
            elif kind == "a":
                self.flight -= int(payload or b"0")
            elif kind == "r":
                self.ready = True
                if self.vm.port and fd == self.vm.port.fileno():
                    self.channel = fd
                    self.window, self.chunk = PORT
            elif kind in "12":
                self.put(int(kind), payload)
            elif kind == "x":
                self.status = int(payload or b"125")
                if fd != self.vm.stdout.fileno():
                    with contextlib.suppress(OSError):
                        os.write(fd, b"q\0\0")

    def from_user(self, data):
        if self.ttys[0]:
            for byte in data:
                if bytes([byte]) == ESCAPE:
                    self.escapes.append(time.monotonic())
                else:
                    self.escapes.clear()
            if len(self.escapes) == ESCAPES and self.escapes[-1] - self.escapes[0] < ESCAPE_TIME:
                self.end(130)
            if not self.ready and b"\x03" in data:	# nobody there yet whom Ctrl-C could mean
                self.end(130)
        if not data:
            self.open_input = False
            self.send("e", b"")
            return
        for at in range(0, len(data), self.chunk):
            self.send("k" if self.ttys[0] else "i", data[at:at + self.chunk])

    def send(self, kind, payload):
        if self.direct:
            self.queue.append(payload if kind == "k" else b"")
        else:
            self.queue.append(kind.encode() + struct.pack("<H", len(payload)) + payload)

    def flush(self):
        while self.queue and self.ready and (self.direct or self.flight + len(self.queue[0]) <= self.window):
            piece = self.queue.popleft()
            if not self.direct:
                self.flight += len(piece)
            try:
                while piece:
                    piece = piece[os.write(self.channel, piece):]
            except OSError:
                return

    @staticmethod
    def read(fd):
        try:
            return os.read(fd, 65536)
        except ConnectionResetError:
            return b""

    def on_resize(self, *_):
        self.resized = True

    def run(self):
        """Until the guest has said the command's status or QEMU has ended. Returns the status,
        None if the guest never said it."""
        con, err = self.vm.stdout.fileno(), self.vm.stderr.fileno()
        wake, waker = os.pipe()
        os.set_blocking(waker, False)
        old_wake = signal.set_wakeup_fd(waker)
        old_winch = signal.signal(signal.SIGWINCH, self.on_resize)
        self.resized = any(self.ttys)	# it may have changed since init was told
        readers = set(self.parsers) | {err, wake}
        try:
            # Either may close before the other's last words, and those of the port hold the status.
            while readers & set(self.parsers) and self.status is None:
                if self.resized:
                    self.resized = False
                    self.send("w", struct.pack("<HH", *winsize(self.screen)))
                self.flush()
                # A pipe is read once the channel is known, which sets the size of a frame; a terminal
                # always, for the keys that end the VM.
                want_input = (self.ready or self.ttys[0]) and self.open_input and not self.ended and len(self.queue) < 8
                got, _, _ = select.select(readers | ({0} if want_input else set()), [], [])
                if wake in got:
                    os.read(wake, 64)
                if 0 in got:
                    self.from_user(os.read(0, 32768))
                for fd in [*self.parsers, err]:
                    if fd in got:
                        data = self.read(fd)
                        if not data:
                            readers.discard(fd)
                        elif fd in self.parsers:
                            self.from_guest(fd, data)
                        else:
                            self.put(2, data.replace(b"\n", b"\r\n") if raw_output(self.ttys) else data)
        finally:
            signal.set_wakeup_fd(old_wake)
            signal.signal(signal.SIGWINCH, old_winch)
            os.close(wake)
            os.close(waker)
        return self.status


def our_ttys():
    return [os.isatty(fd) for fd in (0, 1, 2)]


def talk(vm, ttys, direct=False):
    with RawTerminal(ttys):
        return Session(vm, ttys, direct).run()


def flush_standard():
    sys.stdout.flush()
    sys.stderr.flush()
