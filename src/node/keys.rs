//! The keys of an identity, in the folder, readable by their owner only.
//!
//! A key that may exist twice never signs an entry again. So a marker stands beside the keys that names the machine and
//! the marker's own inode: in a copied or restored folder it does not match, and the node goes on under a new key.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use iroh::SecretKey;
use zeroize::Zeroizing;

use super::error::TidingsError;
use crate::format::{DeviceId, DeviceSecret, FeedSecret};

const KEYS: &str = "keys";
const MARKER: &str = "marker";
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
    /// A device key that must be retired before anything is posted: it may exist twice.
    pub(super) retiring: Option<DeviceId>,
}

/// What was found in the folder.
#[expect(clippy::large_enum_variant, reason = "there is one of it, at opening")]
pub(super) enum Found {
    /// No keys yet.
    Nothing,
    /// Keys, and whether the store they belong to has been set up and is still on the machine it was made on.
    Keys {
        keys: Keys,
        set_up: bool,
        moved: bool,
    },
}

impl Keys {
    /// Makes new keys; nothing is written yet.
    pub(super) fn generate() -> Result<Self, TidingsError> {
        Ok(Self {
            feed: FeedSecret::from_bytes(&random()?),
            device: DeviceSecret::from_bytes(&random()?),
            endpoint: SecretKey::from_bytes(&random()?),
            port: free_port(),
            retiring: None,
        })
    }

    /// The same identity under a new device key and a new endpoint, with the old device key to be retired.
    pub(super) fn renewed(&self) -> Result<Self, TidingsError> {
        Ok(Self {
            feed: self.feed.clone(),
            device: DeviceSecret::from_bytes(&random()?),
            endpoint: SecretKey::from_bytes(&random()?),
            port: free_port(),
            retiring: Some(self.retiring.unwrap_or_else(|| self.device.id())),
        })
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
        let marker = folder.join(MARKER);
        match fs::read_to_string(&marker) {
            Ok(found) => Ok(Found::Keys {
                keys,
                set_up: true,
                moved: found != marker_text(&marker)?,
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Keys {
                keys,
                set_up: false,
                moved: false,
            }),
            Err(error) => Err(failed(&marker, "read", &error)),
        }
    }

    /// Writes the keys in place of earlier ones; they are on disk when this returns.
    pub(super) fn write(&self, folder: &Path) -> Result<(), TidingsError> {
        let path = folder.join(KEYS);
        let fresh = folder.join("keys.new");
        let text = Zeroizing::new(self.to_text());
        let write = || -> io::Result<()> {
            let mut file = private().create(true).truncate(true).open(&fresh)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&fresh, &path)?;
            sync_folder(folder)
        };
        write().map_err(|error| failed(&path, "written", &error))
    }

    fn to_text(&self) -> String {
        let secret = |bytes: &[u8; 32]| crate::format::to_base32(bytes);
        let mut text = format!(
            "{HEAD}version 1\nfeed {}\ndevice {}\nendpoint {}\nport {}\n",
            secret(&self.feed.to_bytes()),
            secret(&self.device.to_bytes()),
            secret(&self.endpoint.to_bytes()),
            self.port,
        );
        if let Some(device) = self.retiring {
            text.push_str(&format!("retiring {device}\n"));
        }
        let check = checksum(&text);
        text.push_str(&format!("check {check}\n"));
        text
    }
}

/// Notes that the store beside the keys is set up, on this machine and in this folder.
pub(super) fn mark(folder: &Path) -> Result<(), TidingsError> {
    let path = folder.join(MARKER);
    let write = || -> Result<(), io::Error> {
        let mut file = private().create(true).truncate(true).open(&path)?;
        let text = marker_text(&path).map_err(io::Error::other)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        sync_folder(folder)
    };
    write().map_err(|error| failed(&path, "written", &error))
}

fn marker_text(path: &Path) -> Result<String, TidingsError> {
    let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let file = fs::metadata(path).map_err(|error| failed(path, "read", &error))?;
    Ok(format!(
        "machine {}\nfile {}\n",
        machine.trim(),
        inode(&file)
    ))
}

#[cfg(unix)]
fn inode(file: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(file)
}

#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> u64 {
    0
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
    let mut field = |name: &str| {
        lines
            .next()?
            .strip_prefix(name)?
            .strip_prefix(' ')
            .map(str::to_owned)
    };
    if field("version")? != "1" {
        return None;
    }
    let secret = |text: Option<String>| -> Option<Zeroizing<[u8; 32]>> {
        let bytes = Zeroizing::new(crate::format::from_base32(&text?)?);
        bytes.as_slice().try_into().ok().map(Zeroizing::new)
    };
    let feed = FeedSecret::from_bytes(&*secret(field("feed"))?);
    let device = DeviceSecret::from_bytes(&*secret(field("device"))?);
    let endpoint = SecretKey::from_bytes(&*secret(field("endpoint"))?);
    let port = field("port")?.parse().ok()?;
    let retiring = match lines.next() {
        None => None,
        Some(line) => Some(line.strip_prefix("retiring ")?.parse().ok()?),
    };
    Some(Keys {
        feed,
        device,
        endpoint,
        port,
        retiring,
    })
}

/// Makes the folder, for its owner only.
pub(super) fn make_folder(folder: &Path) -> Result<(), TidingsError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|error| failed(folder, "made", &error))
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A rename is on disk only once its folder is.
fn sync_folder(folder: &Path) -> io::Result<()> {
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

pub(super) fn random<const N: usize>() -> Result<[u8; N], TidingsError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| TidingsError::Folder {
        path: PathBuf::from("the system's source of randomness"),
        what: "read",
        why: error.to_string(),
    })?;
    Ok(bytes)
}

fn failed(path: &Path, what: &'static str, error: &io::Error) -> TidingsError {
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
    fn a_copied_folder_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let copy = tempfile::tempdir().unwrap();
        Keys::generate().unwrap().write(folder.path()).unwrap();
        mark(folder.path()).unwrap();
        for file in [KEYS, MARKER] {
            fs::copy(folder.path().join(file), copy.path().join(file)).unwrap();
        }
        let moved = |folder: &Path| {
            matches!(
                Keys::find(folder).unwrap(),
                Found::Keys {
                    moved: true,
                    set_up: true,
                    ..
                }
            )
        };
        assert!(!moved(folder.path()));
        assert!(moved(copy.path()));
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
