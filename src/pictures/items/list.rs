//! The list of items in a HEIF or AVIF file: read, and written anew in the same room with the needed items alone.

use std::collections::{BTreeMap, BTreeSet};

use super::super::error::Fault;
use super::super::scan::{Scan, index};
use super::{NO_SENSE, properties};

/// What a list says.
#[derive(Debug, Default)]
pub(super) struct List<'a> {
    /// The picture to be shown.
    pub(super) primary: u32,
    /// By the number of an item.
    infos: BTreeMap<u32, Info>,
    infos_are_many: bool,
    /// Where the items lie.
    pub(super) places: Vec<Item>,
    sizes: Sizes,
    pub(super) references: Vec<Reference>,
    references_are_wide: bool,
    /// Properties in the order in which they are numbered, from 1.
    pub(super) properties: Vec<([u8; 4], &'a [u8])>,
    /// Which item has which of them, as it is written.
    pub(super) associations: Vec<Associations>,
    /// The same by item.
    pub(super) has: BTreeMap<u32, Vec<u16>>,
    pub(super) groups: Vec<Group>,
    /// Data that lie in the list itself.
    data: Option<&'a [u8]>,
    primary_is_wide: bool,
}

/// What an item is.
#[derive(Debug)]
struct Info {
    kind: [u8; 4],
    is_wide: bool,
    is_hidden: bool,
}

/// How many bytes the numbers of the table of places have.
#[derive(Debug, Clone, Copy, Default)]
struct Sizes {
    version: u8,
    offset: u8,
    length: u8,
    base: u8,
    index: u8,
}

/// What the places of an item are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    File,
    List,
    Elsewhere,
}

/// Where an item lies.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) id: u32,
    pub(super) within: Within,
    base: u64,
    /// Where its parts begin behind the base, and how long they are.
    parts: Vec<(u64, u64)>,
}

impl Item {
    /// Where its parts begin and end, if that can be.
    pub(super) fn ranges(&self) -> impl Iterator<Item = (u64, Option<u64>)> {
        self.parts.iter().map(|(offset, len)| {
            let from = self.base.saturating_add(*offset);
            // A part of no length means all there is.
            let to = Some(*len).filter(|len| *len > 0);
            (from, to.and_then(|len| from.checked_add(len)))
        })
    }
}

/// An item that refers to others.
#[derive(Debug)]
pub(super) struct Reference {
    pub(super) kind: [u8; 4],
    pub(super) from: u32,
    pub(super) to: Vec<u32>,
}

/// Items and the numbers of their properties; the uppermost bit of one says that the picture is none without it.
#[derive(Debug)]
pub(super) struct Associations {
    is_wide: bool,
    has_many: bool,
    of: Vec<(u32, Vec<u16>)>,
}

/// Items that belong together.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) kind: [u8; 4],
    id: u32,
    pub(super) ids: Vec<u32>,
}

/// Bytes of an item that is no coded picture: what stands behind is not read by anyone.
fn most(kind: &[u8; 4]) -> Option<u64> {
    match kind {
        b"grid" => Some(12),
        b"tmap" => Some(256),
        _ => None,
    }
}

