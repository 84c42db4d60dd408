//! The store as an embedder sees it: the contract, kills, locks, damage and full disks.

#![cfg(feature = "redb")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tempfile::{TempDir, tempdir};
use tidings::store::{
    Direction, Durability, MemoryStorage, ReadTx, RedbOptions, RedbStorage, Storage, StoreError,
};

const ROLE: &str = "TIDINGS_STORE_TEST_ROLE";
const STORE: &str = "TIDINGS_STORE_TEST_PATH";
/// Where redb's bytes begin in the file: behind the log.
const REDB_BEGINS: usize = 4_096 + 128 * 1024;

#[cfg(feature = "test-util")]
#[test]
fn every_backend_keeps_the_contract() {
    use tidings::store::contract;

    contract::check(|| Arc::new(MemoryStorage::new()));
    let folder = tempdir().unwrap();
    let mut made = 0;
    contract::check(|| {
        made += 1;
        Arc::new(open(&folder.path().join(format!("{made}.redb"))).unwrap())
    });
}

#[test]
fn a_store_is_one_object_for_those_above() {
    let folder = tempdir().unwrap();
    let stores: [Arc<dyn Storage>; 2] = [
        Arc::new(MemoryStorage::new()),
        Arc::new(open(&folder.path().join("store.redb")).unwrap()),
    ];
    for store in stores {
        put(&*store, 1, Durability::Durable).unwrap();
        let snapshot = store.read().unwrap();
        let elsewhere = std::thread::spawn(move || numbers(&*snapshot));
        assert_eq!(elsewhere.join().unwrap(), [1]);
    }
}

#[test]
fn rows_are_there_after_closing_and_opening() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let each = [
        Durability::Relaxed,
        Durability::Durable,
        Durability::Checkpoint,
    ];
    for (number, durability) in (0..20).zip(each.into_iter().cycle()) {
        let store = open(&path).unwrap();
        assert!(numbers(&*store.read().unwrap()).into_iter().eq(0..number));
        put(&store, number, durability).unwrap();
    }
}

#[test]
fn durable_rows_are_in_the_file_before_it_is_closed() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let store = open(&path).unwrap();
    for (count, durability) in [(1, Durability::Durable), (2, Durability::Checkpoint)] {
        put(&store, count - 1, durability).unwrap();
        let copy = folder.path().join(format!("copy{count}.redb"));
        fs::copy(&path, &copy).unwrap();
        let copy = open(&copy).unwrap();
        assert!(numbers(&*copy.read().unwrap()).into_iter().eq(0..count));
    }
}

#[test]
fn a_relaxed_row_is_kept_by_the_next_durable_one() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let store = open(&path).unwrap();
    put(&store, 0, Durability::Relaxed).unwrap();
    put(&store, 1, Durability::Durable).unwrap();
    let copy = folder.path().join("copy.redb");
    fs::copy(&path, &copy).unwrap();
    assert_eq!(numbers(&*open(&copy).unwrap().read().unwrap()), [0, 1]);
}

#[test]
fn acknowledged_rows_survive_a_kill() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let mut acknowledged = 0;
    for round in 0..6 {
        let mut writer = Role::start("writer", &path);
        let until = acknowledged + 5 + round * 7;
        // Killed between lines, that is, somewhere within the commits that follow.
        while acknowledged < until {
            acknowledged = writer.line().parse::<u64>().unwrap() + 1;
        }
        std::thread::sleep(Duration::from_micros(300 * round));
        acknowledged = writer.kill().last().map_or(acknowledged, |last| last + 1);

        let store = open(&path).unwrap();
        let found = numbers(&*store.read().unwrap());
        assert!(
            found.len() as u64 >= acknowledged,
            "acknowledged rows are gone"
        );
        assert!(found.iter().copied().eq(0..found.len() as u64), "a gap");
        acknowledged = found.len() as u64;
    }
}

#[test]
fn a_second_process_is_told_who_has_the_store() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let mut holder = Role::start("holder", &path);
    let said = holder.line();
    let error = open(&path).unwrap_err();
    let StoreError::Locked { path: locked, pid } = &error else {
        panic!("{error:?}");
    };
    assert_eq!((&**locked, *pid), (&*path, Some(holder.child.id())));
    assert_eq!(said, holder.child.id().to_string());
    assert!(error.to_string().contains(&said), "{error}");

    holder.kill();
    // The file with the pid is still there, and means nothing.
    assert!(path.with_extension("pid").exists());
    drop(open(&path).unwrap());
    assert!(!path.with_extension("pid").exists());
}

