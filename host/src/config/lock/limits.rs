//! The limits of a manifest that are raised above their defaults; raising one needs approval.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer};

use crate::config::Manifest;

/// A limit of a manifest that can be raised above what it is by default.
struct Limit {
    name: &'static str,
    unit: &'static str,
    of: fn(&Manifest) -> u64,
}

const LIMITS: [Limit; 6] = [
    Limit {
        name: "instances",
        unit: "",
        of: |manifest| manifest.instances.into(),
    },
    Limit {
        name: "memory",
        unit: " bytes",
        of: Manifest::memory,
    },
    Limit {
        name: "timeout",
        unit: " ms",
        of: timeout,
    },
    Limit {
        name: "returns",
        unit: " bytes",
        of: Manifest::returns,
    },
    Limit {
        name: "log_lines",
        unit: " a second",
        of: |manifest| manifest.log_lines.into(),
    },
    Limit {
        name: "idle_connections",
        unit: " a server",
        of: |manifest| manifest.idle_connections.into(),
    },
];

fn timeout(manifest: &Manifest) -> u64 {
    u64::try_from(manifest.timeout.as_millis()).unwrap_or(u64::MAX)
}

/// Those limits of a manifest that are above their defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Raised {
    each: BTreeMap<&'static str, u64>,
}

impl Raised {
    pub(super) fn of(manifest: &Manifest) -> Self {
        let usual = Manifest::default();
        let raised = LIMITS
            .iter()
            .map(|limit| (limit.name, (limit.of)(manifest), (limit.of)(&usual)));
        let raised = raised.filter(|(_, now, usual)| now > usual);
        Self {
            each: raised.map(|(name, now, _)| (name, now)).collect(),
        }
    }

    /// As the lock says them.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        let raised = LIMITS
            .iter()
            .filter_map(|limit| Some((limit, self.each.get(limit.name)?)));
        raised.map(|(limit, value)| format!("{} {value}{}", limit.name, limit.unit))
    }

    /// The lines of what is raised further than it was before.
    pub(super) fn beyond(&self, before: &Self) -> impl Iterator<Item = String> {
        let further = self
            .each
            .iter()
            .filter(|(name, value)| before.each.get(*name).is_none_or(|before| *value > before));
        Self {
            each: further.map(|(name, value)| (*name, *value)).collect(),
        }
        .lines()
        .collect::<Vec<_>>()
        .into_iter()
    }
}

/// From the lines of a lock.
impl<'de> Deserialize<'de> for Raised {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let lines = Vec::<String>::deserialize(deserializer)?;
        let each = lines
            .iter()
            .map(|line| parse(line).ok_or_else(|| de::Error::custom(NoLimit(line))));
        Ok(Self {
            each: each.collect::<Result<_, _>>()?,
        })
    }
}

fn parse(line: &str) -> Option<(&'static str, u64)> {
    let (name, rest) = line.split_once(' ')?;
    let limit = LIMITS.iter().find(|limit| limit.name == name)?;
    // What is no number is no limit, and the error says so.
    let value = rest.strip_suffix(limit.unit)?.parse().ok()?;
    Some((limit.name, value))
}

struct NoLimit<'a>(&'a str);

impl fmt::Display for NoLimit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no limit; they are written like", self.0)?;
        for limit in &LIMITS {
            write!(f, " \"{} 1{}\"", limit.name, limit.unit)?;
        }
        Ok(())
    }
}
