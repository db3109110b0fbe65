//! Whether a server can keep the contract, and what about it is worth a warning.

use mirrorbox_adapter::{Error, Result, log};
use tokio_postgres::Client;

/// The view of entries needs a function that came with this one.
const OLDEST: i32 = 140_000;

const QUESTION: &str = "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), \
     current_setting('default_transaction_read_only'), current_setting('fsync'), current_setting('synchronous_commit')";

/// Why a primary refuses to write, and how it is made to.
pub(crate) const READ_ONLY: &str = "default_transaction_read_only is on for this database or role; a provider does that where the \
     disk is nearly full: make room, then ALTER DATABASE … RESET default_transaction_read_only (and ALTER ROLE …)";

/// What a server says of itself.
pub(crate) struct Facts {
    version: i32,
    encoding: String,
    read_only: String,
    fsync: String,
    synchronous_commit: String,
}

/// Asks the server once what it is.
pub(crate) async fn facts(client: &Client) -> Result<Facts, tokio_postgres::Error> {
    let row = client.query_typed_one(QUESTION, &[]).await?;
    Ok(Facts {
        version: row.try_get(0)?,
        encoding: row.try_get(1)?,
        read_only: row.try_get(2)?,
        fsync: row.try_get(3)?,
        synchronous_commit: row.try_get(4)?,
    })
}

impl Facts {
    pub(crate) fn check(&self) -> Result<()> {
        let misconfigured = |text: String| Err(Error::Misconfigured(text));
        if self.version < OLDEST {
            return misconfigured(format!(
                "the server of setting `url` is PostgreSQL {}: 14 or later is needed",
                self.version / 10_000
            ));
        }
        if self.encoding != "UTF8" {
            return misconfigured(format!(
                "the database of setting `url` has the encoding {}: create one with UTF8",
                self.encoding
            ));
        }
        if self.read_only == "on" {
            // What is stored can be read all the same.
            log::warn("open", format_args!("the database is read-only: {READ_ONLY}"));
        }
        if self.fsync == "off" {
            log::warn(
                "open",
                "fsync is off: a crash of the server loses or damages transcripts; set it to on",
            );
        }
        Ok(())
    }

    /// Whether a commit is answered before it is durable, unless a transaction asks for more.
    pub(crate) fn acknowledges_early(&self) -> bool {
        self.synchronous_commit == "off"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            version: 150_000,
            encoding: "UTF8".into(),
            read_only: "off".into(),
            fsync: "on".into(),
            synchronous_commit: "on".into(),
        }
    }

    #[test]
    fn what_cannot_keep_the_contract_is_refused() {
        assert_eq!(facts().check(), Ok(()));
        let old = Facts {
            version: 130_012,
            ..facts()
        };
        let latin = Facts {
            encoding: "LATIN1".into(),
            ..facts()
        };
        for (facts, word) in [(old, "PostgreSQL 13"), (latin, "LATIN1")] {
            let error = facts.check().unwrap_err();
            assert!(
                matches!(&error, Error::Misconfigured(text) if text.contains(word)),
                "{error}"
            );
        }
    }
}
