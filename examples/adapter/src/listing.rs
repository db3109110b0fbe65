//! What is stored: pages sorted by folder name; a token is the last name of the page before.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use mirrorbox_adapter::encoding::{decode_file_name, encode_file_name, is_hashed};
use mirrorbox_adapter::{Page, Result, Session, SessionKey};

use crate::files::{Files, failed, listed};
use crate::transcript::Transcript;

/// The projects that have sessions.
pub(crate) fn projects(files: &Files, token: Option<&str>, limit: u32) -> Result<Page<String>> {
    page(&files.root, token, limit, |project_key| {
        let any = sessions(files, &project_key, None, 1)?.items.pop();
        Ok(any.map(|_| project_key))
    })
}

/// The sessions of a project whose main transcript holds more than a tombstone.
pub(crate) fn sessions(files: &Files, project_key: &str, token: Option<&str>, limit: u32) -> Result<Page<Session>> {
    let folder = files.root.join(encode_file_name(project_key));
    page(&folder, token, limit, |session_id| {
        Transcript::new(files, &SessionKey::main(project_key, session_id)).session()
    })
}

/// The other transcripts of a session that hold more than a tombstone.
pub(crate) fn subpaths(files: &Files, main: &SessionKey, token: Option<&str>, limit: u32) -> Result<Page<String>> {
    let folder = Transcript::new(files, main).folder.join("subpaths");
    page(&folder, token, limit, |subpath| {
        let key = main.with_subpath(subpath);
        let transcript = Transcript::new(files, &key);
        let last = transcript.numbers()?.last().copied();
        let is_shown = last > Some(transcript.hidden_before()?);
        Ok(key.subpath.filter(|_| is_shown))
    })
}

/// One page of the parts of a key that a folder holds; `item` says what stands for a part, if anything does.
fn page<T>(
    folder: &Path,
    token: Option<&str>,
    limit: u32,
    mut item: impl FnMut(String) -> Result<Option<T>>,
) -> Result<Page<T>> {
    let mut page = Page::default();
    let mut last = None;
    let names = listed(folder)?.into_iter();
    for name in names.filter(|name| token.is_none_or(|token| name.as_str() > token)) {
        let Some(part) = part(folder, &name)? else { continue };
        let Some(item) = item(part)? else { continue };
        if page.items.len() == limit as usize {
            page.next = last;
            break;
        }
        page.items.push(item);
        last = Some(name);
    }
    Ok(page)
}

/// The part of a key that a folder stands for; none if it is not one of ours.
fn part(folder: &Path, name: &str) -> Result<Option<String>> {
    if !is_hashed(name) {
        return Ok(decode_file_name(name));
    }
    let path = folder.join(name).join(".key");
    match fs::read_to_string(&path) {
        Ok(part) => Ok(Some(part).filter(|part| encode_file_name(part) == name)),
        // A crash left the folder alone.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", &path, &error)),
    }
}
