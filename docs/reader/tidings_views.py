"""What shows of the feeds that tidings_reader.py has read: deletes, edits, reactions, profiles, forks."""
import argparse, collections, datetime, json, mmap, sys, time
from tidings_reader import AHEAD, DELETE, ORIGIN, REACTION, REPLACES, REPLY, Entry, Envelope
from tidings_reader import attempt, base32, content, profile_field, read_archive

def settle(items):
    """Of entries that replace one another by name, the one that counts."""
    names = {e.id for e in items}
    replaced = {e.id: {to[-1] for to in e.targets(REPLACES)} & names for e in items}
    under = [e for e in items if not replaced[e.id]]
    while under:
        winner = max(under, key=lambda e: (e.time, e.id))
        under = [e for e in items if winner.id in replaced[e.id]]
    return winner

def branch(feed):
    """One entry a place: where an end names one that is held, it and those that it hangs on; else what came first."""
    at, ids, chosen = {}, {e.ref: e for e in feed.entries}, {}
    for e in feed.entries:
        at.setdefault(e.ref[:4], []).append(e)
    for (device, lane), (seq, name) in [((d, lane), end) for d, ends in feed.ends.items() for lane, end in ends.items()]:
        log = (feed.entries[0].feed, device, lane) if feed.entries else ()
        e = ids.get((*log, seq, name))
        feed.forks.pop(log, None) if e else None
        while e:
            chosen[e.ref[:4]] = e
            e = ids.get((*log, e.seq - 1, e.prev))
    def better(entries):  # of one entry that came twice, the one with its body
        return max(entries, key=lambda e: (e.id == entries[0].id, e.body is not None))
    return [better([chosen.get(place, entries[0])] + entries) for place, entries in at.items()]

