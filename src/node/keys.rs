//! The keys of an identity, in the folder, readable by their owner only.
//!
//! A key that may exist twice never signs an entry again: see the marker beside the keys.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use iroh::SecretKey;
use zeroize::Zeroizing;

use super::error::TidingsError;
use super::marker::Marker;
use crate::format::{DeviceId, DeviceSecret, FeedSecret};

const KEYS: &str = "keys";
const HEAD: &str = "# The keys of a tidings identity: whoever has this file can post in its name.\n\
    # Keep it on this device; a copy of it on another one must not be used.\n";

/// The keys of an identity and of its endpoint.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    pub(super) feed: FeedSecret,
    pub(super) device: DeviceSecret,
    pub(super) endpoint: SecretKey,
    /// The kept UDP port.
    pub(super) port: u16,
    /// Earlier device keys that may exist twice: they sign nothing any more, and are to be retired.
    pub(super) retiring: Vec<DeviceId>,
}

/// What was found in the folder.
#[expect(clippy::large_enum_variant, reason = "there is one of it, at opening")]
pub(super) enum Found {
    /// No keys yet.
    Nothing,
    /// Keys, and whether the store they belong to has been set up.
    Keys { keys: Keys, set_up: bool },
}

impl Keys {
    /// Makes new keys; nothing is written yet.
    pub(super) fn generate() -> Result<Self, TidingsError> {
        Ok(Self {
            feed: FeedSecret::from_bytes(&*random_secret()?),
            device: DeviceSecret::from_bytes(&*random_secret()?),
            endpoint: SecretKey::from_bytes(&*random_secret()?),
            port: free_port(),
            retiring: Vec::new(),
        })
    }

    /// Goes on under a new device key, with the old one to be retired. The endpoint stays.
    pub(super) fn renew(&mut self) -> Result<(), TidingsError> {
        let old = self.device.id();
        self.device = DeviceSecret::from_bytes(&*random_secret()?);
        self.retiring.push(old);
        Ok(())
    }

    /// Goes on as another installation: under a new device key and a new endpoint, which the original may still use.
    pub(super) fn renew_all(&mut self) -> Result<(), TidingsError> {
        self.renew()?;
        self.endpoint = SecretKey::from_bytes(&*random_secret()?);
        self.port = free_port();
        Ok(())
    }

    /// Reads the folder.
    pub(super) fn find(folder: &Path) -> Result<Found, TidingsError> {
        let path = folder.join(KEYS);
        let bytes = match fs::read(&path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) => return Err(failed(&path, "read", &error)),
        };
        let text = std::str::from_utf8(&bytes).ok();
        let keys = text.and_then(parse).ok_or_else(|| TidingsError::Keys {
            path,
            why: "the file is damaged; put it back from a backup of this device".to_owned(),
        })?;
        let set_up = Marker::is_set(folder)?;
        Ok(Found::Keys { keys, set_up })
    }

    /// Writes the keys in place of earlier ones; they are on disk when this returns.
    pub(super) fn write(&self, folder: &Path) -> Result<(), TidingsError> {
        let path = folder.join(KEYS);
        let fresh = folder.join("keys.new");
        let text = self.to_text();
        let write = || -> io::Result<()> {
            let mut file = private().create(true).truncate(true).open(&fresh)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            // Windows renames nothing that is open.
            drop(file);
            fs::rename(&fresh, &path)?;
            sync_folder(folder)
        };
        write().map_err(|error| failed(&path, "written", &error))
    }

    /// The text of the file, wiped when dropped: made in one piece of memory, since growing would leave parts behind.
    fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(1_024 + 64 * self.retiring.len()));
        text.push_str(HEAD);
        text.push_str("version 1\n");
        for (name, secret) in [
            ("feed", self.feed.to_bytes()),
            ("device", self.device.to_bytes()),
            ("endpoint", Zeroizing::new(self.endpoint.to_bytes())),
        ] {
            let secret = Zeroizing::new(crate::format::to_base32(secret.as_slice()));
            for part in [name, " ", secret.as_str(), "\n"] {
                text.push_str(part);
            }
        }
        text.push_str(&format!("port {}\n", self.port));
        for device in &self.retiring {
            text.push_str(&format!("retiring {device}\n"));
        }
        let check = checksum(&text);
        text.push_str(&format!("check {check}\n"));
        text
    }
}

/// Eight bytes over the lines before: a character that flipped would else be another identity.
fn checksum(text: &str) -> String {
    let context = "tidings v1 2026-11 keys file";
    let hash = blake3::derive_key(context, text.as_bytes());
    crate::format::to_base32(hash.first_chunk::<8>().unwrap_or(&[0; 8]))
}

