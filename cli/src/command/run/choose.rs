//! Which session a run is to work on.

use std::env;
use std::sync::Arc;

use mirrorbox::agent::{self, Resume, Start};
use mirrorbox::agent_format::folder_of;
use mirrorbox::config::Config;
use mirrorbox::host::Host;
use mirrorbox::key::SessionKey;
use mirrorbox::mirror::Undelivered;
use mirrorbox::session::{self, Bound, SessionError};
use mirrorbox::store::Store;
use uuid::Uuid;

use super::{Run, note};
use crate::destinations::{Answer, Destinations};
use crate::error::CliError;

/// What a choice is made from.
pub(super) struct Choice<'a> {
    pub(super) config: &'a Config,
    pub(super) host: &'a Host,
    pub(super) run: &'a Run,
}

/// How an agent is started, and the project that it is stored under.
type Chosen = (Start, Option<String>);

impl Choice<'_> {
    pub(super) async fn start(&self) -> Result<Chosen, CliError> {
        let project = self.run.cwd_key.clone();
        if let Some(project) = &project {
            // A key that cannot be one is said before anything begins.
            SessionKey::main(project, "s").map_err(|error| CliError::usage(format!("--cwd-key: {error}")))?;
        }
        if let Some(id) = &self.run.resume {
            let destinations = self.complete(|key| key.session_id().starts_with(id.as_str())).await?;
            let found = destinations
                .first(async |store| find(store, id, &self.project()?, project.is_some()).await)
                .await?;
            return Ok(self.resume(destinations.agreed(found).await?));
        }
        if self.run.newest {
            return self.newest().await;
        }
        match &self.run.task {
            Some(task) => self.task(task).await,
            None => Ok((Start::AsCommanded, project)),
        }
    }

    async fn newest(&self) -> Result<Chosen, CliError> {
        let project = self.project()?;
        let destinations = self.complete(|key| key.project_key() == project).await?;
        let found = destinations.first(async |store| newest(store, &project).await).await?;
        Ok(self.resume(destinations.agreed(found).await?))
    }

    /// The session of a task, or a new one that is the task's from now on.
    async fn task(&self, task: &str) -> Result<Chosen, CliError> {
        let key = session::task_key(task).map_err(SessionError::from)?;
        let destinations = self.complete(|left| *left == key).await?;
        let Answer { name, store, value } = destinations
            .first(async |store| session::bound(store, task).await)
            .await?;
        let bound = match (value, self.run.fork) {
            (Some(bound), false) => bound,
            (before, _) => {
                let own = Bound {
                    project: self.project()?,
                    session: Uuid::new_v4().to_string(),
                };
                let bound = agent::bind_task(
                    self.host,
                    store.clone(),
                    task,
                    own.clone(),
                    before.as_ref(),
                    self.run.deliver,
                );
                let bound = bound.await?;
                if let (Some(before), true) = (before, bound == own) {
                    return self.fork(task, &before, bound, (name, store), &destinations).await;
                }
                bound
            }
        };
        let main = bound.key().map_err(SessionError::from)?;
        match session::find(store.clone(), &bound.session, Some(&bound.project)).await {
            Ok(value) => {
                let found = Answer { name, store, value };
                Ok(self.resume(destinations.agreed(found).await?))
            }
            Err(SessionError::NotFound { .. }) => {
                note(&format!(
                    "task {task} runs in session {main}, of which nothing is stored yet"
                ));
                Ok((Start::New(bound.session), Some(bound.project)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A task goes on in a copy of its session.
    async fn fork(
        &self,
        task: &str,
        before: &Bound,
        bound: Bound,
        (name, store): (String, Arc<dyn Store>),
        destinations: &Destinations,
    ) -> Result<Chosen, CliError> {
        let value = session::find(store.clone(), &before.session, Some(&before.project)).await?;
        let found = destinations.agreed(Answer { name, store, value }).await?;
        let session = found.value;
        note(&format!(
            "task {task} goes on in session {}, a copy of {session}",
            bound.session
        ));
        let resume = Resume {
            destination: found.name,
            store: found.store,
            session,
            fork: Some(bound.session),
        };
        Ok((Start::Resume(resume), Some(bound.project)))
    }

    fn resume(&self, found: Answer<SessionKey>) -> Chosen {
        let project = self.run.cwd_key.clone();
        let project = project.unwrap_or_else(|| found.value.project_key().to_owned());
        let resume = Resume {
            destination: found.name,
            store: found.store,
            session: found.value,
            fork: self.run.fork.then(|| Uuid::new_v4().to_string()),
        };
        (Start::Resume(resume), Some(project))
    }

    /// The project that is meant where nobody says which.
    fn project(&self) -> Result<String, SessionError> {
        if let Some(project) = &self.run.cwd_key {
            return Ok(project.clone());
        }
        let here = env::current_dir().map_err(|source| SessionError::Local {
            path: ".".into(),
            source,
        })?;
        Ok(folder_of(&here, None))
    }

    /// The destinations that lack nothing that this machine holds of such sessions: what is not delivered yet is part
    /// of them.
    async fn complete(&self, is_meant: impl Fn(&SessionKey) -> bool) -> Result<Destinations, CliError> {
        let left = self.host.flush(self.run.deliver).await?;
        let names = self.config.destinations.iter().map(|config| config.name.as_str());
        let asked = self.run.from.as_deref();
        if let Some(asked) = asked.filter(|asked| !names.clone().any(|name| name == *asked)) {
            return Err(CliError::usage(format!("there is no destination `{asked}`")));
        }
        let names = names.filter(|name| asked.is_none_or(|asked| asked == *name));
        let complete: Vec<_> = names.filter(|name| !lacks(&left, name, &is_meant)).collect();
        if complete.is_empty() {
            return Err(
                CliError::failed(format!("no destination has the whole session: {left}"))
                    .advise("this machine holds the rest: try again once a destination can be reached"),
            );
        }
        Destinations::open_these(self.config, &complete).await
    }
}

fn lacks(left: &Undelivered, name: &str, is_meant: impl Fn(&SessionKey) -> bool) -> bool {
    left.left
        .iter()
        .any(|left| left.destination == name && is_meant(&left.stream))
}

/// The session with this id: of the project, or where none is pinned, of another.
async fn find(store: Arc<dyn Store>, id: &str, project: &str, is_pinned: bool) -> Result<SessionKey, SessionError> {
    match session::find(store.clone(), id, Some(project)).await {
        Err(SessionError::NotFound { .. }) if !is_pinned => session::find(store, id, None).await,
        found => found,
    }
}

/// The newest session that an agent can resume. Side chains cannot be resumed.
async fn newest(store: Arc<dyn Store>, project: &str) -> Result<SessionKey, SessionError> {
    let rows = session::list(store, Some(project)).await?;
    let newest = rows
        .into_iter()
        .find(|row| row.info.is_some() && Uuid::parse_str(&row.session).is_ok());
    match newest {
        Some(row) => Ok(SessionKey::main(row.project, row.session)?),
        None => Err(SessionError::NothingIn {
            project: project.to_owned(),
        }),
    }
}
