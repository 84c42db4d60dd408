"""A collection of pictures and films with facts planted in every place that has room for one.

Each fact has PLANTED in it, so that whoever looks through what was posted knows what to look for. Made by code alone, but
for the small samples in tests/data/media, whose facts are Banana, Kitchen and a place at +52.52.

To add a kind: write a function that yields (name, bytes, expected), and name it in KINDS. What is expected is "posted"
or "refused".
"""

import base64
import pathlib
import struct
import zlib

DATA = pathlib.Path(__file__).resolve().parents[4] / "tests" / "data" / "media"

PLACE = b"PLANTED +52.5200+013.4050"


def fact(place):
    return b"PLANTED " + place.encode()


# Exif, ICC and XMP, which many kinds have room for.


def exif(orientation=1):
    """A block of TIFF with a maker, a model, a serial number, an owner, times, a place, a maker's note, a thumbnail."""
    data = bytearray()

    def directory(at, tags):
        head = struct.pack("<H", len(tags))
        behind = at + 2 + 12 * len(tags) + 4
        extra = b""
        for tag, kind, value in tags:
            if kind == 3:
                head += struct.pack("<HHIHH", tag, 3, 1, value, 0)
            elif kind == 4:
                head += struct.pack("<HHII", tag, 4, 1, value)
            elif kind == 5:
                head += struct.pack("<HHII", tag, 5, len(value), behind + len(extra))
                extra += b"".join(struct.pack("<II", *part) for part in value)
            else:
                value = value + b"\0" * (4 - len(value)) if len(value) < 4 else value
                if len(value) == 4:
                    head += struct.pack("<HHI", tag, kind, 4) + value
                else:
                    head += struct.pack("<HHII", tag, kind, len(value), behind + len(extra))
                    extra += value + b"\0" * (len(value) % 2)
        return head + bytes(4) + extra

    place = [
        (1, 2, b"N\0"),
        (2, 5, [(52, 1), (31, 1), (12, 1)]),
        (3, 2, b"E\0"),
        (4, 5, [(13, 1), (24, 1), (18, 1)]),
        (0x12, 2, fact("exif-gps-datum") + b"\0"),
    ]
    camera = [
        (0x9003, 2, b"2024:05:06 07:08:09\0"),
        (0x927C, 7, fact("exif-makernote")),
        (0x9286, 7, b"ASCII\0\0\0" + fact("exif-comment")),
        (0xA430, 2, fact("exif-owner") + b"\0"),
        (0xA431, 2, fact("exif-serial") + b"\0"),
        (0xA434, 2, fact("exif-lens") + b"\0"),
    ]

    def main(camera_at, place_at):
        return [
            (0x010E, 2, fact("exif-description") + b"\0"),
            (0x010F, 2, fact("exif-make") + b"\0"),
            (0x0110, 2, fact("exif-model") + b"\0"),
            (0x0112, 3, orientation),
            (0x0131, 2, fact("exif-software") + b"\0"),
            (0x0132, 2, b"2024:05:06 07:08:09\0"),
            (0x013B, 2, fact("exif-artist") + b"\0"),
            (0x8298, 2, fact("exif-copyright") + b"\0"),
            (0x8769, 4, camera_at),
            (0x8825, 4, place_at),
            (0x9C9B, 1, fact("exif-title").decode().encode("utf-16-le")),
        ]

    data += b"II*\0\x08\0\0\0"
    size = len(directory(8, main(0, 0)))
    camera_at = 8 + size
    place_at = camera_at + len(directory(camera_at, camera))
    data += directory(8, main(camera_at, place_at))
    data += directory(camera_at, camera)
    data += directory(place_at, place)
    return bytes(data) + fact("exif-behind")


def xmp():
    return (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Make="' + fact("xmp") + b'"/>'
        b"</rdf:RDF></x:xmpmeta>"
    )


