//! What goes from the parts of a PDF: descriptions, private data of programs, names and times of remarks, and what its
//! pictures and colour profiles tell.

use std::collections::BTreeMap;

use lopdf::{Dictionary, Document, Object, ObjectId, Stream};

use super::super::error::Fault;
use super::super::{icc, jpeg};
use super::whole::UNPACKED;

/// Entries that go wherever they stand: descriptions, what programs keep for themselves, times, previews of pages as they
/// once were, and where a page of the web came from.
const GONE: &[&[u8]] = &[
    b"CreatorInfo",
    b"LastModified",
    b"Metadata",
    b"PieceInfo",
    b"SpiderInfo",
    b"Thumb",
];

/// Entries of remarks: when they were made and changed, and what they are called among others.
const OF_REMARKS: &[&[u8]] = &[b"CreationDate", b"M", b"NM"];

/// What cannot stay as it is and cannot be cleaned, by an entry that gives it away.
const SEALED: &[(&[u8], &str)] = &[
    (
        b"ByteRange",
        "it is signed, and no change would leave the signature true",
    ),
    (b"EF", "another file is in it"),
    (b"RichMediaContent", "a film or sound is in it"),
    (b"XFA", "a form of another kind is in it"),
];

/// Colour profiles by their place.
type Profiles = BTreeMap<ObjectId, Profile>;

/// What becomes of a colour profile.
enum Profile {
    /// It is cut to what colours need.
    Cut(Vec<u8>),
    /// It makes no sense; these colours stand in its place, as readers do it.
    Instead(&'static str),
}

impl Profile {
    fn of(stream: &Stream) -> Self {
        let profile = stream.get_plain_content_with_limit(UNPACKED);
        if let Some(cut) = profile.ok().and_then(|bytes| icc::cut(&bytes)) {
            return Self::Cut(cut);
        }
        Self::Instead(match stream.dict.get(b"N").and_then(Object::as_i64) {
            Ok(1) => "DeviceGray",
            Ok(4) => "DeviceCMYK",
            _ => "DeviceRGB",
        })
    }
}

/// Cleans every part.
pub(super) fn document(document: &mut Document) -> Result<(), Fault> {
    let profiles = profiles(document);
    for (id, object) in &mut document.objects {
        if let (Object::Stream(stream), Some(Profile::Cut(profile))) =
            (&mut *object, profiles.get(id))
        {
            stream.set_plain_content(profile.clone());
            stream
                .compress()
                .map_err(|_| Fault::Odd("a colour profile"))?;
        }
        clean(object, &profiles)?;
    }
    Ok(())
}

/// The profiles that colours refer to.
fn profiles(document: &Document) -> Profiles {
    let mut found = Profiles::new();
    for object in document.objects.values() {
        search(object, &mut |id| {
            if let Ok(Object::Stream(stream)) = document.get_object(id) {
                found.entry(id).or_insert_with(|| Profile::of(stream));
            }
        });
    }
    found
}

/// Looks for references to profiles. The depth of an object is bounded where it was read.
fn search(object: &Object, found: &mut impl FnMut(ObjectId)) {
    match object {
        Object::Array(items) => {
            if let Some(id) = profiled(items) {
                found(id);
            }
            items.iter().for_each(|item| search(item, found));
        }
        Object::Dictionary(entries) | Object::Stream(Stream { dict: entries, .. }) => {
            if let Ok(Object::Reference(id)) = entries.get(b"DestOutputProfile") {
                found(*id);
            }
            entries.iter().for_each(|(_, value)| search(value, found));
        }
        _ => {}
    }
}

/// The profile that colours are said by.
fn profiled(items: &[Object]) -> Option<ObjectId> {
    match items {
        [Object::Name(name), Object::Reference(id)] if name == b"ICCBased" => Some(*id),
        _ => None,
    }
}

fn clean(object: &mut Object, profiles: &Profiles) -> Result<(), Fault> {
    let id = object.as_array().ok().and_then(|items| profiled(items));
    if let Some(Profile::Instead(colours)) = id.and_then(|id| profiles.get(&id)) {
        *object = Object::from(*colours);
    }
    match object {
        Object::Array(items) => items.iter_mut().try_for_each(|it| clean(it, profiles)),
        Object::Dictionary(entries) => dictionary(entries, profiles),
        Object::Stream(stream) => {
            dictionary(&mut stream.dict, profiles)?;
            contents(stream)
        }
        _ => Ok(()),
    }
}

fn dictionary(entries: &mut Dictionary, profiles: &Profiles) -> Result<(), Fault> {
    for (key, why) in SEALED {
        if entries.has(key) {
            return Err(Fault::Sealed(why));
        }
    }
    for key in GONE {
        entries.remove(key);
    }
    if is_remark(entries) {
        for key in OF_REMARKS {
            entries.remove(key);
        }
        // Of a field of a form it is the name of the field, of all else the name of a person.
        if !is_of(entries, b"Subtype", b"Widget") {
            entries.remove(b"T");
        }
    }
    let id = entries
        .get(b"DestOutputProfile")
        .and_then(Object::as_reference);
    if let Ok(Some(Profile::Instead(_))) = id.map(|id| profiles.get(&id)) {
        entries.remove(b"DestOutputProfile");
    }
    let mut values = entries.iter_mut().map(|(_, value)| value);
    values.try_for_each(|value| clean(value, profiles))
}

/// Whether it lies on a page, as remarks, links and fields of forms do.
fn is_remark(entries: &Dictionary) -> bool {
    is_of(entries, b"Type", b"Annot") || (entries.has(b"Subtype") && entries.has(b"Rect"))
}

fn is_of(entries: &Dictionary, key: &[u8], name: &[u8]) -> bool {
    matches!(entries.get(key), Ok(Object::Name(found)) if found == name)
}

/// What a part holds besides its entries.
fn contents(stream: &mut Stream) -> Result<(), Fault> {
    let kind = |name| is_of(&stream.dict, b"Type", name);
    if kind(b"EmbeddedFile") {
        return Err(Fault::Sealed("another file is in it"));
    }
    if kind(b"3D") || is_of(&stream.dict, b"Subtype", b"U3D") {
        return Err(Fault::Sealed("a body in three dimensions is in it"));
    }
    let filters = stream.filters().unwrap_or_default();
    let refused = Fault::Sealed("a picture in it cannot be cleaned");
    match filters.as_slice() {
        [b"DCTDecode" | b"DCT"] => {
            let still = jpeg::strip(&stream.content).map_err(|_| refused)?;
            stream.set_content(still.bytes);
            Ok(())
        }
        [.., b"DCTDecode" | b"DCT" | b"JPXDecode"] => Err(refused),
        _ => Ok(()),
    }
}
