//! Where the drawing of a JPEG ends: its codes are read one by one, and what they draw is not looked at.
//!
//! The bytes themselves do not tell. A byte that was damaged can look like the end of the picture, a writer may forget
//! the end, and something may stand behind the last code that no decoder ever reads.

use super::super::error::Fault;
use super::super::scan::Scan;

/// Passes over a picture. Encoders make some ten, and up to 64 for each colour where they are asked to.
const PASSES: u32 = 256;

/// Blocks of 8 by 8 of a picture that is walked through: those of the largest picture that is posted.
const BLOCKS: usize = 1 << 24;

/// What is known of a picture while it is walked through.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// By number, those for the mean colour of a block and those for the rest.
    codes: [[Option<Codes>; 4]; 2],
    /// After how many units of the drawing a mark stands; 0 for never.
    restart: usize,
    frame: Option<Frame>,
    passes: u32,
}

#[derive(Debug)]
struct Frame {
    is_progressive: bool,
    colours: Vec<Colour>,
    /// Units from side to side and from top to bottom, where all colours come together.
    units: (usize, usize),
}

#[derive(Debug)]
struct Colour {
    id: u8,
    /// Blocks of one unit.
    in_unit: (usize, usize),
    /// Blocks in all, where the colour comes alone.
    blocks: (usize, usize),
    /// Of each block which numbers are not zero, in pictures that come in passes.
    known: Vec<u64>,
    /// How many bits of each number have not come.
    missing: [u8; 64],
    is_drawn: bool,
}

/// How the walk through one pass came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Walked {
    /// It ends behind so many bytes.
    Whole(usize),
    /// Its codes make no sense, or a mark stands where none belongs.
    Broken,
    /// The file ends before it does.
    Cut,
    /// It is of a kind that is not walked through.
    Unknown,
}

enum Stop {
    Broken,
    Cut,
}

/// Codes of a variable number of bits.
#[derive(Debug)]
struct Codes {
    /// How many have 1, 2, ... bits.
    counts: [u16; 16],
    values: Vec<u8>,
}

impl Walk {
    /// Whether every colour was drawn.
    pub(super) fn is_whole(&self) -> bool {
        let frame = self.frame.as_ref();
        frame.is_some_and(|frame| frame.colours.iter().all(|colour| colour.is_drawn))
    }

    /// Whether passes are missing from a picture in passes, as if a damaged byte only looked like its end.
    pub(super) fn goes_on(&self) -> bool {
        let frame = self.frame.as_ref().filter(|frame| frame.is_progressive);
        frame.is_some_and(|frame| {
            let mut colours = frame.colours.iter();
            colours.any(|colour| colour.missing.iter().any(|bits| *bits > 0))
        })
    }

    /// Takes up tables of codes, and tells how many bytes of the segment they are.
    pub(super) fn codes(&mut self, payload: &[u8]) -> Result<usize, Fault> {
        let mut scan = Scan::new(payload);
        while !scan.is_empty() {
            let mut ahead = scan;
            let Ok([class]) = ahead.array() else { break };
            let Ok(counts) = ahead.array::<16>() else {
                break;
            };
            let all = counts.iter().map(|count| usize::from(*count)).sum();
            let Ok(values) = ahead.take(all) else { break };
            let codes = Codes {
                counts: counts.map(u16::from),
                values: values.to_vec(),
            };
            let place = self.codes.get_mut(usize::from(class >> 4));
            let place = place.and_then(|of_class| of_class.get_mut(usize::from(class & 15)));
            *place.ok_or(Fault::Odd("a table of an unknown kind"))? = Some(codes);
            scan = ahead;
        }
        Ok(payload.len() - scan.rest().len())
    }

    pub(super) fn restart(&mut self, every: u16) {
        self.restart = every.into();
    }

    /// Takes up the head of the picture; one of a kind that is not walked through is left.
    pub(super) fn frame(&mut self, marker: u8, payload: &[u8]) {
        self.frame = match marker {
            0xC0..=0xC2 => Frame::read(payload, marker == 0xC2),
            _ => None,
        };
    }

