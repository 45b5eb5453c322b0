"""coop-gdb.py - coroutines in gdb: of a running program, and of a core file

    (gdb) source /usr/share/coop/coop-gdb.py
    (gdb) coop list            all coroutines: id, name, state, what they wait for
    (gdb) coop bt 12           the frames of coroutine 12, running or parked
    (gdb) coop bt all          of all of them
    (gdb) coop select 12       up, down, info locals... see coroutine 12
    (gdb) coop select none     and the thread again

Needs no debug information in libcoop, only its symbols: coop__layout (lib/rt/stack.c) says
where everything is.

A parked coroutine has its registers on its own stack, below the frames of whoever called
coop__switch().  Registers of a core file cannot be set, so an unwinder tells gdb that the
caller of the innermost frame is the coroutine's: everything from frame 1 on is hers.
"""
import gdb
from gdb.unwinder import Unwinder

FIELDS = ("id", "name", "state", "reason", "object", "since", "deadline", "flags", "sp", "fn",
          "born_at", "stack_low", "stack_size", "size")
FREE, READY, RUNNING, WAITING = range(4)
DAEMON, URGENT = 2, 1
STATES = ("", "ready", "running", "waiting")

# What coop__switch() leaves on the stack: register and word; then how many words, and which
# register is the address to go on at.
SAVED = {
    "x86-64": ({"r15": 0, "r14": 1, "r13": 2, "r12": 3, "rbx": 4, "rbp": 5, "rip": 6}, 7),
    "aarch64": (dict([("x%d" % (19 + i), i) for i in range(11)] + [("pc", 11)]), 20),
}


def number(address, size=8):
    data = gdb.selected_inferior().read_memory(address, size)
    return int.from_bytes(bytes(data), "little")


def text(address):
    """A C string that may be gone."""
    data = b""
    try:
        while address and len(data) < 64:
            byte = bytes(gdb.selected_inferior().read_memory(address + len(data), 1))
            if byte == b"\0":
                break
            data += byte
    except gdb.MemoryError:
        pass
    return data.decode("utf-8", "replace")


def place(address):
    """accept_all + 28 in section .text -> accept_all+28"""
    words = gdb.execute("info symbol 0x%x" % address, to_string=True)
    if " in section" not in words:
        return hex(address)
    return words.split(" in section")[0].strip().replace(" + ", "+")


class Layout:
    def __init__(self):
        try:
            at = int(gdb.parse_and_eval("(unsigned long)&coop__layout"))
        except gdb.error:
            raise gdb.GdbError("no libcoop in this program, or it was stripped")
        self.slabs, self.slabs_count, self.words = (number(at + 8 * i) for i in range(3))
        rest = [number(at + 24 + 4 * i, 4) for i in range(6 + len(FIELDS))]
        self.reasons, self.slab, self.low, self.klass, self.used, self.class_size = rest[:6]
        self.of = dict(zip(FIELDS, rest[6:]))


class Coroutine:
    def __init__(self, at, of):
        self.at = at
        self.state = number(at + of["state"], 4)
        self.stack_low = number(at + of["stack_low"])
        if self.state not in (READY, RUNNING, WAITING) or not self.stack_low:
            self.state = FREE
            return
        self.id, self.sp = number(at + of["id"]), number(at + of["sp"])
        self.name = text(number(at + of["name"])) or "-"
        self.reason, self.flags = number(at + of["reason"], 4), number(at + of["flags"], 4)
        self.object, self.fn = number(at + of["object"]), number(at + of["fn"])
        self.born_at = number(at + of["born_at"])
        self.thread = None

    def holds(self, sp):
        return self.stack_low <= sp <= self.at

    def line(self, layout):
        words = "coroutine %d %s" % (self.id, self.name)
        words += " (daemon)" if self.flags & DAEMON else ""
        words += " (urgent)" if self.flags & URGENT else ""
        words += ": " + STATES[RUNNING if self.thread else self.state]
        if self.thread:
            words += " in thread %d" % self.thread.num
        elif self.state == WAITING and self.reason < layout.reasons:
            words += " in " + text(number(layout.words + 8 * self.reason))
            words += " on 0x%x" % self.object if self.object else ""
        return words + ", runs %s, made in %s" % (place(self.fn), place(self.born_at))