def profile(version=2):
    """A colour profile of a display that has an owner."""

    def text(says):
        return b"text\0\0\0\0" + says + b"\0"

    def wide(says):
        wide = says.decode().encode("utf-16-be")
        return b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(wide), 28) + wide

    def number(*numbers):
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(int(n * 65536) for n in numbers))

    say = wide if version == 4 else text
    curve = b"curv\0\0\0\0\0\0\0\x01\x02\x33"
    tags = [
        (b"desc", say(fact("icc-desc"))),
        (b"cprt", say(fact("icc-cprt"))),
        (b"dmnd", say(fact("icc-dmnd"))),
        (b"dmdd", say(fact("icc-dmdd"))),
        (b"mmod", b"mmod\0\0\0\0" + fact("icc-mmod")),
        (b"meta", fact("icc-meta")),
        (b"calt", b"dtim\0\0\0\0" + struct.pack(">6H", 2024, 5, 6, 7, 8, 9)),
        (b"tech", b"sig \0\0\0\0CRT "),
        (b"vcgt", fact("icc-vcgt")),
        (b"wtpt", number(0.9642, 1, 0.8249)),
        (b"rXYZ", number(0.4361, 0.2225, 0.0139)),
        (b"gXYZ", number(0.3851, 0.7169, 0.0971)),
        (b"bXYZ", number(0.1431, 0.0606, 0.7139)),
        (b"rTRC", curve + fact("icc-curve")),
        (b"gTRC", curve),
        (b"bTRC", curve),
        (b"priv", fact("icc-private")),
    ]
    table, values = b"", b""
    for name, value in tags:
        table += name + struct.pack(">II", 132 + 12 * len(tags) + len(values), len(value))
        values += value + b"K" * (-len(value) % 4)
    header = bytearray(128)
    header[4:8] = b"PLAN"
    header[8:10] = bytes([version, 0x20])
    header[12:24] = b"mntrRGB XYZ "
    header[24:36] = struct.pack(">6H", 2024, 5, 6, 7, 8, 9)
    header[36:44] = b"acspAPPL"
    header[48:56] = b"PLANTED "
    header[68:80] = struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    header[80:84] = b"PLAN"
    header[84:100] = b"PLANTED icc-id.."
    header[100:128] = fact("icc-header").ljust(28, b"\0")
    all = bytes(header) + struct.pack(">I", len(tags)) + table + values + fact("icc-behind")
    return struct.pack(">I", len(all)) + all[4:]


# JPEG


def segment(marker, payload):
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload


def jpegs():
    for base in ["progressive.jpg", "restarts.jpg"]:
        clean = (DATA / base).read_bytes()
        end = clean[:-2], clean[-2:]
        icc = profile()
        half = len(icc) // 2
        told = b"".join(
            [
                segment(0xE0, b"JFIF\0\1\2\0\0\1\0\1\1\1" + fact("jfif-thumbnail")),
                segment(0xE0, b"JFXX\0\x10" + fact("jfxx")),
                segment(0xE1, b"Exif\0\0" + exif()),
                segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp()),
                segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b"A" * 40 + xmp()),
                segment(0xE2, b"ICC_PROFILE\0\1\2" + icc[:half]),
                segment(0xE2, b"ICC_PROFILE\0\2\2" + icc[half:]),
                segment(0xE2, b"MPF\0" + fact("mpf")),
                segment(0xE2, b"FPXR\0" + fact("flashpix")),
                segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", 40) + b"\x1c\x02\x05\0\x23" + fact("iptc").ljust(35)),
                segment(0xEE, b"Adobe\0\x64\0\0\0\0\1" + fact("adobe")),
                segment(0xEB, b"JP" + fact("jumbf")),
                segment(0xE4, fact("app4")),
                segment(0xFE, fact("comment")),
                b"\xFF\x00" + fact("between"),
            ]
        )
        yield "all-" + base, clean[:2] + told + clean[20:-2] + fact("behind-codes") + end[1] + fact("trailer"), "posted"
        yield "film-" + base, clean + b"\0\0\0\x18ftypmp42" + fact("motion-photo"), "posted"
        second = clean[:2] + segment(0xE1, b"Exif\0\0" + exif()) + clean[2:]
        yield "second-" + base, clean + second, "posted"
        yield "open-" + base, clean[:2] + segment(0xFE, fact("open")) + end[0][2:], "posted"
        turned = clean[:2] + segment(0xE1, b"Exif\0\0" + exif(6)) + clean[2:]
        yield "turned-" + base, turned, "posted"
        for marker in [0xDB, 0xC4, 0xDA]:
            at = clean.index(bytes([0xFF, marker]))
            (len_,) = struct.unpack(">H", clean[at + 2 : at + 4])
            plant = fact("segment")
            longer = clean[: at + 2] + struct.pack(">H", len_ + len(plant)) + clean[at + 4 : at + 2 + len_] + plant + clean[at + 2 + len_ :]
            yield f"longer-{marker:x}-{base}", longer, "posted"


