//! The feed store against a slow plain model, and the rules between entries one by one.

mod appended;
mod aside;
mod between;
mod blobs;
mod budget;
mod check;
#[cfg(feature = "redb")]
mod cuts;
mod damage;
mod erased;
mod exchange;
mod failing;
mod fields;
mod forks;
mod model;
mod pages;
mod registers;
mod replicas;
mod retired;
mod settled;
mod soon;
mod views;
mod world;
