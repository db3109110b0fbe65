//! What a component may do, and what the host survives.

use std::path::Path;
use std::sync::Arc;

use mirrorbox::adapter::{Adapter, AdapterError};
use mirrorbox::config::Manifest;
use mirrorbox::key::SessionKey;
use mirrorbox::store::{Chain, Reader, Store, StoreError};
use mirrorbox_e2e::{Installation, adapter, draft, fs_adapter, runtime, test_guest};

/// The adapter that fails on command.
async fn faulty(manifest: &str) -> Result<Adapter, AdapterError> {
    let manifest = Manifest::parse(Path::new("/adapters/faulty.toml"), manifest).unwrap();
    Adapter::load(&runtime(), "faulty", &test_guest("faulty"), &manifest).await
}

/// One instance, and so much time that only what never ends takes longer.
const ONE: &str = "instances = 1\nmemory = \"128MiB\"\ntimeout = \"60s\"\n";

/// One instance, for what never ends; still enough for the rest on a busy machine.
const ONE_IN_A_HURRY: &str = "instances = 1\nmemory = \"128MiB\"\ntimeout = \"2s\"\n";

/// What the faulty adapter answers where the session id says how to fail.
async fn fails(store: &Adapter, fault: &str) -> StoreError {
    let key = SessionKey::main("project", fault).unwrap();
    store.load(&key, 0, 1 << 20).await.unwrap_err()
}

/// How many calls the instance that answers has served: an old one counts on, a fresh one begins at 1.
async fn calls_of_this_instance(store: &Adapter) -> u64 {
    let key = SessionKey::main("project", "remember").unwrap();
    store.end(&key).await.unwrap().unwrap().number
}

#[tokio::test]
async fn what_goes_in_comes_out() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(fs_adapter(dir.path()).await.unwrap());
    let key = SessionKey::main("project", "session").unwrap();
    let mut chain = Chain::start(&key);
    for line in 1..=10 {
        let batch = chain.next(draft(line, format!("{{\"line\":{line}}}\n")));
        store.append(&key, &batch, None).await.unwrap();
    }
    assert_eq!(store.end(&key).await.unwrap(), chain.position());
    let mut reader = Reader::new(store, key);
    for line in 1..=10 {
        let batch = reader.next().await.unwrap().unwrap();
        assert_eq!(batch.payload, format!("{{\"line\":{line}}}\n"));
    }
    assert_eq!(reader.next().await.unwrap(), None);
}

#[tokio::test]
async fn a_hundred_megabyte_entry_goes_in_and_comes_out() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(fs_adapter(dir.path()).await.unwrap());
    let key = SessionKey::main("project", "session").unwrap();
    let mut payload = vec![b'x'; 100_000_000];
    *payload.last_mut().unwrap() = b'\n';
    let batch = Chain::start(&key).next(draft(1, payload));
    store.append(&key, &batch, None).await.unwrap();
    let read = Reader::new(store, key).next().await.unwrap().unwrap();
    assert!(read == batch);
}

#[tokio::test]
async fn without_a_grant_there_is_no_folder() {
    let error = fs_refuses("").await;
    let AdapterError::Open { source, .. } = &error else {
        panic!("{error}");
    };
    assert!(matches!(source, StoreError::Misconfigured(_)), "{error}");
    assert!(
        error.to_string().contains("dirs"),
        "it says what would allow it: {error}"
    );
}

#[tokio::test]
async fn nothing_beside_the_granted_folder_can_be_reached() {
    let store = faulty(ONE).await.unwrap();
    let tells = async |attempt| match fails(&store, attempt).await {
        StoreError::Other(told) => told,
        other => panic!("{attempt}: {other}"),
    };
    assert_eq!(tells("env").await, "arguments: []; variables: []");
    for attempt in ["files", "net"] {
        let told = tells(attempt).await;
        assert!(told.lines().count() >= 3, "{told}");
        assert!(told.lines().all(|line| line.contains(": refused")), "{told}");
    }
}

/// Why the fs adapter does not open under this manifest.
async fn fs_refuses(manifest: &str) -> AdapterError {
    let manifest = Manifest::parse(Path::new("/adapters/fs.toml"), manifest).unwrap();
    Adapter::load(&runtime(), "fs", &adapter("fs"), &manifest)
        .await
        .unwrap_err()
}

