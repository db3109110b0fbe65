//! `adapters.lock` is reviewed and merged by people: whatever stands in it, it is read or refused with its place, and
//! what was read is written so that it reads the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mirrorbox::config::lock::{Verdict, fuzzing};

fuzz_target!(|text: &str| {
    let entries = match fuzzing::entries(text) {
        Ok(entries) => entries,
        Err(error) => {
            assert!(error.to_string().starts_with(fuzzing::PATH), "{error}");
            return;
        }
    };
    let written = fuzzing::rewritten(text).expect("it was read");
    let again = fuzzing::entries(&written).unwrap_or_else(|error| panic!("{error}\n{written}"));
    assert_eq!(again, entries, "{written}");
    assert_eq!(fuzzing::rewritten(&written).ok().as_deref(), Some(&*written));
    for (name, entry) in &entries {
        // What was approved never waits for approval.
        assert_eq!(entry.verdict(Some(entry)), Verdict::Same, "{name}");
        assert_eq!(entry.verdict(again.get(name)), Verdict::Same, "{name}");
    }
});
