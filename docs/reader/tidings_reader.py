#!/usr/bin/env python3
"""Verifies an archive and prints its posts, newest first, one JSON object a line.

Written from docs/format.md alone: here the bytes and who may write, in tidings_views.py what shows. Needs Python 3.10
and what requirements.txt lists. A damaged archive ends it with status 1 and one line that names the first byte that is
not good."""
import base64, collections, itertools, re, unicodedata
from blake3 import blake3
from nacl import exceptions, signing
WRONG = (ValueError, exceptions.CryptoError)  # text that is not UTF-8 is a ValueError, too
END, STATEMENT, FORK, RUN, BLOB = range(5)
LIMITS = {END: 32, STATEMENT: 16_384, FORK: 16_384, RUN: 4_259_840, BLOB: 2**64}
STATEMENTS, LAST_SEQ, AHEAD = 1_048_576, 2**64 - 65, 600_000
REPLY, REACTION, REPLACES, DELETE, ORIGIN = 0, 4, 5, 6, 8
UNSHOWN = re.compile("(profile|follow|delete|pin|list|reach|moved|label|cut|reaction|edit|draft|marker|ends)/1")
def need(holds, why):
    if not holds:
        raise ValueError(why)
def digest(purpose, data): return blake3(data, derive_key_context="tidings v1 2026-11 " + purpose).digest()
def base32(data): return base64.b32encode(data).decode().rstrip("=").lower()
def zigzag(value): return varint(2 * value if value >= 0 else -2 * value - 1)
def varint(value): return (bytes([value & 127 | 128]) + varint(value >> 7)) if value > 127 else bytes([value])
def check(key, context, message, signature):  # libsodium checks by the strict rule
    signing.VerifyKey(key).verify(b"tidings v1 " + context + b":" + message, signature)

WHITE = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
def fold(tag):
    """The form in which tags are compared."""
    nfkc = lambda text: unicodedata.normalize("NFKC", text)
    return nfkc(nfkc(tag).casefold()).strip(WHITE)

class Reader:
    """Primitives, each in its one form."""
    def __init__(self, data):
        self.data, self.at = data, 0
    def take(self, count):
        need(self.at + count <= len(self.data), "it is cut short")
        self.at += count
        return self.data[self.at - count : self.at]
    def varint(self, bits=64, limit=2**64):
        parts = [self.u8()]
        while parts[-1] > 127 and len(parts) < 10:
            parts.append(self.u8())
        value = sum((part & 127) << 7 * place for place, part in enumerate(parts))
        need(parts[-1] < 128 and value >> bits == 0 and value <= limit, "a number is too large")
        need(parts[-1] or len(parts) == 1, "a number is not in its shortest form")
        return value
    def name(self, limit):
        name = self.str(limit)
        need(re.fullmatch(r"[a-z0-9._/~-]+", name), "a name has other characters than names have")
        return name
    def u8(self): return self.take(1)[0]
    def boolean(self): return [b"\0", b"\1"].index(self.take(1)) == 1
    def zigzag(self): return (lambda value: value >> 1 ^ -(value & 1))(self.varint())
    def bytes(self, limit=LIMITS[RUN]): return self.take(self.varint(limit=limit))
    def str(self, limit=LIMITS[RUN]): return self.bytes(limit).decode()
    def option(self, read, *limit): return read(*limit) if self.boolean() else None
    def list(self, limit, read, *args): return [read(*args) for _ in range(self.varint(limit=limit))]
    def log(self): return self.take(32), self.take(32), self.name(32)
    def reference(self): return *self.log(), self.varint(), self.take(32)
    def end(self): need(self.at == len(self.data), "bytes are left over")
