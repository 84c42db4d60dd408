//! Which scenarios and groups of lives hold, and which still wait for a mend.
//!
//! What waits is run as well, and has to fail: whoever mends it is told so, and takes the note off the list.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{lives, scenarios};

/// Something that has to hold, and what it needs before it does; nothing if it does.
struct Wanted {
    name: &'static str,
    needs: &'static str,
    run: fn(),
}

macro_rules! wanted {
    ($($module:ident :: $name:ident: $needs:literal,)*) => {
        const ALL: &[Wanted] = &[$(Wanted {
            name: stringify!($name),
            needs: $needs,
            run: $module::$name,
        },)*];

        $(#[test]
        fn $name() {
            run(stringify!($name));
        })*
    };
}

wanted! {
    scenarios::what_a_thief_retires_is_back_with_all_bodies: "what a Retire cuts is set aside",
    scenarios::what_a_thief_retires_is_back_without_a_network: "what a Retire cuts is set aside",
    scenarios::what_a_thief_purges_is_back_with_all_bodies: "a purge waits on other own devices",
    scenarios::a_fork_at_place_0_hides_nothing: "a Retire's end picks the branch",
    scenarios::a_fork_in_the_middle_hides_nothing: "a Retire's end picks the branch",
    scenarios::a_fork_in_lane_state_hides_nothing: "a Retire's end picks the branch",
    scenarios::until_a_fork_is_settled_nobody_loses_what_is_held: "",
    scenarios::who_took_the_false_branch_first_gets_the_true_one: "a Retire's end picks the branch",
    scenarios::a_restored_copy_that_goes_on_posting_costs_no_post: "a Retire's end picks the branch",
    scenarios::claims_at_both_ends_of_time_hide_nothing: "",
    scenarios::a_flood_of_admits_keeps_no_retire_out: "",
    scenarios::a_flood_of_signers_is_bounded_too: "",
    scenarios::more_statements_than_an_answer_holds_ban_nobody: "one bound on their bytes",
    scenarios::made_up_devices_hide_nobody: "",
    scenarios::a_forked_feed_makes_no_follower_name_another: "bodies are asked for by id",
    scenarios::made_up_ends_bring_no_peer_to_fault: "",
    scenarios::retires_that_come_and_go_cost_little: "what a Retire cuts is set aside",
    scenarios::huge_deletes_cost_little_each: "",
    lives::thieves_who_post: "",
    lives::thieves_who_write_far_above: "",
    lives::thieves_who_delete_and_edit: "",
    lives::thieves_who_admit: "",
    lives::thieves_who_retire: "what a Retire cuts is set aside",
    lives::thieves_who_purge: "a purge waits on other own devices",
    lives::thieves_who_fork_what_is_gone: "a Retire's end picks the branch",
    lives::copies_that_go_on_posting: "a Retire's end picks the branch",
    lives::thieves_of_every_sort: "all of the above",
    lives::hostile_feeds: "",
}

/// Runs one of the list. `TIDINGS_NOW=1` runs all as if nothing waited.
fn run(name: &str) {
    let wanted = ALL.iter().find(|wanted| wanted.name == name);
    let wanted = wanted.unwrap_or_else(|| panic!("{name} is not on the list"));
    if wanted.needs.is_empty() || std::env::var_os("TIDINGS_NOW").is_some() {
        return (wanted.run)();
    }
    let ended = catch_unwind(AssertUnwindSafe(wanted.run));
    assert!(
        ended.is_err(),
        "{name} holds now: it needed {:?}, and no longer has to wait",
        wanted.needs
    );
}
