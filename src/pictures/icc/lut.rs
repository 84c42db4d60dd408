//! Curves and tables of colour profiles, read value by value and written anew without the gaps between them.

use std::collections::BTreeMap;

use super::super::error::Fault;
use super::super::scan::{Scan, index};

/// Channels of the widest device that has profiles.
const CHANNELS: u8 = 15;

/// A curve, by points or by a formula, as it stands at the beginning of what is left; its padding is taken too.
pub(super) fn curve(scan: &mut Scan<'_>) -> Result<Vec<u8>, Fault> {
    let kind = scan.array::<4>()?;
    scan.take(4)?;
    let (head, len) = match &kind {
        b"curv" => {
            let head = scan.array::<4>()?;
            (head, index(u32::from_be_bytes(head))?.checked_mul(2))
        }
        b"para" => {
            let [high, low, _, _] = scan.array::<4>()?;
            let numbers = match u16::from_be_bytes([high, low]) {
                0 => 1,
                1 => 3,
                2 => 4,
                3 => 5,
                4 => 7,
                _ => return Err(Fault::Odd("a formula of an unknown kind")),
            };
            ([high, low, 0, 0], Some(numbers * 4))
        }
        _ => return Err(Fault::Odd("a curve of an unknown kind")),
    };
    let values = scan.take(len.ok_or(Fault::Cut)?)?;
    let curve = [&kind, [0; 4].as_slice(), &head, values].concat();
    // The last curve may lack its padding.
    let padding = curve.len().next_multiple_of(4) - curve.len();
    scan.take(padding.min(scan.rest().len()))?;
    Ok(curve)
}

/// A table from colours to colours.
pub(super) fn table(body: &[u8]) -> Result<Vec<u8>, Fault> {
    match body.first_chunk() {
        Some(b"mft1") => old(body, 1),
        Some(b"mft2") => old(body, 2),
        Some(b"mAB " | b"mBA ") => new(body),
        _ => Err(Fault::Odd("a table of an unknown kind")),
    }
}

/// Points of a grid of `channels` dimensions with as many points in each.
fn points(sides: impl Iterator<Item = u8>) -> Option<usize> {
    sides
        .map(usize::from)
        .try_fold(1usize, |all, side| match side {
            0 => None,
            side => all.checked_mul(side),
        })
}

/// A table of version 2, whose numbers have `width` bytes.
fn old(body: &[u8], width: usize) -> Result<Vec<u8>, Fault> {
    let mut scan = Scan::new(body);
    let kind = scan.array::<4>()?;
    scan.take(4)?;
    let [from, to, side, _] = scan.array::<4>()?;
    let matrix = scan.take(36)?;
    let lengths = if width == 2 { scan.take(4)? } else { &[] };
    let (before, after) = match lengths {
        [a, b, c, d] => (
            usize::from(u16::from_be_bytes([*a, *b])),
            usize::from(u16::from_be_bytes([*c, *d])),
        ),
        _ => (256, 256),
    };
    if !(1..=CHANNELS).contains(&from) || !(1..=CHANNELS).contains(&to) {
        return Err(Fault::Odd("a table of no colours"));
    }
    let grid = points((0..from).map(|_| side)).and_then(|all| all.checked_mul(to.into()));
    let curves = before * usize::from(from) + after * usize::from(to);
    let values = grid
        .and_then(|grid| grid.checked_add(curves))
        .and_then(|all| all.checked_mul(width));
    let values = scan.take(values.ok_or(Fault::Cut)?)?;
    let head = [from, to, side, 0];
    Ok([&kind, [0; 4].as_slice(), &head, matrix, lengths, values].concat())
}

/// A table of version 4: up to three sets of curves, a matrix and a grid, each somewhere in it.
fn new(body: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut scan = Scan::new(body);
    let kind = scan.array::<4>()?;
    scan.take(4)?;
    let [from, to, _, _] = scan.array::<4>()?;
    if !(1..=CHANNELS).contains(&from) || !(1..=CHANNELS).contains(&to) {
        return Err(Fault::Odd("a table of no colours"));
    }
    // The side of the device has the curves called A, the side of the connecting colours those called B and M.
    let (device, connecting) = if &kind == b"mAB " {
        (from, to)
    } else {
        (to, from)
    };
    let mut parts: [Vec<u8>; 5] = Default::default();
    for (part, number) in parts.iter_mut().zip(0..) {
        let at = index(scan.u32()?)?;
        if at == 0 {
            continue;
        }
        let mut scan = Scan::new(body.get(at..).ok_or(Fault::Cut)?);
        *part = match number {
            0 | 2 => curves(&mut scan, connecting)?,
            1 => scan.take(48)?.to_vec(),
            3 => grid(&mut scan, from, to)?,
            _ => curves(&mut scan, device)?,
        };
    }
    let mut out = [&kind, [0; 4].as_slice(), &[from, to, 0, 0], &[0; 20]].concat();
    // Some writers let two sets of curves be one.
    let mut written = BTreeMap::new();
    for (part, at) in parts.into_iter().zip((12..).step_by(4)) {
        if part.is_empty() {
            continue;
        }
        let starts = *written.entry(part).or_insert_with_key(|part| {
            let starts = super::number(out.len());
            out.extend_from_slice(part);
            out.resize(out.len().next_multiple_of(4), 0);
            starts
        });
        if let Some(place) = out.get_mut(at..at + 4) {
            place.copy_from_slice(&starts);
        }
    }
    Ok(out)
}

fn curves(scan: &mut Scan<'_>, count: u8) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    for _ in 0..count {
        out.extend(curve(scan)?);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    Ok(out)
}

/// The grid of a table of version 4: points in each dimension, bytes of a number, numbers.
fn grid(scan: &mut Scan<'_>, from: u8, to: u8) -> Result<Vec<u8>, Fault> {
    let sides = scan.array::<16>()?;
    let [width, ..] = scan.array::<4>()?;
    if !matches!(width, 1 | 2) {
        return Err(Fault::Odd("a grid of an unknown kind"));
    }
    let len = points(sides.iter().take(from.into()).copied())
        .and_then(|all| all.checked_mul(to.into()))
        .and_then(|all| all.checked_mul(width.into()));
    let values = scan.take(len.ok_or(Fault::Cut)?)?;
    let mut head = [0; 20];
    for (to, from) in head.iter_mut().zip(sides.iter().take(from.into())) {
        *to = *from;
    }
    if let Some(place) = head.get_mut(16) {
        *place = width;
    }
    Ok([head.as_slice(), values].concat())
}