# PNG


def chunk(name, payload):
    return struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", zlib.crc32(name + payload))


def pngs():
    rows = b"".join(b"\0" + bytes((x * 7 + y * 5) % 256 for x in range(3 * 16)) for y in range(12))
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">II5B", 16, 12, 8, 2, 0, 0, 0))
    data = zlib.compress(rows)
    told = b"".join(
        [
            chunk(b"gAMA", struct.pack(">I", 45455) + fact("png-gamma")),
            chunk(b"iCCP", fact("png-profile-name") + b"\0\0" + zlib.compress(profile(4)) + fact("png-behind-profile")),
            chunk(b"sPLT", fact("png-palette") + b"\0\x08"),
            chunk(b"tEXt", b"Author\0" + fact("png-text")),
            chunk(b"zTXt", b"Comment\0\0" + zlib.compress(fact("png-ztext"))),
            chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp()),
            chunk(b"iTXt", b"Title\0\1\0en\0\0" + zlib.compress(fact("png-itext"))),
            chunk(b"eXIf", exif()),
            chunk(b"tIME", struct.pack(">H5B", 2024, 5, 6, 7, 8, 9)),
            chunk(b"prVt", fact("png-private")),
            chunk(b"caBX", fact("png-c2pa")),
            chunk(b"zxIf", fact("png-zxif")),
        ]
    )
    end = chunk(b"IEND", fact("png-end"))
    yield "all.png", head + told + chunk(b"IDAT", data + fact("png-behind-data")) + chunk(b"IDAT", fact("png-more-data")) + end + fact("png-trailer"), "posted"
    turned = head + chunk(b"gAMA", struct.pack(">I", 100000)) + chunk(b"eXIf", exif(8)) + chunk(b"tEXt", b"a\0" + fact("png-turned"))
    yield "turned.png", turned + chunk(b"IDAT", data) + end, "posted"
    frame = struct.pack(">5I2H2B", 0, 16, 12, 0, 0, 1, 10, 0, 0)
    moving = head + chunk(b"acTL", struct.pack(">2I", 1, 0)) + chunk(b"tEXt", b"a\0" + fact("apng")) + chunk(b"fcTL", frame + fact("apng-frame"))
    yield "moving.png", moving + chunk(b"IDAT", data) + end, "posted"
    yield "needed.png", head + chunk(b"PlNT", fact("png-needed")) + chunk(b"IDAT", data) + end, "refused"


# GIF


def blocks(*parts):
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def gifs():
    told = b"".join(
        [
            b"GIF89a\x02\0\x02\0\x80\0\0\0\0\0\xFF\xFF\xFF",
            b"\x21\xFF" + blocks(b"NETSCAPE2.0", b"\x01\0\0", fact("gif-behind-loop")),
            b"\x21\xFF" + blocks(b"XMP DataXMP", xmp()[:200]),
            b"\x21\xFF" + blocks(b"ICCRGBG1012", fact("gif-profile")),
            b"\x21\xFE" + blocks(fact("gif-comment")),
            b"\x21\x01" + blocks(b"0123456789ab", fact("gif-text")),
            b"\x21\x77" + blocks(fact("gif-unknown")),
            b"\x21\xF9" + blocks(b"\0\x0A\0\0", fact("gif-behind-timing")),
            b"\x2C\0\0\0\0\x02\0\x02\0\0\x02" + blocks(b"\x04\0\x05" + fact("gif-behind-codes"), fact("gif-more")),
        ]
    )
    yield "all.gif", told + b"\x3B" + fact("gif-trailer"), "posted"
    yield "open.gif", told, "posted"


