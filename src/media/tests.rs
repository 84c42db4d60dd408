//! Media on a real disk: what is taken in, comes in parts, is damaged, goes.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use bao_tree::io::outboard::PostOrderMemOutboard;

use super::*;

const KIB: usize = 1024;

#[derive(Debug, Default)]
struct Names {
    referenced: Mutex<BTreeSet<BlobHash>>,
    own: Mutex<BTreeSet<BlobHash>>,
}

impl Names {
    fn name(&self, blob: BlobHash) {
        self.referenced.lock().unwrap().insert(blob);
    }

    fn name_as_own(&self, blob: BlobHash) {
        self.name(blob);
        self.own.lock().unwrap().insert(blob);
    }
}

impl BlobIndex for Names {
    fn is_referenced(&self, blob: &BlobHash) -> bool {
        self.referenced.lock().unwrap().contains(blob)
    }

    fn is_own(&self, blob: &BlobHash) -> bool {
        self.own.lock().unwrap().contains(blob)
    }
}

struct World {
    folder: tempfile::TempDir,
    names: Arc<Names>,
    store: Arc<MediaStore>,
}

impl World {
    fn new() -> Self {
        Self::with_cap(u64::MAX)
    }

    fn with_cap(cap: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let names = Arc::new(Names::default());
        let store = open(folder.path(), &names, cap);
        Self {
            folder,
            names,
            store,
        }
    }

    /// Every file there is, by its name.
    fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path.file_name().unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        files.sort();
        files
    }

    fn take_in(&self, bytes: &[u8]) -> Imported {
        let import = self.store.import("noise", &mut &*bytes).unwrap();
        import.finish().unwrap()
    }

    fn bytes_of(&self, blob: BlobHash) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut reader = self.store.reader(blob, SystemTime::UNIX_EPOCH).unwrap();
        reader.read_to_end(&mut bytes).unwrap();
        bytes
    }

    fn partial(&self, blob: BlobHash, len: u64) -> Partial {
        match self.store.open_partial(blob, len).unwrap() {
            Opened::Part(partial) => *partial,
            Opened::Whole => panic!("it is held whole"),
        }
    }

    /// Takes a slice from another store, with its proof.
    fn take(partial: &mut Partial, slice: Slice, held: &Held) {
        let encoded = encode(held, slice).unwrap();
        let proved = Proved::decode(partial.blob(), partial.len(), slice, &encoded);
        partial.write(&mut proved.unwrap()).unwrap();
    }

    /// Takes all that is missing from another store.
    fn fetch(&self, from: &Self, blob: BlobHash) {
        let held = from.store.held(&blob, SystemTime::UNIX_EPOCH).unwrap();
        let mut partial = self.partial(blob, held.len());
        for slice in partial.missing() {
            Self::take(&mut partial, slice, &held);
        }
        partial.finish().unwrap();
    }
}

fn encode(held: &Held, slice: Slice) -> Result<Vec<u8>, MediaError> {
    let mut encoded = vec![0; slice.encoded_len(held.len())];
    held.encode(slice, &mut encoded)?;
    Ok(encoded)
}

fn open(folder: &Path, names: &Arc<Names>, cap: u64) -> Arc<MediaStore> {
    Arc::new(MediaStore::open(folder.to_owned(), names.clone(), cap).unwrap())
}

fn noise(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut reader = blake3::Hasher::new()
        .update(&len.to_le_bytes())
        .finalize_xof();
    reader.fill(&mut bytes);
    bytes
}

#[test]
fn hash_and_tree_are_those_of_bao_whatever_the_length() {
    let lengths = [
        1,
        1024,
        16 * KIB - 1,
        16 * KIB,
        16 * KIB + 1,
        32 * KIB,
        100_000,
    ];
    let more = (1..40).map(|groups| groups * 16 * KIB + groups);
    for len in lengths.into_iter().chain(more) {
        let bytes = noise(len);
        let world = World::new();
        let imported = world.take_in(&bytes);
        assert_eq!(imported.blob.as_bytes(), blake3::hash(&bytes).as_bytes());
        let expected = PostOrderMemOutboard::create(&bytes, bao_tree::BlockSize::from_chunk_log(4));
        let names = files::Names::new(world.folder.path(), &imported.blob);
        let tree = fs::read(names.tree).unwrap_or_default();
        assert!(tree == expected.data, "at {len} bytes");
    }
}

