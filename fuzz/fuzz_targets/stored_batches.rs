//! A backend gives back what it likes: a reader lets through what was written, from its beginning and without a gap,
//! and says that it is whole only if it is.

#![no_main]

#[path = "stored_batches/damaged.rs"]
mod damaged;

use std::sync::Arc;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mirrorbox::key::SessionKey;
use mirrorbox::store::{Batch, BatchDraft, Chain, Kind, Origin, Reader};

use damaged::{Damage, Damaged};

#[derive(Arbitrary, Debug)]
struct Input {
    payloads: Vec<Vec<u8>>,
    page: u16,
    damage: Vec<Damage>,
}

fuzz_target!(|input: Input| {
    let key = SessionKey::main("project", "session").expect("a key");
    let written = written(&key, &input.payloads);
    let mut stored = written.clone();
    input.damage.iter().for_each(|damage| damage.to(&mut stored));
    let store = Damaged::new(stored, written.len() as u64);
    let mut reader = Reader::new(Arc::new(store), key).in_pages(input.page.into());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let mut read = Vec::new();
    let outcome = loop {
        match runtime.block_on(reader.next()) {
            Ok(Some(batch)) => read.push(batch),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    assert!(written.starts_with(&read), "{outcome:?}");
    if outcome.is_ok() {
        assert_eq!(read.len(), written.len());
    }
});

fn written(key: &SessionKey, payloads: &[Vec<u8>]) -> Vec<Batch> {
    let mut chain = Chain::start(key);
    let drafts = (1..).zip(payloads).map(|(line, payload)| BatchDraft {
        kind: Kind::Entries,
        origin: Origin {
            writer: "writer".into(),
            line,
        },
        payload: payload.clone().into(),
    });
    drafts.map(|draft| chain.next(draft)).collect()
}
