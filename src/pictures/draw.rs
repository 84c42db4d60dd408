//! Drawing a picture: turning it upright, a preview, a smaller rendition.
//!
//! Decoders get no more memory than [`DRAWN_BYTES`], asked before a pixel is drawn; a picture that needs more comes back
//! undrawn, since its file is good and can be posted without a preview.

use std::io::Cursor;

use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::error::{LimitError, LimitErrorKind};
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{
    DynamicImage, GenericImageView as _, ImageDecoder as _, ImageEncoder as _, ImageError,
    ImageFormat, ImageReader, ImageResult, Limits, Rgb, RgbImage, Rgba,
};

use super::error::PictureError;
use super::kind::Kind;
use super::still::Still;
use super::{DRAWN_BYTES, PREVIEW_BYTES, Rendition, png};

/// The longest side of a rendition: a telephone's screen.
const RENDITION_SIDE: u32 = 1_280;

/// A picture whose longest side is longer than this gets a rendition.
const LARGE_SIDE: u32 = 1_600;

/// A picture file that is longer than this gets a rendition.
const LARGE_FILE: usize = 500_000;

const RENDITION_QUALITY: u8 = 80;

/// For a picture that is turned and then encoded again.
const TURNED_QUALITY: u8 = 90;

/// What is tried, in this order, until a preview is small enough; the last always is.
const PREVIEWS: [(u32, u8); 10] = [
    (256, 60),
    (224, 60),
    (192, 60),
    (160, 60),
    (160, 45),
    (128, 50),
    (96, 50),
    (64, 50),
    (32, 50),
    (16, 30),
];

/// What came of drawing a picture.
#[derive(Debug, Default)]
pub(super) struct Drawn {
    /// The whole file with the picture turned upright, if it was not.
    pub(super) upright: Option<Vec<u8>>,
    pub(super) preview: Option<Bytes>,
    pub(super) rendition: Option<Rendition>,
}

/// Draws a picture; `may_turn` says whether its file may be written anew.
///
/// One that is valid, but that the decoders here do not know or have no memory for, comes back with nothing drawn.
pub(super) fn draw(kind: Kind, still: &Still, may_turn: bool) -> Result<Drawn, PictureError> {
    let (mut full, icc) = match decode(kind, still) {
        Ok(decoded) => decoded,
        Err(ImageError::Unsupported(_) | ImageError::Limits(_)) => return Ok(Drawn::default()),
        Err(error) => {
            return Err(PictureError::Undecodable {
                mime: kind.mime(),
                source: Box::new(error),
            });
        }
    };
    let orientation =
        Orientation::from_exif(still.orientation).unwrap_or(Orientation::NoTransforms);
    let mut small = shrunk(&full, RENDITION_SIDE);
    small.apply_orientation(orientation);
    let mut flat = on_white(&small);
    if let Some(gamma) = png::gamma(&still.bytes).filter(|_| kind == Kind::Png) {
        as_bright(&mut flat, gamma);
    }
    drop(small);
    let flat = DynamicImage::ImageRgb8(flat);
    let mut drawn = Drawn {
        preview: preview(&flat),
        ..Drawn::default()
    };
    let pixels = u64::try_from(full.as_bytes().len()).unwrap_or(u64::MAX);
    let fits_twice = pixels.saturating_mul(2) <= DRAWN_BYTES;
    if orientation != Orientation::NoTransforms && may_turn && !still.animated && fits_twice {
        full.apply_orientation(orientation);
        drawn.upright = encode(kind, &full, icc.as_deref(), still).ok();
    }
    drop(full);
    let len = drawn.upright.as_ref().unwrap_or(&still.bytes).len();
    let is_large = still.width.max(still.height) > LARGE_SIDE || len > LARGE_FILE;
    if is_large && !still.animated {
        drawn.rendition = rendition(&flat, icc.as_deref(), len);
    }
    Ok(drawn)
}

