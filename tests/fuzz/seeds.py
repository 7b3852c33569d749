# SPDX-License-Identifier: BSD-2-Clause
"""Starting inputs of the fuzz targets, made: a few of each kind of thing that the kernel reads, whole and
correct, so that the fuzzer starts behind the first checks. inputs(TARGET) yields (name, bytes)."""
import gzip
import io
import random
import struct
import zlib

from tine import cpio


# --- archives -------------------------------------------------------------------------------------
def archive(fill):
    tree, out = cpio.Tree(), io.BytesIO()
    fill(tree)
    tree.write(out)
    return out.getvalue()


def fuzz_cpio():
    def small(t):
        t.directory("dir")
        t.file("dir/file", "text\n")
        t.link("dir/link", "file")
        t.add("dev", 0o020600, rdev=(5, 1))

    def names(t):
        for n in (1, 2, 3, 4, 100, 255):
            t.file("n" * n, "x" * n)

    one, two = archive(small), archive(names)
    yield "small", one
    yield "names", two
    yield "empty", archive(lambda t: None)
    yield "two", one + bytes(100) + two
    yield "crc", one.replace(b"070701", b"070702")


# --- gzip: two bytes steer the target (see fuzz_gunzip.c), then the file --------------------------
def member(data, level=6, flags=0, strategy=zlib.Z_DEFAULT_STRATEGY):
    c = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
    head = b"\x1f\x8b\x08" + bytes([flags]) + bytes(4) + b"\x00\x03"
    if flags & 4:
        head += struct.pack("<H", 6) + b"AB\x02\x00xy"
    if flags & 8:
        head += b"name\0"
    if flags & 16:
        head += b"comment\0"
    if flags & 2:
        head += struct.pack("<H", zlib.crc32(head) & 0xffff)
    return head + c.compress(data) + c.flush() + struct.pack("<II", zlib.crc32(data), len(data) & 0xffffffff)


def fuzz_gunzip():
    text = b"the quick brown fox " * 40
    noise = random.Random(1).randbytes(700)
    files = {"plain": gzip.compress(text, mtime=0), "stored": member(noise, 0), "best": member(text + noise, 9),
             "fixed": member(text, 6, 0, zlib.Z_FIXED), "huffman": member(noise, 6, 0, zlib.Z_HUFFMAN_ONLY),
             "runs": member(bytes(5000), 6, 0, zlib.Z_RLE), "header": member(text, 6, 2 | 4 | 8 | 16),
             "empty": member(b""), "two": member(text) + member(noise) + bytes(10)}
    for name, data in files.items():
        yield name, b"\xff\x00" + data
    yield "no-memory", b"\x01\x00" + files["plain"]
    yield "no-room", b"\xff\x03" + files["plain"]


# --- programs -------------------------------------------------------------------------------------
LOAD, INTERP, PHDR, STACK, NOTE = 1, 3, 6, 0x6474e551, 4


def elf(kind, headers):
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    head = struct.pack("<HHIQQQIHHHHHH", kind, 183, 1, 0x400000, 64, 0, 0, 64, 56, len(headers), 64, 0, 0)
    return ident + head + b"".join(struct.pack("<IIQQQQQQ", *h) for h in headers)


def phdr(kind, flags, offset, vaddr, filesz, memsz, align=0x1000):
    return kind, flags, offset, vaddr, vaddr, filesz, memsz, align


def fuzz_elf():
    text, data = phdr(LOAD, 5, 0, 0x400000, 0x1234, 0x1234), phdr(LOAD, 6, 0x2000, 0x402000, 0x100, 0x5000)
    stack = phdr(STACK, 6, 0, 0, 0, 0, 16)
    yield "static", elf(2, [text, data, stack])
    yield "pie", elf(3, [phdr(PHDR, 4, 64, 64, 56 * 5, 56 * 5, 8), phdr(INTERP, 4, 0x300, 0x300, 27, 27, 1),
                         phdr(LOAD, 5, 0, 0, 0x1000, 0x1000, 0x10000), phdr(LOAD, 6, 0x1000, 0x11000, 8, 0x900, 0x10000),
                         phdr(STACK, 7, 0, 0, 0, 0)])
    yield "many", elf(3, [phdr(LOAD, 4, 0, i << 12, 1, 0x1000) for i in range(33)])
    yield "notes", elf(2, [phdr(NOTE, 4, 0, 0, 0, 0)] * 9 + [text])
    yield "bss", elf(2, [phdr(LOAD, 6, 0, 0x10000, 0, 0x100000)])


# --- device trees ---------------------------------------------------------------------------------
def cells(*words):
    return struct.pack(">%dI" % len(words), *words)


