//! Destinations against each other, and against the spools on this disk.

use mirrorbox::config::Config;
use mirrorbox::host::Destination;
use mirrorbox::mirror::DeliveryRecords;
use mirrorbox::session::{self, Between, BetweenReport, BetweenState, SpoolCheck, SpoolsReport};
use mirrorbox::spool::Spool;

use super::super::Context;
use super::super::everywhere::{self, Done, Standing};
use super::Verify;
use crate::destinations::Destinations;
use crate::error::{CliError, Exit};
use crate::output::{Bar, Table, count, left, right, safe_line};

/// Compares two destinations, or every one with every other.
pub(super) async fn between(
    verify: &Verify,
    names: &[String],
    config: &Config,
    context: &mut Context,
) -> Result<Exit, CliError> {
    let destinations = match names {
        [] => Destinations::open(config, None).await?,
        [one, other] if one != other => Destinations::open_these(config, &[one.as_str(), other.as_str()]).await?,
        _ => {
            return Err(CliError::usage(
                "--between takes two different destinations, or none for all",
            ));
        }
    };
    let done = pairs(verify, &destinations).await;
    destinations.close().await;
    let done = done?;
    everywhere::print(context, &done, |context, report| {
        if let Some(table) = between_table(report, verify.all) {
            context.output.line(table)?;
        }
        context.output.line(between_summary(report))
    })?;
    Ok(everywhere::strict(&done, |report| match report {
        report if report.failed > 0 => Standing::Failed,
        report if report.different > 0 => Standing::Behind,
        _ => Standing::Good,
    }))
}

async fn pairs(verify: &Verify, destinations: &Destinations) -> Result<Vec<Done<BetweenReport>>, CliError> {
    let sessions = match &verify.id {
        Some(id) => {
            let find = async |store| session::find(store, id, verify.project.as_deref()).await;
            Some(vec![destinations.first(find).await?.value])
        }
        None => None,
    };
    let each = destinations.each();
    let mut done = Vec::new();
    for (index, one) in each.iter().enumerate() {
        for other in each.iter().skip(index + 1) {
            let name = format!("{} and {}", one.name(), other.name());
            let bar = Bar::new(&format!("compare {name}"));
            let what = Between {
                sessions: sessions.clone(),
                taken_by: [one, other]
                    .map(|destination| destination.config().manifest.mirror.clone())
                    .into(),
            };
            done.push(Done {
                destination: name,
                outcome: pair(one, other, &what, &bar).await,
            });
        }
    }
    match done.is_empty() {
        true => Err(CliError::usage(
            "there is one destination only, and nothing to compare it with",
        )),
        false => Ok(done),
    }
}

async fn pair(one: &Destination, other: &Destination, what: &Between, bar: &Bar) -> Result<BetweenReport, CliError> {
    Ok(session::compare(one.store()?, other.store()?, what, bar.listener()).await?)
}

fn between_table(report: &BetweenReport, all: bool) -> Option<Table> {
    let mut rows = report
        .streams
        .iter()
        .filter(|row| all || !row.state.is_same())
        .peekable();
    rows.peek()?;
    let mut table = Table::new(&["STREAM", "COMPARED"]);
    for row in rows {
        table.row([left(row.stream.to_string()), left(compared(&row.state))]);
    }
    Some(table)
}

fn compared(state: &BetweenState) -> String {
    match state {
        BetweenState::Same => "same".into(),
        BetweenState::SameLines { .. } => "same lines, of other writers".into(),
        BetweenState::Different {
            differs: Some((writer, line)),
            ..
        } => format!("DIFFERENT at line {line} of writer {writer}"),
        BetweenState::Different {
            only_first,
            only_second,
            differs: None,
        } => format!("{only_first} entries only at the first, {only_second} only at the second"),
        BetweenState::DeletedAtFirst => "deleted at the first only".into(),
        BetweenState::DeletedAtSecond => "deleted at the second only".into(),
        BetweenState::Failed { error } => safe_line(&format!("FAILED: {error}")),
        other => format!("{other:?}"),
    }
}

