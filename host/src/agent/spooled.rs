use super::AgentError;
use crate::spool::StreamLook;
use crate::transcript::{Bag, lines_of, members, metadata};

/// The lines of a stream that are in the spool, to tell from them which lines of the agent's file are not; and the last
/// metadata entry, of which that file has none.
pub(crate) type Spooled = Bag;

/// Takes in what a dead process left; `None` where some of it was pruned, and cannot be told any more.
pub(super) fn spooled_of(stream: &StreamLook) -> Result<Option<Spooled>, AgentError> {
    let mut spooled = Spooled::default();
    let mut place = stream.start();
    if place.offset > 0 {
        return Ok(None);
    }
    while let Some(chunk) = stream.read(place)? {
        for line in lines_of(&chunk.payload) {
            // Such an entry is in no file: of these the last one counts.
            match metadata::is_metadata(line) {
                true => spooled.metadata = Some(line.to_owned()),
                false => spooled.add(line),
            }
        }
        place = chunk.next;
    }
    Ok(Some(spooled))
}

/// Whether the agent mirrors lines of this kind. What it notes about its requests stays in its own file.
pub(crate) fn is_mirrored(line: &[u8]) -> bool {
    const OWN: [&str; 2] = ["api-request", "resume-head-vouch"];
    let is_suspect = |own: &&str| memchr::memmem::find(line, own.as_bytes()).is_some();
    if !OWN.iter().any(is_suspect) {
        return true;
    }
    let Ok(text) = std::str::from_utf8(line) else {
        return true;
    };
    let mut is_own = false;
    let read = members::each_member(text, |name, value| {
        if name == "\"type\"" {
            is_own = members::string(value).is_some_and(|kind| OWN.iter().any(|own| kind.starts_with(own)));
        }
    });
    read.is_err() || !is_own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_agent_keeps_to_itself_is_told_by_its_type() {
        assert!(!is_mirrored(br#"{"a":1,"type":"api-request-blob"}"#));
        assert!(!is_mirrored(br#"{"type":"resume-head-vouch"}"#));
        assert!(is_mirrored(br#"{"type":"user","text":"api-request"}"#));
        assert!(is_mirrored(br#"{"type":"user"}"#));
    }
}
