//! Files that end early, were changed, or never were what they begin as.

use std::sync::OnceLock;

use proptest::prelude::*;

use super::films::SAMPLES;
use super::{Kind, Options, keeping, made, prepared};

/// Small files of every kind that is taken apart, made once.
fn samples() -> &'static [(Vec<u8>, Kind)] {
    static MADE: OnceLock<Vec<(Vec<u8>, Kind)>> = OnceLock::new();
    MADE.get_or_init(make_samples)
}

fn make_samples() -> Vec<(Vec<u8>, Kind)> {
    let mut samples: Vec<_> = SAMPLES
        .iter()
        .map(|(bytes, kind)| (bytes.to_vec(), *kind))
        .collect();
    samples.extend(
        super::sounded::recordings()
            .into_iter()
            .map(|it| (it.0, it.1)),
    );
    samples.extend(super::sounded::songs());
    samples.push((made::told_gif(), Kind::Gif));
    samples.push((made::told_png(&made::vast_png(9, 9), 6), Kind::Png));
    #[cfg(feature = "images")]
    samples.extend(drawn());
    samples
}

#[cfg(feature = "images")]
fn drawn() -> [(Vec<u8>, Kind); 3] {
    let encoded = |format| {
        let picture = image::RgbImage::from_raw(20, 10, made::pixels(20, 10));
        let mut bytes = std::io::Cursor::new(Vec::new());
        let picture = picture.expect("as many pixels");
        picture.write_to(&mut bytes, format).expect("a picture");
        bytes.into_inner()
    };
    let webp = encoded(image::ImageFormat::WebP);
    [
        (
            made::told_jpeg(&encoded(image::ImageFormat::Jpeg), 6),
            Kind::Jpeg,
        ),
        (
            made::told_png(&encoded(image::ImageFormat::Png), 6),
            Kind::Png,
        ),
        (made::told_webp(&webp, (20, 10), 6), Kind::Webp),
    ]
}

#[test]
fn a_file_cut_anywhere_is_refused_or_tells_nothing() {
    for &(ref bytes, kind) in samples() {
        // Every length of a small file, some hundred of a longer one.
        for len in (0..bytes.len()).step_by(bytes.len() / 400 + 1) {
            let Ok((posted, prepared)) = prepared(&bytes[..len], &Options::default()) else {
                continue;
            };
            // Too short to tell what it was, or cut behind the end of the picture, or between two parts of a film.
            if prepared.kind == kind {
                super::assert_tells_nothing(&posted);
            }
        }
    }
}

#[cfg(feature = "images")]
#[test]
fn a_picture_cut_in_half_is_refused() {
    for (bytes, _) in drawn() {
        for options in [Options::default(), keeping()] {
            let refused = prepared(&bytes[..bytes.len() / 2], &options);
            let error = refused.expect_err("half a picture");
            assert!(
                matches!(error, super::PictureError::CutOff { .. }),
                "{error:?}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_files_break_nothing(
        sample in 0..64usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        keep in any::<bool>(),
    ) {
        let samples = samples();
        let (mut bytes, _) = samples[sample % samples.len()].clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let options = Options { keep_metadata: keep, ..Options::default() };
        if let Ok((posted, prepared)) = prepared(&bytes, &options) {
            prop_assert!(posted.len() <= bytes.len() * 4 + 4_096);
            prop_assert!(!keep || posted == bytes);
            prop_assert!(prepared.preview.is_none_or(|preview| preview.len() <= 4_096));
        }
    }

    #[test]
    fn random_bytes_behind_a_true_beginning_break_nothing(
        sample in 0..64usize,
        kept in 4..64usize,
        noise in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let samples = samples();
        let (bytes, _) = &samples[sample % samples.len()];
        let noisy = [&bytes[..kept.min(bytes.len())], &noise].concat();
        drop(prepared(&noisy, &Options::default()));
        drop(prepared(&noisy, &keeping()));
    }
}
