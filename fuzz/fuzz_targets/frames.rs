//! What an agent prints: frames are taken out and everything else passes, wherever the pieces are cut; a frame that can
//! be read says what any reader of JSON finds in it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mirrorbox::agent_format::printed::fuzzing::{self, Taken};
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let Some((&stride, printed)) = bytes.split_first() else {
        return;
    };
    let whole = fuzzing::take_apart([printed]);
    assert_eq!(whole, fuzzing::take_apart(printed.chunks(usize::from(stride).max(1))));
    nothing_is_lost(printed, &whole);
    for frame in &whole.frames {
        // Whatever a torn frame names is text.
        let _ = fuzzing::file_of_torn(frame);
        if let Some((file, entries)) = fuzzing::frame(frame) {
            agrees(frame, &file, &entries);
        }
    }
});

/// Frames lose their line feeds, and nothing else.
fn nothing_is_lost(printed: &[u8], taken: &Taken) {
    let frames: usize = taken.frames.iter().map(Vec::len).sum();
    let kept = taken.passed.len() + frames;
    assert!(kept <= printed.len() && kept + taken.frames.len() >= printed.len());
}

fn agrees(frame: &[u8], file: &str, entries: &[String]) {
    // Numbers beyond every float are JSON to us and not to this reader.
    let Ok(Value::Object(read)) = serde_json::from_slice(frame) else {
        return;
    };
    assert_eq!(read.get("filePath").and_then(Value::as_str), Some(file));
    let listed = read.get("entries").and_then(Value::as_array).expect("a list");
    assert_eq!(listed.len(), entries.len());
    for (listed, entry) in listed.iter().zip(entries) {
        assert_eq!(*listed, serde_json::from_str::<Value>(entry).expect("an entry"));
    }
}