class Envelope:
    def __init__(self, data):
        r = Reader(data)
        r.take(8)
        self.refs = r.list(64, lambda: (r.u8(), r.reference()))
        self.mentions, self.tags = r.list(64, r.take, 32), r.list(32, r.str, 64)
        self.attachments, self.content = r.list(32, self.attachment, r), r.bytes()
    def attachment(self, r):
        fields = {"hash": base32(r.take(32)), "len": r.varint(), "mime": r.str(128)}
        fields |= {"name": r.option(r.str, 255), "alt": r.option(r.str, 2_000)}
        fields |= {"width": r.option(r.varint, 32), "height": r.option(r.varint, 32)}
        _, fields["rendition_of"], _ = r.option(r.varint), r.option(r.u8), r.option(r.bytes, 4_096)
        return fields
def attempt(read, *args):
    try:
        return read(*args)
    except ValueError:
        return None
def content(data, *kinds):
    """The fields of content, those missing at its end as none or empty; nothing at all if it cannot be read."""
    r = Reader(data)
    read = {"str": r.str, "bytes": r.bytes, "varint": r.varint}
    read |= {"str?": lambda: r.option(r.str), "i64?": lambda: r.option(r.zigzag), "id": lambda: r.take(32), "bool": r.boolean}
    none = {"str": "", "bytes": b"", "varint": 0, "id": bytes(32), "bool": False}
    return attempt(lambda: [read[k]() if r.at < len(data) else none.get(k) for k in kinds])

def profile_field(data):
    """Which field of a profile content is about, and what it says: an enum lacks none of its fields."""
    r = Reader(data)
    which = r.varint(32)
    need(which < 7, "there is no such field")
    return which, "" if which == 2 else r.str()

class Entry:
    def __init__(self, log, seq, name, prev, when, expires, kind, body):
        (self.feed, self.device, self.lane), self.seq, self.id, self.ref = log, seq, name, (*log, seq, name)
        self.time, self.expires, self.kind, self.body, self.gone, self.prev = when, expires, kind, body, None, prev
        self.envelope = attempt(Envelope, body or b"")
    def targets(self, rel): return [to for kind, to in self.envelope.refs if kind == rel] if self.envelope else []
    def order(self): return self.time, digest("log order", b"".join(self.ref[:2]) + self.lane.encode())[:8], self.seq
    def is_shown(self):
        return self.lane not in ("state", "reactions") and self.lane[0] != "~" and not UNSHOWN.fullmatch(self.kind)

def read_run(r, log):
    """The prev and the entries of a run that is closed by a signature."""
    need(r.u8() == 1, "a run has another version")
    first, count, before = r.varint(limit=LAST_SEQ), r.varint(), r.take(32)
    need(1 <= count <= 64 - first % 64 and (first or not any(before)), "a run has a place that there is not")
    kinds, prev, entries, used, when = r.list(count, r.name, 64), before, [], 0, 0
    need(kinds and len(set(kinds)) == len(kinds), "a run does not list its kinds well")
    for seq in range(first, first + count):
        flags, when = r.u8(), (when + r.zigzag() + 2**63) % 2**64 - 2**63
        expires = r.zigzag() if flags & 1 else None
        kind, size = r.varint(), r.varint(limit=4_096 if log[2] == "state" else 65_536)
        need(flags < 4 and kind <= used and kind < len(kinds), "an entry has no flags or kind that there are")
        used, body = max(used, kind + 1), None if flags & 2 else r.take(size)
        header = log[0] + log[1] + bytes([len(log[2])]) + log[2].encode() + varint(seq) + prev + zigzag(when)
        header += (b"\1" + zigzag(expires) if flags & 1 else b"\0") + varint(len(kinds[kind])) + kinds[kind].encode()
        body_hash = r.take(32) if flags & 2 else digest("body", body)
        prev, last = digest("entry id", header + varint(size) + body_hash), prev
        entries.append(Entry(log, seq, prev, last, when, expires, kinds[kind], body))
    need(used == len(kinds) and r.u8() == 0, "a run lists a kind that no entry has, or is not signed")
    check(log[1], b"entry", prev, r.take(64))
    r.end()
    return before, entries