#[tokio::test]
async fn a_read_only_grant_is_read_only() {
    let dir = tempfile::tempdir().unwrap();
    let grant = format!("{{ host = {:?}, guest = \"/data\", mode = \"ro\" }}", dir.path());
    let error = fs_refuses(&format!("[grants]\ndirs = [{grant}]")).await;
    assert!(matches!(error, AdapterError::Open { .. }), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn an_unknown_setting_is_named_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let grant = format!("{{ host = {:?}, guest = \"/data\" }}", dir.path());
    let settings = "[config]\nroot = \"/data\"\nrooot = \"/data\"";
    let error = fs_refuses(&format!("{settings}\n[grants]\ndirs = [{grant}]"))
        .await
        .to_string();
    assert!(error.starts_with("/adapters/fs.toml, line 3: "), "{error}");
    assert!(error.contains("`rooot`"), "{error}");
}

#[tokio::test]
async fn each_error_of_the_contract_arrives_as_itself() {
    let store = faulty(ONE).await.unwrap();
    for (fault, can_retry) in [
        ("unavailable", true),
        ("throttled", true),
        ("denied", false),
        ("conflict", false),
        ("rejected", false),
        ("corrupt", false),
        ("other", true),
    ] {
        let error = fails(&store, fault).await;
        assert_eq!(error.can_retry(), can_retry, "{fault}: {error}");
        let expected = match fault {
            "unavailable" => matches!(error, StoreError::Unavailable(_)),
            "throttled" => matches!(error, StoreError::Throttled(_)),
            "denied" => matches!(error, StoreError::Denied(_)),
            "conflict" => matches!(error, StoreError::Conflict),
            "rejected" => matches!(error, StoreError::Rejected(_)),
            "corrupt" => matches!(error, StoreError::Corrupt { .. }),
            _ => matches!(error, StoreError::Other(_)),
        };
        assert!(expected, "{fault}: {error}");
    }
    assert!(
        calls_of_this_instance(&store).await > 1,
        "an error of the contract costs no instance"
    );
}

#[tokio::test]
async fn a_broken_guest_costs_one_instance_and_nothing_else() {
    let store = faulty(ONE).await.unwrap();
    for fault in ["trap", "bomb", "stack", "handles", "random", "exit"] {
        let error = fails(&store, fault).await;
        assert!(matches!(error, StoreError::Trapped(_)), "{fault}: {error}");
        assert!(error.can_retry(), "{fault}: {error}");
        if fault == "bomb" {
            assert!(
                error.to_string().contains("more memory than its manifest allows"),
                "{error}"
            );
        }
        assert_eq!(
            calls_of_this_instance(&store).await,
            1,
            "{fault}: the instance was used again"
        );
    }
}

#[tokio::test]
async fn a_guest_that_never_ends_is_stopped() {
    let store = faulty(ONE_IN_A_HURRY).await.unwrap();
    for fault in ["spin", "sleep", "memory-fill", "flood", "log-flood"] {
        let error = fails(&store, fault).await;
        assert!(matches!(error, StoreError::Timeout(_)), "{fault}: {error}");
        assert!(error.can_retry(), "{fault}: {error}");
        assert_eq!(
            calls_of_this_instance(&store).await,
            1,
            "{fault}: the instance was used again"
        );
    }
}

#[tokio::test]
async fn what_a_call_returns_is_bounded() {
    let store = faulty("instances = 1\nmemory = \"1GiB\"\ntimeout = \"60s\"")
        .await
        .unwrap();
    let error = fails(&store, "many").await;
    assert!(matches!(error, StoreError::Trapped(_)), "{error}");
    println!("{error}");
    let key = SessionKey::main("project", "hundred-megabytes").unwrap();
    assert_eq!(store.load(&key, 0, 1).await.unwrap()[0].payload.len(), 100_000_000);
}

#[tokio::test]
async fn a_spinning_guest_does_not_keep_another_adapter_waiting() {
    let spinning = Arc::new(faulty("instances = 4\ntimeout = \"1h\"").await.unwrap());
    let key = SessionKey::main("project", "spin").unwrap();
    let calls: Vec<_> = (0..4)
        .map(|_| {
            let (spinning, key) = (spinning.clone(), key.clone());
            tokio::spawn(async move { spinning.end(&key).await })
        })
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let other = fs_adapter(dir.path()).await.unwrap();
    let key = SessionKey::main("project", "session").unwrap();
    let batch = Chain::start(&key).next(draft(1, "{}\n"));
    other.append(&key, &batch, None).await.unwrap();
    assert!(calls.iter().all(|call| !call.is_finished()));
    calls.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn an_adapter_that_cannot_open_says_why() {
    let why = async |fault, limits| match faulty(&format!("{limits}[config]\nopen = \"{fault}\"")).await {
        Err(AdapterError::Open { source, .. }) => source,
        other => panic!("{fault}: {other:?}"),
    };
    assert!(matches!(why("denied", ONE).await, StoreError::Denied(_)));
    assert!(matches!(why("trap", ONE).await, StoreError::Trapped(_)));
    assert!(matches!(why("spin", ONE_IN_A_HURRY).await, StoreError::Timeout(_)));
}

#[tokio::test]
async fn closing_ends_every_instance() {
    let store = faulty("instances = 3").await.unwrap();
    let key = SessionKey::main("project", "remember").unwrap();
    futures_util::future::join_all((0..10).map(|_| store.end(&key))).await;
    store.close().await;
    let error = store.end(&key).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
}

/// Through the command, whose log is its standard error.
#[test]
fn what_a_component_says_is_in_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let adapters = installed.config.join("adapters");
    std::fs::copy(test_guest("faulty"), adapters.join("talker.wasm")).unwrap();
    for (fault, expected) in [
        ("log", &["a warning", "an error"][..]),
        ("stdout", &["to stdout, on command", "to stderr, on command"]),
        (
            "net",
            &[
                "refused: a TCP connection to 127.0.0.1:9; ",
                "the manifest would allow it with network = [\"tcp://127.0.0.1:9\"]",
            ],
        ),
    ] {
        std::fs::write(adapters.join("talker.toml"), format!("[config]\nfault = \"{fault}\"\n")).unwrap();
        let ran = installed.run(["sessions", "--from", "talker", "-v"]);
        for text in expected {
            assert!(ran.stderr.contains(text), "{fault}: {ran:?}");
        }
        assert!(ran.stderr.contains("talker"), "it says who speaks: {ran:?}");
    }
}
