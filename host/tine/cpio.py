# SPDX-License-Identifier: BSD-2-Clause
"""newc archives, written from directories, tar archives and Debian packages. Nothing is unpacked
on the way, so owners, modes and device nodes need no privileges. Format: cpio(5)."""
import os
import stat
import tarfile

TRAILER = "TRAILER!!!"


class Tree:
    """A file tree in memory: path -> entry. Later files replace earlier ones; a path whose leading
    part is a link to a directory of the tree (bin -> usr/bin) goes where the link points."""

    def __init__(self):
        self.entries = {}

    def resolve(self, path):
        """PATH with directory links followed, without a leading slash; "" is the root."""
        parts, done, hops = [p for p in path.split("/") if p not in ("", ".")], [], 0
        while len(parts) > 1:
            done.append(parts.pop(0))
            entry = self.entries.get("/".join(done))
            if entry and stat.S_ISLNK(entry["mode"]) and hops < 40:
                target = entry["data"].decode()
                base = [] if target.startswith("/") else done[:-1]
                joined = os.path.normpath("/" + "/".join(base + [target])).strip("/")
                parts, done, hops = [p for p in joined.split("/") if p] + parts, [], hops + 1
        return "/".join(done + parts)

    def add(self, path, mode, data=b"", uid=0, gid=0, mtime=0, rdev=(0, 0)):
        path = self.resolve(path)
        old = self.entries.get(path)
        if stat.S_ISDIR(mode) and old and (stat.S_ISDIR(old["mode"]) or stat.S_ISLNK(old["mode"])):
            if stat.S_ISDIR(old["mode"]):
                old.update(mode=mode, uid=uid, gid=gid)
            return
        self.entries[path] = dict(mode=mode, data=data, uid=uid, gid=gid, mtime=int(mtime), rdev=rdev)

    def directory(self, path, mode=0o755):
        self.add(path, stat.S_IFDIR | mode)

    def file(self, path, data, mode=0o644):
        self.add(path, stat.S_IFREG | mode, data if isinstance(data, bytes) else data.encode())

    def link(self, path, target, replace=True):
        if replace or self.resolve(path) not in self.entries:
            self.add(path, stat.S_IFLNK | 0o777, target.encode())

    def get(self, path):
        return self.entries.get(self.resolve(path))

    def add_tar(self, tar, wanted=lambda path: True):
        """What is WANTED of the open tarfile.TarFile TAR."""
        for m in tar:
            path = m.name.lstrip("./")
            if not path or not wanted(path):
                continue
            what = dict(uid=m.uid, gid=m.gid, mtime=m.mtime)
            if m.isdir():
                self.add(path, stat.S_IFDIR | m.mode, **what)
            elif m.issym():
                self.add(path, stat.S_IFLNK | 0o777, m.linkname.encode(), **what)
            elif m.islnk():		# the same entry under another name; newc stores it once more
                target = self.get(m.linkname.lstrip("./"))
                if target:
                    self.entries[self.resolve(path)] = target
            elif m.isfile():
                self.add(path, stat.S_IFREG | m.mode, tar.extractfile(m).read(), **what)
            elif m.ischr() or m.isblk():
                kind = stat.S_IFCHR if m.ischr() else stat.S_IFBLK
                self.add(path, kind | m.mode, rdev=(m.devmajor, m.devminor), **what)
            elif m.isfifo():
                self.add(path, stat.S_IFIFO | m.mode, **what)

    def add_dir(self, top, own=False):
        """Everything below the directory TOP; owned by root unless OWN. Mount points stay empty:
        what is in /proc and the like is no content, and some of it never ends."""
        def stop(error):
            raise error
        device = os.stat(top).st_dev
        for where, dirs, files in os.walk(top, onerror=stop):
            for name in sorted(dirs + files):
                full = os.path.join(where, name)
                st = os.lstat(full)
                if stat.S_ISDIR(st.st_mode) and st.st_dev != device:
                    dirs.remove(name)
                who = dict(uid=st.st_uid, gid=st.st_gid) if own else {}
                data = b""
                if stat.S_ISLNK(st.st_mode):
                    data = os.fsencode(os.readlink(full))
                elif stat.S_ISREG(st.st_mode):
                    with open(full, "rb") as f:
                        data = f.read()
                elif stat.S_ISSOCK(st.st_mode):
                    continue
                self.add(os.path.relpath(full, top), st.st_mode, data, mtime=st.st_mtime,
                         rdev=(os.major(st.st_rdev), os.minor(st.st_rdev)), **who)

    def write(self, out):
        """The archive, into the binary file OUT; parents before children."""
        for directory in sorted({d for p in self.entries for d in parents(p)} - set(self.entries)):
            self.directory(directory)
        for number, path in enumerate(sorted(self.entries), 1):
            write_entry(out, path, number, **self.entries[path])
        write_entry(out, TRAILER, 0, mode=0)


def parents(path):
    parts = path.split("/")[:-1]
    return ["/".join(parts[:i + 1]) for i in range(len(parts))]


def write_entry(out, name, number, mode, data=b"", uid=0, gid=0, mtime=0, rdev=(0, 0)):
    raw = os.fsencode(name) + b"\0"
    nlink = 2 if stat.S_ISDIR(mode) else 1
    fields = (number, mode, uid, gid, nlink, mtime & 0xffffffff, len(data), 0, 0, rdev[0], rdev[1], len(raw), 0)
    head = b"070701" + b"".join(b"%08x" % f for f in fields) + raw
    out.write(head + b"\0" * (-len(head) % 4))
    out.write(data + b"\0" * (-len(data) % 4))


def open_tar(path):
    return tarfile.open(path, "r:*")