def read_fork(r):
    """The log that a proof is about, and from which place on it is forked."""
    need(r.u8() == 1, "a fork proof has another version")
    log = r.log()
    (prev, one), (other_prev, other) = read_run(Reader(r.bytes()), log), read_run(Reader(r.bytes()), log)
    r.end()
    need(one[-1].id <= other[-1].id and all(e.body is None for e in one + other), "a fork proof is not in its one form")
    a, b = ({run[0].seq - 1: prev} | {e.seq: e.id for e in run} for prev, run in ((prev, one), (other_prev, other)))
    at = [max(seq, one[0].seq, other[0].seq) for seq in a.keys() & b.keys() if a[seq] != b[seq]]
    need(at, "a fork proof shows no fork")
    return log, min(at)

class Statement:
    def __init__(self, r, by=None):
        start, self.keep, self.ends = r.at, [], {}
        self.feed, self.signer, act, self.device = r.take(32), r.take(32), r.u8(), r.take(32)
        self.admits, self.own = act == 0, act == 1 and self.signer == self.device
        need(act < 2 and self.device != self.feed and by in (None, (self.feed, self.signer, act)), "a statement is none")
        if self.admits:
            self.admin, self.label = r.boolean(), r.str(64)
            check(self.device, b"consent", self.feed + self.device, r.take(64))
        else:
            ends = r.list(64, lambda: (r.name(32), (r.varint(limit=LAST_SEQ), r.take(32))))
            self.keep, self.ends = r.list(16, Statement, r, (self.feed, self.device, 0)), dict(ends)
            lanes, kept = [lane for lane, _ in ends], [admit.id for admit in self.keep]
            need(lanes == sorted(self.ends) and "~" not in [lane[0] for lane in lanes], "a Retire names no good ends")
            need(kept == sorted(set(kept)), "a Retire is out of order")
        self.id, self.size = digest("statement id", r.data[start : r.at]), r.at + 64 - start
        check(self.signer, b"statement", self.id, r.take(64))
def fitting(statements, count, size, more=0):  # the least charged, up to the first with which there are too many bytes
    order = sorted((s.size + sum(k.size + more for k in s.keep), s.id, s) for s in statements)[:count]
    return [s for (_, _, s), total in zip(order, itertools.accumulate(o[0] for o in order)) if total <= size]
def capped(feed, statements):
    """Those of a feed's statements that are kept, in the order of ids."""
    held = {s.id: s for top in statements for s in (top, *top.keep)}.values()
    by = lambda who, admits, own=False: [s for s in held if (s.signer, s.admits, s.own) == (who, admits, own)]
    kept, seen, admits = fitting(by(feed, False), 64, 163_840, 1_699), set(), by(feed, True)
    ended = {s.device: [k for other in kept if other.device == s.device for k in other.keep] for s in kept}
    best = sorted(admits, key=lambda s: (not s.admin, s.size, s.id), reverse=True)
    level = [s for s in {s.device: s for s in best}.values() if s.device in ended]
    level += fitting((s for s in admits if s.device not in ended), 32, 2**20)
    for count, others, size, own in (10, 16, 4_096, 2_560), (1, 2, 352, 352), (0, 2, 352, 352):
        kept, devices = kept + level, {s.device for s in level} - seen
        seen, alive = seen | devices, devices - ended.keys()
        kept += [s for d in alive for s in fitting(by(d, False), others, size) + fitting(by(d, False, True), 4, own)]
        level = [s for d in devices for s in (fitting(by(d, True), count, 2**20) if d in alive else ended[d])]
    return sorted({s.id: s for top in kept for s in (top, *top.keep)}.values(), key=lambda s: s.id)

