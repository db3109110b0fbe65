//! The agent's account and settings, as far as a second configuration directory may have them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use super::AgentHome;
use crate::agent_format::environment::CONFIG_DIR;

/// Larger than any such file; keeps a device that never ends from filling memory.
const MAX_FILE: u64 = 64 << 20;

const CREDENTIALS: &str = ".credentials.json";
const SETTINGS: [&str; 2] = ["settings.json", "cowork_settings.json"];

/// Plugins lie in the other directory, and would be looked for in this one.
const PLUGIN_KEYS: [&str; 3] = ["enabledPlugins", "extraKnownMarketplaces", "additionalMarketplaces"];

/// Takes over what is there; what could not be, and why.
pub(super) fn take_over(home: &AgentHome, into: &Path) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut take = |from: &Path, name: &str, change: fn(&mut Map<String, Value>)| {
        match read(from) {
            Ok(None) => return,
            Ok(Some(bytes)) => write(&into.join(name), &changed(bytes, change)),
            Err(error) => Err(error),
        }
        .unwrap_or_else(|error| warnings.push(format!("{} is not taken over: {error}", from.display())));
    };
    let config = home.config();
    take(&home.main_file(), ".claude.json", |_| ());
    for name in SETTINGS {
        take(&config.join(name), name, without_plugins);
    }
    let account = match home.keychain() {
        None => {
            take(&config.join(CREDENTIALS), CREDENTIALS, without_renewal);
            // What cannot be read was told just now.
            read(&config.join(CREDENTIALS)).ok().flatten()
        }
        Some(account) => {
            if let Err(error) = write(&into.join(CREDENTIALS), &changed(account.clone(), without_renewal)) {
                warnings.push(format!("the account from the keychain is not taken over: {error}"));
            }
            Some(account)
        }
    };
    let expired = account.and_then(|account| expired(home, &account, SystemTime::now()));
    warnings.extend(expired);
    warnings.extend(plugins(&config));
    warnings
}

/// A file's bytes; none where there is no regular file.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// The file with a change made; as it is where it is no JSON object, or the change does nothing.
fn changed(bytes: Vec<u8>, change: fn(&mut Map<String, Value>)) -> Vec<u8> {
    let Ok(before) = serde_json::from_slice::<Map<String, Value>>(without_bom(&bytes)) else {
        return bytes;
    };
    let mut after = before.clone();
    change(&mut after);
    if after == before {
        return bytes;
    }
    serde_json::to_vec(&after).unwrap_or(bytes)
}