    /// Walks through the pass that `head` opens and that begins with `data`.
    pub(super) fn pass(&mut self, head: &[u8], data: &[u8]) -> Result<Walked, Fault> {
        self.passes += 1;
        if self.passes > PASSES {
            return Err(Fault::Odd("more passes than any picture has"));
        }
        let Some(frame) = self.frame.as_mut() else {
            return Ok(Walked::Unknown);
        };
        let Some(pass) = Pass::read(head, frame, &self.codes) else {
            return Ok(Walked::Broken);
        };
        let mut bits = Bits::new(data);
        match pass.walk(frame, self.restart, &mut bits) {
            Ok(()) => {
                for place in &pass.colours {
                    let Some(colour) = frame.colours.get_mut(place.at) else {
                        continue;
                    };
                    colour.is_drawn |= pass.from == 0;
                    let numbers = usize::from(pass.from)..=usize::from(pass.to);
                    for missing in colour.missing.get_mut(numbers).into_iter().flatten() {
                        *missing = pass.missing;
                    }
                }
                Ok(Walked::Whole(bits.at))
            }
            Err(Stop::Broken) => Ok(Walked::Broken),
            Err(Stop::Cut) => Ok(Walked::Cut),
        }
    }
}

impl Frame {
    fn read(payload: &[u8], is_progressive: bool) -> Option<Self> {
        let mut scan = Scan::new(payload);
        let precision = scan.u8().ok()?;
        let (height, width) = (usize::from(scan.u16().ok()?), usize::from(scan.u16().ok()?));
        let count = scan.u8().ok()?;
        let mut read = Vec::new();
        for _ in 0..count {
            let [id, sides, _] = scan.array().ok()?;
            read.push((id, (usize::from(sides >> 4), usize::from(sides & 15))));
        }
        let most = |side: fn(&(u8, (usize, usize))) -> usize| read.iter().map(side).max();
        let (across, down) = (most(|read| read.1.0)?, most(|read| read.1.1)?);
        let is_odd = |side: usize| !(1..=4).contains(&side);
        if precision != 8
            || width == 0
            || height == 0
            || read.iter().any(|(_, (h, v))| is_odd(*h) || is_odd(*v))
        {
            return None;
        }
        let units = (width.div_ceil(8 * across), height.div_ceil(8 * down));
        let blocks = |(h, v): (usize, usize)| units.0 * h * units.1 * v;
        if read.iter().map(|(_, sides)| blocks(*sides)).sum::<usize>() > BLOCKS {
            return None;
        }
        let colours = read.into_iter().map(|(id, sides)| Colour {
            id,
            in_unit: sides,
            blocks: (
                (width * sides.0).div_ceil(across).div_ceil(8),
                (height * sides.1).div_ceil(down).div_ceil(8),
            ),
            known: vec![0; if is_progressive { blocks(sides) } else { 0 }],
            missing: [u8::MAX; 64],
            is_drawn: false,
        });
        Some(Self {
            is_progressive,
            colours: colours.collect(),
            units,
        })
    }
}

/// One colour of a pass: which, and with which codes.
#[derive(Debug)]
struct Place<'c> {
    at: usize,
    mean: Option<&'c Codes>,
    rest: Option<&'c Codes>,
}

/// One pass over the picture, for some colours and some of the 64 numbers of each block.
#[derive(Debug)]
struct Pass<'c> {
    colours: Vec<Place<'c>>,
    from: u8,
    to: u8,
    is_first: bool,
    /// Bits of these numbers that do not come yet.
    missing: u8,
    is_progressive: bool,
}

impl<'c> Pass<'c> {
    fn read(head: &[u8], frame: &Frame, codes: &'c [[Option<Codes>; 4]; 2]) -> Option<Self> {
        let mut scan = Scan::new(head);
        let mut colours = Vec::new();
        for _ in 0..scan.u8().ok()? {
            let [id, tables] = scan.array().ok()?;
            let [means, rests] = codes;
            colours.push(Place {
                at: frame.colours.iter().position(|colour| colour.id == id)?,
                mean: means.get(usize::from(tables >> 4))?.as_ref(),
                rest: rests.get(usize::from(tables & 15))?.as_ref(),
            });
        }
        let [from, to, bits] = scan.array().ok()?;
        let (from, to) = match frame.is_progressive {
            true => (from, to),
            false => (0, 63),
        };
        let is_right = from <= to && to < 64 && (1..=4).contains(&colours.len());
        is_right.then_some(Self {
            colours,
            from,
            to,
            is_first: bits >> 4 == 0,
            missing: bits & 15,
            is_progressive: frame.is_progressive,
        })
    }