class View:
    """What all feeds together show at a time."""
    def __init__(self, feeds, now):
        self.feeds, self.counting = feeds, {}
        self.named, self.replies, self.reactions, self.fields = {}, *(collections.defaultdict(set) for _ in range(3))
        for name, feed in feeds.items():
            feed.judge(name)
            for e in branch(feed):  # past a fork, headers alone are only proof
                is_proof = e.body is None and e.seq >= feed.forks.get(e.ref[:3], 2**64)
                counts = feed.counts(e.device, e.lane, e.seq, e.id) and not is_proof
                self.counting |= {e.ref: e} if counts else {}
        entries = self.counting.values()
        for e in entries:
            for to in {"edit/1": e.targets(REPLACES)[:1], "delete/1": e.targets(DELETE)}.get(e.kind, []):
                lane = to[2] if e.kind == "edit/1" else "~own" if to[2][0] == "~" else "state"
                if (to[0], lane) == (e.feed, e.lane) and (to[1] == e.device or e.device in feeds[e.feed].admins):
                    self.named.setdefault((e.kind, to), []).append(e)
        for e in entries:
            deletes = self.named.get(("delete/1", e.ref), [])
            deleted = any(("delete/1", delete.ref) not in self.named for delete in deletes)
            if e.kind != "delete/1" and (deleted or e.expires is not None and e.expires <= now):
                e.gone, e.envelope = "deleted" if deleted else "expired", None
        self.due = {e for e in entries if e.time <= now + AHEAD and not e.gone}
        copies = {}  # of what is said again one shows, and none if the first counts
        for e in sorted((e for e in self.due if e.targets(ORIGIN)), key=Entry.order):
            for to in e.targets(ORIGIN):
                copies.setdefault(to, e) if to[0] == e.feed else None
        hidden = {e for e in self.due for to in e.targets(ORIGIN) if to in self.counting or copies.get(to, e) is not e}
        self.shown = {e for e in self.due - hidden if e.is_shown()}
        stands_for = {to[-1]: e.id for to, e in copies.items() if to not in self.counting}
        for e in entries:
            said = e.envelope.content if e.envelope else b""
            if (e.kind, e.lane) == ("profile/1", "state") and (field := attempt(profile_field, said)):
                which, value = field  # added and removed are one field, one for each tag and each link
                self.fields[e.feed, which if which < 3 else (which + 1) // 2, value if which > 2 else ""].add(e)
            for to in e.targets(REPLY) if e in self.shown else []:
                self.replies[stands_for.get(to[-1], to[-1])].add(e.ref)
            for to in e.targets(REACTION)[:1] if e in self.due and (e.kind, e.lane) == ("reaction/1", "reactions") else []:
                said = {(x, e.feed) for x in content(said, "str") or [] if plain(x) and len(x.encode()) <= 32}
                self.reactions[stands_for.get(to[-1], to[-1])] |= said

    def profile(self, feed):
        """Name, bio, and the tags in order."""
        said = {key[1:]: profile_field(settle(of).envelope.content) for key, of in self.fields.items() if key[0] == feed}
        tags = sorted(value for (slot, _), (which, value) in said.items() if slot == 2 and which == 3 and len(value.encode()) <= 64)
        one = lambda which: said.get((which, ""), (which, ""))[1] or None
        return {"name": one(0), "bio": one(1), "tags": tags}

    def follows(self, feed):
        """Whom a person follows, as their own devices see it."""
        sets, said = collections.defaultdict(list), {}
        for e in self.counting.values():
            said[e] = content(e.envelope.content, "id", "bool") if e.envelope else None
            if (e.feed, e.kind, e.lane) == (feed, "follow/1", "~own") and said[e]:
                sets[said[e][0]].append(e)
        return sorted(base32(whom) for whom, of in sets.items() if said[settle(of)][1])

    def posts(self):
        """What timelines show, newest first: each entry, whether it can be read, and the rest of it."""
        for e in sorted(self.shown, key=Entry.order, reverse=True):
            edits = [x for x in self.named.get(("edit/1", e.ref), []) if x in self.due and x.envelope]
            edits = [x for x in edits if content(x.envelope.content, "bytes")]
            last = settle([e, *edits]) if e.envelope else e
            said = last.envelope or Envelope(bytes(13))  # of nothing
            inner = content(said.content, "bytes")[0] if last is not e else said.content
            post = e.kind == "post/1" and e.envelope and content(inner, "str", *["str?"] * 4, "i64?")
            readable = e.envelope and (post or e.kind != "post/1")
            yield e, "held" if readable else "unreadable" if e.body is not None else "not_held", last, said, post or [None] * 6

    def object(self, e, last, said, post):
        """An entry as the client prints it."""
        text = lambda to: ":".join((base32(to[0]), base32(to[1]), to[2], str(to[3]), base32(to[4])))
        return {
            "id": text(e.ref), "feed": base32(e.feed), "author": self.profile(e.feed)["name"], "time": rfc3339(e.time),
            "kind": e.kind, "text": post[0], "title": post[1], "link": post[2], "dated": rfc3339(post[5]),
            "tags": said.tags, "reply_to": next(map(text, e.targets(REPLY)), None),
            "mentions": list(map(base32, said.mentions)), "attachments": said.attachments,
            "edited": rfc3339(last.time) if last is not e else None, "deleted": False,
            "reactions": reactions(self.reactions[e.id]),
            "replies": len(self.replies[e.id]),
        }

def plain(emoji):
    """An emoji without variation selectors, as emojis are compared."""
    return emoji.replace("\ufe0e", "").replace("\ufe0f", "")

def reactions(said):
    """How many feeds reacted with each emoji, in the greatest of its forms."""
    feeds, forms = collections.defaultdict(set), {}
    for emoji, feed in said:
        feeds[plain(emoji)].add(feed)
        forms[plain(emoji)] = max(emoji, forms.get(plain(emoji), ""), key=str.encode)
    return {forms[emoji]: len(of) for emoji, of in feeds.items()}

def rfc3339(when):
    """Milliseconds as text, with no more digits than needed; beyond the years 0 to 9999, their first or last moment."""
    if when is None or when > 253_402_207_200_999:
        return when and "9999-12-30T22:00:00.999999999Z"
    cycles, rest = divmod(max(when, -62_167_219_200_000), 146_097 * 86_400_000)  # 400 years
    at = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=rest)
    digits = f".{rest % 1000:03}".rstrip("0").rstrip(".")
    return f"{at.year + 400 * cycles:04}{at:-%m-%dT%H:%M:%S}{digits}Z"

def main():
    arguments = argparse.ArgumentParser(description="Verifies an archive and prints its posts, newest first.")
    arguments.add_argument("file", type=argparse.FileType("rb"))
    arguments.add_argument("--salvage", action="store_true", help="print what stands before a damage, too")
    arguments, feeds = arguments.parse_args(), {}
    data = arguments.file.read(1) and mmap.mmap(arguments.file.fileno(), 0, access=mmap.ACCESS_READ)
    damage = read_archive(memoryview(data), feeds)
    view = View(feeds, time.time_ns() // 1_000_000)
    for e, _, *rest in view.posts() if arguments.salvage or not damage else []:
        print(json.dumps(view.object(e, *rest), ensure_ascii=False))
    if damage:
        sys.exit(f"{arguments.file.name} is damaged at byte {damage[0]}: {damage[1]}")
