//! The bytes of a statement: what postcard would write for the structures below, field by field.
//!
//! ```text
//! statement  feed [32]  signer [32]  act  signature [64]       id = hash of all before the signature
//! act        0  device [32]  admin u8 (0 or 1)  label str  consent [64]
//!            1  device [32]  ends Vec<lane str, seq u64, id [32]>  keep Vec<statement>
//! ```
//!
//! The signer of the feed key is the feed's own id. `ends` ascend by lane, `keep` by statement id, both strictly. What is
//! carried in `keep` is whole, so that who holds a Retire can verify it alone; being an Admit it carries nothing itself.

use std::sync::Arc;

use super::super::codec::{Reader, Writer};
use super::super::context::derive;
use super::super::error::FormatError;
use super::super::id::{DeviceId, EntryId, FeedId, Lane, Seq, StatementId};
use super::super::key::Signature;
use super::super::limits;
use super::{
    Act, Admit, End, Ends, Inner, Retire, Signer, Statement, bounded, check_shape, invalid,
};

const WHAT: &str = "a statement";
const ADMIT: u8 = 0;
const RETIRE: u8 = 1;
const SIGNATURE: usize = 64;

/// How a statement comes of what was read: verified, or trusted.
type Make = fn(Inner) -> Result<Statement, FormatError>;

pub(super) fn encode(statement: &Statement) -> Vec<u8> {
    let mut writer = Writer::default();
    write_signed(&mut writer, statement);
    writer.0
}

/// The id, and how long the whole is.
pub(super) fn id(feed: &FeedId, signer: &Signer, act: &Act) -> (StatementId, usize) {
    let mut writer = Writer::default();
    write_unsigned(&mut writer, feed, signer, act);
    let id = StatementId::from_bytes(derive::STATEMENT_ID.hash(&writer.0));
    (id, writer.0.len() + SIGNATURE)
}

pub(super) fn decode(bytes: &[u8]) -> Result<Statement, FormatError> {
    decode_with(bytes, Statement::verified)
}

pub(super) fn decode_trusted(bytes: &[u8]) -> Result<Statement, FormatError> {
    decode_with(bytes, |inner| {
        check_shape(&inner)?;
        Ok(Statement(Arc::new(inner)))
    })
}

fn decode_with(bytes: &[u8], make: Make) -> Result<Statement, FormatError> {
    bounded("bytes of a statement", bytes.len(), limits::STATEMENT_BYTES)?;
    let mut reader = Reader::new(WHAT, bytes);
    let inner = read_signed(&mut reader, Place::Alone, make)?;
    reader.finish()?;
    make(inner)
}

/// Reads a statement and writes it again, whoever signed it: what fuzzing asks of the bytes alone.
#[cfg(feature = "test-util")]
pub(in crate::format) fn reread_statement(bytes: &[u8]) -> Result<Vec<u8>, FormatError> {
    bounded("bytes of a statement", bytes.len(), limits::STATEMENT_BYTES)?;
    let mut reader = Reader::new(WHAT, bytes);
    let inner = read_signed(&mut reader, Place::Alone, Statement::verified)?;
    reader.finish()?;
    Ok(encode(&Statement(Arc::new(inner))))
}

fn write_signed(writer: &mut Writer, statement: &Statement) {
    write_unsigned(
        writer,
        statement.feed(),
        &statement.signer(),
        statement.act(),
    );
    writer.raw(statement.signature().as_bytes());
}

fn write_unsigned(writer: &mut Writer, feed: &FeedId, signer: &Signer, act: &Act) {
    writer.raw(feed.as_bytes());
    writer.raw(signer.key(feed));
    match act {
        Act::Admit(admit) => write_admit(writer, admit),
        Act::Retire(retire) => write_retire(writer, retire),
    }
}

fn write_admit(writer: &mut Writer, admit: &Admit) {
    writer.u8(ADMIT);
    writer.raw(admit.device.as_bytes());
    writer.u8(u8::from(admit.admin));
    writer.bytes(admit.label.as_bytes());
    writer.raw(admit.consent.as_bytes());
}

