//! Length-prefixed frames on a stream.

use bytes::Bytes;
use iroh::endpoint::{ReadError, ReadExactError, RecvStream, SendStream, WriteError};

use crate::format::limits::FRAME_BYTES;

/// Bytes of the length before each frame, big-endian.
pub(super) const PREFIX: usize = 4;

/// Why no frame came.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameError {
    /// The frame is larger than any message may be; nothing was allocated for it.
    #[error("a frame of {0} bytes was announced")]
    TooLarge(usize),
    /// The stream or the connection ended inside a frame.
    #[error("the stream ended inside a frame")]
    Cut,
    /// The connection failed.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Reads the next frame; none at the stream's proper end.
///
/// Cancel safety: not safe. Dropped half-way, the stream stands inside a frame.
pub(super) async fn read(stream: &mut RecvStream) -> Result<Option<Bytes>, FrameError> {
    let mut prefix = [0; PREFIX];
    match stream.read_exact(&mut prefix).await {
        Ok(()) => {}
        Err(ReadExactError::FinishedEarly(0)) => return Ok(None),
        Err(ReadExactError::FinishedEarly(_)) => return Err(FrameError::Cut),
        Err(ReadExactError::ReadError(error)) => return Err(error.into()),
    }
    let len = u32::from_be_bytes(prefix) as usize;
    if len > FRAME_BYTES {
        return Err(FrameError::TooLarge(len));
    }
    let mut frame = vec![0; len];
    match stream.read_exact(&mut frame).await {
        Ok(()) => Ok(Some(frame.into())),
        Err(ReadExactError::FinishedEarly(_)) => Err(FrameError::Cut),
        Err(ReadExactError::ReadError(error)) => Err(error.into()),
    }
}

/// Writes frames, together where several wait: a small one then costs no packet of its own.
///
/// Cancel safety: not safe. Dropped half-way, the stream stands inside a frame.
pub(super) async fn write_all(stream: &mut SendStream, frames: &[Bytes]) -> Result<(), WriteError> {
    let mut chunks = Vec::with_capacity(2 * frames.len());
    for frame in frames {
        // The machine makes no frame above the limit, which fits.
        let len = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        chunks.push(Bytes::copy_from_slice(&len.to_be_bytes()));
        chunks.push(frame.clone());
    }
    stream.write_all_chunks(&mut chunks).await
}