class Tree:
    """A flattened device tree, version 17 (Devicetree Specification, chapter 5)."""

    def __init__(self):
        self.structure, self.strings = b"", b""

    def begin(self, name):
        raw = name.encode() + b"\0"
        self.structure += cells(1) + raw + bytes(-len(raw) % 4)

    def prop(self, name, value):
        value = value.encode() + b"\0" if isinstance(value, str) else value
        raw = name.encode() + b"\0"
        at = self.strings.find(raw)
        if at < 0:
            at, self.strings = len(self.strings), self.strings + raw
        self.structure += cells(3, len(value), at) + value + bytes(-len(value) % 4)

    def end(self):
        self.structure += cells(2)

    def node(self, node, **props):
        self.begin(node)
        for name, value in props.items():
            self.prop(name.replace("_", "-"), value)
        self.end()

    def blob(self, reserved=()):
        body = b"".join(struct.pack(">QQ", *r) for r in reserved) + bytes(16)
        structure = self.structure + cells(9)
        at, size = 40 + len(body), 40 + len(body) + len(structure) + len(self.strings)
        head = cells(0xd00dfeed, size, at, at + len(structure), 40, 17, 16, 0, len(self.strings), len(structure))
        return head + body + structure + self.strings


def machine(address_cells, size_cells, reserved=()):
    t, wide = Tree(), [0] * (address_cells - 1)
    reg = cells(*wide, 0x40000000, *[0] * (size_cells - 1), 0x10000000)
    t.begin("")
    t.prop("#address-cells", cells(address_cells))
    t.prop("#size-cells", cells(size_cells))
    t.prop("interrupt-parent", cells(1))
    t.node("memory@40000000", device_type="memory", reg=reg)
    t.node("memory@80000000", device_type="memory", reg=reg + reg)
    t.begin("intc@8000000")
    t.prop("phandle", cells(1))
    t.prop("#interrupt-cells", cells(3))
    t.prop("interrupt-controller", b"")
    t.end()
    t.node("pl011@9000000", compatible=b"arm,pl011\0arm,primecell\0", reg=reg, interrupts=cells(0, 1, 4), status="okay")
    t.node("other", compatible=b"arm,pl011\0", status="disabled", ranges=b"")
    t.node("chosen", stdout_path="/pl011@9000000", bootargs="console=ttyAMA0", linux_initrd_start=cells(0x48000000))
    t.end()
    return t.blob(reserved)


def fuzz_fdt():
    yield "virt", machine(2, 2)
    yield "narrow", machine(1, 1, ((0x40000000, 0x1000), (0x48000000, 0x200000)))
    yield "empty", machine(2, 1)[:40]
    empty = Tree()
    empty.begin("")
    empty.end()
    yield "root", empty.blob()


# --- types: a byte that steers the target, then a blob --------------------------------------------
def btf(*types, names=b"\0a\0b\0c\0bpf_spin_lock\0"):
    """TYPES: (name offset, kind, flag and vlen, size or type, words behind ...) each."""
    raw = b"".join(struct.pack("<III", name, kind << 24 | info, size) + struct.pack("<%dI" % len(more), *more)
                   for name, kind, info, size, *more in types)
    return struct.pack("<HBBIIIII", 0xeb9f, 1, 0, 24, 0, len(raw), len(raw), len(names)) + raw + names


def fuzz_btf():
    integer = (1, 1, 0, 4, 32 | 1 << 24)
    lock = (7, 4, 1, 4, 1, 1, 0)
    for name, types in {
            "structs": [integer, lock, (3, 4, 3, 32, 1, 1, 0, 5, 2, 32, 3, 4, 64), (0, 3, 0, 0, 1, 1, 3), (0, 2, 0, 3)],
            "bits": [integer, (3, 4, 2 | 1 << 31, 4, 1, 1, 3 << 24, 3, 1, 29 << 24 | 3), (1, 5, 1, 4, 0, 1, 0)],
            "functions": [integer, (0, 13, 2, 1, 1, 1, 3, 3), (0, 2, 0, 1), (3, 12, 1, 2), (5, 17, 0, 4, 0)],
            "section": [integer, lock, (1, 14, 0, 1, 1), (3, 14, 0, 2, 1), (5, 15, 2, 16, 3, 0, 4, 4, 8, 4)],
            "others": [(1, 6, 1, 4, 3, 7), (1, 19, 1, 8, 3, 7, 8), (1, 7, 0, 0), (1, 16, 0, 8), (5, 18, 0, 4), (3, 8, 0, 1)],
            "modifiers": [integer, (3, 8, 0, 1), (0, 9, 0, 2), (0, 10, 0, 3), (0, 11, 0, 4), (0, 2, 0, 5)]}.items():
        yield name, b"\x02" + btf(*types)


# --- address spaces: choices, any bytes will do ---------------------------------------------------
def fuzz_mm():
    for number, size in enumerate((40, 200, 800, 2000)):
        for how in (0, 1, 2, 4, 0x18):	# the bits of fuzz_mm.c
            yield "%d-%02x" % (number, how), bytes([how, number]) + random.Random(number).randbytes(size)


def inputs(target):
    make = globals().get(target)
    return make() if make else ()
