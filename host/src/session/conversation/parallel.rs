//! Puts back what the way along the parents passes by.
//!
//! A response with several tool calls is one row a call, each the parent of the next, and the answers hang on the rows
//! that made the calls. The conversation goes on from one of them: the way back from there meets one answer, and misses
//! the others and the calls that were written behind it.

use std::collections::{HashMap, HashSet};

use super::index::{Link, Name, RowIndex};

/// The chain with each response in one piece, and every answer behind its call.
pub(super) fn with_parallel_calls<'a>(index: &'a RowIndex, chain: Vec<&'a Link>) -> Vec<&'a Link> {
    let anchors = anchors(&chain);
    if anchors.is_empty() {
        return chain;
    }
    let responses = Responses::of(index);
    let mut missed = Missed {
        responses: &responses,
        on_chain: chain.iter().map(|link| link.uuid).collect(),
        answered: chain.iter().flat_map(|link| &link.answers).copied().collect(),
        index,
    };
    let mut behind: HashMap<Name, Vec<&Link>> = HashMap::new();
    let mut done = HashSet::new();
    for link in &chain {
        let Some(response) = link.response.filter(|response| done.insert(*response)) else {
            continue;
        };
        if let Some(anchor) = anchors.get(&response) {
            behind.insert(*anchor, missed.of(response, link));
        }
    }
    let with_missed = |link: &'a Link| std::iter::once(link).chain(behind.remove(&link.uuid).unwrap_or_default());
    chain.into_iter().flat_map(with_missed).collect()
}

/// The last row of each response on the chain.
fn anchors(chain: &[&Link]) -> HashMap<Name, Name> {
    let anchors = chain.iter().filter_map(|link| Some((link.response?, link.uuid)));
    anchors.collect()
}

/// Who belongs to whom, all over the transcript.
#[derive(Debug, Default)]
struct Responses<'a> {
    /// The rows of each response.
    rows: HashMap<Name, Vec<&'a Link>>,
    /// The row that made a call; none where two responses claim it.
    callers: HashMap<Name, Option<&'a Link>>,
    /// The answers that may belong to a row, by its uuid.
    answers: HashMap<Name, Vec<&'a Link>>,
}

impl<'a> Responses<'a> {
    fn of(index: &'a RowIndex) -> Self {
        let mut responses = Self::default();
        for link in index.newest() {
            if let Some(response) = link.response {
                responses.add_row(response, link);
            }
        }
        for link in index.newest().filter(|link| link.is_answer) {
            responses.add_answer(index, link);
        }
        responses
    }

    fn add_row(&mut self, response: Name, link: &'a Link) {
        self.rows.entry(response).or_default().push(link);
        for call in &link.calls {
            let caller = self.callers.entry(*call).or_insert(Some(link));
            *caller = caller.filter(|caller| caller.response == Some(response)).map(|_| link);
        }
    }

    /// An answer belongs to its parent, to the row that it names, and to those whose calls it answers.
    fn add_answer(&mut self, index: &'a RowIndex, answer: &'a Link) {
        let Some(parent) = answer.parent else { return };
        let named = answer.source.and_then(|source| index.by_uuid(source));
        let callers = answer.answers.iter().filter_map(|call| *self.callers.get(call)?);
        let of_same_writer = named.into_iter().chain(callers);
        let owners: Vec<_> = std::iter::once(parent)
            .chain(
                of_same_writer
                    .filter(|owner| answer.is_by_writer_of(owner))
                    .map(|owner| owner.uuid),
            )
            .collect();
        for owner in owners {
            self.answers.entry(owner).or_default().push(answer);
        }
    }
}

/// What the chain has missed so far.
struct Missed<'a, 'r> {
    index: &'a RowIndex,
    responses: &'r Responses<'a>,
    /// Every uuid that has its place.
    on_chain: HashSet<Name>,
    /// The calls that the chain itself answers.
    answered: HashSet<Name>,
}

impl<'a> Missed<'a, '_> {
    /// The rows of a response that are not on the chain, then their answers, each by time. They have their place then.
    fn of(&mut self, response: Name, on_chain: &'a Link) -> Vec<&'a Link> {
        let alone = [on_chain];
        let rows = self.responses.rows.get(&response).map_or(&alone[..], Vec::as_slice);
        let mut missed: Vec<_> = rows.iter().copied().filter(|row| !self.has(row)).collect();
        let mut answers = self.answers(rows);
        // Stable: where times are alike, the stored order stays.
        missed.sort_by(|one, other| one.timestamp.cmp(&other.timestamp));
        answers.sort_by(|one, other| one.timestamp.cmp(&other.timestamp));
        missed.append(&mut answers);
        self.on_chain.extend(missed.iter().map(|link| link.uuid));
        missed
    }

    fn answers(&self, rows: &[&'a Link]) -> Vec<&'a Link> {
        let members: HashSet<_> = rows.iter().map(|row| row.uuid).collect();
        let mut met = HashSet::new();
        let found = rows.iter().filter_map(|row| self.responses.answers.get(&row.uuid));
        let found = found
            .flatten()
            .copied()
            .filter(|answer| !self.has(answer) && met.insert(answer.uuid));
        let is_child = |answer: &&Link| answer.parent.is_some_and(|parent| members.contains(&parent));
        let (mut answers, strays): (Vec<_>, Vec<_>) = found.partition(is_child);
        if !strays.is_empty() {
            self.add_strays(&mut answers, strays, &members);
        }
        answers
    }

    /// An answer that hangs elsewhere is only wanted for a call that nobody has answered.
    fn add_strays(&self, answers: &mut Vec<&'a Link>, mut strays: Vec<&'a Link>, members: &HashSet<Name>) {
        let mut answered = self.answered.clone();
        answered.extend(answers.iter().flat_map(|answer| &answer.answers));
        strays.sort_by_key(|stray| self.index.first_met(stray.uuid));
        for stray in strays {
            let is_open = |call: &Name| {
                let caller = self.responses.callers.get(call).copied().flatten();
                !answered.contains(call) && caller.is_some_and(|caller| members.contains(&caller.uuid))
            };
            if stray.answers.iter().any(is_open) {
                answered.extend(&stray.answers);
                answers.push(stray);
            }
        }
    }

    fn has(&self, link: &Link) -> bool {
        self.on_chain.contains(&link.uuid)
    }
}
