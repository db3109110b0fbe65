use std::io::{self, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::text;

/// Sends what the library logs to stderr.
pub(crate) fn start_log(verbose: u8, stays: bool) {
    let filter = match verbose {
        // What becomes of followed files and of adapters is what a command that stays is there to tell.
        0 if stays => "warn,mirrorbox::host::adapters=info,mirrorbox::watch=info",
        // The command itself reports a destination that does not open.
        0 => "warn,mirrorbox::host=error",
        1 => "info",
        _ => "info,mirrorbox=debug",
    };
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(Records)
        // A record cannot be told from an escape sequence in it once both are bytes.
        .with_ansi(false)
        .without_time()
        .init();
}

/// Makes a line of each record: an adapter's words stand in some of them, and are to forge none.
#[derive(Debug)]
struct Records;

/// Gets a record in one piece, with its line end.
#[derive(Debug)]
struct Record;

impl MakeWriter<'_> for Records {
    type Writer = Record;

    fn make_writer(&self) -> Record {
        Record
    }
}

impl Write for Record {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let mut line = text::record(&String::from_utf8_lossy(record));
        line.push('\n');
        io::stderr().write_all(line.as_bytes())?;
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
