//! Which sessions there are, oldest first; a token is the id of the last row of the page before.

use mirrorbox_adapter::{Error, Page, Result, Session, Summary};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::database::Parameter;
use crate::stream::{get, number, unexpected};
use crate::{Postgres, layout};

const PROJECTS: &str = "SELECT p.id, p.project_key FROM {schema}.projects p
    WHERE p.id > $1 AND EXISTS (
        SELECT FROM {schema}.streams s WHERE s.project = p.id AND s.subpath IS NULL AND s.last > s.tombstone
    ) ORDER BY p.id LIMIT $2";

const SUBPATHS: &str = "SELECT id, subpath FROM {schema}.streams
    WHERE id > $1 AND main = $3 AND subpath IS NOT NULL AND last > tombstone ORDER BY id LIMIT $2";

const SESSIONS: &str = "SELECT s.id, s.session_id, floor(extract(epoch FROM s.modified) * 1000)::bigint, s.last::text,
        m.through::text, m.json
    FROM {schema}.projects p
    JOIN {schema}.streams s ON s.project = p.id AND s.subpath IS NULL AND s.last > s.tombstone
    LEFT JOIN {schema}.summaries m ON m.stream = s.id
    WHERE s.id > $1 AND p.digest = $3 AND ($4::bytea IS NULL OR s.key = $4) ORDER BY s.id LIMIT $2";

impl Postgres {
    /// The projects that have sessions.
    pub(crate) fn project_page(&mut self, token: Option<&str>, limit: u32) -> Result<Page<String>> {
        self.page(PROJECTS, token, limit, &[], |row| get(row, 1))
    }

    /// The subpaths of a session that hold more than a tombstone.
    pub(crate) fn subpath_page(
        &mut self,
        project_key: &str,
        session_id: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<String>> {
        let main = layout::main(project_key, session_id);
        self.page(SUBPATHS, token, limit, &[(&main, Type::BYTEA)], |row| get(row, 1))
    }

    /// The sessions of a project, or the one with that id.
    pub(crate) fn session_page(
        &mut self,
        project_key: &str,
        session_id: Option<&str>,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<Session>> {
        let project = layout::project(project_key);
        let key = session_id.map(|session_id| layout::main(project_key, session_id));
        let parameters: [Parameter<'_>; 2] = [(&project, Type::BYTEA), (&key, Type::BYTEA)];
        self.page(SESSIONS, token, limit, &parameters, session)
    }

    fn page<T>(
        &mut self,
        question: &str,
        token: Option<&str>,
        limit: u32,
        more: &[Parameter<'_>],
        item: impl Fn(&Row) -> Result<T>,
    ) -> Result<Page<T>> {
        let limit = limit.max(1);
        let after: i64 = token
            .map_or(Ok(0), str::parse)
            .map_err(|_| Error::Other("this is no token of a page".into()))?;
        // One more than is asked for tells whether there is another page.
        let count = i64::from(limit) + 1;
        let mut parameters: Vec<Parameter<'_>> = vec![(&after, Type::INT8), (&count, Type::INT8)];
        parameters.extend(more.iter().cloned());
        let rows = self.database.read(question, &parameters)?;

        let shown: Vec<_> = rows.iter().take(limit as usize).collect();
        let next = match shown.last() {
            Some(last) if rows.len() > shown.len() => Some(get::<i64>(last, 0)?.to_string()),
            _ => None,
        };
        let items = shown.into_iter().map(item).collect::<Result<_>>()?;
        Ok(Page { items, next })
    }
}

fn session(row: &Row) -> Result<Session> {
    let summary = match get::<Option<Vec<u8>>>(row, 5)? {
        None => None,
        Some(json) => Some(Summary {
            through: number(row, 4)?,
            json: String::from_utf8(json).map_err(unexpected)?,
        }),
    };
    Ok(Session {
        session_id: get(row, 1)?,
        modified: u64::try_from(get::<i64>(row, 2)?).unwrap_or(0),
        last: number(row, 3)?,
        summary,
    })
}