class Feed:
    def __init__(self):
        self.statements, self.forks, self.entries = [], {}, []
    def judge(self, feed):
        """Finds the generations of devices and of admins, and the ends of retired devices."""
        held, decided = capped(feed, self.statements), {}
        self.devices, self.admins, self.ends = {}, {}, {}
        retires = lambda d: decided[d][1] if d in decided else [s for s in held if s.own and s.device == d]
        for g in range(4):
            members = {device for device, of in self.admins.items() if of == g} if g else {feed}
            older = {device for device, (by, _) in decided.items() if by < g}
            for s in (s for s in held if not s.admits and not s.own and s.signer in members - older):
                if self.devices.get(s.device, g) >= g and s.device not in older:
                    decided.setdefault(s.device, (g, []))[1].append(s)
            for s in (s for s in held if s.admits and s.signer in members and g < 3):
                keeps = [any(s.id == k.id for k in r.keep) for r in retires(s.signer)]
                if not keeps or (all if s.signer in decided else any)(keeps):
                    self.devices.setdefault(s.device, g + 1)
                    self.admins |= {s.device: self.admins.get(s.device, g + 1)} if s.admin else {}
        for device in filter(retires, self.devices):
            ends, others = [s.ends for s in retires(device)], device in decided
            lanes = (set.intersection if others else set.union)(*map(set, ends))
            rule = (lambda end: end) if others else (lambda end: (-end[0], end[1]))
            self.ends[device] = {lane: min((e[lane] for e in ends if lane in e), key=rule) for lane in lanes}
    def counts(self, device, lane, seq, name=None, held=False):
        """An archive has one entry a place: where it is not the one that an end names, that one is not held."""
        end = self.ends.get(device, {lane: (2**64, b"")}).get(lane, (-1, b"")) if lane[0] != "~" else (2**64, b"")
        return device in self.devices and (seq < end[0] or seq == end[0] and (name == end[1] or not held))

def read_archive(data, feeds):
    """Fills in the feeds; gives the first byte that is not good, and why, unless all is good."""
    r, record, last, tail, sizes = Reader(data), 0, (), (None, 0, b""), collections.Counter()
    try:
        need(r.take(15) == b"tidings archive", "it does not begin as an archive does")
        record = 15
        need(r.u8() == 1, "an archive of this version needs a newer reader")
        while True:
            record = r.at
            tag, size = r.u8(), r.varint()
            need(33 * (tag == BLOB) <= size <= LIMITS.get(tag, -1), "a record is of no kind that there is, or of no size")
            part = Reader(bytes(r.take(size if tag != BLOB else 32)))
            if tag == END:
                need(part.data == digest("archive", data[:record]), "the hash at its end is that of something else")
                record = r.at
                return r.end()
            if tag == STATEMENT:
                it = Statement(part)
                place, fill = (0, it.feed, 0, it.id), lambda feed: feed.statements.append(it)
                sizes[it.feed] += size
                need(sizes[it.feed] <= STATEMENTS, "a feed has too many statements")
            elif tag == FORK:
                log, at = read_fork(part)
                place, fill = (0, log[0], 1, *log[1:], 0), lambda feed: feed.forks.update({log: at})
            elif tag == RUN:
                log = part.log()
                prev, entries = read_run(part, log)
                first, fill = entries[0].seq, lambda feed: feed.entries.extend(entries)
                place = (0, log[0], 1, *log[1:], 1, first)
                need(tail[0] != log or first >= tail[1], "runs overlap")
                need(tail[:2] != (log, first) or first % 64 == 0 and prev == tail[2], "a run does not fit the one before")
                tail = log, first + len(entries), entries[-1].id
            else:
                place, fill = (1, part.take(32)), lambda none: none
                need(blake3(r.take(size - 32)).digest() == place[1], "a file does not have its hash")
            part.end()
            need(place > last, "a record stands out of order, or twice")
            last, _ = place, fill(feeds.setdefault(place[1], Feed()) if tag != BLOB else None)
    except WRONG as error:
        return record, error

if __name__ == "__main__":
    import tidings_views
    tidings_views.main()
