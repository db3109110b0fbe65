//! Commands that go to every destination: one that fails does not stop the others.

use std::sync::Arc;

use mirrorbox::host::Destination;
use mirrorbox::session::SessionError;
use mirrorbox::store::Store;
use serde::Serialize;

use super::Context;
use crate::destinations::Destinations;
use crate::error::{CliError, Exit};
use crate::output::say;

/// What came of a command at one destination.
#[derive(Debug)]
pub(super) struct Done<R> {
    pub(super) destination: String,
    pub(super) outcome: Result<R, CliError>,
}

/// How a destination stands after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Good,
    /// It has not got everything.
    Behind,
    Failed,
}

/// Does something at each destination that it concerns, one after the other.
pub(super) async fn each<R>(
    destinations: &Destinations,
    concerns: impl Fn(&Destination) -> bool,
    mut act: impl AsyncFnMut(&Destination, Arc<dyn Store>) -> Result<R, SessionError>,
) -> Vec<Done<R>> {
    let mut done = Vec::new();
    for destination in destinations.each().iter().filter(|destination| concerns(destination)) {
        let outcome = match destination.store() {
            Ok(store) => act(destination, store).await.map_err(CliError::from),
            Err(error) => Err(error.into()),
        };
        done.push(Done {
            destination: destination.name().to_owned(),
            outcome,
        });
    }
    done
}

/// Prints the reports, for programs or, through `print`, for people; and says why others are missing.
pub(super) fn print<R: Serialize>(
    context: &mut Context,
    done: &[Done<R>],
    mut print: impl FnMut(&mut Context, &R) -> Result<(), CliError>,
) -> Result<(), CliError> {
    if context.output.is_json() {
        context.output.json(&DestinationsDocument::new(done))?;
    }
    for Done { destination, outcome } in done {
        match outcome {
            Err(error) if done.len() == 1 => say(format_args!("error: {error}")),
            Err(error) => say(format_args!("error: `{destination}`: {error}")),
            Ok(_) if context.output.is_json() => {}
            Ok(report) => {
                if done.len() > 1 {
                    context.output.line(format_args!("{destination}:"))?;
                }
                print(context, report)?;
            }
        }
    }
    Ok(())
}

/// The exit code where each destination should have got everything: failed only if none has got anything, since what is
/// somewhere is safe.
pub(super) fn delivery<R>(done: &[Done<R>], standing: impl Fn(&R) -> Standing) -> Exit {
    let standings: Vec<_> = done.iter().map(|done| done.standing(&standing)).collect();
    if standings.iter().all(|standing| *standing == Standing::Good) {
        Exit::Done
    } else if standings.iter().all(|standing| *standing == Standing::Failed) {
        first_error(done).unwrap_or(Exit::Failed)
    } else {
        Exit::Undelivered
    }
}

/// The exit code where every failure counts.
pub(super) fn strict<R>(done: &[Done<R>], standing: impl Fn(&R) -> Standing) -> Exit {
    let standings: Vec<_> = done.iter().map(|done| done.standing(&standing)).collect();
    if standings.contains(&Standing::Failed) {
        first_error(done).unwrap_or(Exit::Failed)
    } else if standings.contains(&Standing::Behind) {
        Exit::Undelivered
    } else {
        Exit::Done
    }
}

/// How to end if no destination worked at all.
fn first_error<R>(done: &[Done<R>]) -> Option<Exit> {
    let errors: Option<Vec<_>> = done.iter().map(|done| done.outcome.as_ref().err()).collect();
    errors?.first().map(|error| error.exit())
}

impl<R> Done<R> {
    fn standing(&self, standing: impl Fn(&R) -> Standing) -> Standing {
        self.outcome.as_ref().map_or(Standing::Failed, standing)
    }
}

/// The reports for programs.
#[derive(Serialize)]
struct DestinationsDocument<'a, R> {
    destinations: Vec<DestinationRow<'a, R>>,
}

#[derive(Serialize)]
struct DestinationRow<'a, R> {
    destination: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<&'a R>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl<'a, R> DestinationsDocument<'a, R> {
    fn new(done: &'a [Done<R>]) -> Self {
        let row = |done: &'a Done<R>| DestinationRow {
            destination: &done.destination,
            report: done.outcome.as_ref().ok(),
            error: done.outcome.as_ref().err().map(CliError::to_string),
        };
        Self {
            destinations: done.iter().map(row).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(outcomes: &[Result<Standing, Exit>]) -> Vec<Done<Standing>> {
        let row = |outcome: &Result<Standing, Exit>| Done {
            destination: "d".into(),
            outcome: outcome.map_err(|exit| match exit {
                Exit::Usage => CliError::usage("usage"),
                _ => CliError::failed("failed"),
            }),
        };
        outcomes.iter().map(row).collect()
    }

    #[test]
    fn what_is_somewhere_is_safe() {
        use Standing::{Behind, Failed, Good};
        let delivery = |outcomes: &[_]| delivery(&done(outcomes), |standing| *standing);
        assert_eq!(delivery(&[Ok(Good), Ok(Good)]), Exit::Done);
        assert_eq!(delivery(&[Ok(Good), Ok(Failed)]), Exit::Undelivered);
        assert_eq!(delivery(&[Ok(Good), Err(Exit::Usage)]), Exit::Undelivered);
        assert_eq!(delivery(&[Ok(Behind)]), Exit::Undelivered);
        assert_eq!(delivery(&[Ok(Failed)]), Exit::Failed);
        assert_eq!(delivery(&[Err(Exit::Usage)]), Exit::Usage);
        assert_eq!(delivery(&[Err(Exit::Usage), Ok(Failed)]), Exit::Failed);
    }

    #[test]
    fn damage_anywhere_is_damage() {
        use Standing::{Behind, Failed, Good};
        let strict = |outcomes: &[_]| strict(&done(outcomes), |standing| *standing);
        assert_eq!(strict(&[Ok(Good), Ok(Good)]), Exit::Done);
        assert_eq!(strict(&[Ok(Good), Ok(Behind)]), Exit::Undelivered);
        assert_eq!(strict(&[Ok(Behind), Ok(Failed)]), Exit::Failed);
        assert_eq!(strict(&[Ok(Good), Err(Exit::Usage)]), Exit::Failed);
        assert_eq!(strict(&[Err(Exit::Usage)]), Exit::Usage);
    }

    #[test]
    fn a_document_holds_a_report_or_an_error() {
        let rows = [
            Done {
                destination: "a".into(),
                outcome: Ok(5),
            },
            Done {
                destination: "b".into(),
                outcome: Err(CliError::failed("away").advise("wait")),
            },
        ];
        let json = serde_json::to_string(&DestinationsDocument::new(&rows)).unwrap();
        let expected =
            r#"{"destinations":[{"destination":"a","report":5},{"destination":"b","error":"away\n  wait"}]}"#;
        assert_eq!(json, expected);
    }
}