#[test]
fn a_second_opening_in_this_process_is_refused() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let store = open(&path).unwrap();
    let error = open(&path).unwrap_err();
    assert!(error.to_string().contains("this process"), "{error}");
    drop(store);
    open(&path).unwrap();
}

#[test]
fn closing_ends_snapshots_rather_than_waiting_for_them() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let store = open(&path).unwrap();
    put_many(&store, 0..10_000);
    drop(store);
    let store = open(&path).unwrap();
    let snapshot = store.read().unwrap();
    drop(store);
    open(&path).unwrap();
    let read = snapshot.value(&key(5000));
    assert!(
        matches!(read, Err(StoreError::Interrupted { .. })),
        "{read:?}"
    );
}

#[cfg(unix)]
#[test]
fn a_new_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let _store = open(&path).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn an_empty_or_unfinished_file_becomes_a_store() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("store.redb");
    // What a kill between redb's setting the length and writing the magic number leaves.
    for len in [0, 1_056_768] {
        fs::write(&path, vec![0; len]).unwrap();
        let store = open(&path).unwrap();
        put(&store, 0, Durability::Durable).unwrap();
        assert_eq!(numbers(&*store.read().unwrap()), [0]);
    }
}

#[test]
fn garbage_is_refused_and_left_alone() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("store.redb");
    for garbage in [
        vec![7; 3],
        b"dear diary, ".repeat(1000),
        vec![0xff; 2_000_000],
    ] {
        fs::write(&path, &garbage).unwrap();
        let error = open(&path).unwrap_err();
        assert!(matches!(error, StoreError::NotAStore { .. }), "{error:?}");
        assert!(fs::read(&path).unwrap() == garbage);
    }
}

#[test]
fn a_redb_file_of_somebody_else_is_refused() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let other = redb::Database::create(&path).unwrap();
    let write = other.begin_write().unwrap();
    let table: redb::TableDefinition<'_, u64, u64> = redb::TableDefinition::new("other");
    drop(write.open_table(table).unwrap());
    write.commit().unwrap();
    drop(other);
    let error = open(&path).unwrap_err();
    assert!(matches!(error, StoreError::NotAStore { .. }), "{error:?}");
}

#[test]
fn a_truncated_file_is_refused_and_left_alone() {
    let folder = tempdir().unwrap();
    for clean in [true, false] {
        let whole = damaged_base(&folder, clean);
        for len in [1, 9, 100, 320, 4095, 4096, 4097, 8192, 100_000, 1_000_000] {
            refused_unchanged(
                &folder,
                &whole[..len],
                &format!("clean {clean}, cut to {len}"),
            );
        }
        for cut in [1, 4096, 65_536, whole.len() / 2] {
            let len = whole.len() - cut;
            refused_unchanged(
                &folder,
                &whole[..len],
                &format!("clean {clean}, cut by {cut}"),
            );
        }
    }
}