# WebP


def riff(name, payload):
    return name + struct.pack("<I", len(payload)) + payload + b"\0" * (len(payload) % 2)


def webps():
    simple = base64.b64decode("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")
    picture = simple[12:]
    for orientation in [1, 6]:
        body = b"".join(
            [
                riff(b"VP8X", bytes([0x2C, *fact("w")[:3], 0, 0, 0, 0, 0, 0]) + fact("webp-head")),
                riff(b"ICCP", profile(4)),
                picture,
                riff(b"EXIF", exif(orientation)),
                riff(b"XMP ", xmp()),
                riff(b"PLNT", fact("webp-unknown")),
                riff(b"VP8L", fact("webp-second")),
            ]
        )
        whole = b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
        yield f"all-{orientation}.webp", whole + fact("webp-trailer"), "posted"


# HEIC and AVIF


def box(name, *parts):
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, name) + body


def full(name, *parts):
    return box(name, bytes(4), *parts)


def heics():
    for name in ["place.heic", "place.avif"]:
        clean = (DATA / name).read_bytes()
        yield name, clean, "posted"
        yield "longer-" + name, clean + box(b"uuid", fact("heic-uuid")) + box(b"PLNT", fact("heic-unknown")), "posted"
    items = [
        (b"hvc1", b"the picture", [1, 2]),
        (b"Exif", bytes(4) + exif(), []),
        (b"mime", xmp(), []),
        (b"uri ", fact("heic-uri"), []),
        (b"hvc1", fact("heic-thumbnail"), [1]),
        (b"hvc1", fact("heic-depth"), [1, 3]),
        (b"PLNT", fact("heic-item"), []),
    ]
    properties = [
        box(b"ispe", struct.pack(">3I", 0, 64, 48), fact("heic-size")),
        box(b"colr", b"prof", profile(4)),
        full(b"auxC", b"urn:com:apple:photo:2020:aux:" + fact("heic-aux") + b"\0"),
        full(b"udes", b"en\0" + fact("heic-description") + b"\0"),
    ]
    refs = [(b"cdsc", 2, 1), (b"cdsc", 3, 1), (b"thmb", 5, 1), (b"auxl", 6, 1)]
    ftyp = box(b"ftyp", b"heic\0\0\0\0mif1heic")

    def listed(at):
        places = struct.pack(">BBH", 0x44, 0, len(items))
        for number, (_, data, _) in enumerate(items, 1):
            places += struct.pack(">HHHII", number, 0, 1, at, len(data))
            at += len(data)
        infos = [full(b"infe", struct.pack(">HH", n, 0), k, fact("heic-name") + b"\0application/x\0") for n, (k, _, _) in enumerate(items, 1)]
        infos = [i[:8] + b"\x02" + i[9:] for i in infos]
        has = [struct.pack(">HB", n, len(p)) + bytes(p) for n, (_, _, p) in enumerate(items, 1)]
        return full(
            b"meta",
            full(b"hdlr", bytes(4), b"pict", bytes(12), fact("heic-handler") + b"\0"),
            full(b"pitm", b"\0\1"),
            full(b"iloc", places),
            full(b"iinf", struct.pack(">H", len(items)), *infos),
            full(b"iref", *[box(kind, struct.pack(">3H", a, 1, b)) for kind, a, b in refs]),
            box(b"iprp", box(b"ipco", *properties), full(b"ipma", struct.pack(">I", len(items)), *has)),
            box(b"idat", fact("heic-idat")),
            full(b"xml ", xmp()),
            box(b"uuid", fact("heic-meta-uuid")),
            box(b"dinf", fact("heic-dinf")),
        )

    at = len(ftyp) + len(listed(0)) + 8
    data = b"".join(data for _, data, _ in items)
    yield "items.heic", ftyp + listed(at) + box(b"mdat", data, fact("heic-behind-items")), "posted"


# What is not looked into


