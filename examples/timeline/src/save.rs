//! Files for people: under names that others chose, and yet nowhere but where they should be.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use tempfile::Builder;
use tidings::Attachment;

use crate::failure::{Failure, Result};
use crate::render::clean;

/// Bytes of a name: less than file systems take, so that a number fits in.
const NAME_BYTES: usize = 120;

/// Characters that mean something to some file system or shell.
const SPECIAL: &[char] = &['/', '\\', ':', '*', '?', '"', '<', '>', '|', '\n'];

/// Names that some systems take for devices, whatever comes after the dot.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// The same with a digit behind them, a raised one too.
const PORTS: [&str; 2] = ["com", "lpt"];

/// Copies of a name that are tried before giving up.
const NUMBERS: u32 = 10_000;

/// Writes a copy of an attachment into a folder and says where it is.
///
/// A file that is there already is never touched: if it is the same it is this one, else the copy gets a number. It
/// appears under its name once all of it is there.
pub(crate) fn save(
    attachment: &Attachment,
    bytes: &mut impl Read,
    folder: &Path,
) -> Result<PathBuf> {
    let name = safe_name(attachment);
    let at = |error: io::Error| Failure::from(error).at(folder.join(&name).display());
    let mut part = None;
    for number in 1..NUMBERS {
        let path = folder.join(numbered(&name, number));
        if path.symlink_metadata().is_ok() {
            if is_same(attachment, &path) {
                return Ok(path);
            }
            continue;
        }
        let whole = match part.take() {
            Some(whole) => whole,
            None => copied(bytes, folder).map_err(at)?,
        };
        match whole.persist_noclobber(&path) {
            Ok(_) => return Ok(path),
            // Somebody else was faster.
            Err(lost) if lost.error.kind() == io::ErrorKind::AlreadyExists => {
                part = Some(lost.file);
            }
            Err(lost) => return Err(at(lost.error)),
        }
    }
    Err(Failure::said(format!(
        "{} has too many files called {name}; give another --out",
        folder.display()
    )))
}

fn copied(bytes: &mut impl Read, folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".timeline-").suffix(".part");
    // As any new file: what the user lets others see is for the umask to say.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    io::copy(bytes, &mut file)?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn is_same(attachment: &Attachment, path: &Path) -> bool {
    let len = path.symlink_metadata();
    if !len.is_ok_and(|it| it.is_file() && it.len() == attachment.len) {
        return false;
    }
    let mut hasher = blake3::Hasher::new();
    let read = File::open(path).and_then(|mut file| io::copy(&mut file, &mut hasher));
    read.is_ok() && hasher.finalize().as_bytes() == attachment.hash.as_bytes()
}

/// The name its author gave it, without what could lead elsewhere; one made from its hash if there is none.
fn safe_name(attachment: &Attachment) -> String {
    let given = attachment.name.as_deref().unwrap_or_default();
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = clean(last).replace(SPECIAL, "_");
    // Hidden files and what looks like an option are for people to make themselves.
    let name = name.trim_start_matches(['.', '-', ' ', '~']);
    let name = name.trim_end_matches(['.', ' ']);
    let stem = name.split('.').next().unwrap_or_default();
    if name.is_empty() {
        let kind = attachment.mime.rsplit('/').next().unwrap_or_default();
        let is_plain = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric());
        return format!(
            "{}.{}",
            attachment.hash.short(),
            if is_plain { kind } else { "bin" }
        );
    }
    if is_device(stem) {
        return format!("_{name}");
    }
    shortened(name)
}

/// Whether some system takes a name before its first dot for a device. Blanks at its end do not count there.
fn is_device(stem: &str) -> bool {
    let stem = stem.trim_end().to_lowercase();
    let is_digit = |c: char| matches!(c, '0'..='9' | '\u{b9}' | '\u{b2}' | '\u{b3}');
    let is_port = |port: &&str| {
        let rest = stem.strip_prefix(*port).unwrap_or_default();
        rest.chars().count() == 1 && rest.chars().all(is_digit)
    };
    DEVICES.contains(&stem.as_str()) || PORTS.iter().any(is_port)
}

/// At most so many bytes; what comes after the last dot stays.
fn shortened(name: &str) -> String {
    if name.len() <= NAME_BYTES {
        return name.to_owned();
    }
    let (stem, end) = split(name);
    let room = NAME_BYTES.saturating_sub(end.len());
    let cut = |text: &str, most: usize| text[..text.floor_char_boundary(most)].to_owned();
    if room < 20 {
        cut(name, NAME_BYTES)
    } else {
        cut(stem, room) + end
    }
}

fn numbered(name: &str, number: u32) -> String {
    if number == 1 {
        return name.to_owned();
    }
    let (stem, end) = split(name);
    format!("{stem}-{number}{end}")
}

/// A name in front of its last dot, and from there on.
fn split(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 => name.split_at(dot),
        _ => (name, ""),
    }
}