#[test]
fn a_changed_byte_is_found_or_harmless() {
    let folder = tempdir().unwrap();
    for clean in [true, false] {
        let whole = damaged_base(&folder, clean);
        // Byte 9 of redb's header tells which of two commits is the newer one, and has no checksum: in
        // a file that was not closed, changing it gives the older one.
        let header = (0..64).step_by(3).filter(|at| clean || *at != 9);
        let places = (0..16)
            .chain((512..544).step_by(3))
            .chain((1024..1056).step_by(3))
            .chain(header.map(|at| REDB_BEGINS + at))
            .chain((64..whole.len()).step_by(whole.len() / 25));
        for at in places {
            let mut changed = whole.clone();
            changed[at] ^= 0x55;
            let path = folder.path().join("changed.redb");
            fs::write(&path, &changed).unwrap();
            let options = RedbOptions::new().check_integrity(true);
            match RedbStorage::open(&path, options) {
                Ok(store) => assert_rows(&store, &format!("clean {clean}, byte {at}")),
                Err(StoreError::Damaged { .. } | StoreError::NotAStore { .. }) => {}
                Err(error) => panic!("byte {at}: {error:?}"),
            }
        }
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let Some(mount) = Mount::tmpfs("8m") else {
        return;
    };
    let (old, new) = (mount.path().join("old.redb"), mount.path().join("new.redb"));
    drop(open(&old).unwrap());
    mount.remount("ro");
    for path in [old, new] {
        let error = open(&path).unwrap_err();
        assert!(matches!(error, StoreError::NotWritable { .. }), "{error:?}");
        assert!(
            error.to_string().contains(path.to_str().unwrap()),
            "{error}"
        );
    }
}

#[test]
fn a_full_disk_costs_no_acknowledged_row() {
    let Some(mount) = Mount::tmpfs("12m") else {
        return;
    };
    let path = mount.path().join("store.redb");
    let ballast = mount.path().join("ballast");
    let store = open(&path).unwrap();
    let mut acknowledged = Vec::new();
    let rounds = [(6, Durability::Durable), (3, Durability::Checkpoint)];
    for (mebibytes, durability) in rounds {
        fs::write(&ballast, vec![1; mebibytes << 20]).unwrap();
        let snapshot = store.read().unwrap();
        let first = acknowledged.last().map_or(0, |last| last + 1);
        let (added, error) = fill(&store, first, durability);
        assert!(matches!(error, StoreError::DiskFull { .. }), "{error:?}");
        assert!(error.to_string().contains("no room"), "{error}");
        acknowledged.extend(added);
        assert!(acknowledged.len() > 10, "the disk was full from the start");
        // Still full: reads go on, writes say why not, and nothing piles up.
        assert_eq!(numbers(&*store.read().unwrap()), acknowledged);
        let again = put_large(&store, first + 999_999, durability).unwrap_err();
        assert!(matches!(again, StoreError::DiskFull { .. }), "{again:?}");
        // A snapshot from before either still reads or says that it ended.
        match snapshot.value(&key(0)) {
            Ok(_) | Err(StoreError::Interrupted { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }

        fs::remove_file(&ballast).unwrap();
        put_large(&store, first + 999_999, durability).unwrap();
        acknowledged.push(first + 999_999);
        assert_eq!(numbers(&*store.read().unwrap()), acknowledged);
    }
    drop(store);
    let store = open(&path).unwrap();
    assert_eq!(numbers(&*store.read().unwrap()), acknowledged);
}

#[test]
fn a_store_on_a_full_disk_opens_or_says_why_not() {
    let Some(mount) = Mount::tmpfs("4m") else {
        return;
    };
    let (store, ballast) = (
        mount.path().join("store.redb"),
        mount.path().join("ballast"),
    );
    let mut full = fs::File::create(&ballast).unwrap();
    while full.write_all(&[1; 4096]).is_ok() {}
    let error = open(&store).unwrap_err();
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error:?}");
    fs::remove_file(&ballast).unwrap();
    drop(full);
    put(&open(&store).unwrap(), 1, Durability::Durable).unwrap();
}

#[test]
fn compacting_shrinks_the_file_and_waits_for_no_reader() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let store = open(&path).unwrap();
    for number in 0..400 {
        put_large(&store, number, Durability::Relaxed).unwrap();
    }
    let mut write = store.write().unwrap();
    for number in 0..390 {
        write.delete(&key(number)).unwrap();
    }
    write.commit(Durability::Durable).unwrap();
    let before = fs::metadata(&path).unwrap().len();
    let reader = store.read().unwrap();
    let error = store.compact().unwrap_err();
    assert!(
        matches!(error, StoreError::SnapshotsAlive { .. }),
        "{error:?}"
    );
    drop(reader);
    store.compact().unwrap();
    assert!(fs::metadata(&path).unwrap().len() < before / 4);
    assert!(numbers(&*store.read().unwrap()).into_iter().eq(390..400));
}

/// Not a test: what the processes started by other tests run.
#[test]
fn role() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let store = open(Path::new(&std::env::var(STORE).unwrap())).unwrap();
    match &*role {
        "holder" => {
            say(std::process::id().into());
            std::thread::sleep(Duration::from_secs(60));
        }
        "writer" => {
            let first = numbers(&*store.read().unwrap()).len() as u64;
            let alternating = [Durability::Durable, Durability::Checkpoint]
                .into_iter()
                .cycle();
            for (number, durability) in (first..).zip(alternating) {
                put(&store, number, durability).unwrap();
                say(number);
            }
        }
        other => panic!("no such role: {other}"),
    }
}

/// Tells the parent, by one write past the capture of the test harness.
fn say(number: u64) {
    let mut line = std::io::stdout().lock();
    line.write_all(format!("said {number}\n").as_bytes())
        .unwrap();
    line.flush().unwrap();
}