/// Editors on Windows put one before a text.
fn without_bom(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// Renewing an account issues a new token and voids the old one, so only one process may renew.
fn without_renewal(credentials: &mut Map<String, Value>) {
    for account in ["claudeAiOauth", "hybridOauth"] {
        if let Some(Value::Object(account)) = credentials.get_mut(account) {
            account.remove("refreshToken");
        }
    }
    // Another account's, of which the agent has no need.
    credentials.remove("chatHistoryOauth");
}

/// Says that the agent's token has expired, which it cannot renew there.
fn expired(home: &AgentHome, credentials: &[u8], now: SystemTime) -> Option<String> {
    // What is no such file is passed on as it is, and says nothing of when it expires.
    let credentials: Value = serde_json::from_slice(credentials).ok()?;
    let expires = credentials.get("claudeAiOauth")?.get("expiresAt")?.as_u64()?;
    let expires = UNIX_EPOCH.checked_add(Duration::from_millis(expires))?;
    (expires <= now && !home.has_key).then(|| {
        format!(
            "the account's token expired at {}, and the resumed agent cannot renew it: start the agent once without \
             Mirrorbox, which renews it, or set CLAUDE_CODE_OAUTH_TOKEN",
            humantime::format_rfc3339_seconds(expires)
        )
    })
}

/// Says that plugins are not there.
fn plugins(config: &Path) -> Option<String> {
    let is_named = |name: &str| {
        // What cannot be read was told just now, and what is no JSON enables nothing.
        let settings = read(&config.join(name)).ok().flatten()?;
        let settings: Map<String, Value> = serde_json::from_slice(without_bom(&settings)).ok()?;
        let plugins = settings.get("enabledPlugins")?.as_object()?;
        let enabled = plugins
            .iter()
            .filter(|(_, is_enabled)| **is_enabled != Value::Bool(false));
        Some(enabled.map(|(name, _)| name.clone()).collect::<Vec<_>>())
    };
    let mut names: Vec<_> = SETTINGS.iter().filter_map(|name| is_named(name)).flatten().collect();
    names.sort();
    names.dedup();
    (!names.is_empty()).then(|| format!("the resumed agent does not have the plugins {}", names.join(", ")))
}

fn without_plugins(settings: &mut Map<String, Value>) {
    for key in PLUGIN_KEYS {
        settings.remove(key);
    }
    // It would lead the agent back to the other directory.
    if let Some(Value::Object(env)) = settings.get_mut("env") {
        env.remove(CONFIG_DIR);
    }
}

/// For the owner's eyes only.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(files: &[(&str, &str)]) -> (tempfile::TempDir, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = dir.path().join("home").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        fs::create_dir(dir.path().join("into")).unwrap();
        let home = AgentHome {
            config_dir: None,
            home: dir.path().join("home"),
            has_key: true,
        };
        let warnings = take_over(&home, &dir.path().join("into"));
        (dir, warnings)
    }

    fn text(dir: &tempfile::TempDir, name: &str) -> String {
        fs::read_to_string(dir.path().join("into").join(name)).unwrap()
    }

    #[test]
    fn the_account_comes_without_what_would_renew_it() {
        let credentials = r#"{"chatHistoryOauth":{"a":1},"claudeAiOauth":{"accessToken":"a","refreshToken":"r"},"hybridOauth":{"refreshToken":"r"}}"#;
        let (dir, warnings) = taken(&[(".claude/.credentials.json", credentials), (".claude.json", "{ }")]);
        assert_eq!(warnings, [] as [String; 0]);
        let expected = r#"{"claudeAiOauth":{"accessToken":"a"},"hybridOauth":{}}"#;
        assert_eq!(text(&dir, ".credentials.json"), expected);
        assert_eq!(text(&dir, ".claude.json"), "{ }");
    }

    #[test]
    fn a_token_that_has_expired_is_said() {
        let mut home = AgentHome {
            config_dir: None,
            home: "/home".into(),
            has_key: false,
        };
        let credentials = br#"{"claudeAiOauth":{"accessToken":"secret","expiresAt":1700000000000}}"#;
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let said = expired(&home, credentials, at(1_700_000_000)).unwrap();
        assert!(
            said.contains("2023-11-14T22:13:20Z") && !said.contains("secret"),
            "{said}"
        );
        assert_eq!(expired(&home, credentials, at(1_699_999_999)), None);
        assert_eq!(expired(&home, b"{}", at(1_700_000_000)), None);
        home.has_key = true;
        assert_eq!(expired(&home, credentials, at(1_700_000_000)), None);
    }

    #[cfg(unix)]
    #[test]
    fn files_are_for_their_owner() {
        use std::os::unix::fs::PermissionsExt;
        let (dir, _) = taken(&[(".claude/.credentials.json", "{}")]);
        let metadata = fs::metadata(dir.path().join("into/.credentials.json")).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn settings_come_without_plugins_and_the_way_back() {
        let settings = r#"{"enabledPlugins":{"p@m":true},"extraKnownMarketplaces":1,"env":{"CLAUDE_CONFIG_DIR":"/x","A":"b"},"model":"m"}"#;
        let (dir, warnings) = taken(&[
            (".claude/settings.json", &format!("\u{feff}{settings}")),
            (".claude/cowork_settings.json", "not JSON"),
        ]);
        assert_eq!(text(&dir, "settings.json"), r#"{"env":{"A":"b"},"model":"m"}"#);
        assert_eq!(text(&dir, "cowork_settings.json"), "not JSON");
        assert!(
            matches!(&warnings[..], [plugins] if plugins.contains("p@m")),
            "{warnings:?}"
        );
    }

    #[test]
    fn what_is_no_file_is_passed_over() {
        let (dir, warnings) = taken(&[(".claude/settings.json/inside", "")]);
        assert_eq!(warnings, [] as [String; 0]);
        assert!(!dir.path().join("into/settings.json").exists());
    }
}
