//! A file that is found while another one is being compared.

use super::super::super::lane::Copied;
use super::*;
use crate::disk::simulated::Simulated;
use crate::key::SessionKey;
use crate::spool::{Doubtful, Spool};

fn find(spool: &Spool, key: &SessionKey, lines: &[&str]) {
    let found = Doubtful {
        lines: lines.len() as u64,
        taken: 0,
        goes_on: false,
    };
    spool.found_blocking(key, found).unwrap();
    spool.append_blocking(key, lines).unwrap();
}

#[test]
fn lines_of_a_file_that_is_found_meanwhile_are_not_taken_for_lines_of_the_one_before() {
    let spool = Spool::on(Arc::new(Simulated::new())).unwrap();
    let key = SessionKey::main("project", "session").unwrap();
    find(&spool, &key, &["{\"n\":1}"]);
    let stream = spool.stream(&key).unwrap();
    let mut copy = LocalCopy::new(Copied { stream, is_live: true }, None);
    let section = copy.section().unwrap();
    // The log holds nothing beside the first file, which was compared; the second one was not.
    copy.met = Some(LogCount::new(section, false));
    assert_eq!(copy.next_lacking().unwrap().unwrap().payload, &b"{\"n\":1}\n"[..]);
    find(&spool, &key, &["{\"n\":1}"]);
    assert!(copy.next_lacking().unwrap().is_none());
    assert_ne!(copy.section(), Some(section));
}

/// Who was to bring it may have died, or had another line in mind that says the same.
#[test]
fn a_line_that_was_left_to_another_copy_is_looked_at_again_until_it_is_there() {
    let spool = Spool::on(Arc::new(Simulated::new())).unwrap();
    let key = SessionKey::main("project", "session").unwrap();
    find(&spool, &key, &["{\"n\":1}", "{\"n\":2}", "{\"n\":3}"]);
    let stream = spool.stream(&key).unwrap();
    let mut copy = LocalCopy::new(Copied { stream, is_live: true }, None);
    let mut met = LogCount::new(copy.section().unwrap(), false);
    met.others.add(b"{\"n\":1}");
    met.others.add(b"{\"n\":2}");
    met.coming.add(b"{\"n\":2}");
    copy.met = Some(met);
    assert_eq!(copy.next_lacking().unwrap().unwrap().payload, &b"{\"n\":3}\n"[..]);
    // What the next process goes on from.
    assert_eq!((copy.next.line, copy.certain_place().line), (3, 2));
    copy.forget_met();
    let mut met = LogCount::new(copy.section().unwrap(), false);
    met.others.add(b"{\"n\":1}");
    met.set_off(&copy.stream, copy.next.line, 0).unwrap();
    copy.met = Some(met);
    let lacking = copy.next_lacking().unwrap().unwrap();
    assert_eq!(lacking.payload, &b"{\"n\":2}\n{\"n\":3}\n"[..]);
}
