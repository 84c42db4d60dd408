//! HEIF and AVIF: a picture and its metadata are items of one box, each somewhere in the file.
//!
//! The content of Exif and XMP items is overwritten where it lies. Which way is up is a property of the picture in these
//! files, not Exif's to say, so nothing has to be kept of it.

use std::collections::BTreeMap;

use super::boxes::{Film, Head};
use super::error::Fault;
use super::exif;
use super::patch::{Patch, Scratch};
use super::scan::{Scan, index};

/// Bytes of the box that lists the items. A picture of 100 megapixels in tiles has some 30 KiB of it.
const LIST: usize = 4 << 20;

const NO_SENSE: Fault = Fault::Sealed("its list of items makes no sense");

/// Cleans the items listed in `meta`, and tells the size of the picture.
pub(super) fn look<F: Scratch>(patch: &mut Patch<'_, F>, meta: &Head) -> Result<Film, Fault> {
    let list = patch
        .load(meta.body, meta.end, LIST)
        .map_err(|_| NO_SENSE)?;
    let found = read(&list, meta.body).map_err(|_| NO_SENSE)?;
    for item in found.private.values() {
        for (at, len) in &item.places {
            let end = at.checked_add(*len).ok_or(NO_SENSE)?;
            let said = say_nothing(patch, item)?;
            patch.zero(at + said, end).map_err(|_| NO_SENSE)?;
        }
    }
    let turned = found.quarter_turned;
    Ok(Film {
        width: found.size.map(|(w, h)| if turned { h } else { w }),
        height: found.size.map(|(w, h)| if turned { w } else { h }),
        duration_ms: None,
    })
}

/// XMP that says nothing.
const NO_XMP: &[u8] = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>";

/// Leaves metadata that can be read and says nothing, so that programs which read it do not stumble over zeros; how many
/// bytes it takes.
fn say_nothing<F: Scratch>(patch: &mut Patch<'_, F>, item: &Private) -> Result<u64, Fault> {
    let nothing = match &item.kind {
        b"Exif" => [&[0; 4], exif::NOTHING].concat(),
        _ => NO_XMP.to_vec(),
    };
    let takes = u64::try_from(nothing.len()).map_err(|_| NO_SENSE)?;
    match item.places.as_slice() {
        [(at, len)] if *len >= takes => {
            patch.write(*at, &nothing).map_err(|_| NO_SENSE)?;
            Ok(takes)
        }
        _ => Ok(0),
    }
}

/// An item that is not the picture's.
#[derive(Debug)]
struct Private {
    kind: [u8; 4],
    /// Where its parts lie in the file, and how long they are.
    places: Vec<(u64, u64)>,
}

/// What was found in the list.
#[derive(Debug, Default)]
struct Found {
    private: BTreeMap<u32, Private>,
    /// Of the largest picture: the tiles it is made of, and thumbnails, are smaller.
    size: Option<(u32, u32)>,
    /// Whether pictures are laid on their side. Real files turn all pictures in them alike.
    quarter_turned: bool,
}

/// Reads a list that begins at `offset` of the file.
fn read(list: &[u8], offset: u64) -> Result<Found, Fault> {
    let mut found = Found::default();
    let mut scan = Scan::new(list);
    scan.take(4)?;
    let (mut inner, mut locations) = (None, None);
    each(scan.rest(), &mut |name, at, body| {
        match name {
            b"iinf" => infos(body, &mut found)?,
            b"iloc" => locations = Some(body),
            // Behind the version of the list.
            b"idat" => inner = offset.checked_add(at + 4),
            b"iprp" => each(body, &mut |name, _, body| match name {
                b"ipco" => properties(body, &mut found),
                _ => Ok(()),
            })?,
            _ => {}
        }
        Ok(())
    })?;
    if let Some(locations) = locations {
        places(locations, inner, &mut found)?;
    }
    Ok(found)
}

