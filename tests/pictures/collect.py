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

DATA = pathlib.Path(__file__).parent.parent / "data" / "media"

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


def films():
    """The samples of films; more of them belong here."""
    for name in ["place.mov", "telemetry.mp4", "place.webm", "place.mkv"]:
        yield name, (DATA / name).read_bytes(), "posted"


KINDS = [jpegs, pngs, gifs, webps, heics, closed, films]


def collection():
    for kind in KINDS:
        yield from kind()