/// This test binary in another process, as `role`.
struct Role {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Role {
    fn start(role: &str, store: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "role", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .env(STORE, store)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        self.said().expect("the other process went on")
    }

    fn said(&mut self) -> Option<String> {
        let mut lines = self.lines.by_ref().map_while(Result::ok);
        lines.find_map(|line| Some(line.split_once("said ")?.1.to_owned()))
    }

    /// Kills it, as `kill -9` does, and returns what it had still said.
    fn kill(&mut self) -> Vec<u64> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let mut said = Vec::new();
        while let Some(Ok(number)) = self.said().map(|line| line.parse()) {
            said.push(number);
        }
        said
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A file system of its own, where that is allowed.
struct Mount(TempDir);

impl Mount {
    fn tmpfs(size: &str) -> Option<Self> {
        let folder = tempdir().unwrap();
        let options = format!("size={size}");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(folder.path())
            .output();
        if mount.is_ok_and(|mount| mount.status.success()) {
            return Some(Self(folder));
        }
        eprintln!("skipped: mounting a tmpfs is not possible here");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn remount(&self, how: &str) {
        let options = format!("remount,{how}");
        let mut mount = Command::new("mount");
        mount.args(["-o", &options]).arg(self.path());
        assert!(mount.status().unwrap().success());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.path()).status());
    }
}

fn open(path: &Path) -> Result<RedbStorage, StoreError> {
    RedbStorage::open(path, RedbOptions::new())
}

fn key(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

fn put(store: &dyn Storage, number: u64, durability: Durability) -> Result<(), StoreError> {
    let mut write = store.write()?;
    write.put(&key(number), Bytes::from_static(b"value"))?;
    write.commit(durability)
}

fn put_large(store: &dyn Storage, number: u64, durability: Durability) -> Result<(), StoreError> {
    let mut write = store.write()?;
    write.put(&key(number), vec![7; 20_000].into())?;
    write.commit(durability)
}

fn put_many(store: &dyn Storage, numbers: std::ops::Range<u64>) {
    let mut write = store.write().unwrap();
    for number in numbers {
        write.put(&key(number), vec![7; 200].into()).unwrap();
    }
    write.commit(Durability::Checkpoint).unwrap();
}

/// Writes until that fails; returns what was acknowledged, and the failure.
fn fill(store: &dyn Storage, first: u64, durability: Durability) -> (Vec<u64>, StoreError) {
    let mut acknowledged = Vec::new();
    for number in first.. {
        match put_large(store, number, durability) {
            Ok(()) => acknowledged.push(number),
            Err(error) => return (acknowledged, error),
        }
    }
    unreachable!("the disk is small")
}

fn numbers(reads: &(dyn ReadTx + '_)) -> Vec<u64> {
    let mut numbers = Vec::new();
    let mut visit = |key: &[u8], _: &[u8]| {
        numbers.push(u64::from_be_bytes(key.try_into().unwrap()));
        ControlFlow::Continue(())
    };
    reads
        .scan(b"", None, Direction::Ascending, &mut visit)
        .unwrap();
    numbers
}

/// The bytes of a store with 5,000 rows, closed in peace or copied while open.
///
/// In a checkpoint: any other commit of a file that was not closed may be dropped when damaged, as
/// one that never finished.
fn damaged_base(folder: &TempDir, clean: bool) -> Vec<u8> {
    let path: PathBuf = folder.path().join(format!("base-{clean}.redb"));
    let store = open(&path).unwrap();
    put_many(&store, 0..5000);
    if clean {
        drop(store);
    }
    fs::read(&path).unwrap()
}

fn assert_rows(store: &dyn Storage, what: &str) {
    let found = numbers(&*store.read().unwrap());
    assert!(
        found.into_iter().eq(0..5000),
        "{what}: rows are gone unnoticed"
    );
}

fn refused_unchanged(folder: &TempDir, content: &[u8], what: &str) {
    let path = folder.path().join("cut.redb");
    fs::write(&path, content).unwrap();
    match open(&path) {
        Ok(store) => assert_rows(&store, what),
        Err(StoreError::Damaged { .. } | StoreError::NotAStore { .. }) => {
            assert!(
                fs::read(&path).unwrap() == content,
                "{what}: refused but changed"
            );
        }
        Err(error) => panic!("{what}: {error:?}"),
    }
}