impl<'a> List<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Fault> {
        let mut list = Self::default();
        let mut scan = Scan::new(bytes);
        scan.take(4)?;
        let mut has_primary = false;
        each(scan.rest(), &mut |name, body| {
            match name {
                b"pitm" => {
                    let mut scan = Scan::new(body);
                    let [version, ..] = scan.array::<4>()?;
                    list.primary_is_wide = version != 0;
                    list.primary = id(&mut scan, version != 0)?;
                    has_primary = true;
                }
                b"iinf" => list.read_infos(body)?,
                b"iloc" => list.read_places(body)?,
                b"iref" => list.read_references(body)?,
                b"iprp" => list.read_properties(body)?,
                b"grpl" => list.read_groups(body)?,
                b"idat" => list.data = Some(body),
                _ => {}
            }
            Ok(())
        })?;
        if !has_primary {
            return Err(NO_SENSE);
        }
        for item in &mut list.places {
            let most = list.infos.get(&item.id).and_then(|info| most(&info.kind));
            if let (Some(most), [(_, len)]) = (most, item.parts.as_mut_slice()) {
                *len = (*len).min(most);
            }
        }
        Ok(list)
    }

    pub(super) fn kind_of(&self, item: u32) -> Option<&[u8; 4]> {
        self.infos.get(&item).map(|info| &info.kind)
    }

    fn read_infos(&mut self, body: &[u8]) -> Result<(), Fault> {
        let mut scan = Scan::new(body);
        let [version, ..] = scan.array::<4>()?;
        self.infos_are_many = version != 0;
        id(&mut scan, version != 0)?;
        each(scan.rest(), &mut |name, body| {
            if name != b"infe" {
                return Ok(());
            }
            let mut scan = Scan::new(body);
            let [version, _, _, flags] = scan.array()?;
            if !matches!(version, 2 | 3) {
                return Err(Fault::Odd("an item of an old kind"));
            }
            let (is_wide, is_hidden) = (version == 3, flags & 1 == 1);
            let item = id(&mut scan, is_wide)?;
            if scan.u16()? != 0 {
                return Err(Fault::Sealed("an item of it is encrypted"));
            }
            let kind = scan.array()?;
            let info = Info {
                kind,
                is_wide,
                is_hidden,
            };
            self.infos.insert(item, info);
            Ok(())
        })
    }

    fn read_places(&mut self, body: &[u8]) -> Result<(), Fault> {
        let mut scan = Scan::new(body);
        let [version, ..] = scan.array::<4>()?;
        let [sizes, more_sizes] = scan.array()?;
        self.sizes = Sizes {
            version,
            offset: sizes >> 4,
            length: sizes & 15,
            base: more_sizes >> 4,
            index: if version == 0 { 0 } else { more_sizes & 15 },
        };
        let sizes = self.sizes;
        if version > 2 {
            return Err(Fault::Odd("a table of places of an unknown kind"));
        }
        for _ in 0..id(&mut scan, version == 2)? {
            let id = id(&mut scan, version == 2)?;
            let method = if version == 0 { 0 } else { scan.u16()? & 15 };
            let within = match (method, scan.u16()?) {
                (0, 0) => Within::File,
                (1, _) => Within::List,
                _ => Within::Elsewhere,
            };
            let base = scan.sized(sizes.base)?;
            let count = scan.u16()?;
            // No bytes at all would make this loop as long as it likes.
            if count > 1 && sizes.offset == 0 && sizes.length == 0 && sizes.index == 0 {
                return Err(NO_SENSE);
            }
            let mut parts = Vec::new();
            for _ in 0..count {
                scan.sized(sizes.index)?;
                parts.push((scan.sized(sizes.offset)?, scan.sized(sizes.length)?));
            }
            self.places.push(Item {
                id,
                within,
                base,
                parts,
            });
        }
        Ok(())
    }

    fn read_references(&mut self, body: &[u8]) -> Result<(), Fault> {
        let mut scan = Scan::new(body);
        let [version, ..] = scan.array::<4>()?;
        let is_wide = version != 0;
        self.references_are_wide = is_wide;
        each(scan.rest(), &mut |kind, body| {
            let mut scan = Scan::new(body);
            let from = id(&mut scan, is_wide)?;
            let count = scan.u16()?;
            let to: Result<_, _> = (0..count).map(|_| id(&mut scan, is_wide)).collect();
            let (kind, to) = (*kind, to?);
            self.references.push(Reference { kind, from, to });
            Ok(())
        })
    }

    fn read_properties(&mut self, body: &'a [u8]) -> Result<(), Fault> {
        each(body, &mut |name, body| {
            match name {
                b"ipco" => each(body, &mut |name, body| {
                    self.properties.push((*name, body));
                    Ok(())
                })?,
                b"ipma" => {
                    let associations = associations(body)?;
                    for (item, numbers) in &associations.of {
                        self.has.entry(*item).or_default().extend(numbers);
                    }
                    self.associations.push(associations);
                }
                _ => {}
            }
            Ok(())
        })
    }

    fn read_groups(&mut self, body: &[u8]) -> Result<(), Fault> {
        each(body, &mut |kind, body| {
            let mut scan = Scan::new(body);
            scan.take(4)?;
            let (group, count) = (scan.u32()?, scan.u32()?);
            let mut ids = Vec::new();
            for _ in 0..count {
                ids.push(scan.u32()?);
            }
            let (kind, id) = (*kind, group);
            self.groups.push(Group { kind, id, ids });
            Ok(())
        })
    }

    /// The content of the list with nothing but the `needed` items, in `len` bytes; `in_data` are the parts of them that
    /// lie in the list itself.
    pub(super) fn write(
        &self,
        needed: &BTreeSet<u32>,
        in_data: &[(u64, u64)],
        len: usize,
    ) -> Result<Vec<u8>, Fault> {
        let primary = full(self.primary_is_wide, |out| {
            write_id(self.primary, self.primary_is_wide, out)
        });
        let mut rest = boxed(b"pitm", &primary?)?;
        rest.extend(boxed(b"iloc", &self.write_places(needed)?)?);
        rest.extend(boxed(b"iinf", &self.write_infos(needed)?)?);
        rest.extend(self.write_references(needed)?);
        rest.extend(boxed(b"iprp", &properties::write(self, needed)?)?);
        if let Some(data) = self.data {
            rest.extend(boxed(b"idat", &only(data, in_data)?)?);
        }
        rest.extend(self.write_groups(needed)?);
        // A handler without a name, and behind all what is free, if that is enough to be a box.
        let handler = 8 + 4 + 4 + 4 + 12 + 1;
        let room = len.checked_sub(4 + handler + rest.len()).ok_or(NO_SENSE)?;
        let longer = if room < 8 { room } else { 0 };
        let name = vec![0; 12 + 1 + longer];
        let handler = boxed(b"hdlr", &[&[0; 8], b"pict".as_slice(), &name].concat())?;
        let mut out = [&[0; 4], handler.as_slice(), &rest].concat();
        if room >= 8 {
            out.extend(boxed(b"free", &vec![0; room - 8])?);
        }
        Ok(out)
    }

    fn write_infos(&self, needed: &BTreeSet<u32>) -> Result<Vec<u8>, Fault> {
        full(self.infos_are_many, |out| {
            let count = u32::try_from(needed.len()).map_err(|_| NO_SENSE)?;
            write_id(count, self.infos_are_many, out)?;
            for (id, info) in self.infos.iter().filter(|(id, _)| needed.contains(id)) {
                let mut entry = vec![2 + u8::from(info.is_wide), 0, 0, info.is_hidden.into()];
                write_id(*id, info.is_wide, &mut entry)?;
                entry.extend([0; 2]);
                entry.extend(info.kind);
                entry.push(0);
                out.extend(boxed(b"infe", &entry)?);
            }
            Ok(())
        })
    }

    fn write_places(&self, needed: &BTreeSet<u32>) -> Result<Vec<u8>, Fault> {
        let sizes = self.sizes;
        let kept: Vec<_> = self
            .places
            .iter()
            .filter(|item| needed.contains(&item.id))
            .collect();
        let mut out = vec![sizes.version, 0, 0, 0];
        out.push(sizes.offset << 4 | sizes.length);
        out.push(sizes.base << 4 | sizes.index);
        let is_wide = sizes.version == 2;
        let count = u32::try_from(kept.len()).map_err(|_| NO_SENSE)?;
        write_id(count, is_wide, &mut out)?;
        for item in kept {
            write_id(item.id, is_wide, &mut out)?;
            if sizes.version > 0 {
                out.extend([0, (item.within == Within::List).into()]);
            }
            out.extend([0; 2]);
            write_sized(item.base, sizes.base, &mut out);
            let parts = u16::try_from(item.parts.len()).map_err(|_| NO_SENSE)?;
            out.extend(parts.to_be_bytes());
            for (offset, len) in &item.parts {
                write_sized(0, sizes.index, &mut out);
                write_sized(*offset, sizes.offset, &mut out);
                write_sized(*len, sizes.length, &mut out);
            }
        }
        Ok(out)
    }

    fn write_references(&self, needed: &BTreeSet<u32>) -> Result<Vec<u8>, Fault> {
        let is_wide = self.references_are_wide;
        let body = full(is_wide, |out| {
            for reference in &self.references {
                let is_known = matches!(&reference.kind, b"dimg" | b"auxl" | b"prem");
                let is_kept = needed.contains(&reference.from);
                if !is_known || !is_kept || !reference.to.iter().all(|id| needed.contains(id)) {
                    continue;
                }
                let mut entry = Vec::new();
                write_id(reference.from, is_wide, &mut entry)?;
                let count = u16::try_from(reference.to.len()).map_err(|_| NO_SENSE)?;
                entry.extend(count.to_be_bytes());
                for to in &reference.to {
                    write_id(*to, is_wide, &mut entry)?;
                }
                out.extend(boxed(&reference.kind, &entry)?);
            }
            Ok(())
        })?;
        match body.len() {
            4 => Ok(Vec::new()),
            _ => boxed(b"iref", &body),
        }
    }

    fn write_groups(&self, needed: &BTreeSet<u32>) -> Result<Vec<u8>, Fault> {
        let mut out = Vec::new();
        for group in &self.groups {
            let is_known = matches!(&group.kind, b"altr" | b"ster");
            if !is_known || !group.ids.iter().all(|id| needed.contains(id)) {
                continue;
            }
            let count = u32::try_from(group.ids.len()).map_err(|_| NO_SENSE)?;
            let ids: Vec<u8> = group.ids.iter().flat_map(|id| id.to_be_bytes()).collect();
            let head = [[0; 4], group.id.to_be_bytes(), count.to_be_bytes()].concat();
            out.extend(boxed(&group.kind, &[head, ids].concat())?);
        }
        match out.is_empty() {
            true => Ok(out),
            false => boxed(b"grpl", &out),
        }
    }
}

