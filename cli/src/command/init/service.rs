//! A unit for systemd that lets `mirrorbox watch` do its work and nothing else.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use mirrorbox::config::{Config, DirMode};

use super::{absolute, text};
use crate::error::CliError;

/// How long the service waits for destinations when it is to stop.
const DELIVER: u32 = 20;

/// How many files it may open: a hundred for what it needs itself, and several for each connection of each adapter.
const FILES: u32 = 65_536;

/// How much memory it may use. What adapters may is in their manifests, 512 MiB for an instance unless those say more;
/// compiled code and what is on its way come on top.
const MEMORY: &str = "4G";

/// How many threads and processes: a few for each core, and one for each call that an adapter is busy with.
const TASKS: u32 = 4096;

/// What the unit is about; every path from the root.
struct Unit {
    binary: PathBuf,
    config: PathBuf,
    state: PathBuf,
    projects: PathBuf,
    /// Where adapters may write.
    writable: Vec<PathBuf>,
    user: Option<u32>,
}

/// The unit for a configuration.
pub(super) fn unit(config: &Config, projects: &Path) -> Result<String, CliError> {
    let binary = std::env::current_exe()
        .map_err(|error| CliError::failed(format!("cannot tell where this program is: {error}")))?;
    let grants = config.destinations.iter().flat_map(|one| &one.manifest.grants.dirs);
    let writable = grants.filter(|grant| grant.mode == DirMode::ReadWrite);
    let projects = absolute(projects)?;
    let unit = Unit {
        user: owner(&projects).or_else(|| owner(&config.dir)),
        binary,
        config: absolute(&config.dir)?,
        state: absolute(&config.state)?,
        projects,
        writable: writable.map(|grant| absolute(&grant.host)).collect::<Result<_, _>>()?,
    };
    unit.to_text()
}

impl Unit {
    fn to_text(&self) -> Result<String, CliError> {
        let [binary, config, state, projects] =
            [&self.binary, &self.config, &self.state, &self.projects].map(|path| quoted(path));
        let (binary, config, state, projects) = (binary?, config?, state?, projects?);
        let mut writable = format!("ReadWritePaths={state}\n");
        for path in &self.writable {
            writeln!(writable, "ReadWritePaths={}", quoted(path)?).unwrap_or_default();
        }
        let user = self.user.map_or_else(String::new, |user| format!("User={user}\n"));
        // In a command, a dollar sign begins a variable.
        let command = [&binary, &config, &state, &projects].map(|path| path.replace('$', "$$"));
        let [run, with_config, with_state, with_projects] = command;
        let stop = DELIVER * 2 + 20;
        Ok(format!(
            "\
# Make the directories of ReadWritePaths first, then put this into /etc/systemd/system/mirrorbox.service:
#   systemctl daemon-reload && systemctl enable --now mirrorbox

[Unit]
Description=Mirrorbox: mirrors the transcripts of AI agents
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
NotifyAccess=main
ExecStart={run} --config {with_config} --state {with_state} watch --projects-dir {with_projects} --deliver {DELIVER}s
# The user to whom the transcripts belong: nobody else may read them.
{user}# It is ready once it has looked through every transcript, which takes as long as they are many.
TimeoutStartSec=infinity
WatchdogSec=60s
# Complete lines are taken for up to {DELIVER} s, and delivered for as long again.
KillSignal=SIGTERM
TimeoutStopSec={stop}s
Restart=on-failure
RestartSec=5s
# 3: something waits for a destination, and is delivered by the next start. 2: the configuration is wrong.
SuccessExitStatus=3
RestartPreventExitStatus=2

# What it reads and where it writes.
ProtectSystem=strict
ProtectHome=read-only
ReadOnlyPaths=-{projects}
{writable}UMask=0077
# A core would hold secrets.
LimitCORE=0
# What it may use of the machine: raise MemoryMax where adapters are allowed more.
LimitNOFILE={FILES}
MemoryMax={MEMORY}
TasksMax={TASKS}
PrivateTmp=yes
PrivateDevices=yes
ProtectProc=invisible

# What it never needs.
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
LockPersonality=yes
RemoveIPC=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
# Adapters are compiled to machine code, which is mapped as executable.
MemoryDenyWriteExecute=no

[Install]
WantedBy=multi-user.target
"
        ))
    }
}

