//! Media that go into archives and come out of them.

use std::io::Read;
use std::sync::Arc;
use std::time::SystemTime;

use super::Node;
use super::export::OpenBlob;
use crate::format::{BlobHash, BlobSink};
use crate::media::{Import, Kept, MediaStore};

impl Node {
    /// Where the bytes of attached files are read from when they go into an archive.
    pub(super) fn blobs(&self) -> OpenBlob {
        let media = self.inner.media.clone();
        Box::new(move |blob, len| {
            // Being looked at for a backup is no use that a cap should count.
            let reader = media.reader(*blob, SystemTime::UNIX_EPOCH).ok()?;
            let is_it = reader.len() == len;
            is_it.then(|| Box::new(reader) as Box<dyn Read>)
        })
    }

    /// Where the bytes of attached files go that come out of one.
    pub(super) fn blob_sink(&self) -> Box<dyn BlobSink> {
        Box::new(Sink {
            media: self.inner.media.clone(),
            import: None,
            kept: Vec::new(),
        })
    }
}

/// Takes in the files of an archive. Those stay that an entry names once all of it is read; one that cannot be written is
/// left out and can be fetched.
struct Sink {
    media: Arc<MediaStore>,
    import: Option<Import>,
    /// The entries that name them may be written after them.
    kept: Vec<Kept>,
}

impl BlobSink for Sink {
    fn begin(&mut self, hash: &BlobHash, len: u64) {
        let is_held = self.media.len(hash) == Some(len);
        let begin = || Import::begin(self.media.clone(), hash.to_string(), len).ok();
        self.import = (!is_held).then(begin).flatten();
    }

    fn piece(&mut self, bytes: &[u8]) {
        let written = self.import.as_mut().map(|import| import.write(bytes));
        if matches!(written, Some(Err(_))) {
            self.import = None;
        }
    }

    fn end(&mut self, good: bool) {
        let import = self.import.take().filter(|_| good);
        let imported = import.and_then(|import| import.finish().ok());
        self.kept.extend(imported.map(|imported| imported.kept));
        self.media.recount();
    }
}
