//! Statuses of a social network: which of them begin or go on with an own thread, and which answer somebody else.

use std::collections::{HashMap, HashSet};

use super::choice::Choice;
use super::fold::Raw;
use super::items::Collected;
use super::left::Left;

/// One status of an archive.
#[derive(Debug)]
pub(super) struct Status {
    pub(super) id: String,
    pub(super) answers: Answers,
    /// Everybody could read it, but it was in no list.
    pub(super) unlisted: bool,
    /// None if it is left out: it is here for what follows on it.
    pub(super) raw: Option<Raw>,
}

/// What a status answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answers {
    Nobody,
    /// An own status, by its id.
    Own(String),
    /// Somebody else's, as far as is known, by its address.
    Others(Option<String>),
}

/// Takes statuses in. Answers to others are left out unless they are asked for, and with them what goes on from there.
pub(super) fn take(mut statuses: Vec<Status>, choice: &Choice, into: &mut Collected) {
    find_own(&mut statuses);
    let conversations = conversations(&statuses);
    for (status, is_conversation) in statuses.into_iter().zip(conversations) {
        let Some(mut raw) = status.raw else { continue };
        if is_conversation && !choice.replies {
            into.left.add(Left::Reply);
            continue;
        }
        match status.answers {
            Answers::Own(id) => raw.answers = Some(id),
            // The one answered is no post here, so its address has to do.
            Answers::Others(Some(address)) => raw.text = format!("Re: {address}\n\n{}", raw.text),
            Answers::Others(None) | Answers::Nobody => {}
        }
        raw.id = Some(status.id);
        if into.add(raw) {
            into.notes.unlisted += u64::from(status.unlisted);
        } else {
            into.notes.skipped += 1;
        }
    }
}

/// Whatever stands in the archive is by its owner, and so is answered in an own thread.
fn find_own(statuses: &mut [Status]) {
    let ids: HashSet<String> = statuses.iter().map(|status| status.id.clone()).collect();
    for status in statuses {
        if let Answers::Others(Some(target)) = &status.answers
            && ids.contains(target)
        {
            status.answers = Answers::Own(target.clone());
        }
    }
}

/// Whether each of them stands in a thread that somebody else began.
fn conversations(statuses: &[Status]) -> Vec<bool> {
    let places: HashMap<&str, usize> = statuses
        .iter()
        .enumerate()
        .map(|(at, status)| (status.id.as_str(), at))
        .collect();
    let mut found: Vec<Option<bool>> = vec![None; statuses.len()];
    for start in 0..statuses.len() {
        let mut chain = Vec::new();
        let mut next = Some(start);
        let mut verdict = false;
        while let Some(at) = next {
            let (Some(status), Some(known)) = (statuses.get(at), found.get_mut(at)) else {
                break;
            };
            if let Some(known) = known {
                verdict = *known;
                break;
            }
            // Until it is known: a ring of answers, which only a forged archive has, ends here.
            *known = Some(false);
            chain.push(at);
            verdict = matches!(status.answers, Answers::Others(_));
            next = match &status.answers {
                Answers::Own(id) => places.get(id.as_str()).copied(),
                _ => None,
            };
        }
        for at in chain {
            if let Some(known) = found.get_mut(at) {
                *known = Some(verdict);
            }
        }
    }
    found.into_iter().map(|it| it == Some(true)).collect()
}
