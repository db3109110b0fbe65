use clap::Args;
use mirrorbox::session::{self, SessionRow};
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
    #[command(flatten)]
    source: Source,
}

/// The list for programs.
#[derive(Serialize)]
struct Document<'a> {
    destination: &'a str,
    sessions: &'a [SessionRow],
}

impl Sessions {
    pub(super) async fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let destinations = Destinations::open(&context.config()?, self.source.from.as_deref()).await?;
        let answer = destinations
            .first(async |store| session::list(store, self.project.as_deref()).await)
            .await?;
        destinations.close().await;
        if context.output.is_json() {
            context.output.json(&Document {
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
    let mut table = Table::new(&["SESSION", "MODIFIED", "ABOUT", "PROJECT"]);
    for row in rows {
        table.row([
            left(cut(&row.session, 48)),
            left(instant(row.modified)),
            left(cut(&about(row), 50)),
            left(cut(&row.project, 60)),
        ]);
    }
    table
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

    fn row(session: &str, summary: Option<&str>) -> SessionRow {
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
                tag: None,
                created_at: None,
            }),
            error: None,
        }
    }

    #[test]
    fn each_session_is_one_line() {
        let table = table(&[row("abc", Some("List\nthe files")), row("d", None)]).to_string();
        assert_eq!(
            table,
            "SESSION  MODIFIED              ABOUT              PROJECT\n\
             abc      2026-05-01T10:00:00Z  List the files     -srv-app\n\
             d        2026-05-01T10:00:00Z  (nothing to show)  -srv-app"
        );
    }
}
