//! An adapter's page says what its code reads.

use std::collections::BTreeSet;

use mirrorbox_adapter::{Result, Settings};

/// How the table of settings begins, on every adapter's page.
const TABLE: &str = "| setting | default | meaning |\n| --- | --- | --- |\n";

/// The table of a page lists exactly the settings that the adapter asks for. `complete` are those that it cannot do
/// without.
pub fn names_every_setting(page: &str, complete: &[(&str, &str)], read: impl Fn(&Settings) -> Result<()>) {
    let (_, table) = page.split_once(TABLE).expect("the page has a table of settings");
    let rows = table.lines().map_while(|line| line.strip_prefix("| `"));
    let named: BTreeSet<_> = rows.filter_map(|row| Some(row.split_once('`')?.0)).collect();
    let unknown = [("no_such_setting", "x")];
    let settings = Settings::from_pairs(complete.iter().chain(&unknown).copied());
    // It names those that it knows.
    let error = read(&settings).unwrap_err().to_string();
    let (_, known) = error.split_once("; known ").expect("an unknown setting is refused");
    let known: BTreeSet<_> = known.split('`').skip(1).step_by(2).collect();
    assert_eq!(named, known);
}
