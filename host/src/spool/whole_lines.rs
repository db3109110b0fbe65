//! How far the lines of a stream's file are whole.

use std::io::{self, BufReader};
use std::sync::Arc;

use super::error::Damage;
use super::place::Place;
use crate::disk::{BUFFER, DiskFile, Section};
use crate::transcript::{LineError, Lines, Next, check_entry};

/// How a file that begins at `start` and ends at the offset `size` is damaged; `None` if the place that is recorded as
/// synced is the end of a line in it.
pub(super) fn damage(file: &Arc<dyn DiskFile>, start: Place, recorded: Place, size: u64) -> io::Result<Option<Damage>> {
    if size >= recorded.offset && is_boundary(file, start, recorded)? {
        return Ok(None);
    }
    let found = lines_while(file, start, start, size.min(recorded.offset), |_| true)?;
    Ok(Some(Damage { recorded, found }))
}

/// Whether a line ends here.
fn is_boundary(file: &Arc<dyn DiskFile>, start: Place, place: Place) -> io::Result<bool> {
    let mut byte = *b"\n";
    if let Some(before) = (place.offset - start.offset).checked_sub(1) {
        byte = [0];
        file.read_at(&mut byte, before)?;
    }
    Ok(byte == *b"\n")
}

/// The end of the entries in a row from a place on.
pub(super) fn entries(file: &Arc<dyn DiskFile>, start: Place, from: Place, size: u64) -> io::Result<Place> {
    lines_while(file, start, from, size, |line| check_entry(line).is_ok())
}

/// The end of the good lines in a row from a place on, in a file that begins at `start` and ends at the offset `size`.
pub(super) fn lines_while(
    file: &Arc<dyn DiskFile>,
    start: Place,
    from: Place,
    size: u64,
    good: impl Fn(&[u8]) -> bool,
) -> io::Result<Place> {
    let section = Section::new(file.clone(), from.offset - start.offset, size - start.offset);
    let mut lines = Lines::new(BufReader::with_capacity(BUFFER, section));
    let mut line = Vec::new();
    let mut end = from;
    loop {
        line.clear();
        match lines.next_line(&mut line) {
            Ok(Next::Line) if good(line.strip_suffix(b"\n").unwrap_or(&line)) => {
                end = from.after(lines.line(), lines.offset())
            }
            Err(LineError::Io { source, .. }) => return Err(source),
            _ => return Ok(end),
        }
    }
}
