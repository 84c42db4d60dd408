//! Messages, and what is remembered of a peer, put to any bytes: each function panics if a promise is broken.

mod made;
mod swarm;

use bytes::Bytes;

pub(crate) use self::swarm::swarm;
use super::error::PeerError;
use super::memory::Memory;
use super::message::Message;
use crate::format::limits;

pub(crate) fn message(bytes: &[u8]) {
    let frame = Bytes::copy_from_slice(bytes);
    match Message::decode(&frame) {
        Ok(message) => assert_eq!(message.encode(), frame, "written otherwise"),
        Err(PeerError::FrameTooLarge { .. }) => assert!(bytes.len() > limits::FRAME_BYTES),
        Err(PeerError::Malformed(_) | PeerError::Version { .. }) => {}
        Err(error) => panic!("{error} is no error of a single message"),
    }
}

/// It comes from this node's own disk, so damage is all that may be wrong with it.
pub(crate) fn memory(bytes: &[u8]) {
    let memory = Memory::decode(bytes);
    assert_eq!(Memory::decode(&memory.encode()), memory, "read otherwise");
}
