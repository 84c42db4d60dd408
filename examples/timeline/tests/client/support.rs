//! People, each with a folder, who run the client.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// How long a line of output may take. Only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(180);

/// The client, in the given folder, on this machine only.
pub(crate) fn timeline(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_timeline"));
    command.arg("--dir").arg(dir).arg("--local");
    command
}

/// One person with a folder.
#[derive(Debug)]
pub(crate) struct Person {
    root: TempDir,
}

impl Person {
    /// Somebody without an identity yet.
    pub(crate) fn nobody() -> Self {
        Self {
            root: TempDir::new().expect("a temporary folder"),
        }
    }

    /// Somebody with an identity of this name.
    pub(crate) fn named(name: &str) -> Self {
        let person = Self::nobody();
        person.json(["init", "--name", name]);
        person
    }

    /// The folder of the identity.
    pub(crate) fn dir(&self) -> PathBuf {
        self.root.path().join("timeline")
    }

    /// Makes a file and says where it is.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.root.path().join(name);
        std::fs::write(&path, content).expect("a file is written");
        path.to_str().expect("a plain path").to_owned()
    }

    /// Where a file of this person's would be.
    pub(crate) fn path(&self, name: &str) -> String {
        let path = self.root.path().join(name);
        path.to_str().expect("a plain path").to_owned()
    }

    /// Follows somebody by what that one carries over in a file, media and all.
    pub(crate) fn take(&self, other: &Self) {
        let file = other.path("taken.tidings");
        other.json(["export", &file, "--media"]);
        self.json(["load", &file, "--follow"]);
    }

    /// Runs a command to its end.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Done {
        self.run_with_input(args, b"")
    }

    /// Runs a command that reads this from standard input.
    pub(crate) fn run_with_input<S: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
        input: &[u8],
    ) -> Done {
        let mut child = timeline(&self.dir())
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the client starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        // It may have ended without reading; that is for the test to judge.
        stdin.write_all(input).ok();
        drop(stdin);
        Done::new(child.wait_with_output().expect("the client ends"))
    }

    /// Runs a command with `--json` that succeeds, and returns its one object.
    pub(crate) fn json<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Value {
        let mut lines = self.json_lines(args);
        assert_eq!(lines.len(), 1, "one object was expected: {lines:?}");
        lines.remove(0)
    }

    /// Runs a command with `--json` that succeeds, and returns its objects.
    pub(crate) fn json_lines<S: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
    ) -> Vec<Value> {
        let args: Vec<_> = args
            .into_iter()
            .map(|arg| arg.as_ref().to_owned())
            .chain(["--json".into()])
            .collect();
        let done = self.run(args).succeeds();
        done.out.lines().map(json).collect()
    }

    /// All own and followed posts, newest first.
    pub(crate) fn list(&self) -> Vec<Value> {
        self.json_lines(["list", "--limit", "100000"])
    }

    /// The texts of the timeline, newest first.
    pub(crate) fn texts(&self) -> Vec<String> {
        texts(&self.list())
    }

    /// A ticket to the own feed.
    pub(crate) fn ticket(&self) -> String {
        text(&self.json(["ticket"]), "ticket")
    }

    /// The id of the own feed.
    pub(crate) fn feed(&self) -> String {
        text(&self.json(["whoami"]), "feed")
    }

    /// Starts `run --json` and waits until it is ready.
    pub(crate) fn online(&self) -> Running {
        Running::start(&self.dir())
    }
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    fn new(output: Output) -> Self {
        Self {
            status: output.status,
            out: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
            err: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
        }
    }

    /// It ended well and said nothing on standard error.
    pub(crate) fn succeeds(self) -> Self {
        assert!(self.status.success() && self.err.is_empty(), "{self:?}");
        self
    }

    /// It ended with status 1 and said one sentence, which is returned, and nothing else.
    pub(crate) fn fails(self) -> String {
        assert_eq!(self.status.code(), Some(1), "{self:?}");
        assert_eq!(self.out, "", "{self:?}");
        let line = self.err.strip_suffix('\n').expect("a whole line");
        assert!(!line.contains('\n'), "more than one line: {line}");
        let sentence = line.strip_prefix("timeline: ").expect("who says it");
        for ugly in ["Error(", "Error {", "panicked", "RUST_BACKTRACE", "Some("] {
            assert!(!sentence.contains(ugly), "not for people: {sentence}");
        }
        sentence.to_owned()
    }
}