fn write_retire(writer: &mut Writer, retire: &Retire) {
    writer.u8(RETIRE);
    writer.raw(retire.device.as_bytes());
    writer.varint(retire.ends.len() as u64);
    for (lane, end) in retire.ends.iter() {
        writer.bytes(lane.as_str().as_bytes());
        writer.varint(end.seq.0);
        writer.raw(end.id.as_bytes());
    }
    writer.varint(retire.keep.len() as u64);
    for carried in &retire.keep {
        write_signed(writer, carried);
    }
}

/// Where a statement stands: one carried in a Retire is an Admit, so reading goes no deeper than that.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Alone,
    Carried,
}

fn read_signed(reader: &mut Reader<'_>, place: Place, make: Make) -> Result<Inner, FormatError> {
    let start = reader.rest();
    let feed = FeedId::from_bytes(reader.array()?);
    let signer = Signer::from_key(&feed, reader.array()?);
    let act = match reader.u8()? {
        ADMIT => Act::Admit(read_admit(reader)?),
        RETIRE if place == Place::Carried => return Err(invalid("what it keeps is not an Admit")),
        RETIRE => Act::Retire(read_retire(reader, make)?),
        _ => return Err(FormatError::Malformed { what: WHAT }),
    };
    let unsigned = start
        .get(..start.len() - reader.rest().len())
        .unwrap_or_default();
    let id = StatementId::from_bytes(derive::STATEMENT_ID.hash(unsigned));
    let size = unsigned.len() + SIGNATURE;
    let signature = Signature::from_bytes(reader.array()?);
    Ok(Inner {
        id,
        size,
        feed,
        signer,
        act,
        signature,
    })
}

fn read_admit(reader: &mut Reader<'_>) -> Result<Admit, FormatError> {
    let device = DeviceId::from_bytes(reader.array()?);
    let admin = match reader.u8()? {
        0 => false,
        1 => true,
        _ => return Err(FormatError::Malformed { what: WHAT }),
    };
    let len = count(reader, "bytes of a device's label", limits::LABEL_BYTES)?;
    let label = std::str::from_utf8(reader.raw(len)?)
        .map_err(|_| FormatError::Malformed { what: WHAT })?
        .to_owned();
    let consent = Signature::from_bytes(reader.array()?);
    Ok(Admit {
        device,
        admin,
        label,
        consent,
    })
}

fn read_retire(reader: &mut Reader<'_>, make: Make) -> Result<Retire, FormatError> {
    let device = DeviceId::from_bytes(reader.array()?);
    let named = count(reader, "ends of a Retire", limits::RETIRE_ENDS)?;
    let ends = (0..named)
        .map(|_| read_end(reader))
        .collect::<Result<_, _>>()?;
    let kept = count(reader, "Admits that a Retire keeps", limits::RETIRE_KEEP)?;
    let carried = |_| read_signed(reader, Place::Carried, make).and_then(make);
    let keep = (0..kept).map(carried).collect::<Result<_, _>>()?;
    Ok(Retire {
        device,
        ends: Ends::from_sorted(ends)?,
        keep,
    })
}

fn read_end(reader: &mut Reader<'_>) -> Result<(Lane, End), FormatError> {
    let len = count(reader, "bytes of a lane's name", limits::LANE_BYTES)?;
    let name =
        std::str::from_utf8(reader.raw(len)?).map_err(|_| FormatError::Malformed { what: WHAT })?;
    let seq = Seq(reader.varint()?);
    let id = EntryId::from_bytes(reader.array()?);
    Ok((Lane::new(name)?, End { seq, id }))
}

/// Reads a count or length and checks it before anything is made of it.
fn count(reader: &mut Reader<'_>, what: &'static str, limit: usize) -> Result<usize, FormatError> {
    let found = reader.varint()?;
    usize::try_from(found)
        .ok()
        .filter(|found| *found <= limit)
        .ok_or(FormatError::TooLarge {
            what,
            found,
            limit: limit as u64,
        })
}