#[test]
fn what_was_taken_in_reads_back_and_goes_unless_something_names_it() {
    let world = World::new();
    let bytes = noise(700 * KIB + 3);
    let imported = world.take_in(&bytes);
    assert_eq!(world.store.len(&imported.blob), Some(bytes.len() as u64));
    assert!(world.bytes_of(imported.blob) == bytes);
    let mut reader = world
        .store
        .reader(imported.blob, SystemTime::UNIX_EPOCH)
        .unwrap();
    let mut end = Vec::new();
    reader.seek(SeekFrom::End(-70_000)).unwrap();
    reader.read_to_end(&mut end).unwrap();
    assert!(end == bytes[bytes.len() - 70_000..]);
    drop((imported, reader));
    assert_eq!(world.files(), Vec::<String>::new(), "no entry names it");

    let imported = world.take_in(&bytes);
    let blob = imported.blob;
    world.names.name(blob);
    drop(imported);
    assert!(world.bytes_of(blob) == bytes);
    world.names.referenced.lock().unwrap().clear();
    world.store.free(&blob);
    assert_eq!(world.files(), Vec::<String>::new());
}

#[test]
fn what_cannot_be_attached_is_refused_and_leaves_nothing() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let text = |error: MediaError| error.to_string();
    let refused = |path: &Path| text(world.store.import_file(path).unwrap_err());
    assert!(refused(folder.path()).contains("not a file"));
    assert!(refused(&folder.path().join("none")).contains("none could not be read"));
    let empty = folder.path().join("empty");
    fs::write(&empty, b"").unwrap();
    assert!(refused(&empty).contains("is empty"));

    struct Fails(usize);
    impl std::io::Read for Fails {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            self.0 += 1;
            if self.0 > 3 {
                return Err(std::io::Error::other("the cable was pulled"));
            }
            Ok(buf.len())
        }
    }
    let failed = text(world.store.import("cable", &mut Fails(0)).unwrap_err());
    assert!(failed.contains("pulled"), "{failed}");
    assert_eq!(world.files(), Vec::<String>::new());
}

#[test]
fn a_file_that_grows_while_it_is_read_is_seen_to() {
    let source = tempfile::NamedTempFile::new().unwrap();
    fs::write(source.path(), noise(100_000)).unwrap();
    let file = File::open(source.path()).unwrap();
    let before = file.metadata().unwrap();
    assert!(!import::differs(&before, &file.metadata().unwrap()));
    let mut more = File::options().append(true).open(source.path()).unwrap();
    more.write_all(b"more").unwrap();
    assert!(import::differs(&before, &file.metadata().unwrap()));
}

#[test]
fn a_copy_may_be_changed_before_it_is_taken_in() {
    let world = World::new();
    let mut import = world
        .store
        .import("noise", &mut noise(100_000).as_slice())
        .unwrap();
    import.file().seek(SeekFrom::Start(50_000)).unwrap();
    import.file().write_all(b"changed").unwrap();
    import.file().set_len(60_000).unwrap();
    import.changed().unwrap();
    let imported = import.finish().unwrap();
    let mut expected = noise(100_000);
    expected.truncate(60_000);
    expected[50_000..50_007].copy_from_slice(b"changed");
    assert_eq!(imported.len, 60_000);
    assert_eq!(imported.blob.as_bytes(), blake3::hash(&expected).as_bytes());
    assert!(world.bytes_of(imported.blob) == expected);
}

#[test]
fn what_an_import_left_behind_goes_when_the_store_opens() {
    let world = World::new();
    let tmp = world.folder.path().join("tmp");
    fs::create_dir_all(&tmp).unwrap();
    fs::write(tmp.join("1-1"), b"left behind").unwrap();
    let unnamed = world.take_in(&noise(50_000));
    std::mem::forget(unnamed.kept);
    // The disk kept the name of the tree and not that of the data.
    let torn = world.take_in(&noise(60_000));
    fs::remove_file(files::Names::new(world.folder.path(), &torn.blob).data).unwrap();
    std::mem::forget(torn.kept);
    let again = open(world.folder.path(), &world.names, u64::MAX);
    again.sweep();
    assert_eq!(world.files(), Vec::<String>::new());
}

