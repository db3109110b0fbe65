//! Keys as digests: parts of a key may be longer than an index takes.

use mirrorbox_adapter::SessionKey;
use sha2::{Digest, Sha256};

/// SHA-256 over parts, each after its length, so that no two lists of parts give the same bytes.
fn digest(parts: &[&str]) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().to_vec()
}

/// Of a project.
pub(crate) fn project(project_key: &str) -> Vec<u8> {
    digest(&[project_key])
}

/// Of a session's main transcript.
pub(crate) fn main(project_key: &str, session_id: &str) -> Vec<u8> {
    digest(&[project_key, session_id])
}

/// Of any transcript.
pub(crate) fn stream(key: &SessionKey) -> Vec<u8> {
    match &key.subpath {
        None => main(&key.project_key, &key.session_id),
        Some(subpath) => digest(&[&key.project_key, &key.session_id, subpath]),
    }
}
