//! Whether the device's clock may be believed when it is about to erase something.
//!
//! What is hidden by a wrong clock shows again once the clock is right; what is erased by it is gone. So erasing goes by a
//! time of its own: the clock's, as long as that moves as time does. Where it jumped, erasing goes on from the last time
//! that was believed, as fast as the process runs, until the clock has gone on without a further jump for a day.
//!
//! [`Watch`] is the rule, without a clock and without a disk; [`Clock`] asks the one and writes to the other.

use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::format::Timestamp;

const MINUTE: i64 = 60 * 1_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// When this release was made: a clock that says less is wrong.
pub(crate) const RELEASED: Timestamp = Timestamp(1_795_392_000_000);
/// How far the clock may go ahead unseen: a folder that was closed, or a machine that slept, for so long. The clock by which
/// a process measures itself stands still on some systems while the machine sleeps, so both are one case.
const AHEAD: i64 = DAY;
/// How far it may go back: what setting it by the network does to a clock that was never set well.
const BACK: i64 = 10 * MINUTE;
/// How long a clock that jumped has to go on as time does before it is believed. A wrong clock is mostly seen and set right
/// within a day; what should have been erased is hidden meanwhile.
pub(crate) const SETTLES: Duration = Duration::from_secs(24 * 60 * 60);
/// Up to so far a clock in doubt may go ahead between two runs and still bear out what the run before saw. Without it, who
/// opens a folder once a week would never have anything erased.
const WEEK: i64 = 7 * DAY;
/// The clock is written down at most so often: what was not written is taken for time in which nothing ran.
const SAVED: Duration = Duration::from_secs(60);

/// What times a write goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    /// The clock, no earlier than this release: what is claimed, and what is shown.
    pub(crate) now: Timestamp,
    /// What expired or was kept long enough by this time is erased. No later than the clock.
    pub(crate) due: Timestamp,
    /// Since when something is kept that is kept from now on: the later of the clock and what was believed of it, so that
    /// a clock that is behind shortens no time.
    pub(crate) since: Timestamp,
}

/// The rule.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Watch {
    /// The time that is believed, as of the last look.
    believed: i64,
    doubt: Option<Doubt>,
    /// How long the process ran at the last look; none before the first look of a run.
    ran: Option<Duration>,
    settles: i64,
}

/// A clock that jumped: what it said right after the jump, and when it was last looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Doubt {
    since: i64,
    seen: i64,
}

impl Watch {
    fn new(believed: i64, doubt: Option<Doubt>, settles: Duration) -> Self {
        Self {
            believed,
            doubt,
            ran: None,
            settles: i64::try_from(settles.as_millis()).unwrap_or(i64::MAX),
        }
    }

    /// Looks at the clock, after the process ran for `ran`.
    fn look(&mut self, clock: i64, ran: Duration) {
        let is_first = self.ran.is_none();
        let passed = ran.saturating_sub(self.ran.unwrap_or(ran));
        let passed = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX);
        self.ran = Some(ran);
        let goes_on = |drift: i64| (-BACK..=AHEAD).contains(&drift);
        let expected = self.believed.saturating_add(passed);
        if goes_on(clock.saturating_sub(expected)) {
            // A clock that was set right after a jump is believed at once.
            (self.believed, self.doubt) = (clock, None);
            return;
        }
        self.believed = expected;
        let anew = Some(Doubt {
            since: clock,
            seen: clock,
        });
        let Some(doubt) = self.doubt else {
            self.doubt = anew;
            return;
        };
        let drift = clock.saturating_sub(doubt.seen.saturating_add(passed));
        if goes_on(drift) {
            if clock.saturating_sub(doubt.since) >= self.settles {
                (self.believed, self.doubt) = (clock, None);
            } else {
                self.doubt = Some(Doubt {
                    seen: clock,
                    ..doubt
                });
            }
            return;
        }
        if is_first && (AHEAD..=WEEK).contains(&drift) {
            self.believed = expected.max(doubt.seen);
        }
        self.doubt = anew;
    }

    /// The time by which is erased; `clock` is what was looked at last.
    fn due(&self, clock: i64) -> i64 {
        self.believed.min(clock)
    }

    fn to_text(&self) -> String {
        let doubt = self
            .doubt
            .map(|doubt| format!(" {} {}", doubt.since, doubt.seen));
        format!("1 {}{}\n", self.believed, doubt.unwrap_or_default())
    }

    fn from_text(text: &str, settles: Duration) -> Option<Self> {
        let mut numbers = text
            .split_ascii_whitespace()
            .map(|word| word.parse::<i64>().ok());
        let (version, believed) = (numbers.next()??, numbers.next()??);
        let doubt = match (numbers.next(), numbers.next()) {
            (None, None) => None,
            (Some(Some(since)), Some(Some(seen))) => Some(Doubt { since, seen }),
            _ => return None,
        };
        (version == 1 && numbers.next().is_none()).then(|| Self::new(believed, doubt, settles))
    }
}

/// The device's clock as one folder has seen it.
#[derive(Debug)]
pub(crate) struct Clock {
    path: PathBuf,
    begun: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    watch: Watch,
    saved: Instant,
}

impl Clock {
    /// Goes on from what the file says that the last run saw. A folder that `is_new` has nothing that could be erased, so its
    /// clock is believed; elsewhere a file that is gone or unreadable says nothing, and the clock is waited for.
    pub(crate) fn open(path: PathBuf, is_new: bool, settles: Duration) -> Self {
        let text = fs::read_to_string(&path).ok();
        let known = text.and_then(|text| Watch::from_text(&text, settles));
        let first = if is_new { super::now().0 } else { RELEASED.0 };
        let watch = known.unwrap_or_else(|| Watch::new(first, None, settles));
        let now = Instant::now();
        let clock = Self {
            path,
            begun: now,
            state: Mutex::new(State { watch, saved: now }),
        };
        clock.times();
        clock.save();
        clock
    }