fn associations(body: &[u8]) -> Result<Associations, Fault> {
    let mut scan = Scan::new(body);
    let [version, _, _, flags] = scan.array()?;
    let (is_wide, has_many) = (version != 0, flags & 1 == 1);
    let mut of = Vec::new();
    for _ in 0..scan.u32()? {
        let item = id(&mut scan, is_wide)?;
        let mut numbers = Vec::new();
        for _ in 0..scan.u8()? {
            numbers.push(match has_many {
                true => scan.u16()?,
                false => {
                    let number = u16::from(scan.u8()?);
                    (number & 0x80) << 8 | number & 0x7F
                }
            });
        }
        of.push((item, numbers));
    }
    Ok(Associations {
        is_wide,
        has_many,
        of,
    })
}

impl Associations {
    /// What is left of them, if the numbers of properties become others.
    pub(super) fn write(
        &self,
        needed: &BTreeSet<u32>,
        numbers: &BTreeMap<u16, u16>,
    ) -> Result<Vec<u8>, Fault> {
        let mut out = vec![self.is_wide.into(), 0, 0, self.has_many.into()];
        let kept = || self.of.iter().filter(|(item, _)| needed.contains(item));
        let count = u32::try_from(kept().count()).map_err(|_| NO_SENSE)?;
        out.extend(count.to_be_bytes());
        for (item, has) in kept() {
            write_id(*item, self.is_wide, &mut out)?;
            let has: Vec<u16> = has
                .iter()
                .filter_map(|old| Some(numbers.get(&(old & 0x7FFF))? | old & 0x8000))
                .collect();
            out.push(u8::try_from(has.len()).map_err(|_| NO_SENSE)?);
            for number in has {
                let [high, low] = number.to_be_bytes();
                match self.has_many {
                    true => out.extend([high, low]),
                    false => out.push(high & 0x80 | low),
                }
            }
        }
        Ok(out)
    }
}