#[test]
fn a_blob_comes_slice_by_slice_and_is_taken_up_again_after_an_end() {
    let (from, to) = (World::new(), World::new());
    for len in [5, 16 * KIB, 16 * KIB + 1, 3 * 256 * KIB + 77] {
        let bytes = noise(len);
        let blob = from.take_in(&bytes);
        let (blob, _kept) = (blob.blob, blob.kept);
        to.names.name(blob);
        let held = from.store.held(&blob, SystemTime::UNIX_EPOCH).unwrap();
        let mut partial = to.partial(blob, len as u64);
        let slices = partial.missing();
        let first = slices[slices.len() / 2];
        World::take(&mut partial, first, &held);
        let have = partial.have();
        assert_eq!(have, first.bytes(len as u64));
        drop(partial);
        assert!(to.store.part_len(&blob).is_some(), "what came is kept");

        // As after a kill: another store finds it, and asks for the rest only.
        let mut partial =
            match open(to.folder.path(), &to.names, u64::MAX).open_partial(blob, len as u64) {
                Ok(Opened::Part(partial)) => partial,
                other => panic!("{other:?}"),
            };
        assert_eq!(partial.have(), have);
        let missing = partial.missing();
        assert_eq!(missing.len(), slices.len() - 1);
        for slice in missing {
            World::take(&mut partial, slice, &held);
        }
        partial.finish().unwrap();
        assert!(to.bytes_of(blob) == bytes);
        assert!(matches!(
            to.store.open_partial(blob, len as u64),
            Ok(Opened::Whole)
        ));
    }
}

#[test]
fn wrong_bytes_are_not_written() {
    let (from, to) = (World::new(), World::new());
    let bytes = noise(500 * KIB);
    let imported = from.take_in(&bytes);
    let blob = imported.blob;
    let held = from.store.held(&blob, SystemTime::UNIX_EPOCH).unwrap();
    let len = held.len();
    let mut partial = to.partial(blob, len);
    let slice = partial.missing()[0];
    let right = encode(&held, slice).unwrap();
    let decode = |slice, bytes: &[u8]| Proved::decode(blob, len, slice, bytes);
    for at in [0, 70, right.len() / 2, right.len() - 1] {
        let mut wrong = right.clone();
        wrong[at] ^= 1;
        assert_eq!(decode(slice, &wrong).unwrap_err(), Wrong);
    }
    assert_eq!(decode(slice, &right[..right.len() - 1]).unwrap_err(), Wrong);
    let longer = [right.as_slice(), &[0]].concat();
    assert_eq!(decode(slice, &longer).unwrap_err(), Wrong);
    let other = partial.missing()[1];
    assert_eq!(decode(other, &right).unwrap_err(), Wrong);
    // Nothing verifies under a length that is not the blob's.
    let other_length = Proved::decode(blob, len + 1_000_000, slice, &right);
    assert_eq!(other_length.unwrap_err(), Wrong);
    // What is right of another blob is not written to this one.
    let another = from.take_in(&noise(500 * KIB + 1));
    let of_another = from.store.held(&another.blob, SystemTime::UNIX_EPOCH);
    let of_another = encode(&of_another.unwrap(), slice).unwrap();
    let proved = Proved::decode(another.blob, another.len, slice, &of_another);
    assert!(partial.write(&mut proved.unwrap()).is_err());
    assert_eq!(partial.have(), 0);
    assert_eq!(to.store.part_len(&blob), Some(0));
}

