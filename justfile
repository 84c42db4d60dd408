# Everything that tells whether work is done.

# So that a warning in the documentation counts.
export RUSTDOCFLAGS := "-Dwarnings"

rustfmt_config := "unstable_features=true --config imports_granularity=Module,group_imports=StdExternalCrate"

# What has to hold before a commit.
check: format clippy test docs floors

# The code is laid out, and imports are grouped, as everywhere else.
format:
    cargo fmt --all --check -- --config {{ rustfmt_config }}

# Lays the code out.
fix:
    cargo fmt --all -- --config {{ rustfmt_config }}

clippy:
    cargo clippy --all-targets --all-features -- -D warnings
    cargo clippy --lib --no-default-features -- -D warnings

test:
    cargo test --all-features

docs:
    cargo doc --no-deps --all-features --document-private-items

# The lower floors need neither tokio nor iroh.
floors:
    cargo check --lib --no-default-features

# Licences, sources and banned crates of the whole tree.
deny:
    cargo deny --all-features check licenses bans sources

# What takes long, needs a network or tools of its own.
nightly: check
    cargo deny --all-features check
    cargo hack check --feature-powerset --depth 2 --no-dev-deps
    cargo +1.91 check --lib --all-features
    cargo minimal-versions check --direct --lib --all-features
    PROPTEST_CASES=20000 cargo test --release --all-features
    cargo bench --no-run
    cargo mutants --file 'src/format/**'
    just fuzz
    just crash
    just soak
    typos

# Power cut at every change to the disk, disks that fail, processes killed, and random lives of many nodes. One history
# again: `TIDINGS_SEED=... just crash`, with the seed that was printed.
crash kills="200" lives="20000":
    TIDINGS_CUTS=all cargo test --release --lib --all-features cuts -- --nocapture
    TIDINGS_KILLS={{ kills }} cargo test --release --all-features --test faults kill -- --nocapture
    TIDINGS_SEEDS={{ lives }} cargo test --release --all-features --test sync --lib -- random networks archives waits

# Each target for so many seconds under libFuzzer; needs nightly and cargo-fuzz. What it finds lies in fuzz/artifacts.
fuzz seconds="60":
    for target in $(ls fuzz/corpus); do \
        cargo +nightly fuzz run --release $target -- -max_total_time={{ seconds }} -rss_limit_mb=4096 || exit 1; \
    done

# The workloads that are named, or all of them; from their figures the table and the plots of docs/performance.md.
bench *names:
    TIDINGS_BENCH_JSON=1 cargo bench -- {{ names }} | python3 docs/plots/plot.py

# Two nodes at several hundred posts a second for so many minutes, one of them away now and then; with a plot of it.
soak minutes="30":
    TIDINGS_SOAK_MINUTES={{ minutes }} just bench W12

# A simulated year, and its plot.
year:
    TIDINGS_BENCH_FULL=1 just bench W11
