//! What is known of a still picture once its container was taken apart.

use super::error::{Fault, PictureError};
use super::kind::Kind;
use super::{MOST_PIXELS, gif, jpeg, png, webp};

/// A picture file put together again without what it told of place, device and time.
#[derive(Debug)]
pub(super) struct Still {
    /// The file, without any metadata; which way is up is not in it either.
    pub(super) bytes: Vec<u8>,
    /// Pixels from side to side, as stored.
    pub(super) width: u32,
    /// Pixels from top to bottom, as stored.
    pub(super) height: u32,
    /// How it has to be turned to be upright, as Exif counts: 1 is upright, 5 to 8 lie on their side.
    pub(super) orientation: u8,
    /// Whether it moves.
    pub(super) animated: bool,
    /// Whether it comes in passes over the whole picture, which takes more memory to draw.
    pub(super) progressive: bool,
}

impl Still {
    /// Takes a picture file apart.
    pub(super) fn of(kind: Kind, bytes: &[u8]) -> Result<Self, PictureError> {
        let still = Self::taken_apart(kind, bytes).map_err(|fault| fault.of(kind.mime()))?;
        let (width, height) = (still.width, still.height);
        if u64::from(width) * u64::from(height) > MOST_PIXELS {
            return Err(PictureError::TooManyPixels {
                width,
                height,
                most: MOST_PIXELS,
            });
        }
        Ok(still)
    }

    /// The same, with a fault that does not say yet what to call the file.
    pub(super) fn taken_apart(kind: Kind, bytes: &[u8]) -> Result<Self, Fault> {
        let still = match kind {
            Kind::Jpeg => jpeg::strip(bytes),
            Kind::Png => png::strip(bytes),
            Kind::Gif => gif::strip(bytes),
            Kind::Webp => webp::strip(bytes),
            _ => Err(Fault::Odd("no reader for this type")),
        }?;
        if still.width == 0 || still.height == 0 {
            return Err(Fault::Odd("a picture without pixels"));
        }
        Ok(still)
    }

    /// Says in the file itself, and nothing else, which way is up: for pictures that cannot be turned.
    pub(super) fn tag_orientation(&mut self, kind: Kind) {
        if self.orientation == 1 {
            return;
        }
        let exif = super::exif::only(self.orientation);
        match kind {
            Kind::Jpeg => jpeg::add_exif(&mut self.bytes, &exif),
            Kind::Png => png::add_exif(&mut self.bytes, &exif),
            Kind::Webp => webp::add_exif(&mut self.bytes, &exif),
            _ => {}
        }
    }

    /// Width and height as it is to be shown.
    pub(super) fn shown(&self) -> (u32, u32) {
        if self.orientation >= 5 {
            return (self.height, self.width);
        }
        (self.width, self.height)
    }
}