    fn walk(&self, frame: &mut Frame, restart: usize, bits: &mut Bits<'_>) -> Result<(), Stop> {
        let units = match self.colours.as_slice() {
            [alone] => frame.colours.get(alone.at).ok_or(Stop::Broken)?.blocks,
            _ => frame.units,
        };
        let (mut empty, mut until) = (0u32, restart);
        for unit in 0..units.0 * units.1 {
            if restart > 0 && until == 0 {
                bits.pass_restart()?;
                (empty, until) = (0, restart);
            }
            until = until.saturating_sub(1);
            let (x, y) = (unit % units.0, unit / units.0);
            for place in &self.colours {
                let colour = frame.colours.get_mut(place.at).ok_or(Stop::Broken)?;
                let (h, v) = match self.colours.len() {
                    1 => (1, 1),
                    _ => colour.in_unit,
                };
                let stride = frame.units.0 * colour.in_unit.0;
                for (row, column) in (0..v).flat_map(|row| (0..h).map(move |column| (row, column)))
                {
                    let at = (y * v + row) * stride + x * h + column;
                    let known = colour.known.get_mut(at);
                    self.block(place, known, &mut empty, bits)?;
                }
            }
        }
        Ok(())
    }

    fn block(
        &self,
        place: &Place<'_>,
        known: Option<&mut u64>,
        empty: &mut u32,
        bits: &mut Bits<'_>,
    ) -> Result<(), Stop> {
        if !self.is_progressive {
            mean(place, bits)?;
            return rest(place, bits);
        }
        let known = known.ok_or(Stop::Broken)?;
        match (self.from, self.is_first) {
            (0, true) => mean(place, bits),
            (0, false) => bits.skip(1),
            (_, true) => self.first(place, known, empty, bits),
            (_, false) => self.finer(place, known, empty, bits),
        }
    }

    /// Some of the numbers of a block for the first time, with the number of blocks in which nothing more comes.
    fn first(
        &self,
        place: &Place<'_>,
        known: &mut u64,
        empty: &mut u32,
        bits: &mut Bits<'_>,
    ) -> Result<(), Stop> {
        if *empty > 0 {
            *empty -= 1;
            return Ok(());
        }
        let codes = place.rest.ok_or(Stop::Broken)?;
        let mut at = u32::from(self.from);
        while at <= self.to.into() {
            let code = codes.next(bits)?;
            let (zeros, len) = (u32::from(code >> 4), u32::from(code & 15));
            if len == 0 && zeros < 15 {
                *empty = (1 << zeros) - 1 + bits.number(zeros)?;
                break;
            }
            at += zeros;
            if len > 0 {
                *known |= 1u64.checked_shl(at).ok_or(Stop::Broken)?;
                bits.skip(len)?;
            }
            at += 1;
        }
        Ok(())
    }

    /// One bit more of the numbers that are known, with new ones between them.
    fn finer(
        &self,
        place: &Place<'_>,
        known: &mut u64,
        empty: &mut u32,
        bits: &mut Bits<'_>,
    ) -> Result<(), Stop> {
        let codes = place.rest.ok_or(Stop::Broken)?;
        let (mut at, to) = (u32::from(self.from), u32::from(self.to));
        while at <= to && *empty == 0 {
            let code = codes.next(bits)?;
            let (mut zeros, len) = (u32::from(code >> 4), code & 15);
            match len {
                0 if zeros < 15 => {
                    *empty = (1 << zeros) + bits.number(zeros)?;
                    break;
                }
                0 => {}
                1 => bits.skip(1)?,
                _ => return Err(Stop::Broken),
            }
            while at <= to {
                if *known >> at & 1 == 1 {
                    bits.skip(1)?;
                } else if zeros == 0 {
                    break;
                } else {
                    zeros -= 1;
                }
                at += 1;
            }
            if len == 1 {
                *known |= 1u64.checked_shl(at).ok_or(Stop::Broken)?;
            }
            at += 1;
        }
        if *empty > 0 {
            let known = (at..=to).filter(|at| *known >> at & 1 == 1).count();
            for _ in 0..known {
                bits.skip(1)?;
            }
            *empty -= 1;
        }
        Ok(())
    }
}

