//! The SDK's own batcher, in front of the package's store and of a store that writes to the same server.

use std::time::Duration;

use super::installed::Installed;
use super::machine::Machine;
use crate::backends::sdk::figure;
use crate::backends::{Amount, Place};
use crate::build::Built;
use crate::mirror::frames;
use crate::pairs::Pairs;
use crate::report::Report;

/// Each writes everything anew.
const ROUNDS: usize = 3;
const MODES: [(&str, &str); 2] = [("batched", "≥ 2"), ("eager", "≥ 8")];

pub(super) fn measure(
    built: &Built,
    python: &Installed,
    place: &Place,
    amount: &Amount,
    report: &mut Report,
) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let sessions = frames::plain(frames::make(&dir.path().join("projects"), amount.mirrored)?);
    let file = dir.path().join("frames");
    frames::write(&sessions, &file)?;
    let count = frames::count(&sessions) as f64;
    for (mode, aim) in MODES {
        let (mut answered, mut delivered) = (Pairs::default(), Pairs::default());
        let mut lost = [0.0; 2];
        for round in 0..amount.rounds.min(ROUNDS) {
            let place = place.anew(&format!("{mode}-{round}"))?;
            let machine = Machine::keeping_in(built, &place)?;
            let theirs = [place.name.as_ref(), mode.as_ref(), file.as_os_str()];
            let theirs = python.run("sdk_stores.py", &theirs, &place.environment)?;
            let (config, state) = (machine.config(), machine.state(mode)?);
            // Nothing is there yet, on servers that keep what came before, too.
            let project = format!("{mode}-{round}");
            let ours = [
                mode.as_ref(),
                config.as_os_str(),
                state.as_os_str(),
                file.as_os_str(),
                project.as_ref(),
            ];
            let ours = python.run("mirrored.py", &ours, &[])?;
            let time = |said, name| Ok::<_, anyhow::Error>(Duration::from_secs_f64(figure(said, name)?));
            answered.add(time(&theirs, "seconds")?, time(&ours, "answered")?);
            delivered.add(time(&theirs, "seconds")?, time(&ours, "delivered")?);
            lost = [lost[0] + figure(&theirs, "lost")?, lost[1] + figure(&ours, "lost")?];
        }
        let [theirs, ours] = lost;
        let rate = |pairs: &Pairs| (count / pairs.a().median, count / pairs.b().median);
        for (pairs, until, aim) in [
            (&answered, "answered, on local disk", aim),
            (&delivered, "delivered", "—"),
        ] {
            let (of_theirs, of_ours) = rate(pairs);
            let sides = format!(
                "{of_ours:.0} entries/s, {ours:.0} lost; the SDK with its kind of store {of_theirs:.0} entries/s, \
                 {theirs:.0} lost"
            );
            let what = format!("{}: {mode}, the SDK's time for one of ours until {until}", place.name);
            report.pair(&what, aim, pairs, &sides);
        }
    }
    Ok(())
}
