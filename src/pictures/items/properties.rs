//! Properties of pictures in HEIF and AVIF files: those that the showing needs, in the length that each has.

use std::collections::{BTreeMap, BTreeSet};

use super::super::error::Fault;
use super::super::icc;
use super::super::scan::Scan;
use super::NO_SENSE;
use super::list::{List, boxed};

/// What says that an item tells how much of another is seen through.
const ALPHA: [&[u8]; 2] = [
    b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha",
    b"urn:mpeg:hevc:2015:auxid:1",
];

/// The properties of an item, in the order in which they hold.
fn of<'a>(list: &List<'a>, item: u32) -> impl Iterator<Item = ([u8; 4], &'a [u8])> {
    let numbers = list.has.get(&item).into_iter().flatten();
    numbers.filter_map(|number| {
        let at = usize::from(number & 0x7FFF).checked_sub(1)?;
        list.properties.get(at).copied()
    })
}

/// Which of the known auxiliary pictures this is: bytes of the name of its kind.
fn alpha(body: &[u8]) -> Option<&'static [u8]> {
    let name = body.get(4..)?.split(|byte| *byte == 0).next()?;
    ALPHA.into_iter().find(|known| *known == name)
}

/// Whether an item tells how much of another is seen through.
pub(super) fn is_alpha(list: &List<'_>, item: u32) -> bool {
    of(list, item).any(|(name, body)| &name == b"auxC" && alpha(body).is_some())
}

/// Width and height of the first picture as it is shown: cut and turned.
pub(super) fn size(list: &List<'_>) -> Option<(u32, u32)> {
    let mut size = None;
    for (name, body) in of(list, list.primary) {
        size = match (&name, size) {
            (b"ispe", _) => stored(body).or(size),
            (b"clap", Some(whole)) => Some(cropped(body, whole).unwrap_or(whole)),
            (b"irot", Some((width, height))) => Some(match body.first() {
                Some(turns) if turns & 1 == 1 => (height, width),
                _ => (width, height),
            }),
            _ => size,
        };
    }
    size.filter(|(width, height)| *width > 0 && *height > 0)
}

fn stored(body: &[u8]) -> Option<(u32, u32)> {
    let mut scan = Scan::new(body.get(4..)?);
    Some((scan.u32().ok()?, scan.u32().ok()?))
}

/// The size of the part that is shown, which is no larger than the whole.
fn cropped(body: &[u8], (width, height): (u32, u32)) -> Option<(u32, u32)> {
    let mut scan = Scan::new(body);
    let mut side = |whole: u32| {
        let (over, under) = (scan.u32().ok()?, scan.u32().ok()?);
        let side = over.checked_div(under)?;
        (1..=whole).contains(&side).then_some(side)
    };
    Some((side(width)?, side(height)?))
}

/// The content of the box of properties with those that the `needed` items need.
pub(super) fn write(list: &List<'_>, needed: &BTreeSet<u32>) -> Result<Vec<u8>, Fault> {
    let mut used = BTreeMap::<u16, bool>::new();
    for (_, numbers) in list.has.iter().filter(|(item, _)| needed.contains(item)) {
        for number in numbers {
            *used.entry(number & 0x7FFF).or_default() |= number & 0x8000 != 0;
        }
    }
    let (mut anew, mut all) = (BTreeMap::new(), Vec::new());
    for ((name, body), old) in list.properties.iter().zip(1u16..) {
        let Some(is_essential) = used.get(&old) else {
            continue;
        };
        match kept(name, body)? {
            Some(body) => {
                all.extend(boxed(name, &body)?);
                anew.insert(old, u16::try_from(anew.len() + 1).map_err(|_| NO_SENSE)?);
            }
            None if *is_essential && name != b"colr" => {
                return Err(Fault::Sealed("a property of the picture is not known"));
            }
            None => {}
        }
    }
    let mut out = boxed(b"ipco", &all)?;
    for associations in &list.associations {
        out.extend(boxed(b"ipma", &associations.write(needed, &anew)?)?);
    }
    Ok(out)
}

/// What is kept of a property, if anything.
fn kept(name: &[u8; 4], body: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
    let mut scan = Scan::new(body);
    let len = match name {
        b"irot" | b"imir" | b"a1op" => 1,
        b"lsel" => 2,
        // Four bytes say all; the rest stands in the picture too.
        b"clli" | b"av1C" => 4,
        b"pasp" | b"amve" => 8,
        b"ispe" | b"rloc" => 12,
        b"mdcv" => 24,
        b"clap" => 32,
        b"pixi" => 5 + usize::from(body.get(4).copied().unwrap_or_default()),
        b"a1lx" => match body.first() {
            Some(flags) if flags & 1 == 1 => 13,
            _ => 7,
        },
        b"avcC" | b"vvcC" | b"evcC" => body.len(),
        b"hvcC" => return hevc(body).map(Some),
        b"colr" => return Ok(colours(body)),
        b"auxC" => return Ok(alpha(body).map(|name| [&[0; 4], name, &[0]].concat())),
        _ => return Ok(None),
    };
    scan.take(len)
        .map(|body| Some(body.to_vec()))
        .map_err(|_| NO_SENSE)
}

fn colours(body: &[u8]) -> Option<Vec<u8>> {
    let (kind, rest) = body.split_first_chunk::<4>()?;
    match kind {
        b"nclx" => body.get(..11).map(<[u8]>::to_vec),
        b"prof" | b"rICC" => {
            // The list has as much room as before and no more.
            let profile = icc::cut(rest)
                .filter(|cut| cut.len() <= rest.len())
                .or_else(|| icc::cut_in_place(rest))?;
            Some([kind, profile.as_slice()].concat())
        }
        _ => None,
    }
}

/// What a decoder of HEVC is told before the picture, without what an encoder may write beside it.
fn hevc(body: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut scan = Scan::new(body);
    let head = scan.take(22)?;
    let (mut arrays, mut out) = (0u8, Vec::new());
    for _ in 0..scan.u8()? {
        let whole = scan.rest();
        let kind = scan.u8()? & 0x3F;
        for _ in 0..scan.u16()? {
            let len = scan.u16()?;
            scan.take(len.into())?;
        }
        // Sets of parameters.
        if matches!(kind, 32..=34) {
            let taken = whole.len() - scan.rest().len();
            out.extend_from_slice(whole.get(..taken).ok_or(Fault::Cut)?);
            arrays = arrays.saturating_add(1);
        }
    }
    Ok([head, &[arrays], &out].concat())
}