def stack_pointers():
    """Of the threads: (thread, [sp of its frames]).  A signal handler may be on another stack."""
    before, found = gdb.selected_thread(), []
    for thread in gdb.selected_inferior().threads():
        thread.switch()
        frame, sps = gdb.newest_frame(), []
        while frame is not None and len(sps) < 16:
            sps.append(int(frame.read_register("sp")))
            try:
                frame = frame.older()
            except gdb.error:
                break
        found.append((thread, sps))
    if before:
        before.switch()
    return found


def coroutines(layout):
    found = []
    for s in range(number(layout.slabs_count, 4)):
        slab = layout.slabs + s * layout.slab
        low, used = number(slab + layout.low), number(slab + layout.used, 4)
        size = number(number(slab + layout.klass) + layout.class_size)
        for i in range(used):
            top = low + (i + 1) * size - layout.of["size"]
            g = Coroutine(top & ~63, layout.of)
            if g.state != FREE:
                found.append(g)
    threads = stack_pointers()
    for g in found:
        for thread, sps in threads:
            if any(g.holds(sp) for sp in sps):
                g.thread = thread
                break
    return sorted(found, key=lambda g: g.id)


class FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class Parked(Unwinder):
    """While a coroutine is selected the caller of frame 0 is her innermost frame."""

    def __init__(self):
        super().__init__("coop")
        self.sp = None

    def __call__(self, pending):
        if self.sp is None or pending.level() != 0:
            return None
        arch = pending.architecture().name()
        saved, words = SAVED["aarch64" if arch.startswith("aarch64") else "x86-64"]
        pc = pending.read_register("pc")
        # Below her frames, or gdb takes them for inner ones and stops.
        info = pending.create_unwind_info(FrameId(gdb.Value(self.sp - 64), pc))
        for register, word in saved.items():
            value = number(self.sp + 8 * word)
            kind = pending.read_register(register).type
            info.add_saved_register(register, gdb.Value(value).cast(kind))
        kind = pending.read_register("sp").type
        info.add_saved_register("rsp" if "rip" in saved else "sp",
                                gdb.Value(self.sp + 8 * words).cast(kind))
        return info

    def show(self, sp):
        self.sp = sp
        gdb.invalidate_cached_frames()


parked = Parked()
gdb.unwinder.register_unwinder(None, parked, replace=True)


def select(g):
    """Returns how many frames of the backtrace are not hers."""
    if g.thread:
        parked.show(None)
        g.thread.switch()
        return 0
    parked.show(g.sp)
    return 1


def backtrace(g, layout):
    print(g.line(layout))
    before = gdb.selected_thread()
    skip = select(g)
    try:
        lines = gdb.execute("bt 64", to_string=True).splitlines()
    except gdb.error as problem:
        lines = ["", str(problem)]
    parked.show(None)
    if before:
        before.switch()
    shown = 0
    for line in lines:
        if line.startswith("#"):
            shown += 1
        if shown > skip:
            print("  " + line)


class Coop(gdb.Command):
    """Coroutines of libcoop: coop list, coop bt ID|all, coop select ID|none."""

    def __init__(self):
        super().__init__("coop", gdb.COMMAND_STACK, gdb.COMPLETE_NONE, True)


class CoopList(gdb.Command):
    """All coroutines, with what they do."""

    def __init__(self):
        super().__init__("coop list", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        parked.show(None)
        layout = Layout()
        for g in coroutines(layout):
            print(g.line(layout))


def by_id(word, layout):
    for g in coroutines(layout):
        if str(g.id) == word:
            return g
    raise gdb.GdbError("there is no coroutine %s: coop list shows them" % (word or "''"))


class CoopBacktrace(gdb.Command):
    """The frames of one coroutine, or of all."""

    def __init__(self):
        super().__init__("coop bt", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        parked.show(None)
        layout = Layout()
        chosen = coroutines(layout) if argument == "all" else [by_id(argument, layout)]
        for g in chosen:
            backtrace(g, layout)


class CoopSelect(gdb.Command):
    """From here on the frames are those of this coroutine (from frame 1 on when she is parked)."""

    def __init__(self):
        super().__init__("coop select", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        parked.show(None)
        if argument == "none":
            return
        layout = Layout()
        g = by_id(argument, layout)
        if select(g):
            gdb.execute("frame 1")
        print(g.line(layout))


Coop()
CoopList()
CoopBacktrace()
CoopSelect()
