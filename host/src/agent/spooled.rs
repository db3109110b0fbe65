use super::AgentError;
use crate::agent_format::{Bag, lines_of, metadata};
use crate::spool::StreamLook;

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