def closed():
    starts = {
        "tiff": b"II*\0\x08\0\0\0",
        "dng": b"MM\0*\0\0\0\x08",
        "mrw": b"\0MRM\0\0\0\x10",
        "crw": b"II\x1a\0\0\0HEAPCCDR",
        "x3f": b"FOVb\0\0\3\0",
        "orf": b"IIRO\x08\0\0\0",
        "rw2": b"IIU\0\x18\0\0\0",
        "raf": b"FUJIFILMCCD-RAW 0201",
        "cr3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
        "jp2": b"\0\0\0\x0cjP  \r\n\x87\n",
        "j2c": b"\xFF\x4F\xFF\x51\0\x29",
        "jxl": b"\xFF\x0A",
        "jxr": b"II\xBC\1",
        "psd": b"8BPS\0\1" + bytes(6),
        "xcf": b"gimp xcf v011\0",
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%For: ",
        "bpg": b"BPG\xFB",
        "exr": b"\x76\x2F\x31\1\2\0\0\0",
        "fits": b"SIMPLE  =                    T",
        "ico": struct.pack("<3H4B2H2I", 0, 1, 1, 16, 16, 0, 0, 1, 32, 40, 22),
    }
    for ending, start in starts.items():
        yield "closed." + ending, start + bytes(8) + PLACE, "refused"
    yield "closed.dcm", bytes(128) + b"DICM" + PLACE, "refused"


# MP4 and QuickTime


MATRIX = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
MADE = struct.pack(">2I", 3797825289, 3797825289)


def notes(where):
    """What makers put into boxes at any level."""
    return b"".join(
        [
            box(b"udta", box(b"\xa9xyz", struct.pack(">HH", len(PLACE), 0x15C7), PLACE), box(b"GPMF", fact(where + "-gpmf")), box(b"smta", fact(where + "-smta"))),
            full(
                b"meta",
                full(b"hdlr", bytes(4), b"mdta", bytes(13)),
                full(b"keys", struct.pack(">I", 1), box(b"mdta", b"com.apple.quicktime.location.ISO6709")),
                box(b"ilst", box(b"\0\0\0\1", box(b"data", struct.pack(">2I", 1, 0), PLACE))),
            ),
            box(b"uuid", b"PROF!\xd2O\xce\xbb\x88i\\\xfa\xc9\xc7@", fact(where + "-uuid")),
            box(b"gps ", fact(where + "-gps")),
            box(b"free", fact(where + "-free")),
            box(b"skip", fact(where + "-skip")),
        ]
    )


def described(handler):
    """A form of pictures, of sounds, of subtitles, of what a camera measured, of time codes."""
    if handler == b"vide":
        name = fact("encoder")
        head = bytes(6) + b"\0\1" + bytes(4) + b"PLAN\0PLANTED" + struct.pack(">2H2I", 64, 48, 72 << 16, 72 << 16)
        head += bytes(4) + b"\0\1" + bytes([len(name)]) + name.ljust(31, b"\0") + struct.pack(">Hh", 24, -1)
        jpeg_colours = box(b"colr", b"prof", profile())
        return box(b"jpeg", head, jpeg_colours, box(b"udta", fact("stsd-udta")), box(b"uuid", fact("stsd-uuid")), box(b"PLNT", fact("stsd-box")))
    if handler == b"soun":
        head = bytes(6) + b"\0\1" + b"\0\0\0\0PLAN" + struct.pack(">4HI", 1, 16, 0, 0, 8000 << 16)
        return box(b"twos", head, box(b"chan", bytes(12)), box(b"PLNT", fact("sound-box")))
    if handler == b"tmcd":
        reel = b"PLANTED reel"
        head = bytes(6) + b"\0\1" + bytes(8) + struct.pack(">2IBx", 30, 1, 30)
        return box(b"tmcd", head, box(b"name", struct.pack(">2H", len(reel), 0), reel))
    form = {b"sbtl": b"tx3g", b"meta": b"gpmd", b"text": b"text", b"nrtm": b"rtmd"}.get(handler, b"djmd")
    return box(form, bytes(6) + b"\0\1", fact("description"))