#[test]
fn a_wrong_group_is_noticed_as_soon_as_it_is_whole_and_more_than_a_slice_is_not_taken() {
    let from = World::new();
    let imported = from.take_in(&noise(500 * KIB));
    let (blob, len) = (imported.blob, imported.len);
    let held = from.store.held(&blob, SystemTime::UNIX_EPOCH).unwrap();
    let slice = Slice::checked(0, 3, len).unwrap();
    let encoded = encode(&held, slice).unwrap();
    let (pairs, groups) = encoded.split_at(slice.pair_bytes(len));
    let begin = || Incoming::new(blob, len, slice, pairs, Vec::new()).unwrap();

    let mut incoming = begin();
    incoming.add(&groups[..16 * KIB]).unwrap();
    assert_eq!(incoming.missing(), 32 * KIB);
    let mut wrong = groups[16 * KIB..32 * KIB].to_vec();
    wrong[0] ^= 1;
    incoming.add(&wrong[..10 * KIB]).unwrap();
    assert_eq!(incoming.add(&wrong[10 * KIB..]), Err(Wrong));

    let mut incoming = begin();
    for piece in groups.chunks(1_400) {
        incoming.add(piece).unwrap();
    }
    assert_eq!(incoming.add(&[0]), Err(Wrong));

    let mut incoming = begin();
    incoming.add(&groups[..groups.len() - 1]).unwrap();
    assert_eq!(incoming.end().unwrap_err(), Wrong);
}

#[test]
fn the_pairs_and_groups_of_a_slice_are_those_of_bao() {
    let from = World::new();
    for len in [16 * KIB, 16 * KIB + 1, 100_000, 700 * KIB + 3] {
        let bytes = noise(len);
        let imported = from.take_in(&bytes);
        let held = from.store.held(&imported.blob, SystemTime::UNIX_EPOCH);
        let (held, len) = (held.unwrap(), len as u64);
        let tree = PostOrderMemOutboard::create(&bytes, bao_tree::BlockSize::from_chunk_log(4));
        let all = (0..44).flat_map(|first| [1, 5, 16].map(|count| (first, count)));
        for slice in all.filter_map(|(first, count)| Slice::checked(first, count, len)) {
            let encoded = encode(&held, slice).unwrap();
            let (pairs, groups) = encoded.split_at(slice.pair_bytes(len));
            let mut mixed = Vec::new();
            let bao = bao_tree::io::sync::encode_ranges_validated(
                bytes.as_slice(),
                &tree,
                &slice.chunks(),
                &mut mixed,
            );
            bao.unwrap();
            // What is left of bao's without the groups, which are found in it in their order, are the pairs.
            let mut rest = mixed.as_slice();
            let mut between = Vec::new();
            for group in groups.chunks(16 * KIB) {
                while !rest.starts_with(group) {
                    let (pair, later) = rest.split_at(64);
                    between.extend_from_slice(pair);
                    rest = later;
                }
                rest = &rest[group.len()..];
            }
            assert!(rest.is_empty() && between == pairs, "{slice:?} of {len}");
        }
    }
}