/// The mean of a block.
fn mean(place: &Place<'_>, bits: &mut Bits<'_>) -> Result<(), Stop> {
    let len = place.mean.ok_or(Stop::Broken)?.next(bits)?;
    if len > 16 {
        return Err(Stop::Broken);
    }
    bits.skip(len.into())
}

/// The 63 other numbers of a block.
fn rest(place: &Place<'_>, bits: &mut Bits<'_>) -> Result<(), Stop> {
    let codes = place.rest.ok_or(Stop::Broken)?;
    let mut at = 1;
    while at < 64 {
        let code = codes.next(bits)?;
        let (zeros, len) = (u32::from(code >> 4), u32::from(code & 15));
        if len == 0 && zeros < 15 {
            break;
        }
        at += zeros + 1;
        if at > 64 {
            return Err(Stop::Broken);
        }
        bits.skip(len)?;
    }
    Ok(())
}

impl Codes {
    fn next(&self, bits: &mut Bits<'_>) -> Result<u8, Stop> {
        let (mut code, mut first, mut before) = (0u32, 0u32, 0u32);
        for count in self.counts.map(u32::from) {
            code |= bits.number(1)?;
            if let Some(within) = code.checked_sub(first).filter(|within| *within < count) {
                let at = usize::try_from(before + within).map_err(|_| Stop::Broken)?;
                return self.values.get(at).copied().ok_or(Stop::Broken);
            }
            before += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        Err(Stop::Broken)
    }
}

/// Bits as they follow one another, without the zeros that stand behind bytes which look like marks.
#[derive(Debug)]
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    byte: u8,
    left: u32,
}

impl<'a> Bits<'a> {
    fn new(data: &'a [u8]) -> Self {
        Self {
            data,
            at: 0,
            byte: 0,
            left: 0,
        }
    }

    fn load(&mut self) -> Result<(), Stop> {
        let byte = *self.data.get(self.at).ok_or(Stop::Cut)?;
        let mut next = self.at + 1;
        if byte == 0xFF {
            while self.data.get(next) == Some(&0xFF) {
                next += 1;
            }
            match self.data.get(next) {
                None => return Err(Stop::Cut),
                Some(0) => next += 1,
                Some(_) => return Err(Stop::Broken),
            }
        }
        (self.at, self.byte, self.left) = (next, byte, 8);
        Ok(())
    }

    /// The next bits as a number; no more than 16.
    fn number(&mut self, count: u32) -> Result<u32, Stop> {
        let (mut number, mut wanted) = (0, count);
        while wanted > 0 {
            if self.left == 0 {
                self.load()?;
            }
            let taken = wanted.min(self.left);
            self.left -= taken;
            let part = u32::from(self.byte) >> self.left & ((1 << taken) - 1);
            number = number << taken | part;
            wanted -= taken;
        }
        Ok(number)
    }

    fn skip(&mut self, count: u32) -> Result<(), Stop> {
        self.number(count).map(drop)
    }

    /// Goes on behind the mark from which a decoder can begin anew.
    fn pass_restart(&mut self) -> Result<(), Stop> {
        self.left = 0;
        if *self.data.get(self.at).ok_or(Stop::Cut)? != 0xFF {
            return Err(Stop::Broken);
        }
        while self.data.get(self.at) == Some(&0xFF) {
            self.at += 1;
        }
        match self.data.get(self.at) {
            Some(0xD0..=0xD7) => self.at += 1,
            Some(_) => return Err(Stop::Broken),
            None => return Err(Stop::Cut),
        }
        Ok(())
    }
}