def track(number, handler, places, sizes, more=b""):
    """A track whose chunks lie at these places, each with one sample."""
    says = fact("handler-" + handler.decode())
    tables = [
        full(b"stsd", struct.pack(">I", 1), described(handler)),
        full(b"stts", struct.pack(">3I", 1 if places else 0, len(places), 500), fact("behind-stts")) if places else full(b"stts", bytes(4)),
        full(b"stsc", struct.pack(">4I", 1, 1, 1, 1), fact("behind-stsc")) if places else full(b"stsc", bytes(4)),
        full(b"stsz", struct.pack(">2I", 0, len(sizes)), *[struct.pack(">I", size) for size in sizes]),
        full(b"stco", struct.pack(">I", len(places)), *[struct.pack(">I", place) for place in places]),
        notes("stbl"),
        box(b"sgpd", bytes(4) + b"PLNT" + fact("groups")),
    ]
    path = full(b"url ", fact("dref-path"))
    path = path[:11] + b"\1" + path[12:]
    alias = full(b"alis", fact("dref-alias"))
    alias = alias[:11] + b"\1" + alias[12:]
    minf = [
        full(b"vmhd", bytes(8)) if handler == b"vide" else full(b"smhd", bytes(4)) if handler == b"soun" else box(b"gmhd", box(b"tmcd", full(b"tcmi", fact("tcmi")))),
        full(b"hdlr", b"dhlr", b"url ", b"PLAN", bytes(8), says),
        box(b"dinf", full(b"dref", struct.pack(">I", 2), path, alias), notes("dinf")),
        box(b"stbl", *tables),
        notes("minf"),
    ]
    mdia = [
        full(b"mdhd", MADE, struct.pack(">2I2H", 1000, 1000, 0x55C4, 0)),
        full(b"hdlr", b"mhlr", handler, b"PLAN", bytes(8), says),
        box(b"minf", *minf),
        full(b"elng", fact("language") + b"\0"),
        notes("mdia"),
    ]
    head = full(b"tkhd", MADE, struct.pack(">2I", number, 0), struct.pack(">I", 1000), bytes(16), MATRIX, struct.pack(">2I", 64 << 16, 48 << 16))
    head = head[:11] + b"\7" + head[12:]
    references = box(b"tref", box(b"tmcd", struct.pack(">I", 4)), box(b"cdsc", struct.pack(">I", 1)), box(b"PLNT", fact("tref")))
    edits = box(b"edts", full(b"elst", struct.pack(">4I", 1, 1000, 0, 1 << 16)), notes("edts"))
    return box(b"trak", head, edits, references, box(b"mdia", *mdia), notes("trak"), more)


def movie_head():
    return full(b"mvhd", MADE, struct.pack(">3IH", 1000, 1000, 1 << 16, 0x100), b"PLANTED...", MATRIX, fact("preview").ljust(24, b"\0")[:24], struct.pack(">I", 9))


def boxed():
    """What drones, action cameras, dash cameras, telephones and studios write, in one film: by QuickTime and by MP4."""
    parts = [
        (b"vide", b"\xff\xd8" + b"picture one" + b"\xff\xd9"),
        (None, fact("mdat-gap") + PLACE),
        (b"sbtl", struct.pack(">H", len(PLACE)) + PLACE),
        (b"soun", b"sounds"),
        (b"meta", b"DEVC" + fact("gpmd")),
        (b"tmcd", b"PLANTED tmcd"),
        (b"djmd", fact("drone-data")),
        (b"nrtm", fact("rtmd") + b"2024:05:06 07:08:09"),
        (b"text", fact("text-track")),
        (b"vide", b"\xff\xd8" + b"picture two" + b"\xff\xd9"),
        (None, fact("mdat-end")),
    ]
    for name, brand, behind in [("all.mov", b"qt  ", b""), ("all.mp4", b"isom", b""), ("dash.mp4", b"mp42", b"\0\0\0\0" + fact("trailer")), ("phone.mp4", b"mp42", b"SEFH" + fact("samsung") + b"SEFT")]:
        ftyp = box(b"ftyp", brand, bytes(4), brand)
        at, lies = len(ftyp) + 8, {}
        for handler, data in parts:
            if handler:
                lies.setdefault(handler, []).append((at, len(data)))
            at += len(data)
        tracks = [track(n, h, [a for a, _ in p], [s for _, s in p]) for n, (h, p) in enumerate(lies.items(), 1)]
        moov = box(b"moov", movie_head(), *tracks, notes("moov"), box(b"iods", fact("iods")), box(b"ctab", fact("ctab")))
        mdat = box(b"mdat", *[data for _, data in parts])
        top = notes("top") + box(b"pnot", fact("pnot")) + box(b"PICT", fact("preview"))
        yield name, ftyp + mdat + top + moov + top + behind, "posted"