/// `run --json`, somewhere in its life.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    errors: Receiver<String>,
    pub(crate) ticket: String,
}

impl Running {
    fn start(dir: &Path) -> Self {
        let mut child = timeline(dir)
            .args(["run", "--json"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the client starts");
        let lines = lines_of(child.stdout.take().expect("a pipe"));
        let errors = lines_of(child.stderr.take().expect("a pipe"));
        let stdin = child.stdin.take();
        let mut running = Self {
            child,
            stdin,
            lines,
            errors,
            ticket: String::new(),
        };
        running.ticket = text(&running.next(), "ready");
        running
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next object it prints.
    pub(crate) fn next(&self) -> Value {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => json(&line),
            Err(_) => panic!(
                "no line came; errors: {:?}",
                self.errors.try_iter().collect::<Vec<_>>()
            ),
        }
    }

    /// The object of the post with this text, as soon as it is printed; others are passed over.
    pub(crate) fn wait_for(&self, wanted: &str) -> Value {
        loop {
            let object = self.next();
            if object["text"] == wanted {
                return object;
            }
        }
    }

    /// The next line on standard error.
    pub(crate) fn next_error(&self) -> String {
        self.errors
            .recv_timeout(PATIENCE)
            .expect("a line on standard error")
    }

    /// Types bytes; they should end in a line break. False if nobody reads any more.
    pub(crate) fn type_bytes(&mut self, bytes: &[u8]) -> bool {
        let stdin = self.stdin.as_mut().expect("standard input is open");
        stdin.write_all(bytes).and_then(|()| stdin.flush()).is_ok()
    }

    /// Ends standard input.
    pub(crate) fn end_input(&mut self) {
        self.stdin = None;
    }

    /// Pulls the plug, and returns what had been printed by then.
    pub(crate) fn kill(mut self) -> Vec<Value> {
        self.child.kill().expect("the client is killed");
        self.child.wait().expect("the client is gone");
        self.lines.iter().map(|line| json(&line)).collect()
    }

    /// Asks it to stop with a signal such as `TERM`, and waits until it has.
    pub(crate) fn stop(mut self, signal: &str) -> ExitStatus {
        let sent = Command::new("kill")
            .args(["-s", signal, &self.pid().to_string()])
            .status();
        assert!(sent.expect("`kill` runs").success());
        self.child.wait().expect("the client ends")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The lines of a pipe, as they come.
fn lines_of(pipe: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

fn json(line: &str) -> Value {
    let object: Value = serde_json::from_str(line).expect("every line is JSON");
    assert!(object.is_object(), "{line}");
    object
}

/// A sentence has all these parts.
#[track_caller]
pub(crate) fn says(sentence: &str, parts: &[&str]) {
    for part in parts {
        assert!(sentence.contains(part), "{part:?} is not in: {sentence}");
    }
}

/// A field that is a text.
pub(crate) fn text(object: &Value, field: &str) -> String {
    let text = object[field].as_str();
    text.unwrap_or_else(|| panic!("no text in {field}: {object}"))
        .to_owned()
}

/// The texts of these posts.
pub(crate) fn texts(posts: &[Value]) -> Vec<String> {
    posts.iter().map(|post| text(post, "text")).collect()
}

/// The ids of these posts.
pub(crate) fn ids(posts: &[Value]) -> Vec<String> {
    posts.iter().map(|post| text(post, "id")).collect()
}

/// A file of the test data.
pub(crate) fn data(name: &str) -> String {
    format!("{}/tests/data/import/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// An RSS file of so many items, a minute apart, newest first as feeds have them.
pub(crate) fn rss(items: usize) -> String {
    let item = |n: usize| {
        let time = jiff::Timestamp::from_second(1_600_000_000 + 60 * n as i64).expect("a time");
        let date =
            jiff::fmt::rfc2822::to_string(&time.to_zoned(jiff::tz::TimeZone::UTC)).expect("a date");
        format!(
            "<item><title>Item {n}</title><link>https://news.example/{n}</link><pubDate>{date}</pubDate>\
             <category>even{}</category><description><![CDATA[<p>Text of <b>{n}</b>.</p>]]></description></item>",
            n % 2,
        )
    };
    let items: String = (0..items).rev().map(item).collect();
    format!(
        "<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>News</title>\
         <link>https://news.example/</link>{items}</channel></rss>"
    )
}
