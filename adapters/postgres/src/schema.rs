//! The schema that holds the tables: made if it is missing, and brought up to date.

use mirrorbox_adapter::{Error, Result};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

/// Each brings the tables from one version to the next.
const MIGRATIONS: [&str; 1] = [include_str!("sql/1.sql")];

/// The name of a schema, safe to stand between double quotes.
#[derive(Clone, Debug)]
pub(crate) struct Schema(String);

impl Schema {
    pub(crate) fn new(name: &str) -> Result<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if name.is_empty() || name.len() > 63 || !name.bytes().all(plain) {
            return Err(Error::Misconfigured(
                "setting `schema` is not 1 to 63 ASCII letters, digits, `_` and `-`".into(),
            ));
        }
        Ok(Self(name.to_owned()))
    }

    /// SQL with the schema's quoted name for `{schema}`.
    pub(crate) fn sql(&self, template: &str) -> String {
        template.replace("{schema}", &format!("\"{}\"", self.0))
    }

    /// Makes what is missing; none if the tables are of a later version.
    ///
    /// Instances that open at once wait for each other; where nothing is missing, nobody waits and nothing but reading
    /// need be allowed.
    pub(crate) async fn prepare(&self, client: &mut Client) -> Result<Option<()>, tokio_postgres::Error> {
        if self.version(client).await? == Some(MIGRATIONS.len()) {
            return Ok(Some(()));
        }
        let transaction = client.transaction().await?;
        let lock = "SELECT pg_advisory_xact_lock(hashtextextended('mirrorbox ' || $1, 0))";
        transaction.query_typed(lock, &[(&self.0, Type::TEXT)]).await?;
        // Another client may have made all of it meanwhile.
        let version = self.version(transaction.client()).await?;
        let Some(missing) = MIGRATIONS.get(version.unwrap_or(0)..) else {
            return Ok(None);
        };
        if version.is_none() {
            self.create(transaction.client()).await?;
        }
        for migration in missing {
            transaction.batch_execute(&self.sql(migration)).await?;
        }
        let update = format!("UPDATE {{schema}}.version SET version = {}", MIGRATIONS.len());
        transaction.batch_execute(&self.sql(&update)).await?;
        transaction.commit().await?;
        Ok(Some(()))
    }

    async fn version(&self, client: &Client) -> Result<Option<usize>, tokio_postgres::Error> {
        // Not `to_regclass`: it may remember from before the lock that there was none.
        let question = "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = $1 AND c.relname = 'version'";
        let there = client.query_typed(question, &[(&self.0, Type::TEXT)]).await?;
        if there.is_empty() {
            return Ok(None);
        }
        let rows = client
            .query_typed(&self.sql("SELECT version FROM {schema}.version"), &[])
            .await?;
        let version = rows.first().map(|row| row.try_get::<_, i32>(0)).transpose()?;
        Ok(version.and_then(|version| usize::try_from(version).ok()))
    }

    async fn create(&self, client: &Client) -> Result<(), tokio_postgres::Error> {
        let there = client
            .query_typed(
                "SELECT 1 FROM pg_namespace WHERE nspname = $1",
                &[(&self.0, Type::TEXT)],
            )
            .await?;
        if there.is_empty() {
            client.batch_execute(&self.sql("CREATE SCHEMA {schema}")).await?;
        }
        let table = "CREATE TABLE {schema}.version (version int NOT NULL); INSERT INTO {schema}.version VALUES (0)";
        client.batch_execute(&self.sql(table)).await
    }
}
