//! HEIF and AVIF: a picture and its metadata are items of one box, each somewhere in the file.
//!
//! Kept are the first picture, what it is made of, and what says how much of it is seen through; of the properties of
//! these those that are known to be needed. The list is written anew with nothing else in it, in the place that it had,
//! and all data that no item of the new list lies in become zero: Exif, XMP, thumbnails, maps of depth, and what stands
//! between. Which way is up is a property of the picture in these files, so nothing of Exif has to be kept.

use std::collections::{BTreeMap, BTreeSet};

use super::boxes::{Film, Head};
use super::error::Fault;
use super::patch::{Patch, Scratch};

mod list;
mod properties;

use self::list::{List, Within};

/// Bytes of the box that lists the items. A picture of 100 megapixels in tiles has some 30 KiB of it.
const LIST: usize = 4 << 20;

const NO_SENSE: Fault = Fault::Sealed("its list of items makes no sense");

/// Items that are drawn: pictures, and what is put together from pictures.
const DRAWN: &[&[u8; 4]] = &[
    b"hvc1", b"hev1", b"av01", b"avc1", b"vvc1", b"evc1", b"grid", b"iovl", b"iden", b"tmap",
];

/// Cleans the items listed in `meta`, and tells the size of the picture.
pub(super) fn look<F: Scratch>(patch: &mut Patch<'_, F>, meta: &Head) -> Result<Film, Fault> {
    let tops = tops(patch)?;
    if tops
        .iter()
        .any(|top| top.name == *b"meta" && top.at < meta.at)
    {
        meta.void(patch)?;
        return Ok(Film::default());
    }
    let bytes = patch
        .load(meta.body, meta.end, LIST)
        .map_err(|_| NO_SENSE)?;
    let list = List::read(&bytes).map_err(as_sealed)?;
    let needed = needed(&list)?;
    let (mut in_file, mut in_list) = (Vec::new(), Vec::new());
    for item in list.places.iter().filter(|item| needed.contains(&item.id)) {
        let ranges = match item.within {
            Within::File => &mut in_file,
            Within::List => &mut in_list,
            Within::Elsewhere => return Err(Fault::Sealed("a part of it lies somewhere else")),
        };
        for (from, to) in item.ranges() {
            ranges.push((from, to.ok_or(NO_SENSE)?));
        }
    }
    let size = properties::size(&list);
    let anew = list
        .write(&needed, &in_list, bytes.len())
        .map_err(as_sealed)?;
    sweep(patch, &tops, &list, &needed, in_file)?;
    patch.write(meta.body, &anew)?;
    Ok(Film {
        width: size.map(|(width, _)| width),
        height: size.map(|(_, height)| height),
        duration_ms: None,
    })
}

fn as_sealed(fault: Fault) -> Fault {
    match fault {
        Fault::Sealed(_) | Fault::Io(_) => fault,
        Fault::Cut | Fault::Odd(_) => NO_SENSE,
    }
}

/// The boxes of the file, as far as there are any.
fn tops<F: Scratch>(patch: &mut Patch<'_, F>) -> Result<Vec<Head>, Fault> {
    let (mut tops, mut at, len) = (Vec::new(), 0, patch.len());
    while len - at >= 8 {
        match Head::at(patch, at, len) {
            Ok(head) => {
                at = head.end;
                tops.push(head);
            }
            Err(Fault::Io(error)) => return Err(Fault::Io(error)),
            Err(_) => break,
        }
    }
    Ok(tops)
}

/// The items that the showing needs: the first picture, the other eye's, and all that these are made of.
fn needed(list: &List<'_>) -> Result<BTreeSet<u32>, Fault> {
    let (mut parts, mut seen_through) = (BTreeMap::new(), BTreeMap::<u32, Vec<u32>>::new());
    let mut left = vec![list.primary];
    for reference in &list.references {
        match &reference.kind {
            b"dimg" => {
                // A picture for brighter screens, made of the first one and of what is brighter there.
                if reference.to.first() == Some(&list.primary)
                    && list.kind_of(reference.from) == Some(b"tmap")
                {
                    left.push(reference.from);
                }
                parts.insert(reference.from, &reference.to);
            }
            b"auxl" if properties::is_alpha(list, reference.from) => {
                for to in &reference.to {
                    seen_through.entry(*to).or_default().push(reference.from);
                }
            }
            _ => {}
        }
    }
    for group in &list.groups {
        if &group.kind == b"ster" && group.ids.contains(&list.primary) {
            left.extend(&group.ids);
        }
    }
    let mut needed = BTreeSet::new();
    while let Some(item) = left.pop() {
        if !needed.insert(item) {
            continue;
        }
        match list.kind_of(item) {
            Some(kind) if DRAWN.contains(&kind) => {}
            Some(_) => return Err(Fault::Sealed("a picture in it is of a kind not known")),
            None => return Err(NO_SENSE),
        }
        left.extend(parts.get(&item).into_iter().copied().flatten());
        left.extend(seen_through.get(&item).into_iter().flatten());
    }
    Ok(needed)
}

/// Makes zero what no needed item lies in.
fn sweep<F: Scratch>(
    patch: &mut Patch<'_, F>,
    tops: &[Head],
    list: &List<'_>,
    needed: &BTreeSet<u32>,
    mut kept: Vec<(u64, u64)>,
) -> Result<(), Fault> {
    kept.sort_unstable();
    let data = || tops.iter().filter(|top| top.name == *b"mdat");
    let is_data =
        |(from, to): &(u64, u64)| data().any(|data| data.body <= *from && *to <= data.end);
    if kept.iter().any(|(_, to)| *to > patch.len()) {
        return Err(Fault::Cut);
    }
    if !kept.iter().all(is_data) {
        return Err(NO_SENSE);
    }
    if tops.iter().any(|top| top.name == *b"moov") {
        return zero_private(patch, tops, list, needed, &kept);
    }
    for data in data() {
        let mut at = data.body;
        let begin = kept.partition_point(|(from, _)| *from < data.body);
        for (from, to) in kept.iter().skip(begin) {
            if *from >= data.end {
                break;
            }
            if *from > at {
                patch.zero(at, *from)?;
            }
            at = at.max(*to);
        }
        patch.zero(at.min(data.end), data.end)?;
    }
    Ok(())
}

/// Makes zero the items that are no pictures, and that no picture lies in: of the others the film may be made.
fn zero_private<F: Scratch>(
    patch: &mut Patch<'_, F>,
    tops: &[Head],
    list: &List<'_>,
    needed: &BTreeSet<u32>,
    kept: &[(u64, u64)],
) -> Result<(), Fault> {
    let is_drawn = |id| list.kind_of(id).is_some_and(|kind| DRAWN.contains(&kind));
    for item in &list.places {
        if needed.contains(&item.id) || is_drawn(item.id) {
            continue;
        }
        if item.within == Within::Elsewhere {
            return Err(Fault::Sealed("a part of it lies somewhere else"));
        }
        if item.within == Within::List {
            continue;
        }
        for (from, to) in item.ranges() {
            let to = to.ok_or(NO_SENSE)?;
            let behind = kept.partition_point(|(kept, _)| *kept < to);
            let overlaps = kept.iter().take(behind).any(|(_, end)| *end > from);
            let is_data = tops
                .iter()
                .any(|top| top.name == *b"mdat" && top.body <= from && to <= top.end);
            if overlaps || !is_data {
                return Err(NO_SENSE);
            }
            patch.zero(from, to)?;
        }
    }
    Ok(())
}
