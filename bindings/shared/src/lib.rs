//! What the packages for other languages have in common: how a host is opened, which failure is of which class,
//! options of calls, what they say as JSON, and
//! stores that are written there. The languages' own halves are `bindings/python` and `bindings/node`.

mod answer;
mod conformance;
mod failure;
mod foreign;
mod said;
mod sessions;

use std::path::{Path, PathBuf};
use std::time::Duration;

use mirrorbox::adapter::Runtime;
use mirrorbox::config::Config;
use mirrorbox::host::{Host, HostBuilder, WhileAway};
use mirrorbox::key::SessionKey;

pub use conformance::conformance;
pub use failure::{Class, Failure};
pub use foreign::{Call, Carrier, Foreign};
pub use said::{event, undelivered};
pub use sessions::{Told, fork, json, listing, restore_options, restored, told};

/// A host on a configuration directory, if on one, and a state directory, to be built. `command`, the `mirrorbox` that
/// comes along, compiles components in a process of its own. Blocks for the disk.
pub fn host(config: Option<&Path>, state: &Path, command: Option<PathBuf>) -> Result<HostBuilder, Failure> {
    if let Some(command) = command {
        Runtime::compile_with(command);
    }
    let Some(config) = config else {
        return Ok(Host::builder(state));
    };
    let config = Config::load_lenient(config, state)?;
    // Kept on this machine alone, sessions would look delivered.
    if config.destinations.is_empty() && config.refused.is_empty() {
        let adapters = config.dir.join("adapters");
        let message = format!(
            "there are no adapters to deliver to in {}; put one there (`mirrorbox adapters install`)",
            adapters.display()
        );
        return Err(Failure::new(Class::Config, message));
    }
    Ok(Host::builder(&config.state).config(&config))
}

/// What a store answers while no destination does.
pub fn while_away(answer_from_here: bool) -> WhileAway {
    match answer_from_here {
        true => WhileAway::AnswerFromHere,
        false => WhileAway::Refuse,
    }
}

/// The key of a session's main transcript, or of one of its subpaths.
pub fn key(project: String, session: String, subpath: Option<String>) -> Result<SessionKey, Failure> {
    let main = SessionKey::main(project, session)?;
    Ok(match subpath {
        Some(subpath) => main.with_subpath(subpath)?,
        None => main,
    })
}

/// So many seconds; no time where that is no number, or a negative one.
pub fn time(seconds: f64) -> Duration {
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) => time,
        Err(_) if seconds > 0.0 => Duration::MAX,
        Err(_) => Duration::ZERO,
    }
}
