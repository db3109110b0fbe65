use crate::config::Grants;

/// What a component could make use of, told from its imports. Importing is not needing: clients import what they never
/// call, and Rust's standard library imports the file system for everybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// It can send HTTP requests.
    pub http: bool,
    /// It can make TCP connections.
    pub sockets: bool,
    /// It can use directories.
    pub files: bool,
    /// It can read settings.
    pub settings: bool,
}

impl Wants {
    /// From the names of imports, with or without versions.
    pub fn of<'a>(imports: impl IntoIterator<Item = &'a str>) -> Self {
        let mut wants = Self::default();
        for import in imports {
            match import.split_once('@').map_or(import, |(interface, _)| interface) {
                "wasi:http/outgoing-handler" => wants.http = true,
                "wasi:sockets/tcp" => wants.sockets = true,
                "wasi:filesystem/preopens" => wants.files = true,
                "wasi:config/store" => wants.settings = true,
                _ => {}
            }
        }
        wants
    }

    /// What it may lack under these grants, for people to judge.
    pub fn missing(self, grants: &Grants) -> Vec<&'static str> {
        let mut missing = Vec::new();
        if self.http && grants.network.is_empty() {
            missing.push("it can send HTTP requests, and grants.network names nobody");
        }
        // A whole C library can connect, and who is granted a directory keeps its data there.
        if self.sockets && grants.network.is_empty() && grants.dirs.is_empty() {
            missing.push("it can make TCP connections, and grants.network names nobody");
        }
        // Who may connect keeps its data elsewhere.
        if self.files && grants.dirs.is_empty() && grants.network.is_empty() && missing.is_empty() {
            missing.push("it can use directories, and grants.dirs names none");
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::network::NetworkGrant;
    use crate::config::{DirGrant, DirMode};

    const STANDARD: [&str; 2] = ["wasi:filesystem/preopens@0.2.6", "wasi:io/poll@0.2.6"];

    #[test]
    fn what_is_imported_and_not_granted_is_told() {
        let http = Wants::of(STANDARD.into_iter().chain(["wasi:http/outgoing-handler@0.2.0"]));
        assert_eq!(
            (http.http, http.sockets, http.files, http.settings),
            (true, false, true, false)
        );
        assert_eq!(http.missing(&Grants::default()).len(), 1);
        assert!(http.missing(&Grants::default())[0].contains("HTTP"));
        let files = Wants::of(STANDARD);
        assert!(files.missing(&Grants::default())[0].contains("grants.dirs"));
        let granted = Grants {
            network: vec![NetworkGrant::parse("https://a.example").unwrap()],
            ..Grants::default()
        };
        assert!(http.missing(&granted).is_empty() && files.missing(&granted).is_empty());
        let libc = Wants::of(STANDARD.into_iter().chain(["wasi:sockets/tcp@0.2.9"]));
        assert!(libc.missing(&Grants::default())[0].contains("TCP"));
        let folder = Grants {
            dirs: vec![DirGrant {
                host: "/srv".into(),
                guest: "/data".into(),
                mode: DirMode::ReadWrite,
            }],
            ..Grants::default()
        };
        assert_eq!(libc.missing(&folder), [""; 0]);
    }
}
