//! A key's parts are anybody's text: its file lies where it belongs and leads back to the key, and no two parts have
//! one name in a backend.

#![no_main]

use std::path::{Component, Path};

use libfuzzer_sys::fuzz_target;
use mirrorbox::agent_format::project_key;
use mirrorbox::key::SessionKey;
use mirrorbox_adapter::encoding;

fuzz_target!(|text: &str| {
    let mut parts = text.split('\0');
    let (project, session, subpath) = (parts.next(), parts.next(), parts.next());
    for part in [project, session, subpath].into_iter().flatten() {
        names_lead_back(part);
    }
    if let (Some(project), Some(session)) = (project, session)
        && let Ok(key) = SessionKey::main(project, session)
    {
        files_lead_back(&key);
        if let Some(Ok(key)) = subpath.map(|subpath| key.with_subpath(subpath)) {
            files_lead_back(&key);
        }
    }
    paths_lead_back(text);
    let folder = project_key(Path::new(text));
    assert!(
        folder.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
        "{folder}"
    );
});

fn files_lead_back(key: &SessionKey) {
    let Ok(file) = key.file() else { return };
    assert!(
        file.components().all(|part| matches!(part, Component::Normal(_))),
        "{file:?}"
    );
    let projects = Path::new("/projects");
    // Not every key has a file that the agent would have written; but no file is another key's.
    if let Ok(found) = SessionKey::from_path(&projects.join(&file), projects) {
        assert_eq!(found, *key, "{file:?}");
    }
}

fn paths_lead_back(text: &str) {
    let projects = Path::new("/projects");
    if let Ok(key) = SessionKey::from_path(&projects.join(text), projects)
        && let Ok(file) = key.file()
    {
        let again = SessionKey::from_path(&projects.join(file), projects).expect("it was a key's file");
        assert_eq!(again, key);
    }
}

fn names_lead_back(part: &str) {
    assert_eq!(encoding::decode(&encoding::encode(part)).as_deref(), Some(part));
    let name = encoding::encode_file_name(part);
    assert!(!name.contains(['/', '\\', '\0']) && !name.starts_with('.'), "{name}");
    match encoding::is_hashed(&name) {
        true => assert!(name.len() <= 255, "{name}"),
        false => assert_eq!(encoding::decode_file_name(&name).as_deref(), Some(part)),
    }
}
