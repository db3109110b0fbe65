//! Which rows make up the conversation: from its newest end back along the parents.

use std::collections::HashSet;

use super::index::{Link, RowIndex};

/// The conversation of a main transcript, oldest first. A session that was rewound or branched has several ends: the
/// one that was written last counts, of the main agent where it has one. What compaction put aside is behind a row
/// without a parent, and so not part of it.
pub(super) fn of_session(index: &RowIndex) -> Vec<&Link> {
    let ends = ends(index);
    let is_main = |link: &&Link| !link.is_sidechain && !link.is_of_team && !link.is_meta;
    let newest = latest(index, ends.iter().copied().filter(is_main));
    match newest.or_else(|| latest(index, ends.iter().copied())) {
        Some(end) => back_from(index, end),
        None => Vec::new(),
    }
}

/// The conversation of a subagent: a line without branches, from its last message back.
pub(super) fn of_agent(index: &RowIndex) -> Vec<&Link> {
    match index.links().iter().rfind(|link| link.is_said()) {
        Some(end) => back_from(index, end),
        None => Vec::new(),
    }
}

/// The last message on each branch: that which is nearest to a row that nothing follows.
fn ends(index: &RowIndex) -> Vec<&Link> {
    let followed: HashSet<_> = index.links().iter().filter_map(|link| link.parent).collect();
    let tips = index.links().iter().filter(|link| !followed.contains(&link.uuid));
    tips.filter_map(|tip| index.back_from(tip).find(|link| link.is_said()))
        .collect()
}

/// The link that was written last; of several under one uuid, the first.
fn latest<'a>(index: &RowIndex, links: impl Iterator<Item = &'a Link>) -> Option<&'a Link> {
    links.reduce(
        |best, link| match index.lateness(link.uuid) > index.lateness(best.uuid) {
            true => link,
            false => best,
        },
    )
}

fn back_from<'a>(index: &'a RowIndex, end: &'a Link) -> Vec<&'a Link> {
    let mut chain: Vec<_> = index.back_from(end).collect();
    chain.reverse();
    chain
}
