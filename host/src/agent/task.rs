use std::sync::Arc;
use std::time::Duration;

use super::AgentError;
use crate::host::Host;
use crate::session::{self, Bound, SessionError};
use crate::store::Store;

/// Binds a task to a session, and gives the session that it is bound to then: another one where another host was first.
///
/// The binding goes the way of every entry: it is on local disk before anything is asked. `store`, a destination of the
/// host's, is asked who was first once it has it, or at the deadline.
pub async fn bind_task(
    host: &Host,
    store: Arc<dyn Store>,
    task: &str,
    bound: Bound,
    replaces: Option<&Bound>,
    deadline: Duration,
) -> Result<Bound, AgentError> {
    let entry = bound.to_entry(replaces).map_err(|error| AgentError::Bind {
        task: task.to_owned(),
        cause: error.to_string(),
    })?;
    let transcript = host.transcript(session::task_key(task).map_err(SessionError::from)?);
    transcript.append(&[entry]).await.map_err(|error| AgentError::Bind {
        task: task.to_owned(),
        cause: error.to_string(),
    })?;
    if let Ok(left) = transcript.flush(deadline).await
        && !left.is_empty()
    {
        tracing::warn!("task {task}: {left}; another host may begin it, too");
    }
    let winner = session::bound(store, task).await?;
    // Where our own is still under way, nobody was first.
    Ok(match winner {
        Some(winner) if replaces != Some(&winner) => winner,
        _ => bound,
    })
}