fn between_summary(report: &BetweenReport) -> String {
    let mut summary = format!("{} compared", count(report.streams.len() as u64, "stream", "streams"));
    for (number, what) in [(report.different, "not the same"), (report.failed, "failed")] {
        if number > 0 {
            summary.push_str(&format!("; {number} {what}"));
        }
    }
    if report.different + report.failed == 0 {
        summary.push_str("; all is the same");
    }
    summary
}

/// Looks at each destination for what the spools say that it has.
pub(super) async fn spools(verify: &Verify, config: &Config, context: &mut Context) -> Result<Exit, CliError> {
    let (spools, records) = (Spool::look(&config.state)?, DeliveryRecords::open(&config.state)?);
    let destinations = Destinations::open(config, verify.from.as_deref()).await?;
    let done = everywhere::each(
        &destinations,
        |_| true,
        async |destination, store| {
            let bar = Bar::new(&format!("verify {}", destination.name()));
            Ok(session::check_spools(store, destination.name(), &spools, &records, bar.listener()).await)
        },
    )
    .await;
    destinations.close().await;
    everywhere::print(context, &done, |context, report| {
        if let Some(table) = spools_table(report, verify.all) {
            context.output.line(table)?;
        }
        for problem in &report.unread {
            context.output.line(safe_line(problem))?;
        }
        context.output.line(spools_summary(report))
    })?;
    Ok(everywhere::strict(&done, |report| {
        match report.missing + report.failed {
            0 => Standing::Good,
            _ => Standing::Failed,
        }
    }))
}

fn spools_table(report: &SpoolsReport, all: bool) -> Option<Table> {
    let mut rows = report
        .streams
        .iter()
        .filter(|check| all || !check.is_whole())
        .peekable();
    rows.peek()?;
    let mut table = Table::new(&["STREAM", "DELIVERED", "MISSING", "FOUND"]);
    for check in rows {
        table.row([
            left(check.stream.to_string()),
            right(check.entries),
            right(check.missing),
            left(found(check)),
        ]);
    }
    Some(table)
}

fn found(check: &SpoolCheck) -> String {
    match (&check.error, &check.differs) {
        (Some(error), _) => safe_line(&format!("FAILED: {error}")),
        (None, Some((writer, line))) => format!("DIFFERENT at line {line} of writer {writer}"),
        (None, None) if check.missing == 0 => "whole".into(),
        (None, None) if check.deleted => "deleted there".into(),
        (None, None) => "MISSING".into(),
    }
}

fn spools_summary(report: &SpoolsReport) -> String {
    let mut summary = format!(
        "{} of {} looked for",
        count(report.entries, "delivered entry", "delivered entries"),
        count(report.streams.len() as u64, "stream", "streams")
    );
    match (report.missing, report.failed) {
        (0, 0) => summary.push_str("; all is there"),
        (missing, failed) => summary.push_str(&format!("; {missing} not whole; {failed} failed")),
    }
    summary
}

#[cfg(test)]
mod tests {
    use mirrorbox::key::SessionKey;
    use mirrorbox::session::StreamBetween;

    use super::*;

    #[test]
    fn only_what_is_not_the_same_is_in_the_table() {
        let row = |session: &str, state| StreamBetween {
            stream: SessionKey::main("p", session).unwrap(),
            state,
        };
        let different = BetweenState::Different {
            only_first: 2,
            only_second: 0,
            differs: None,
        };
        let report = BetweenReport {
            streams: vec![row("a", BetweenState::Same), row("b", different)],
            different: 1,
            failed: 0,
        };
        assert_eq!(
            between_table(&report, false).unwrap().to_string(),
            "STREAM  COMPARED\n\
             p/b     2 entries only at the first, 0 only at the second"
        );
        assert_eq!(between_summary(&report), "2 streams compared; 1 not the same");
    }

    #[test]
    fn what_is_missing_is_told_from_what_was_deleted() {
        let mut check = SpoolCheck {
            stream: SessionKey::main("p", "s").unwrap(),
            entries: 3,
            missing: 2,
            differs: None,
            deleted: false,
            error: None,
        };
        assert_eq!(found(&check), "MISSING");
        check.deleted = true;
        assert_eq!(found(&check), "deleted there");
        check.missing = 0;
        assert_eq!(found(&check), "whole");
    }
}
