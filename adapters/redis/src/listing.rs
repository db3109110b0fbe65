//! Which sessions there are: indexes in the order of their bytes; a token is the last name of the page before.

use mirrorbox_adapter::{Page, Result, Session, SessionKey, Summary};
use redis::{Value, from_redis_value};

use crate::Redis;
use crate::answer::{number, unexpected};

const INDEX: &str = include_str!("scripts/index.lua");
const UNINDEX: &str = include_str!("scripts/unindex.lua");

/// Remembering is cheap, but not free of limits.
const REMEMBERED: usize = 4096;

/// How many names are read at once, at most.
const NAMES: usize = 1000;

const STATE: [&str; 5] = ["last", "tombstone", "modified", "through", "summary"];

impl Redis {
    /// Makes sure that a session can be found before its batch is there; says for which number it was done.
    pub(crate) fn index(&mut self, key: &SessionKey, at: u64) -> Result<u64> {
        if let Some(indexed) = self.indexed.get(key) {
            return Ok(*indexed);
        }
        self.change_index(INDEX, key, at)?;
        if self.indexed.len() > REMEMBERED {
            self.indexed.clear();
        }
        self.indexed.insert(key.clone(), at);
        Ok(at)
    }

    /// Forgets a session that a tombstone ended.
    pub(crate) fn unindex(&mut self, key: &SessionKey, tombstone: u64) -> Result<()> {
        self.indexed.remove(key);
        self.change_index(UNINDEX, key, tombstone)
    }

    fn change_index(&mut self, script: &str, key: &SessionKey, at: u64) -> Result<()> {
        let names = self.names.index(&key.project_key);
        let keys = [names.projects.as_str(), &names.sessions, &names.numbers];
        let at = at.to_string();
        self.server.script(
            script,
            &keys,
            &[key.project_key.as_bytes(), key.session_id.as_bytes(), at.as_bytes()],
        )?;
        Ok(())
    }

    /// The projects that have sessions.
    pub(crate) fn project_page(&mut self, token: Option<&str>, limit: u32) -> Result<Page<String>> {
        let projects = self.names.index("").projects;
        self.page(&projects, token, limit, |redis, names| {
            let mut found = Vec::with_capacity(names.len());
            for project in names {
                let any = !redis.session_page(&project, None, 1)?.items.is_empty();
                found.push(any.then_some(project));
            }
            Ok(found)
        })
    }

    /// The sessions of a project.
    pub(crate) fn session_page(&mut self, project_key: &str, token: Option<&str>, limit: u32) -> Result<Page<Session>> {
        let sessions = self.names.index(project_key).sessions;
        self.page(&sessions, token, limit, |redis, ids| redis.sessions(project_key, ids))
    }

    /// The subpaths of a session. The script that appends keeps their index, so there is nothing to look up.
    pub(crate) fn subpath_page(&mut self, main: &SessionKey, token: Option<&str>, limit: u32) -> Result<Page<String>> {
        let subpaths = self.names.stream(main).subpaths;
        self.page(&subpaths, token, limit, |_, names| {
            Ok(names.into_iter().map(Some).collect())
        })
    }

    /// Sessions as they are now; none for one that holds nothing but a tombstone, or nothing yet.
    pub(crate) fn sessions(&mut self, project_key: &str, ids: Vec<String>) -> Result<Vec<Option<Session>>> {
        let state = |id| self.names.stream(&SessionKey::main(project_key, id)).state;
        let states: Vec<_> = ids.iter().map(state).collect();
        let answers = self.server.call_each(&states, "HMGET", &STATE)?;
        ids.into_iter()
            .zip(answers)
            .map(|(id, answer)| session(id, answer))
            .collect()
    }

    /// Cuts one page out of an index; `look_up` says for each name what stands for it, if anything does.
    fn page<T>(
        &mut self,
        index: &str,
        token: Option<&str>,
        limit: u32,
        look_up: impl Fn(&mut Self, Vec<String>) -> Result<Vec<Option<T>>>,
    ) -> Result<Page<T>> {
        let limit = limit.max(1) as usize;
        let mut page = Page::default();
        let mut last = token.map(str::to_owned);
        loop {
            // One more than is asked for tells whether there is another page.
            let count = (limit - page.items.len()).saturating_add(1).min(NAMES);
            let names = self.names_after(index, last.as_deref(), count)?;
            let Some(end) = names.last().cloned() else {
                page.next = None;
                return Ok(page);
            };
            for (name, item) in names.clone().into_iter().zip(look_up(self, names)?) {
                let Some(item) = item else { continue };
                if page.items.len() == limit {
                    return Ok(page);
                }
                page.items.push(item);
                page.next = Some(name);
            }
            last = Some(end);
        }
    }

    fn names_after(&mut self, index: &str, after: Option<&str>, count: usize) -> Result<Vec<String>> {
        let from = after.map_or("-".to_owned(), |after| format!("({after}"));
        let count = count.to_string();
        let command = ["ZRANGEBYLEX", index, &from, "+", "LIMIT", "0", &count].map(str::as_bytes);
        from_redis_value(self.server.call(index, &command)?).map_err(unexpected)
    }
}

type State = (
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
);

fn session(session_id: String, state: Value) -> Result<Option<Session>> {
    let (last, tombstone, modified, through, json): State = from_redis_value(state).map_err(unexpected)?;
    let last = number(last)?;
    if last <= number(tombstone)? {
        return Ok(None);
    }
    let through = number(through)?;
    Ok(Some(Session {
        session_id,
        modified: number(modified)?,
        last,
        summary: json.map(|json| Summary { through, json }),
    }))
}
