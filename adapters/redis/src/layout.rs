//! The names of Redis keys. Parts are percent-encoded, so no two transcripts share one.

use mirrorbox_adapter::SessionKey;
use mirrorbox_adapter::encoding::encode;

/// Makes names under a prefix.
#[derive(Debug)]
pub(crate) struct Names {
    prefix: String,
}

/// What one transcript is kept in. The braces are a hash tag: in a cluster, all keys of a session are on one node.
#[derive(Debug)]
pub(crate) struct StreamNames {
    pub(crate) log: String,
    pub(crate) state: String,
    /// Of the whole session.
    pub(crate) subpaths: String,
}

/// Where the sessions of a project are found; all on one node of a cluster, so that a script can change them together.
#[derive(Debug)]
pub(crate) struct IndexNames {
    pub(crate) projects: String,
    pub(crate) sessions: String,
    pub(crate) numbers: String,
}

impl Names {
    pub(crate) fn new(prefix: String) -> Self {
        Self { prefix }
    }

    pub(crate) fn stream(&self, key: &SessionKey) -> StreamNames {
        let session = format!(
            "{}{{{}/{}}}",
            self.prefix,
            encode(&key.project_key),
            encode(&key.session_id)
        );
        let subpath = key
            .subpath
            .as_deref()
            .map_or(String::new(), |subpath| format!(":{}", encode(subpath)));
        StreamNames {
            log: format!("{session}:log{subpath}"),
            state: format!("{session}:state{subpath}"),
            subpaths: format!("{session}:subpaths"),
        }
    }

    pub(crate) fn index(&self, project_key: &str) -> IndexNames {
        let (index, project) = (format!("{}{{index}}", self.prefix), encode(project_key));
        IndexNames {
            projects: format!("{index}:projects"),
            sessions: format!("{index}:sessions:{project}"),
            numbers: format!("{index}:numbers:{project}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_readable() {
        let names = Names::new("mirrorbox:".into());
        let main = SessionKey::main("-srv-app", "s1");
        assert_eq!(names.stream(&main).log, "mirrorbox:{-srv-app/s1}:log");
        let agent = names.stream(&main.with_subpath("subagents/agent-1"));
        assert_eq!(agent.state, "mirrorbox:{-srv-app/s1}:state:subagents%2Fagent-1");
        assert_eq!(agent.subpaths, "mirrorbox:{-srv-app/s1}:subpaths");
        assert_eq!(names.index("-srv-app").sessions, "mirrorbox:{index}:sessions:-srv-app");
    }

    #[test]
    fn no_two_transcripts_share_a_name() {
        let names = Names::new(String::new());
        let keys = [
            SessionKey::main("a:b", "c"),
            SessionKey::main("a", "b:c"),
            SessionKey::main("a/b", "c"),
            SessionKey::main("a", "b/c"),
            SessionKey::main("a}", "{c"),
            SessionKey::main("a", "c").with_subpath("log"),
            SessionKey::main("a", "c:log"),
            SessionKey::main("a", "c").with_subpath("subpaths"),
            SessionKey::main("a", "c"),
            SessionKey::main("index", "projects"),
        ];
        let all: HashSet<_> = keys.iter().map(|key| names.stream(key).log).collect();
        assert_eq!(all.len(), keys.len());
    }
}
