# Everything that tells whether work is done.

# A recipe fails with whatever fails in it, before a pipe too.
set shell := ["bash", "-euo", "pipefail", "-c"]

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
    cargo clippy -p tidings --lib --no-default-features -- -D warnings

test:
    cargo test --all-features

docs:
    cargo doc --no-deps --all-features --document-private-items

# The lower floors need neither tokio nor iroh.
floors:
    cargo check -p tidings --lib --no-default-features

# The same in a browser; `images` and `documents` need one more setting there, for randomness.
wasm:
    cargo check -p tidings --lib --no-default-features --target wasm32-unknown-unknown
    RUSTFLAGS='--cfg getrandom_backend="wasm_js"' cargo check -p tidings --lib --no-default-features \
        --features redb,images,documents --target wasm32-unknown-unknown

# Foreign types in the public API, compared with the list in CONTRIBUTING.md.
api:
    python3 -B .ci/foreign_types.py

# Changes of the public API since the last release, or since a revision: `just semver v0.1.0`.
semver baseline="":
    cargo semver-checks -p tidings --all-features {{ if baseline == "" { "" } else { "--baseline-rev " + baseline } }}

# Licences, sources and banned crates of the whole tree.
deny:
    cargo deny --all-features check licenses bans sources

# What takes long, needs a network or tools of its own: `just tools` says which, and how each is had.
nightly: tools check
    cargo deny --all-features check
    just wasm api
    cargo hack check -p tidings --feature-powerset --depth 2 --no-dev-deps
    cargo +1.91 check -p tidings --lib --all-features
    cargo minimal-versions check --direct -p tidings --lib --all-features
    PROPTEST_CASES=20000 TIDINGS_FEED_MB=100 cargo test --release --all-features
    cargo bench -p tidings --no-run --features test-util
    cargo mutants --file 'src/format/**'
    just fuzz
    just crash
    just judge
    just soak
    typos

# What `just nightly` needs besides Rust and just itself; fails if anything of it is missing.
tools:
    #!/usr/bin/env bash
    missing=0
    need() { # name, how it is had, a command that works if it is there
        if ! "${@:3}" >/dev/null 2>&1; then
            echo "$1 is missing: $2"
            missing=1
        fi
    }
    need "Rust 1.91" "rustup toolchain install 1.91 --profile minimal" cargo +1.91 --version
    need "nightly Rust" "rustup toolchain install nightly --profile minimal" cargo +nightly --version
    need "cargo-deny" "cargo install cargo-deny --locked" cargo deny --version
    need "cargo-fuzz" "cargo install cargo-fuzz --locked, and a C++ compiler" cargo fuzz --version
    need "cargo-hack" "cargo install cargo-hack --locked" cargo hack --version
    need "cargo-minimal-versions" "cargo install cargo-minimal-versions --locked" cargo minimal-versions --version
    need "cargo-mutants" "cargo install cargo-mutants --locked" cargo mutants --version
    need "cargo-semver-checks" "cargo install cargo-semver-checks --locked" cargo semver-checks --version
    need "the target wasm32-unknown-unknown" "rustup target add wasm32-unknown-unknown" \
        test -d "$(rustc --print target-libdir --target wasm32-unknown-unknown)"
    need "typos" "cargo install typos-cli --locked" typos --version
    need "Python 3, for plots and the judge of pictures" "the system's package" python3 --version
    need "exiftool" "the system's package, libimage-exiftool-perl in Debian" exiftool -ver
    need "ffprobe" "the system's package, ffmpeg in Debian" ffprobe -version
    need "mat2" "the system's package, or from PyPI" mat2 --version
    exit "$missing"

# Power cut at every change to the disk, disks that fail, processes killed, random lives of many nodes, and 2,000 who
# connect at once (`ulimit -n 20000`). One history
# again: `TIDINGS_SEED=... just crash`, with the seed that was printed.
[doc("Power cuts, failing disks, killed processes, random lives of many nodes.")]
crash kills="200" lives="20000":
    TIDINGS_CUTS=all cargo test -p tidings --release --lib --all-features -- cuts redb::tests --nocapture
    TIDINGS_KILLS={{ kills }} cargo test --release -p tidings --all-features --test faults kill -- --nocapture
    TIDINGS_SEEDS={{ lives }} cargo test --release -p tidings --all-features --test sim --lib -- random networks archives waits
    TIDINGS_SEEDS={{ lives }} cargo test --release -p tidings --all-features --test hostile -- --nocapture
    TIDINGS_CROWD=2000 cargo test --release -p tidings --all-features --test faults crowd -- --nocapture

# Needs nightly and cargo-fuzz. What breaks a promise lies in fuzz/artifacts; inputs that reach something new are kept in
# fuzz/target/found and lie there for the next time, so that the corpus that is checked in stays as it is.
[doc("Each target, or the ones named, for so many seconds under libFuzzer.")]
fuzz seconds="60" targets="":
    names="{{ targets }}"; for target in ${names:-$(ls fuzz/corpus)}; do \
        mkdir -p fuzz/target/found/$target; \
        cargo +nightly fuzz run --release $target fuzz/target/found/$target fuzz/corpus/$target -- \
            -max_total_time={{ seconds }} -rss_limit_mb=4096; \
    done

# The workloads that are named, or all of them; from their figures the table and the plots of docs/performance.md.
bench *names:
    TIDINGS_BENCH_JSON=1 cargo bench -p tidings -- {{ names }} | python3 docs/plots/plot.py

# exiftool, ffprobe, mat2 and a search through the bytes must find none of the facts planted in every place that has room
# for one. `cargo test -p timeline --test pictures` does the same with those of the three that are installed.
[doc("Posts pictures and films with planted facts, and lets others look for them.")]
judge:
    cargo build -p timeline
    python3 -B examples/timeline/tests/pictures/judge.py target/debug/timeline --require

# Two nodes at several hundred posts a second for so many minutes, one of them away now and then; with a plot of it.
soak minutes="30":
    TIDINGS_SOAK_MINUTES={{ minutes }} just bench W12

# A simulated year, and its plot.
year:
    TIDINGS_BENCH_FULL=1 just bench W11
