//! The scenarios and groups of lives, each a test.

use crate::{lives, scenarios};

macro_rules! tests {
    ($($module:ident :: $name:ident,)*) => {
        $(#[test]
        fn $name() {
            $module::$name();
        })*
    };
}

tests! {
    scenarios::what_a_thief_retires_is_back_with_all_bodies,
    scenarios::what_a_thief_retires_is_back_without_a_network,
    scenarios::what_a_thief_purges_is_back_with_all_bodies,
    scenarios::a_fork_at_place_0_hides_nothing,
    scenarios::a_fork_in_the_middle_hides_nothing,
    scenarios::a_fork_in_lane_state_hides_nothing,
    scenarios::until_a_fork_is_settled_nobody_loses_what_is_held,
    scenarios::who_took_the_false_branch_first_gets_the_true_one,
    scenarios::a_restored_copy_that_goes_on_posting_costs_no_post,
    scenarios::claims_at_both_ends_of_time_hide_nothing,
    scenarios::a_flood_of_admits_keeps_no_retire_out,
    scenarios::a_flood_of_signers_is_bounded_too,
    scenarios::more_statements_than_an_answer_holds_ban_nobody,
    scenarios::made_up_devices_hide_nobody,
    scenarios::a_forked_feed_makes_no_follower_name_another,
    scenarios::made_up_ends_bring_no_peer_to_fault,
    scenarios::retires_that_come_and_go_cost_little,
    scenarios::huge_deletes_cost_little_each,
    lives::thieves_who_post,
    lives::thieves_who_write_far_above,
    lives::thieves_who_delete_and_edit,
    lives::thieves_who_admit,
    lives::thieves_who_retire,
    lives::thieves_who_purge,
    lives::thieves_who_fork_what_is_gone,
    lives::copies_that_go_on_posting,
    lives::thieves_of_every_sort,
    lives::hostile_feeds,
}
