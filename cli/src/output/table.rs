use std::fmt;

use comfy_table::{Cell, CellAlignment, presets};

/// Columns without lines, as wide as they need to be: each row is one line, for eyes and for `grep`.
#[derive(Debug)]
pub(crate) struct Table(comfy_table::Table);

/// A cell of text from outside.
pub(crate) fn left(text: impl AsRef<str>) -> Cell {
    Cell::new(super::safe_line(text.as_ref()))
}

/// A figure.
pub(crate) fn right(text: impl fmt::Display) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

impl Table {
    pub(crate) fn new(header: &[&str]) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).set_header(header);
        Self(table)
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.0.add_row(cells.into_iter().collect::<Vec<_>>());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.lines().map(|line| line.trim().to_owned()).collect();
        f.write_str(&lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_lines_with_columns_under_each_other() {
        let mut table = Table::new(&["SESSION", "ENTRIES"]);
        table.row([left("a\nb\u{1b}"), right(5)]);
        table.row([left("longer name"), right(1234)]);
        assert_eq!(
            table.to_string(),
            "SESSION      ENTRIES\na b␛               5\nlonger name     1234"
        );
    }
}