#[test]
fn a_file_damaged_on_disk_is_never_given_out_and_only_what_is_wrong_is_fetched_again() {
    let (from, to) = (World::new(), World::new());
    let bytes = noise(2048 * KIB);
    let imported = from.take_in(&bytes);
    let blob = imported.blob;
    to.names.name(blob);
    to.fetch(&from, blob);
    let names = files::Names::new(to.folder.path(), &blob);
    let mut wrong = bytes.clone();
    wrong[1_000_000] ^= 1;
    fs::write(&names.data, &wrong).unwrap();

    let mut reader = to.store.reader(blob, SystemTime::UNIX_EPOCH).unwrap();
    let mut read = Vec::new();
    let error = reader.read_to_end(&mut read).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    assert!(read == bytes[..read.len()] && read.len() <= 1_000_000);
    assert_eq!(to.store.len(&blob), None, "it is wanted again");
    let partial = to.partial(blob, bytes.len() as u64);
    assert_eq!(partial.missing().len(), 1);
    drop(partial);
    to.fetch(&from, blob);
    assert!(to.bytes_of(blob) == bytes);

    fs::remove_file(&names.tree).unwrap();
    let held = to.store.held(&blob, SystemTime::UNIX_EPOCH).unwrap();
    let slice = Slice::checked(0, 1, held.len()).unwrap();
    assert!(matches!(
        encode(&held, slice),
        Err(MediaError::Damaged { .. })
    ));
    to.store.mend(&blob).unwrap();
    assert!(to.bytes_of(blob) == bytes, "a lost tree is computed anew");

    fs::write(&names.data, &bytes[..1_500_000]).unwrap();
    let cut = to.store.held(&blob, SystemTime::UNIX_EPOCH).unwrap();
    assert!(encode(&cut, Slice::checked(0, 1, cut.len()).unwrap()).is_err());
    to.store.mend(&blob).unwrap();
    to.fetch(&from, blob);
    assert!(to.bytes_of(blob) == bytes);
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "only what passes after it counts"
)]
fn wrong_lengths_cost_no_full_read_and_a_cut_file_is_mended_once_an_hour() {
    let world = World::new();
    let bytes = noise(3_000_000);
    let imported = world.take_in(&bytes);
    let blob = imported.blob;
    let names = world.store.names(&blob);
    let tree = File::options().write(true).open(&names.tree).unwrap();
    tree.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let now = Instant::now();
    let ask = |after: u64| {
        let now = now + Duration::from_secs(after);
        world
            .store
            .doubt(&blob, (SystemTime::UNIX_EPOCH, now))
            .unwrap();
    };
    let tree_made = || fs::metadata(&names.tree).unwrap().modified().unwrap();
    (0..1_000).for_each(ask);
    assert_eq!(
        tree_made(),
        SystemTime::UNIX_EPOCH,
        "the file was not hashed anew"
    );

    fs::remove_file(&names.tree).unwrap();
    ask(0);
    assert!(
        world.bytes_of(blob) == bytes,
        "a lost tree is computed anew"
    );
    fs::remove_file(&names.tree).unwrap();
    ask(3_599);
    assert!(!names.tree.exists(), "not twice within an hour");
    ask(3_600);
    assert!(names.tree.exists());

    fs::write(&names.data, &bytes[..1_500_000]).unwrap();
    ask(7_200);
    assert_eq!(world.store.len(&blob), None, "it is wanted again");
}

#[test]
fn one_look_at_a_large_folder_makes_room_for_more_than_one_blob() {
    const CAP: u64 = 1 << 30;
    let world = World::with_cap(CAP);
    for n in 0..11 {
        let imported = world.take_in(&noise(100 + n));
        world.names.name(imported.blob);
        let data = File::options()
            .write(true)
            .open(world.store.names(&imported.blob).data)
            .unwrap();
        data.set_len(100 << 20).unwrap();
    }
    let another = BlobHash::from_bytes([7; 32]);
    world.store.make_room(&another, 1).unwrap();
    let known = world.store.state().foreign.unwrap();
    assert!(known <= CAP - (64 << 20), "{known} bytes are left");
}

#[test]
fn over_the_cap_what_was_used_longest_ago_goes_and_own_media_never() {
    let from = World::new();
    let to = World::with_cap(300 * KIB as u64);
    let blobs: Vec<_> = (0..5_usize)
        .map(|n| {
            let bytes = noise(100 * KIB + n);
            let imported = from.take_in(&bytes);
            from.names.name(imported.blob);
            to.names.name(imported.blob);
            imported.blob
        })
        .collect();
    to.names.name_as_own(blobs[4]);
    to.fetch(&from, blobs[4]);
    let now = fs::metadata(from.folder.path())
        .unwrap()
        .modified()
        .unwrap();
    for (n, blob) in blobs[..2].iter().enumerate() {
        to.fetch(&from, *blob);
        let names = files::Names::new(to.folder.path(), blob);
        let file = File::options().append(true).open(names.data).unwrap();
        let days = [9, 5][n];
        file.set_modified(now - Duration::from_secs(days * 86_400))
            .unwrap();
    }
    // The older one is looked at, which makes it the newer.
    drop(to.store.held(&blobs[0], now).unwrap());
    to.fetch(&from, blobs[2]);
    let held = |n: usize| to.store.len(&blobs[n]).is_some();
    assert!(held(0) && !held(1) && held(2) && held(4));
    let reading = to.store.reader(blobs[0], now).unwrap();
    to.fetch(&from, blobs[3]);
    assert!(held(0), "it is being read");
    drop(reading);
    let large = to.store.open_partial(blobs[1], 301 * KIB as u64);
    assert!(matches!(large, Err(MediaError::OverCap { .. })));
    assert!(
        held(0) && held(3) && held(4),
        "nothing went for what cannot come"
    );
}
