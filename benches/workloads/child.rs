//! The other process: this program again, in another role, told what to do line by line.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child as Process, ChildStdin, ChildStdout, Command, Stdio};
use std::str::FromStr as _;

/// The environment variable that names the role.
const ROLE: &str = "TIDINGS_BENCH_ROLE";

/// A child process in a role.
pub(crate) struct Child {
    process: Process,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Child {
    /// Starts one; `folder` and `more` are its arguments.
    pub(crate) fn start(role: &str, folder: &Path, more: &[String]) -> Self {
        let program = std::env::current_exe().expect("this program");
        Self::spawn(Command::new(program), role, folder, more)
    }

    /// Starts one by a command that ends in becoming what its first argument names.
    pub(crate) fn start_by(mut command: Command, role: &str, folder: &Path) -> Self {
        command.arg(std::env::current_exe().expect("this program"));
        Self::spawn(command, role, folder, &[])
    }

    fn spawn(mut command: Command, role: &str, folder: &Path, more: &[String]) -> Self {
        let mut process = command
            .arg(folder)
            .args(more)
            .env(ROLE, role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program again");
        let to = process.stdin.take().expect("a pipe");
        let from = BufReader::new(process.stdout.take().expect("a pipe"));
        Self { process, to, from }
    }

    /// Its number among the processes.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// The next line that it says.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.from.read_line(&mut line).expect("a line");
        assert!(!line.is_empty(), "the other process ended");
        line.trim().to_owned()
    }

    /// The numbers in the next line that it says.
    pub(crate) fn numbers<const N: usize>(&mut self) -> [u64; N] {
        let line = self.line();
        let mut words = line.split_whitespace().map(u64::from_str);
        std::array::from_fn(|_| words.next().expect("another number").expect("a number"))
    }

    /// Says a line to it.
    pub(crate) fn say(&mut self, line: &str) {
        writeln!(self.to, "{line}").expect("the other process");
    }

    /// Waits for its end.
    pub(crate) fn end(self) {
        let Self {
            mut process, to, ..
        } = self;
        drop(to);
        assert!(
            process.wait().expect("its end").success(),
            "the other process failed"
        );
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.process.kill().expect("a living process");
        self.process.wait().expect("its end");
    }
}

/// The role of this process and its arguments, if it is a child.
pub(crate) fn role() -> Option<(String, Vec<String>)> {
    Some((
        std::env::var(ROLE).ok()?,
        std::env::args().skip(1).collect(),
    ))
}

/// Reads a line from the parent; none at its end.
pub(crate) fn heard() -> Option<String> {
    let mut line = String::new();
    let read = std::io::stdin()
        .read_line(&mut line)
        .expect("standard input");
    (read > 0).then(|| line.trim().to_owned())
}

/// Says a line to the parent, at once.
pub(crate) fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .expect("the parent");
}