fn parse(text: &str) -> Option<Keys> {
    let (text, check) = text.split_at(text.rfind("check ")?);
    if check != format!("check {}\n", checksum(text)) {
        return None;
    }
    let mut lines = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    // Slices of the text, which is wiped; copies would not be.
    let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
    if field("version")? != "1" {
        return None;
    }
    let secret = |text: Option<&str>| -> Option<Zeroizing<[u8; 32]>> {
        let bytes = Zeroizing::new(crate::format::from_base32(text?)?);
        bytes.as_slice().try_into().ok().map(Zeroizing::new)
    };
    let feed = FeedSecret::from_bytes(&*secret(field("feed"))?);
    let device = DeviceSecret::from_bytes(&*secret(field("device"))?);
    let endpoint = SecretKey::from_bytes(&*secret(field("endpoint"))?);
    let port = field("port")?.parse().ok()?;
    let retiring = lines.map(|line| line.strip_prefix("retiring ")?.parse().ok());
    let retiring = retiring.collect::<Option<Vec<_>>>()?;
    Some(Keys {
        feed,
        device,
        endpoint,
        port,
        retiring,
    })
}

/// Makes the folder, for its owner only, and sees to it that it is on disk with all parents that are new.
pub(super) fn make_folder(folder: &Path) -> Result<(), TidingsError> {
    let make = || -> io::Result<()> {
        let missing: Vec<&Path> = folder
            .ancestors()
            .take_while(|part| !part.as_os_str().is_empty() && !part.exists())
            .collect();
        for part in missing.into_iter().rev() {
            let mut builder = fs::DirBuilder::new();
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            match builder.create(part) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            let parent = part
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty());
            sync_folder(parent.unwrap_or_else(|| Path::new(".")))?;
        }
        fs::metadata(folder).map(drop)
    };
    make().map_err(|error| failed(folder, "made", &error))
}

/// How files are opened for writing that nobody else may read.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A rename is on disk only once its folder is.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

/// A UDP port that is free now. It is kept from then on, so that tickets stay good; 0 if none can be had now.
fn free_port() -> u16 {
    let socket = std::net::UdpSocket::bind((std::net::Ipv4Addr::UNSPECIFIED, 0));
    socket
        .and_then(|socket| socket.local_addr())
        .map_or(0, |address| address.port())
}

fn random_secret() -> Result<Zeroizing<[u8; 32]>, TidingsError> {
    Ok(Zeroizing::new(random()?))
}

pub(super) fn random<const N: usize>() -> Result<[u8; N], TidingsError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| TidingsError::Folder {
        path: PathBuf::from("the system's source of randomness"),
        what: "read",
        why: error.to_string(),
    })?;
    Ok(bytes)
}

pub(super) fn failed(path: &Path, what: &'static str, error: &io::Error) -> TidingsError {
    TidingsError::Folder {
        path: path.to_owned(),
        what,
        why: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_as_they_were_written_and_only_their_owner_can_read_them() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::generate().unwrap();
        keys.write(folder.path()).unwrap();
        let Found::Keys {
            keys: found,
            set_up,
            ..
        } = Keys::find(folder.path()).unwrap()
        else {
            panic!("no keys")
        };
        assert_eq!(found.to_text(), keys.to_text());
        assert!(!set_up);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(folder.path().join(KEYS))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn keys_that_are_still_to_be_retired_come_back_all_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut keys = Keys::generate().unwrap();
        let first = keys.device.id();
        keys.renew().unwrap();
        let second = keys.device.id();
        keys.renew_all().unwrap();
        keys.write(folder.path()).unwrap();
        let Found::Keys { keys: found, .. } = Keys::find(folder.path()).unwrap() else {
            panic!("no keys")
        };
        assert_eq!(found.retiring, [first, second]);
        assert_eq!(found.device.id(), keys.device.id());
        assert_eq!(found.endpoint.public(), keys.endpoint.public());
    }

    #[test]
    fn a_folder_is_made_with_its_parents_for_its_owner_only() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b/c");
        make_folder(&folder).unwrap();
        make_folder(&folder).unwrap();
        assert!(folder.is_dir());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(parent.path().join("a")).unwrap().permissions();
            assert_eq!(mode.mode() & 0o777, 0o700);
        }
    }

    #[test]
    fn damaged_keys_are_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(KEYS), "version 1\nfeed abc\n").unwrap();
        assert!(matches!(
            Keys::find(folder.path()),
            Err(TidingsError::Keys { .. })
        ));
        assert_eq!(
            fs::read_to_string(folder.path().join(KEYS)).unwrap(),
            "version 1\nfeed abc\n"
        );
    }
}
