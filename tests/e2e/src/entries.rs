use std::ops::Range;

/// The project that the appender's sessions are in.
pub const PROJECT: &str = "-srv-app";

/// What the appender appends: the same for every caller. Every fifth entry is the same in every run and session.
pub fn entry(run: &str, session: &str, index: u64) -> String {
    if index.is_multiple_of(5) {
        return r#"{"type":"mode","mode":"default"}"#.to_owned();
    }
    let text = "x".repeat((index * 7919 % 400) as usize);
    format!(r#"{{"type":"user","run":"{run}","session":"{session}","index":{index},"text":"{text}"}}"#)
}

/// The first entries of a session in a run, a line each.
pub fn lines(run: &str, session: &str, count: u64) -> String {
    (0..count).map(|index| entry(run, session, index) + "\n").collect()
}

/// Cuts entries into calls of one to six.
pub fn calls(first: u64, count: u64) -> impl Iterator<Item = Range<u64>> {
    let end = first + count;
    let mut next = first;
    std::iter::from_fn(move || {
        let call = next..end.min(next + 1 + next % 6);
        next = call.end;
        (!call.is_empty()).then_some(call)
    })
}