    /// Looks at the clock, and writes it down if that was not done for a while.
    pub(crate) fn times(&self) -> Times {
        let clock = super::now().max(RELEASED);
        let (due, text) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.watch.look(clock.0, self.begun.elapsed());
            let text = (state.saved.elapsed() >= SAVED).then(|| {
                state.saved = Instant::now();
                state.watch.to_text()
            });
            (state.watch.clone(), text)
        };
        if let Some(text) = text {
            self.write(&text);
        }
        Times {
            now: clock,
            due: Timestamp(due.due(clock.0)),
            since: clock.max(Timestamp(due.believed)),
        }
    }

    /// Writes down what the clock says, for the next run.
    pub(crate) fn save(&self) {
        let text = {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.watch.to_text()
        };
        self.write(&text);
    }

    /// Without waiting for the disk: an old file, or one that a power cut emptied, only makes the next run wait.
    fn write(&self, text: &str) {
        let new = self.path.with_extension("new");
        let written = fs::write(&new, text).and_then(|()| fs::rename(&new, &self.path));
        // Nothing but a longer wait follows from a file that is not written.
        drop(written);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = RELEASED.0 + 100 * DAY;
    const YEAR: i64 = 365 * DAY;

    fn hours(hours: u64) -> Duration {
        Duration::from_secs(hours * 60 * 60)
    }

    /// A run that begins when the clock says `clock`, after one that left `watch`.
    fn opened(watch: &Watch, clock: i64) -> Watch {
        let mut next = Watch::from_text(&watch.to_text(), SETTLES).unwrap();
        next.look(clock, Duration::ZERO);
        next
    }

    fn trusted() -> Watch {
        opened(&Watch::new(NOW, None, SETTLES), NOW)
    }

    #[test]
    fn a_clock_that_goes_on_as_time_does_is_believed_across_runs() {
        let mut watch = trusted();
        watch.look(NOW + DAY / 24, hours(1));
        assert_eq!(watch.due(NOW + DAY / 24), NOW + DAY / 24);
        let watch = opened(&watch, NOW + DAY);
        assert_eq!(watch.due(NOW + DAY), NOW + DAY);
        let back = opened(&watch, NOW + DAY - BACK);
        assert_eq!(back.due(NOW + DAY - BACK), NOW + DAY - BACK);
    }

    #[test]
    fn a_clock_that_jumped_erases_nothing_for_a_day_whether_between_runs_or_within_one() {
        for jump in [2 * DAY, 40 * DAY, 73 * YEAR] {
            let mut between = opened(&trusted(), NOW + jump);
            let mut within = trusted();
            within.look(NOW + jump, Duration::from_secs(1));
            for watch in [&mut between, &mut within] {
                assert!(watch.due(NOW + jump) <= NOW + 1_000);
                watch.look(NOW + jump + 23 * DAY / 24, hours(23));
                assert!(watch.due(NOW + jump + 23 * DAY / 24) <= NOW + DAY);
                watch.look(NOW + jump + DAY + 1_000, hours(24) + Duration::from_secs(2));
                let later = NOW + jump + DAY + 1_000;
                assert_eq!(watch.due(later), later, "it went on for a day");
            }
        }
    }

    #[test]
    fn the_wait_goes_on_across_runs_and_a_further_jump_begins_it_anew() {
        let ahead = NOW + YEAR;
        let half = opened(&opened(&trusted(), ahead), ahead + DAY / 2);
        assert!(half.due(ahead + DAY / 2) <= NOW);
        let whole = opened(&half, ahead + DAY);
        assert_eq!(whole.due(ahead + DAY), ahead + DAY);
        let further = opened(&half, ahead + YEAR);
        assert!(further.due(ahead + YEAR) <= NOW);
        let day = opened(&further, ahead + YEAR + DAY / 2);
        assert!(day.due(ahead + YEAR + DAY / 2) <= NOW);
    }

    #[test]
    fn a_clock_that_was_set_right_again_is_believed_at_once() {
        let wrong = opened(&trusted(), NOW + 73 * YEAR);
        let right = opened(&wrong, NOW + DAY / 2);
        assert_eq!(right.due(NOW + DAY / 2), NOW + DAY / 2);
        assert_eq!(right.doubt, None);
    }

    #[test]
    fn a_clock_that_was_set_back_erases_by_what_it_says_and_shortens_nothing() {
        let watch = opened(&trusted(), NOW - 50 * DAY);
        assert_eq!(watch.due(NOW - 50 * DAY), NOW - 50 * DAY);
        assert_eq!(watch.believed, NOW);
    }

    #[test]
    fn who_opens_once_a_week_has_erased_what_was_due_a_week_before() {
        let mut watch = trusted();
        for week in 1..10 {
            watch = opened(&watch, NOW + week * WEEK);
            let due = watch.due(NOW + week * WEEK);
            assert!(due <= NOW + (week - 1) * WEEK);
            assert!(due >= NOW + (week - 2) * WEEK || week < 2);
        }
    }

    #[test]
    fn a_file_that_is_gone_or_torn_makes_an_old_folder_wait_and_a_new_one_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clock");
        let times = Clock::open(path.clone(), true, SETTLES).times();
        assert_eq!(times.due, times.now);
        for torn in [Some("1 17"), Some(""), Some("2 5\n"), None] {
            match torn {
                Some(text) => fs::write(&path, text).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let times = Clock::open(path.clone(), false, SETTLES).times();
            assert!(
                times.due < times.now || times.now.0 - RELEASED.0 <= AHEAD,
                "{torn:?}"
            );
        }
    }
}
