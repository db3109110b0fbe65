//! A process with a host, to be told what to do line by line, to be stopped and to be killed: `mirrorbox_e2e::Appender`
//! starts it. Its input and its output:
//!
//! | told | says |
//! | --- | --- |
//! | | `writer ID` once it runs |
//! | `append SESSION FIRST COUNT` | `acked SESSION NEXT` after each call, then `appended SESSION`, or `failed SESSION NEXT full\|other CAUSE` |
//! | `flush SECONDS` | `left ENTRIES` |
//! | `status` | `status JSON` |
//! | `close SECONDS` | `left ENTRIES`, and ends |
#![allow(clippy::print_stdout, reason = "that is how it answers")]

use std::error::Error;
use std::io::{self, BufRead, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use mirrorbox::config::Config;
use mirrorbox::host::{AppendFailed, Host};
use mirrorbox::key::SessionKey;
use mirrorbox_e2e::{PROJECT, calls, entry};

/// How a command ended.
type Done = Result<(), Box<dyn Error + Send + Sync>>;

fn main() -> Done {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [config, state, run] = arguments.as_slice() else {
        return Err("usage: appender CONFIG STATE RUN".into());
    };
    let config = Config::load(Path::new(config), Path::new(state))?;
    let host = Arc::new(Host::builder(Path::new(state)).config(&config).build_blocking()?);
    say(&format!("writer {}", host.writer()))?;
    let mut appending = Vec::new();
    for line in io::stdin().lock().lines() {
        let line = line?;
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["append", session, first, count] => {
                let (first, count) = (first.parse()?, count.parse()?);
                let appender = Appending {
                    host: host.clone(),
                    run: run.clone(),
                    session: (*session).to_owned(),
                };
                appending.push(thread::spawn(move || appender.run(first, count)));
            }
            ["flush", seconds] => {
                host.retry();
                let left = host.flush_blocking(Duration::from_secs(seconds.parse()?))?;
                say(&format!("left {}", left.entries()))?;
            }
            ["status"] => say(&format!("status {}", serde_json::to_string(&host.status())?))?,
            ["close", seconds] => {
                for thread in appending {
                    thread.join().map_err(|_panicked| "a thread panicked")??;
                }
                let host = Arc::into_inner(host).ok_or("the host is in use")?;
                let left = host.close_blocking(Duration::from_secs(seconds.parse()?))?;
                return say(&format!("left {}", left.entries()));
            }
            _ => return Err(format!("not a command: {line}").into()),
        }
    }
    Ok(())
}

/// One session that grows.
struct Appending {
    host: Arc<Host>,
    run: String,
    session: String,
}

impl Appending {
    fn run(self, first: u64, count: u64) -> Done {
        let transcript = self.host.transcript(SessionKey::main(PROJECT, &self.session)?);
        for call in calls(first, count) {
            let entries: Vec<_> = call
                .clone()
                .map(|index| entry(&self.run, &self.session, index))
                .collect();
            match transcript.append_blocking(&entries) {
                Ok(()) => say(&format!("acked {} {}", self.session, call.end))?,
                Err(error) => {
                    let kind = match &error {
                        AppendFailed::Local(error) if error.is_full() => "full",
                        _ => "other",
                    };
                    return say(&format!("failed {} {} {kind} {error}", self.session, call.start));
                }
            }
        }
        // Before the line is printed: the test that reads it may want the host closed.
        drop(transcript);
        let Self { host, session, .. } = self;
        drop(host);
        say(&format!("appended {session}"))
    }
}

/// A line at once, whole: the test that reads it may kill this process at any moment.
fn say(line: &str) -> Done {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    Ok(stdout.flush()?)
}