def fragmented():
    """A film in fragments of three tracks, two of which are neither seen nor heard."""
    ftyp = box(b"ftyp", b"iso5", bytes(4), b"iso5dash")
    handlers = [b"vide", b"sbtl", b"djmd"]
    extends = [full(b"trex", struct.pack(">5I", n, 1, 500, 0, 0)) for n in range(1, 4)]
    tracks = [track(n, handler, [], []) for n, handler in enumerate(handlers, 1)]
    moov = box(b"moov", movie_head(), *tracks, box(b"mvex", *extends, notes("mvex"), box(b"trep", fact("trep"))), notes("moov"))
    whole = b""
    for round in range(2):
        datas = [b"\xff\xd8picture\xff\xd9", struct.pack(">H", len(PLACE)) + PLACE, fact("fragment-data")]

        def moof(at):
            parts = b""
            for number, data in enumerate(datas, 1):
                tfhd = full(b"tfhd", struct.pack(">I", number))
                tfhd = tfhd[:9] + b"\2" + tfhd[10:]
                trun = full(b"trun", struct.pack(">3I", 1, at, len(data)), fact("behind-trun"))
                trun = trun[:10] + b"\2\1" + trun[12:]
                parts += box(b"traf", tfhd, full(b"tfdt", struct.pack(">I", 500 * round), fact("behind-tfdt")), trun, notes("traf"), box(b"senc", fact("senc")))
                at += len(data)
            return box(b"moof", full(b"mfhd", struct.pack(">I", round + 1)), parts, notes("moof"), box(b"pssh", fact("pssh")))

        made = full(b"prft", struct.pack(">IQQ", 1, 0xE9E0C1D2_00000000, 0), fact("prft"))
        message = full(b"emsg", fact("emsg") + b"\0")
        head = moof(0)
        whole += box(b"styp", b"msdh", bytes(4), b"msdh") + made + message + moof(len(head) + 8) + box(b"mdat", *datas, fact("fragment-gap"))
    yield "fragments.mp4", ftyp + moov + whole + box(b"mfra", full(b"mfro", struct.pack(">I", 24)), notes("mfra")), "posted"


# WebM and Matroska


