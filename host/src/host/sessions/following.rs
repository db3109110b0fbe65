use tokio::sync::mpsc;

use super::{Answer, Sessions, SessionsError};
use crate::block_on::block_on;
use crate::session::{self, Follow, News, SessionError};
use crate::store::LoadError;

/// How much of what happens is read ahead.
const AHEAD: usize = 16;

/// What happens to a stored stream, one thing after the other. Dropped, it stops following.
#[derive(Debug)]
pub struct Following {
    from: mpsc::Receiver<Result<News, LoadError>>,
}

impl Following {
    /// What happens next, for as long as that takes; none once the host is closed, and behind an error. Under any
    /// executor; dropped, it loses nothing.
    pub async fn next(&mut self) -> Option<Result<News, SessionsError>> {
        let news = self.from.recv().await?;
        Some(news.map_err(|error| SessionError::from(error).into()))
    }

    /// [`Following::next`] for callers without async.
    pub fn next_blocking(&mut self) -> Option<Result<News, SessionsError>> {
        block_on(self.next())
    }
}

impl Sessions {
    /// Follows the main transcript of a stored session, or a stream below it that may be yet to come, as it reaches a
    /// destination: from its last batch on, which comes first. A session that nobody knows is an error.
    pub fn follow(
        &self,
        session: &str,
        subpath: Option<&str>,
    ) -> impl Future<Output = Answer<Following>> + Send + use<> {
        let (session, subpath) = (session.to_owned(), subpath.map(str::to_owned));
        self.work(async move |this| {
            let (store, main) = this.find(&session).await?;
            let key = match subpath {
                Some(subpath) => main.with_subpath(subpath).map_err(SessionError::from)?,
                None => main,
            };
            let follow = session::follow(store, &key).await?;
            let (to, from) = mpsc::channel(AHEAD);
            drop(this.core.background.run(send(follow, to)));
            Ok(Following { from })
        })
    }

    /// [`Sessions::follow`] for callers without async.
    pub fn follow_blocking(&self, session: &str, subpath: Option<&str>) -> Answer<Following> {
        block_on(self.follow(session, subpath))
    }
}

/// Until nobody reads any more. It waits for news for as long as it takes, so it looks for that meanwhile.
async fn send(mut follow: Follow, to: mpsc::Sender<Result<News, LoadError>>) {
    while let Ok(place) = to.reserve().await {
        let news = tokio::select! {
            biased;
            () = to.closed() => return,
            news = follow.next() => news,
        };
        let is_over = news.is_err();
        place.send(news);
        if is_over {
            return;
        }
    }
}
