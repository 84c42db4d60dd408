//! The format, byte for byte: golden vectors, the worked example of `docs/format.md`, and properties of all values.
//!
//! The vectors in `tests/data/v1/` are never made again silently. `TIDINGS_WRITE_VECTORS=1` adds files that are missing,
//! with their line in `SUMS`, and touches no other; a vector that turns out to be wrong before the first release is
//! mended by deleting its file and its line by hand, in a commit that says why.

#[path = "format/bytes.rs"]
mod bytes;
#[path = "format/example.rs"]
mod example;
#[path = "format/make.rs"]
mod make;
#[path = "format/make_archives.rs"]
mod make_archives;
#[path = "format/make_bodies.rs"]
mod make_bodies;
#[path = "format/make_caps.rs"]
mod make_caps;
#[path = "format/make_runs.rs"]
mod make_runs;
#[path = "format/make_statements.rs"]
mod make_statements;
#[path = "format/make_tickets.rs"]
mod make_tickets;
#[path = "format/make_view_cases.rs"]
mod make_view_cases;
#[path = "format/make_view_forks.rs"]
mod make_view_forks;
#[path = "format/make_views.rs"]
mod make_views;
#[path = "format/properties.rs"]
mod properties;
#[path = "format/shapes.rs"]
mod shapes;
#[path = "format/shapes_statements.rs"]
mod shapes_statements;
#[path = "format/vectors.rs"]
mod vectors;
