//! Answers that no compiler makes: lengths, strings, flags and cases that are none, and memory of others.

use mirrorbox::adapter::AdapterError;
use mirrorbox::key::SessionKey;
use mirrorbox::store::{Capabilities, Store, StoreError};
use wit_component::StringEncoding;

use crate::fixture::{ONE, ONE_IN_A_HURRY};
use crate::raw::Raw;
use crate::witness::beside_another;

fn key() -> SessionKey {
    SessionKey::main("project", "sitzung-日本-🦀").unwrap()
}

/// Numbers as the text format has them: four bytes each, the lowest first.
fn words(numbers: &[u32]) -> String {
    let bytes = numbers.iter().flat_map(|number| number.to_le_bytes());
    bytes.map(|byte| format!("\\{byte:02x}")).collect()
}

/// What `load` and `list_subkeys` say of an adapter, which traps.
async fn trap(adapter: &dyn Store, function: &str) -> String {
    let error = match function {
        "load" => adapter.load(&key(), 0, 1 << 20).await.map(drop),
        _ => adapter.list_subkeys("project", "session", None, 1).await.map(drop),
    };
    match error.unwrap_err() {
        StoreError::Trapped(cause) => cause,
        other => panic!("{other}"),
    }
}

/// Forty batches whose payload is one and the same 100 MiB: the guest needs no more, the host would need 4 GB.
#[tokio::test]
async fn four_gigabytes_out_of_a_hundred_megabytes_are_refused() {
    // The number, the kind, no writer, the line, no digest, and the payload.
    let batch = [1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 65536, 100 << 20];
    let answer = [vec![0, 0, 2064, 40], batch.repeat(40)].concat();
    let answer = words(&answer);
    let raw = Raw::new().pages(1_700).answer("load", &answer);
    let adapter = raw.open(ONE).await.unwrap();
    let cause = beside_another(trap(&adapter, "load")).await;
    assert!(
        cause.contains("more in one call than its manifest allows (returns = 152043520 bytes)"),
        "{cause}"
    );
}

/// Ten million strings without a byte take the guest 80 MB and the host 240.
#[tokio::test]
async fn ten_million_items_are_refused() {
    let answer = words(&[0, 0, 1 << 20, 10_000_000, 0]);
    let raw = Raw::new().pages(1_400).answer("list-subkeys", &answer);
    let adapter = raw.open(ONE).await.unwrap();
    let cause = beside_another(trap(&adapter, "list-subkeys")).await;
    assert!(cause.contains("than its manifest allows"), "{cause}");
    let page = raw.open(&format!("{ONE}returns = \"1GiB\"")).await.unwrap();
    let page = page.list_subkeys("project", "session", None, 1).await.unwrap();
    assert_eq!(page.items.len(), 10_000_000, "the limit is the manifest's");
}

#[tokio::test]
async fn what_does_not_lie_in_memory_is_no_answer() {
    for (what, first, second) in [
        ("four gigabytes", 65536, u32::MAX),
        ("beyond the end", u32::MAX - 7, 1),
        ("askew", 65537, 1),
    ] {
        let answer = words(&[0, 0, first, second, 0]);
        for function in ["load", "list-subkeys"] {
            let adapter = Raw::new().answer(function, &answer).open(ONE).await.unwrap();
            let cause = beside_another(trap(&adapter, function)).await;
            println!("{what}: {cause}");
        }
    }
    for address in ["i32.const -8", "i32.const 2049", "i32.const 1048568"] {
        let adapter = Raw::new().function("load", address).open(ONE).await.unwrap();
        println!("{address}: {}", trap(&adapter, "load").await);
    }
}

/// A case that the contract does not have: of `result`, of `error`, of `kind`, of `option`.
#[tokio::test]
async fn a_case_that_is_none_is_no_answer() {
    for (what, answer) in [
        ("result", words(&[2])),
        ("error", words(&[1, 0, 77])),
        ("kind", words(&[0, 0, 2064, 1, 1, 0, 9])),
    ] {
        let adapter = Raw::new().answer("load", &answer).open(ONE).await.unwrap();
        println!("{what}: {}", beside_another(trap(&adapter, "load")).await);
    }
    let option = words(&[0, 0, 0, 0, 5]);
    let adapter = Raw::new().answer("list-subkeys", &option).open(ONE).await.unwrap();
    println!("option: {}", trap(&adapter, "list-subkeys").await);
}

/// CVE-2026-34943: flags that the contract does not have.
#[tokio::test]
async fn flags_that_are_none_mean_nothing() {
    let answer = words(&[0, 0, 1120, 3, 1120, 3, 0xff]);
    let adapter = beside_another(Raw::new().answer("open", &answer).open(ONE))
        .await
        .unwrap();
    let all = Capabilities {
        listing: true,
        deletion: true,
        compaction: true,
    };
    assert_eq!(adapter.info().capabilities, all);
}