def element(name, *parts):
    body = b"".join(part if isinstance(part, bytes) else element(*part) for part in parts)
    name = name.to_bytes((name.bit_length() + 7) // 8, "big")
    return name + (0x01 << 56 | len(body)).to_bytes(8, "big") + body


def matroska():
    """A film, a sound and subtitles of a drone, with all that programs say beside them."""

    def told(name, where):
        return element(name, fact(where))

    def entry(number, kind, codec, *more):
        has = [element(0xD7, bytes([number])), element(0x73C5, bytes([number])), element(0x83, bytes([kind])), element(0x86, codec)]
        says = [told(0x536E, "track-name"), told(0x258688, "codec-name"), told(0x3A9697, "codec-settings"), told(0x3B4040, "codec-info")]
        says += [told(0x26B240, "codec-download"), told(0x7446, "attachment-link"), element(0x41E4, told(0x41A4, "block-addition"))]
        return element(0xAE, *has, *says, *more)

    vendor, tags = fact("vorbis-vendor"), fact("vorbis-tags")
    comments = struct.pack("<I", len(vendor)) + vendor + struct.pack("<II", 1, len(tags)) + tags
    heads = [b"\1vorbis" + bytes(23), b"\3vorbis" + comments + b"\1", b"\5vorbis the books"]
    private = bytes([2, len(heads[0]), len(heads[1])]) + b"".join(heads)
    info = [element(0x2AD7B1, b"\x0f\x42\x40"), element(0x4489, struct.pack(">f", 1000.0)), told(0x7BA9, "title"), told(0x4D80, "muxer"), told(0x5741, "writer")]
    info += [element(0x4461, struct.pack(">q", 736318089 * 10**9)), told(0x7384, "file-name"), told(0x73A4, "segment-uid"), told(0x3C83AB, "file-before")]
    tracks = [
        entry(1, 1, b"V_VP8", element(0xE0, element(0xB0, b"\x40"), element(0xBA, b"\x30"), told(0x2383E4, "in-video"))),
        entry(2, 2, b"A_VORBIS", element(0x63A2, private), element(0xE1, element(0x9F, b"\1"), told(0x7D7B, "in-audio"))),
        entry(3, 17, b"S_TEXT/UTF8", told(0x63A2, "subtitle-head")),
        entry(4, 33, b"D_WEBVTT/METADATA"),
    ]
    blocks = [
        element(0xE7, b"\0"),
        element(0xA3, b"\x81\0\0\x80picture"),
        element(0xA3, b"\x82\0\0\x80sound"),
        element(0xA0, element(0xA1, b"\x83\0\0\0" + PLACE), element(0x9B, b"\1")),
        element(0xA3, b"\x84\0\0\x80" + fact("metadata-block")),
        element(0xA0, element(0xA1, b"\x81\0\1\0picture"), element(0x75A1, element(0xA6, told(0xA5, "addition"), element(0xEE, b"\4"))), told(0xA4, "codec-state")),
        element(0x5854, told(0x58D7, "silent")),
        told(0xAF, "encrypted"),
        told(0xEC, "void"),
    ]
    rest = [
        element(0x1941A469, element(0x61A7, told(0x467E, "file"), element(0x466E, b"PLANTED.jpg"), element(0x4660, b"image/jpeg"), told(0x465C, "attached"))),
        element(0x1043A770, element(0x45B9, element(0xB6, element(0x80, told(0x85, "chapter"))))),
        element(0x1254C367, element(0x7373, element(0x67C8, element(0x45A3, b"LOCATION"), element(0x4487, PLACE)))),
        element(0x1C53BB6B, element(0xBB, element(0xB3, b"\0"), element(0xB7, element(0xF7, b"\3"), told(0xDB, "in-cue")))),
        told(0xEC, "void"),
        told(0xBF, "checksum"),
    ]
    for name, kind in [("all.webm", b"webm"), ("all.mkv", b"matroska")]:
        head = element(0x1A45DFA3, element(0x4282, kind), element(0x4287, b"\2"), element(0x4285, b"\2"), told(0xEC, "in-head"))
        segment = element(0x18538067, element(0x1549A966, *info), element(0x1654AE6B, *tracks), element(0x1F43B675, *blocks), *rest)
        yield name, head + segment + fact("trailer"), "posted"


def films():
    for name in ["place.mov", "telemetry.mp4", "place.webm", "place.mkv"]:
        yield name, (DATA / name).read_bytes(), "posted"
    yield from boxed()
    yield from fragmented()
    yield from matroska()
    piece = box(b"styp", b"msdh", bytes(4)) + box(b"moof", notes("piece")) + box(b"mdat", PLACE)
    yield "piece.m4s", piece, "refused"
    yield "piece-without-brand.m4s", piece[16:], "refused"
    yield "telling.mov", box(b"uuid", fact("first-uuid")) + box(b"udta", PLACE), "refused"
    for ending, start in {"avi": b"RIFF\0\1\0\0AVI LIST", "ts": (b"G" + PLACE.ljust(187, b"\0")) * 4, "mpg": b"\0\0\1\xba", "wmv": bytes.fromhex("3026b2758e66cf11"), "flv": b"FLV\1"}.items():
        yield "closed." + ending, start + (b"" if ending == "ts" else bytes(8) + PLACE), "refused"


KINDS = [jpegs, pngs, gifs, webps, heics, closed, films]


def collection():
    for kind in KINDS:
        yield from kind()
