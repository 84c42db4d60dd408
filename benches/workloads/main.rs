//! The workloads that the budgets of `docs/performance.md` are about, each beside what the machine can do at all.
//!
//! ```text
//! cargo bench                                all of them, scaled down: some minutes
//! cargo bench -- W1 W2c                      these only; with rows of the same name only
//! TIDINGS_BENCH_FULL=1 cargo bench           at full size
//! TIDINGS_BENCH_JSON=1 cargo bench -- W4     a line of JSON a figure
//! cargo bench -- W0                          the spread of the limits themselves
//! ```
//!
//! Absolute figures move from day to day and from machine to machine; ratios of one run are what counts. Where the
//! system lets it, all of this runs in a network namespace of its own, so that nobody else's bytes are counted.

mod bare;
mod child;
mod data;
mod foreground;
mod idle;
mod intake;
mod limits;
mod live;
mod machine;
mod media;
mod opening;
mod own;
mod pages;
mod quiet;
mod replica;
mod report;
mod scale;
mod series;
mod several;
mod soak;
mod trips;
mod world;
mod year;

use std::path::Path;
use std::process::Command;

use tokio::runtime::Builder;

use self::world::Scale;

/// Set in the process that runs in a network namespace of its own.
pub(crate) const ALONE: &str = "TIDINGS_BENCH_ALONE";

fn main() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.expect("threads");
    if let Some((role, arguments)) = child::role() {
        return runtime.block_on(play(&role, &arguments));
    }
    if let Some(ended) = alone() {
        assert!(ended.success(), "the workloads failed");
        return;
    }
    // Others are flags, or for what criterion measures: `benches/micro.rs` gets the same arguments.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_flag = |argument: &String| argument.starts_with('-');
    let names: Vec<String> = arguments
        .iter()
        .filter(|argument| report::is_number(argument))
        .cloned()
        .collect();
    if names.is_empty() && !arguments.iter().all(is_flag) {
        return;
    }
    report::ask(names);
    runtime.block_on(workloads());
}

async fn workloads() {
    let scale = Scale::from_env();
    if report::is_named("W0") {
        limits::print(world::Folder::new().path()).await;
    }
    report::machine(&machine::describe(&std::env::temp_dir()));
    report::head();
    if report::wants("W1") {
        own::run(scale).await;
    }
    if report::wants("W2") {
        intake::run(scale).await;
    }
    if report::wants("W3") {
        pages::run(scale).await;
    }
    if report::wants("W4") {
        replica::run().await;
    }
    if report::wants("W5") {
        quiet::run(scale).await;
    }
    if report::wants("W6") {
        live::run().await;
    }
    if report::wants("W7") {
        opening::run(scale).await;
    }
    if report::wants("W8a") {
        media::run().await;
    }
    if report::wants("W8b") {
        several::run().await;
    }
    if report::wants("idle") {
        foreground::run(scale).await;
    }
    if report::wants("W9") {
        scale::run(scale).await;
    }
    if report::wants("W10") {
        idle::run(scale).await;
    }
    if report::wants("W11") {
        year::run(scale).await;
    }
    // Half an hour long, so only when it is named.
    if report::is_named("W12") {
        soak::run().await;
    }
    report::tail();
}

async fn play(role: &str, arguments: &[String]) {
    let argument = |nth: usize| arguments.get(nth).expect("another argument").as_str();
    let folder = Path::new(argument(0));
    match role {
        "open" => opening::open_role(folder).await,
        "write" => opening::write_role(folder, argument(1) == "true").await,
        "serve" => replica::serve_role(folder, argument(1)).await,
        "pull" => replica::pull_role(folder, argument(1), argument(2)).await,
        "idle" => idle::idle_role(folder).await,
        "bare" => idle::bare_role().await,
        "still" => foreground::still_role(folder).await,
        "share" => several::share_role(folder).await,
        "pour" => several::pour_role().await,
        "soak" => soak::role(folder, argument(1)).await,
        other => panic!("there is no role {other}"),
    }
}

/// Runs this program again in a network namespace of its own with an MTU as on a real network, if the system has the
/// means; none if not, or if this is that process.
fn alone() -> Option<std::process::ExitStatus> {
    if std::env::var_os(ALONE).is_some() {
        return None;
    }
    let namespace = || {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--net", "sh", "-c"]);
        command
            .arg("ip link set lo mtu 1500 up && exec \"$@\"")
            .arg("sh");
        command
    };
    let works = namespace()
        .arg("true")
        .output()
        .is_ok_and(|tried| tried.status.success());
    if !works {
        return None;
    }
    let program = std::env::current_exe().expect("this program");
    let arguments = std::env::args().skip(1);
    let ended = namespace()
        .arg(program)
        .args(arguments)
        .env(ALONE, "1")
        .status();
    Some(ended.expect("what worked a moment ago"))
}