/// The content of a box with a version, which says whether numbers are wide.
fn full(
    is_wide: bool,
    fill: impl FnOnce(&mut Vec<u8>) -> Result<(), Fault>,
) -> Result<Vec<u8>, Fault> {
    let mut out = vec![is_wide.into(), 0, 0, 0];
    fill(&mut out)?;
    Ok(out)
}

/// Data without what stands outside of `kept`.
fn only(data: &[u8], kept: &[(u64, u64)]) -> Result<Vec<u8>, Fault> {
    let mut out = vec![0; data.len()];
    for (from, to) in kept {
        let place = |at: &u64| usize::try_from(*at).map_err(|_| NO_SENSE);
        let range = place(from)?..place(to)?;
        match (out.get_mut(range.clone()), data.get(range)) {
            (Some(to), Some(from)) => to.copy_from_slice(from),
            _ => return Err(NO_SENSE),
        }
    }
    Ok(out)
}

/// What is done with a box: its name, its content.
type Visit<'v, 'a> = dyn FnMut(&[u8; 4], &'a [u8]) -> Result<(), Fault> + 'v;

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
        visit(&name, scan.take(body)?)?;
    }
    Ok(())
}

pub(super) fn boxed(name: &[u8; 4], body: &[u8]) -> Result<Vec<u8>, Fault> {
    let len = u32::try_from(body.len() + 8).map_err(|_| NO_SENSE)?;
    Ok([&len.to_be_bytes(), name.as_slice(), body].concat())
}

fn id(scan: &mut Scan<'_>, is_wide: bool) -> Result<u32, Fault> {
    match is_wide {
        true => scan.u32(),
        false => scan.u16().map(u32::from),
    }
}

fn write_id(id: u32, is_wide: bool, out: &mut Vec<u8>) -> Result<(), Fault> {
    match is_wide {
        true => out.extend(id.to_be_bytes()),
        false => out.extend(u16::try_from(id).map_err(|_| NO_SENSE)?.to_be_bytes()),
    }
    Ok(())
}

/// A number in 0, 4 or 8 bytes, as it was read.
fn write_sized(number: u64, bytes: u8, out: &mut Vec<u8>) {
    let all = number.to_be_bytes();
    let skipped = all.len().saturating_sub(bytes.into());
    out.extend(all.iter().skip(skipped));
}
