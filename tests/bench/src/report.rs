//! The figures as a page.

use std::fmt::Write as _;
use std::thread::available_parallelism;

use crate::pairs::{Pairs, Spread};

/// What was measured so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<String>,
}

impl Report {
    /// A row about a ratio: what, the ratio with its range, both sides in words.
    pub(crate) fn pair(&mut self, what: &str, aim: &str, pairs: &Pairs, sides: &str) {
        let Spread { median, min, max } = pairs.ratio();
        self.row(what, &format!("**{median:.2}** ({min:.2} to {max:.2})"), aim, sides);
    }

    /// Any row.
    pub(crate) fn row(&mut self, what: &str, figure: &str, aim: &str, detail: &str) {
        eprintln!("{what}: {figure}; {detail}");
        self.rows.push(format!("| {what} | {figure} | {aim} | {detail} |"));
    }

    pub(crate) fn to_markdown(&self, title: &str, about: &str) -> String {
        let mut text = format!(
            "# {title}\n\n{about}\n\n| what | median (range) | aim | both sides |\n| --- | --- | --- | --- |\n"
        );
        for row in &self.rows {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{row}");
        }
        text
    }
}

/// What the reader of any report must know.
fn method(command: &str) -> String {
    let cores = available_parallelism().map_or(0, usize::from);
    format!(
        "Written by `{command}`, which builds everything it needs and measures all of it in one run; run it to have the \
         figures of your machine.\n\n\
         Both sides of a ratio are measured in turns, and the ratio is the median of the rounds' ratios, with the \
         smallest and the largest beside it. Ratios hold from machine to machine; times and rates are those of the \
         machine of this run ({cores} cores) and only say what size the ratio is about."
    )
}

/// About the report of everything but servers.
pub(crate) fn everything(rounds: usize, mib: u64) -> String {
    format!(
        "{} Throughput is measured on {mib} MiB of made-up transcripts (of the mirror: on a quarter of it) in 7 rounds at \
         most, everything else in {rounds} rounds or more.\n\n\
         A call is handed to the instance's thread and back. Where the scheduler keeps both threads on one core that is \
         a few microseconds; where it wakes another, idle core each time, it is tens of them, and the rows about short \
         calls move with it from run to run (`taskset -c 0` shows the former). A call that syncs hardly notices.\n\n\
         The adapters before real servers are in [benchmarks-backends.md](benchmarks-backends.md).",
        method("cargo xtask bench")
    )
}

/// About the report of the adapters before their servers.
pub(crate) fn backends(rounds: usize) -> String {
    format!(
        "{} Short calls are measured in {rounds} rounds of 40, what takes longer in 5 at most.\n\n\
         Servers run beside the clients on the same cores. Redis syncs every write, as PostgreSQL does; the S3 server is \
         s3s-fs, which checks signatures and hashes and syncs nothing. *Native* is the adapter's own code with its client \
         library, compiled for the machine. *The SDK* is the agent's Python SDK: its own batcher in front of a store that \
         pipelines one RPUSH, inserts rows in one statement or puts one object for each append, as its examples do. Ours is \
         synced to local disk before it is sent, numbered, hashed, verified when it is read, and written through a \
         sandboxed component.\n\n\
         The S3 server walks through its whole bucket for every listing, which no S3 does: each row has buckets of its own, \
         the SDK's are apart from ours, and those with thousands of objects are put together from small ones in the \
         server's folder before anything is measured. With all of a large bucket in one project, each listing still waits for \
         that walk. It leaves Nagle's algorithm on, too: in some rounds the native client, which has a plain connection, \
         waits 40 ms for the second piece of an answer; the host acknowledges the first one at once.",
        method("cargo xtask bench --backends")
    )
}

/// About the report of the Python package.
pub(crate) fn packages(rounds: usize) -> String {
    format!(
        "{} Appends and questions are measured in {rounds} rounds, of a few calls each, what takes longer in 3 at most.\n\n\
         The package is the wheel as it is installed, in a Python that has the agent's SDK. *The SDK with a store* is that SDK \
         with the store in memory that comes with it, or with one that pipelines one RPUSH, inserts rows in one statement or \
         puts one object for each append, as its examples do; nothing of it is synced before it is sent. Ours is synced to \
         local disk before an append is answered, and delivered after that; rows about what is mirrored say both. Servers run \
         beside the clients on the same cores.\n\n\
         With `durable`, the SDK itself lays a session out, from a list of objects that it asks the store for, and prints each \
         as JSON again. With `wrapped`, `mirrorbox run` does it: the time is that of its whole process with an agent that only \
         looks, and the memory that of the whole process, too; of the SDK it is what its process rose by.",
        method("cargo xtask bench --packages")
    )
}
