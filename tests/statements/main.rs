//! Statements with true signatures: what bytes are refused, and how a feed's devices come to stand.

mod bytes;
mod full;
mod standing;

use tidings::format::{
    DeviceId, DeviceSecret, End, Ends, EntryId, FeedId, FeedSecret, Lane, Seq, SignerSecret,
    Statement,
};

fn feed_secret() -> FeedSecret {
    FeedSecret::from_bytes(&[1; 32])
}

fn feed() -> FeedId {
    feed_secret().id()
}

fn secret(number: u8) -> DeviceSecret {
    DeviceSecret::from_bytes(&[100 + number; 32])
}

fn device(number: u8) -> DeviceId {
    secret(number).id()
}

fn admit<'a>(by: impl Into<SignerSecret<'a>>, number: u8, admin: bool) -> Statement {
    let consent = secret(number).consent(&feed());
    Statement::admit(feed(), by, device(number), admin, "phone", consent).unwrap()
}

fn retire<'a>(
    by: impl Into<SignerSecret<'a>>,
    number: u8,
    ends: Ends,
    keep: &[&Statement],
) -> Statement {
    Statement::retire(
        feed(),
        by,
        device(number),
        ends,
        keep.iter().copied().cloned(),
    )
    .unwrap()
}

fn lane(name: &str) -> Lane {
    Lane::new(name).unwrap()
}

fn id(byte: u8) -> EntryId {
    EntryId::from_bytes([byte; 32])
}

fn ends(list: &[(&str, u64, u8)]) -> Ends {
    Ends::new(list.iter().map(|(name, seq, byte)| {
        (
            lane(name),
            End {
                seq: Seq(*seq),
                id: id(*byte),
            },
        )
    }))
    .unwrap()
}