/// What is done with a box: its name, where its content begins, its content.
type Visit<'v, 'a> = dyn FnMut(&[u8; 4], u64, &'a [u8]) -> Result<(), Fault> + 'v;

/// Visits the boxes in some bytes.
fn each<'a>(bytes: &'a [u8], visit: &mut Visit<'_, 'a>) -> Result<(), Fault> {
    let mut scan = Scan::new(bytes);
    while !scan.is_empty() {
        let size = index(scan.u32()?)?;
        let name = scan.array()?;
        let body = match size {
            0 => scan.rest().len(),
            1 => return Err(Fault::Odd("a long box in a list")),
            _ => size.checked_sub(8).ok_or(Fault::Odd("a small box"))?,
        };
        let at = u64::try_from(bytes.len() - scan.rest().len()).map_err(|_| Fault::Cut)?;
        visit(&name, at, scan.take(body)?)?;
    }
    Ok(())
}

fn infos(body: &[u8], found: &mut Found) -> Result<(), Fault> {
    let mut scan = Scan::new(body);
    let [version, ..] = scan.array::<4>()?;
    scan.take(if version == 0 { 2 } else { 4 })?;
    each(scan.rest(), &mut |name, _, body| {
        if name != b"infe" {
            return Ok(());
        }
        let mut scan = Scan::new(body);
        let [version, ..] = scan.array::<4>()?;
        let id = match version {
            2 => scan.u16()?.into(),
            3 => scan.u32()?,
            _ => return Err(Fault::Odd("an item of an old kind")),
        };
        scan.take(2)?;
        let kind = scan.array::<4>()?;
        if matches!(&kind, b"Exif" | b"mime" | b"uri ") {
            let places = Vec::new();
            found.private.insert(id, Private { kind, places });
        }
        Ok(())
    })
}

fn properties(body: &[u8], found: &mut Found) -> Result<(), Fault> {
    each(body, &mut |name, _, body| {
        let mut scan = Scan::new(body);
        match name {
            b"ispe" => {
                scan.take(4)?;
                let size = (scan.u32()?, scan.u32()?);
                let area = |(w, h): (u32, u32)| u64::from(w) * u64::from(h);
                if found.size.is_none_or(|largest| area(size) > area(largest)) {
                    found.size = Some(size);
                }
            }
            b"irot" => found.quarter_turned |= scan.u8()? & 1 == 1,
            _ => {}
        }
        Ok(())
    })
}

fn places(body: &[u8], inner: Option<u64>, found: &mut Found) -> Result<(), Fault> {
    let mut scan = Scan::new(body);
    let [version, ..] = scan.array::<4>()?;
    let [sizes, more_sizes] = scan.array()?;
    let (offsets, lengths, bases) = (sizes >> 4, sizes & 15, more_sizes >> 4);
    let indexes = if version == 0 { 0 } else { more_sizes & 15 };
    let count = match version {
        0 | 1 => scan.u16()?.into(),
        2 => scan.u32()?,
        _ => return Err(Fault::Odd("a table of places of an unknown kind")),
    };
    for _ in 0..count {
        let item = if version == 2 {
            scan.u32()?
        } else {
            scan.u16()?.into()
        };
        let method = if version == 0 { 0 } else { scan.u16()? & 15 };
        scan.take(2)?;
        let base = scan.sized(bases)?;
        let mut private = found.private.get_mut(&item);
        for _ in 0..scan.u16()? {
            scan.sized(indexes)?;
            let at = base.checked_add(scan.sized(offsets)?).ok_or(NO_SENSE)?;
            let len = scan.sized(lengths)?;
            let Some(private) = private.as_mut() else {
                // No bytes at all would make this loop as long as it likes.
                if offsets == 0 && lengths == 0 && indexes == 0 {
                    break;
                }
                continue;
            };
            let from = match method {
                0 => Some(0),
                1 => inner,
                _ => None,
            };
            let at = from.and_then(|from| at.checked_add(from)).ok_or(NO_SENSE)?;
            if len == 0 {
                return Err(NO_SENSE);
            }
            private.places.push((at, len));
        }
    }
    Ok(())
}