/// The pixels, and the colour profile.
fn decode(kind: Kind, still: &Still) -> ImageResult<(DynamicImage, Option<Vec<u8>>)> {
    let format = match kind {
        Kind::Jpeg => ImageFormat::Jpeg,
        Kind::Png => ImageFormat::Png,
        Kind::Gif => ImageFormat::Gif,
        _ => ImageFormat::WebP,
    };
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(DRAWN_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(still.bytes.as_slice()), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    // The coefficients of a progressive JPEG take two bytes where the pixels take one.
    let times = if still.progressive { 3 } else { 1 };
    if decoder.total_bytes().saturating_mul(times) > DRAWN_BYTES {
        return Err(ImageError::Limits(LimitError::from_kind(
            LimitErrorKind::InsufficientMemory,
        )));
    }
    let icc = decoder.icc_profile().ok().flatten();
    Ok((DynamicImage::from_decoder(decoder)?, icc))
}

/// The picture again, with no side longer than `side`; never larger than it was.
fn shrunk(full: &DynamicImage, side: u32) -> DynamicImage {
    let (width, height) = full.dimensions();
    if width.max(height) <= side {
        return full.clone();
    }
    // Twice the size in one cheap step, the rest with care.
    if width.max(height) / 2 > side {
        return full.thumbnail(side, side);
    }
    full.resize(side, side, FilterType::Triangle)
}

fn preview(flat: &DynamicImage) -> Option<Bytes> {
    PREVIEWS.iter().find_map(|(side, quality)| {
        let bytes = jpeg(&shrunk(flat, *side), *quality, None).ok()?;
        (bytes.len() <= PREVIEW_BYTES).then(|| Bytes::from(bytes))
    })
}

fn rendition(flat: &DynamicImage, icc: Option<&[u8]>, len: usize) -> Option<Rendition> {
    let bytes = jpeg(flat, RENDITION_QUALITY, icc).ok()?;
    // One that saves nothing only costs.
    (bytes.len() < len).then(|| Rendition {
        bytes: Bytes::from(bytes),
        mime: Kind::Jpeg.mime(),
        width: flat.width(),
        height: flat.height(),
    })
}

/// The picture without transparency.
fn on_white(picture: &DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.to_rgb8();
    }
    let mut flat = RgbImage::from_pixel(picture.width(), picture.height(), Rgb([255; 3]));
    for (to, from) in flat.pixels_mut().zip(picture.to_rgba8().pixels()) {
        let Rgba([r, g, b, alpha]) = *from;
        let mixed = |colour: u8| {
            let sum = u32::from(colour) * u32::from(alpha) + 255 * (255 - u32::from(alpha));
            u8::try_from(sum / 255).unwrap_or(u8::MAX)
        };
        *to = Rgb([mixed(r), mixed(g), mixed(b)]);
    }
    flat
}

/// Makes numbers that were taken to the power of `gamma` (in parts of 100,000) those that a screen expects.
fn as_bright(picture: &mut RgbImage, gamma: u32) {
    // Screens take theirs to 1 / 2.2.
    let power = 1.0 / (2.2 * f64::from(gamma) / 100_000.0);
    let meant: Vec<u8> = (0..=u8::MAX)
        .map(|number| as_number((f64::from(number) / 255.0).powf(power)))
        .collect();
    for number in picture.iter_mut() {
        *number = meant.get(usize::from(*number)).copied().unwrap_or(*number);
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a part of one, times 255, and casts of floats end at the bounds"
)]
fn as_number(part: f64) -> u8 {
    (part * 255.0).round() as u8
}

/// A whole file of the same kind; `was` is the picture before it was turned.
fn encode(
    kind: Kind,
    picture: &DynamicImage,
    icc: Option<&[u8]>,
    was: &Still,
) -> ImageResult<Vec<u8>> {
    let mut bytes = Vec::new();
    let icc = fitting(icc, picture).map(<[u8]>::to_vec);
    match kind {
        Kind::Png => {
            picture.write_with_encoder(PngEncoder::new(&mut bytes))?;
            png::add(&mut bytes, png::colours(&was.bytes, icc.is_some()));
        }
        Kind::Webp => {
            let mut encoder = WebPEncoder::new_lossless(&mut bytes);
            if let Some(icc) = icc {
                encoder
                    .set_icc_profile(icc)
                    .map_err(ImageError::Unsupported)?;
            }
            picture.write_with_encoder(encoder)?;
        }
        _ => return jpeg(picture, TURNED_QUALITY, icc.as_deref()),
    }
    Ok(bytes)
}

fn jpeg(picture: &DynamicImage, quality: u8, icc: Option<&[u8]>) -> ImageResult<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
    if let Some(icc) = fitting(icc, picture) {
        encoder
            .set_icc_profile(icc.to_vec())
            .map_err(ImageError::Unsupported)?;
    }
    match picture {
        DynamicImage::ImageLuma8(_) | DynamicImage::ImageRgb8(_) => {
            picture.write_with_encoder(encoder)?;
        }
        other => DynamicImage::ImageRgb8(other.to_rgb8()).write_with_encoder(encoder)?,
    }
    Ok(bytes)
}

/// The colour profile, if it speaks of the colours that the picture has: a decoder may have changed them.
fn fitting<'a>(icc: Option<&'a [u8]>, picture: &DynamicImage) -> Option<&'a [u8]> {
    let wanted = if picture.color().has_color() {
        b"RGB "
    } else {
        b"GRAY"
    };
    icc.filter(|icc| icc.get(16..20) == Some(wanted.as_slice()))
}
