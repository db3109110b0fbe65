//! The Python package, installed from its wheel, beside what its user had before: the agent's SDK with the store in
//! memory that comes with it, and with stores that write to the same servers.

mod appends;
mod asked;
mod installed;
mod machine;
mod mirrored;
mod resumed;

use std::path::Path;

use mirrorbox::adapter::Runtime;

use self::installed::Installed;
use self::machine::Machine;
use crate::backends::{Amount, Place};
use crate::build::Built;
use crate::report::Report;

/// Everything about each place; a server that is not installed is passed over, and said to be.
pub(crate) fn measure(built: &Built, target: &Path, amount: &Amount, report: &mut Report) -> anyhow::Result<()> {
    let python = Installed::find(target)?;
    if "memory".contains(&amount.only) {
        let machine = Machine::keeping_in_a_folder(built)?;
        appends::measure(&python, &machine, None, amount.rounds, report)?;
    }
    let cache = tempfile::tempdir()?;
    let runtime = Runtime::shared(Some(cache.path()))?;
    for name in Place::NAMES.into_iter().filter(|name| name.contains(&amount.only)) {
        let Some(place) = Place::start(name, built, &runtime)? else {
            continue;
        };
        let of_appends = place.anew("appends")?;
        let machine = Machine::keeping_in(built, &of_appends)?;
        appends::measure(&python, &machine, Some(&of_appends), amount.rounds, report)?;
        mirrored::measure(built, &python, &place, amount, report)?;
        resumed::measure(built, &python, &place.anew("resumed")?, amount, report)?;
    }
    if "query".contains(&amount.only) {
        asked::measure(&python, &Machine::keeping_in_a_folder(built)?, amount.rounds, report)?;
    }
    Ok(())
}