/// CVE-2026-35195 and its like: strings of each encoding, there and back; what is no string is no answer.
#[tokio::test]
async fn strings_are_read_in_every_encoding_and_refused_in_none() {
    // The session id comes back as the only subpath: pointer and length are the third and the fourth parameter.
    let echo = "(i32.store (i32.const 2056) (i32.const 2080)) (i32.store (i32.const 2060) (i32.const 1)) \
        (i32.store (i32.const 2080) (local.get 2)) (i32.store (i32.const 2084) (local.get 3)) (i32.const 2048)";
    for (strings, bad) in [
        (StringEncoding::UTF8, "\\ff\\fe\\00\\00"),
        (StringEncoding::UTF16, "\\00\\d8\\00\\d8"),
        (StringEncoding::CompactUTF16, ""),
    ] {
        let raw = Raw::new().strings(strings).function("list-subkeys", echo);
        let adapter = raw.open(ONE).await.unwrap();
        for text in [
            "plain",
            "Zürich é",
            "日本 🦀",
            &"long é ".repeat(500),
            &"long 日 ".repeat(500),
        ] {
            let page = adapter.list_subkeys("project", text, None, 1).await.unwrap();
            assert_eq!(page.items, [text], "{strings:?}");
        }
        if !bad.is_empty() {
            let name = words(&[0, 0, 2080, 1, 0, 0, 0, 0]);
            let answer = format!("{name}{}{bad}", words(&[2088, 2]));
            let adapter = Raw::new()
                .strings(strings)
                .answer("list-subkeys", &answer)
                .open(ONE)
                .await
                .unwrap();
            println!("{strings:?}: {}", beside_another(trap(&adapter, "list-subkeys")).await);
        }
    }
}

/// CVE-2026-34988: memory of an instance that is gone is no memory of the next one's, of this adapter or of another.
#[tokio::test]
async fn what_an_instance_leaves_behind_nobody_finds() {
    const GROW: &str = "(drop (memory.grow (i32.const 256)))";
    let mark = format!("{GROW} (memory.fill (i32.const 1048576) (i32.const 0x5a) (i32.const 16777216)) unreachable");
    let marking = Raw::new().function("load", mark).open(ONE).await.unwrap();
    // Traps if it finds a byte that is not zero.
    let search = format!(
        "(local $at i32) {GROW} (local.set $at (i32.const 1048576)) \
         (loop $on \
            (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then unreachable)) \
            (local.set $at (i32.add (local.get $at) (i32.const 8))) \
            (br_if $on (i32.lt_u (local.get $at) (i32.const 17825792)))) \
         i32.const 1280"
    );
    let searching = Raw::new().function("compact", search).function("load", "unreachable");
    let searching = searching.open(ONE).await.unwrap();
    for _ in 0..8 {
        let marked = marking.load(&key(), 0, 1).await.unwrap_err();
        assert!(matches!(marked, StoreError::Trapped(_)), "{marked}");
        assert_eq!(marking.compact(&key(), 1).await, Err(StoreError::Unsupported));
        assert_eq!(searching.compact(&key(), 1).await, Err(StoreError::Unsupported));
        let gone = searching.load(&key(), 0, 1).await.unwrap_err();
        assert!(
            matches!(gone, StoreError::Trapped(_)),
            "its place is free for the next: {gone}"
        );
    }
}

/// GHSA-2hw9-mc66-jc2q: an epoch passes, and a trap comes, in the middle of one instruction.
#[tokio::test]
async fn instructions_on_much_memory_are_stopped_and_trap() {
    let fill = "(loop $on (memory.fill (i32.const 65536) (i32.const 1) (i32.const 67108864)) (br $on)) unreachable";
    let copy =
        "(loop $on (memory.copy (i32.const 65536) (i32.const 131072) (i32.const 67108864)) (br $on)) unreachable";
    let table = "(loop $on (table.fill (i32.const 0) (ref.null func) (i32.const 90000)) (br $on)) unreachable";
    for body in [fill, copy, table] {
        let raw = Raw::new()
            .pages(1_100)
            .with("(table 90000 funcref)")
            .function("load", body);
        let adapter = raw.open(ONE_IN_A_HURRY).await.unwrap();
        let error = beside_another(adapter.load(&key(), 0, 1)).await.unwrap_err();
        assert!(matches!(error, StoreError::Timeout(_)), "{body}: {error}");
        assert_eq!(adapter.compact(&key(), 1).await, Err(StoreError::Unsupported));
    }
    for body in [
        "(memory.fill (i32.const 65536) (i32.const 1) (i32.const -1)) unreachable",
        "(memory.copy (i32.const 0) (i32.const 65536) (i32.const -65536)) unreachable",
        "(table.fill (i32.const 1) (ref.null func) (i32.const 90000)) unreachable",
    ] {
        let raw = Raw::new().with("(table 90000 funcref)").function("load", body);
        let adapter = raw.open(ONE).await.unwrap();
        let cause = trap(&adapter, "load").await;
        assert!(cause.contains("out of bounds"), "{cause}");
    }
}

/// Modules that take everything before anybody calls them. CVE-2026-44216 is the table.
#[tokio::test]
async fn what_is_too_large_does_not_start() {
    let start = |raw: Raw, limits: &'static str| async move {
        match beside_another(raw.open(limits)).await.unwrap_err() {
            AdapterError::Start(cause) | AdapterError::NotAComponent { reason: cause, .. } => cause,
            other => panic!("{other}"),
        }
    };
    println!("memory: {}", start(Raw::new().pages(65536), ONE).await);
    println!(
        "table: {}",
        start(Raw::new().with("(table 4294967295 funcref)"), ONE).await
    );
    let endless = Raw::new().with("(func $endless (loop $on (br $on))) (start $endless)");
    println!("start: {}", start(endless, ONE_IN_A_HURRY).await);
    let trapping = Raw::new().with("(func $trap unreachable) (start $trap)");
    println!("trap: {}", start(trapping, ONE).await);
}