/// A path as units want it.
fn quoted(path: &Path) -> Result<String, CliError> {
    let path = text(path)?;
    if path.contains(char::is_control) {
        return Err(CliError::usage(format!("{path:?} cannot be said in a unit of systemd")));
    }
    let escaped = path.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%");
    Ok(format!("\"{escaped}\""))
}

#[cfg(unix)]
fn owner(path: &Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    path.metadata().ok().map(|metadata| metadata.uid())
}

#[cfg(not(unix))]
fn owner(_: &Path) -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::output::say;

    fn unit() -> String {
        let unit = Unit {
            binary: "/usr/local/bin/mirrorbox".into(),
            config: "/etc/mirror box".into(),
            state: "/var/lib/mirrorbox".into(),
            projects: "/home/100% $me/.claude/projects".into(),
            writable: vec!["/srv/\"transcripts\"".into()],
            user: Some(1000),
        };
        unit.to_text().unwrap()
    }

    fn values<'a>(unit: &'a str, name: &str) -> Vec<&'a str> {
        let of_name = |line: &'a str| line.split_once('=').filter(|(key, _)| *key == name);
        unit.lines().filter_map(of_name).map(|(_, value)| value).collect()
    }

    #[test]
    fn it_says_what_may_be_read_and_written() {
        let unit = unit();
        assert_eq!(
            values(&unit, "ExecStart"),
            [
                "\"/usr/local/bin/mirrorbox\" --config \"/etc/mirror box\" --state \"/var/lib/mirrorbox\" watch \
              --projects-dir \"/home/100%% $$me/.claude/projects\" --deliver 20s"
            ]
        );
        assert_eq!(
            values(&unit, "ReadWritePaths"),
            ["\"/var/lib/mirrorbox\"", "\"/srv/\\\"transcripts\\\"\""]
        );
        assert_eq!(
            values(&unit, "ReadOnlyPaths"),
            ["-\"/home/100%% $me/.claude/projects\""]
        );
        assert_eq!(values(&unit, "User"), ["1000"]);
    }

    #[test]
    fn it_says_what_may_be_used_of_the_machine() {
        let unit = unit();
        for (name, value) in [
            ("LimitNOFILE", "65536"),
            ("LimitCORE", "0"),
            ("MemoryMax", "4G"),
            ("TasksMax", "4096"),
        ] {
            assert_eq!(values(&unit, name), [value]);
        }
    }

    #[test]
    fn every_line_is_a_section_a_comment_or_a_setting_that_is_said_once() {
        let unit = unit();
        let mut said = std::collections::BTreeSet::new();
        for line in unit
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with(['#', '[']))
        {
            let (name, _) = line.split_once('=').unwrap();
            let is_list = ["ReadWritePaths", "SystemCallFilter"].contains(&name);
            assert!(said.insert(name) || is_list, "{line}");
        }
        assert_eq!(values(&unit, "Type"), ["notify"]);
        assert_eq!(values(&unit, "MemoryDenyWriteExecute"), ["no"]);
        let stop: u32 = values(&unit, "TimeoutStopSec")[0]
            .trim_end_matches('s')
            .parse()
            .unwrap();
        assert!(stop > 2 * DELIVER, "the last look and the delivery need time");
    }

    /// Where systemd is there, it has the last word.
    #[test]
    fn systemd_takes_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("mirrorbox.service");
        // It looks for the program.
        let text = unit().replace("/usr/local/bin/mirrorbox", "/bin/true");
        std::fs::write(&file, text).unwrap();
        let Ok(output) = Command::new("systemd-analyze").arg("verify").arg(&file).output() else {
            say("passed over: systemd-analyze is not installed");
            return;
        };
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let about_it: Vec<_> = said.lines().filter(|line| line.contains("mirrorbox.service")).collect();
        assert_eq!(about_it, [] as [&str; 0]);
    }
}
