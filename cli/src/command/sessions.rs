//! `mirrorbox sessions`: the stored sessions as a table or as JSON.

use clap::Args;
use mirrorbox::session::{self, Listing, SessionRow};
use serde::Serialize;

use super::Context;
use crate::arguments::Source;
use crate::destinations::{Destinations, warn};
use crate::error::{CliError, Exit};
use crate::output::{Table, cut, instant, left, safe_line};

/// List what is stored, newest first
#[derive(Debug, Args)]
pub(crate) struct Sessions {
    /// Only this project
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    project: Option<String>,
    /// So many at most
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[command(flatten)]
    source: Source,
}

/// The list for programs.
#[derive(Serialize)]
struct SessionsDocument<'a> {
    destination: &'a str,
    sessions: &'a [SessionRow],
}

impl Sessions {
    pub(super) async fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let destinations = Destinations::open(&context.config()?, self.source.from.as_deref()).await?;
        let what = Listing {
            project: self.project,
            limit: self.limit,
            ..Listing::default()
        };
        let answer = destinations
            .first(async |store| session::list_page(store, &what).await)
            .await?;
        destinations.close().await;
        if context.output.is_json() {
            context.output.json(&SessionsDocument {
                destination: &answer.name,
                sessions: &answer.value,
            })?;
        } else if answer.value.is_empty() {
            context.output.line("no sessions")?;
        } else {
            context.output.line(table(&answer.value))?;
        }
        let damaged: Vec<_> = answer.value.iter().filter_map(|row| row.error.as_ref()).collect();
        for error in &damaged {
            warn(&answer.name, safe_line(&error.to_string()));
        }
        Ok(if damaged.is_empty() { Exit::Done } else { Exit::Failed })
    }
}

fn table(rows: &[SessionRow]) -> Table {
    let mut table = Table::new(&["SESSION", "MODIFIED", "TAG", "ABOUT", "PROJECT"]);
    for row in rows {
        table.row([
            left(cut(&row.session, 48)),
            left(instant(row.modified)),
            left(cut(tag(row), 16)),
            left(cut(&about(row), 50)),
            left(cut(&row.project, 60)),
        ]);
    }
    table
}

fn tag(row: &SessionRow) -> &str {
    row.info
        .as_ref()
        .and_then(|info| info.tag.as_deref())
        .unwrap_or_default()
}

fn about(row: &SessionRow) -> String {
    match (&row.info, &row.error) {
        (Some(info), _) => info.summary.clone(),
        (None, Some(_)) => "(cannot be read)".to_owned(),
        (None, None) => "(nothing to show)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use mirrorbox::summary::SessionInfo;

    use super::*;

    fn row(session: &str, summary: Option<&str>, tag: Option<&str>) -> SessionRow {
        SessionRow {
            project: "-srv-app".into(),
            session: session.into(),
            modified: 1_777_629_600_123,
            last: 1,
            info: summary.map(|summary| SessionInfo {
                summary: summary.into(),
                custom_title: None,
                first_prompt: None,
                git_branch: None,
                cwd: None,
                tag: tag.map(str::to_owned),
                created_at: None,
            }),
            error: None,
        }
    }

    #[test]
    fn each_session_is_one_line() {
        let rows = [row("abc", Some("List\nthe files"), Some("later")), row("d", None, None)];
        assert_eq!(
            table(&rows).to_string(),
            "SESSION  MODIFIED              TAG    ABOUT              PROJECT\n\
             abc      2026-05-01T10:00:00Z  later  List the files     -srv-app\n\
             d        2026-05-01T10:00:00Z         (nothing to show)  -srv-app"
        );
    }
}
