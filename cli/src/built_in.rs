//! The adapters that the binary carries.

use crate::error::CliError;

/// An adapter that comes with the command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BuiltIn {
    pub(crate) name: &'static str,
    /// Empty where it had not been built when this binary was.
    component: &'static [u8],
    /// What its manifest may look like, to be filled in; none where it depends on the machine.
    pub(crate) manifest: Option<&'static str>,
}

/// How a destination is delivered to, as every manifest says it.
pub(crate) const MIRROR_SECTION: &str = include_str!("built_in/mirror.toml");

macro_rules! manifest {
    ($name:literal) => {
        Some(concat!(
            include_str!(concat!("built_in/", $name, ".toml")),
            include_str!("built_in/mirror.toml")
        ))
    };
}

macro_rules! component {
    ($name:literal) => {
        include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".wasm"))
    };
}

pub(crate) const FS: BuiltIn = BuiltIn {
    name: "fs",
    component: component!("fs"),
    manifest: None,
};

const ALL: [BuiltIn; 4] = [
    FS,
    BuiltIn {
        name: "postgres",
        component: component!("postgres"),
        manifest: manifest!("postgres"),
    },
    BuiltIn {
        name: "redis",
        component: component!("redis"),
        manifest: manifest!("redis"),
    },
    BuiltIn {
        name: "s3",
        component: component!("s3"),
        manifest: manifest!("s3"),
    },
];

impl BuiltIn {
    pub(crate) fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|adapter| adapter.name == name)
    }

    pub(crate) fn component(&self) -> Result<&'static [u8], CliError> {
        match self.component {
            [] => Err(
                CliError::failed(format!("this binary was built without the {} adapter", self.name))
                    .advise("build it with `cargo xtask build`, which builds the adapters first"),
            ),
            component => Ok(component),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use mirrorbox::config::Manifest;

    use super::*;

    #[test]
    fn manifests_say_what_can_be_read_and_what_to_fill_in() {
        for adapter in ALL {
            let Some(manifest) = adapter.manifest else { continue };
            let parsed = Manifest::parse(Path::new("/adapters/x.toml"), manifest).unwrap();
            assert!(
                !parsed.settings().is_empty() && !parsed.grants.network.is_empty(),
                "{}",
                adapter.name
            );
        }
        assert!(BuiltIn::named("s3").is_some() && BuiltIn::named("s4").is_none());
    }
}
