//! The results as JUnit's XML, which every build server reads: a test case for each check.

use std::fmt::Write as _;

use mirrorbox_conformance::{Checked, Outcome, Report};

/// The whole document. A warning is a case that passed, with what was found as its output.
pub(super) fn document(report: &Report) -> String {
    let count = |is: fn(&Outcome) -> bool| report.checks.iter().filter(|checked| is(&checked.outcome)).count();
    let seconds: f64 = report.checks.iter().map(|checked| checked.took.as_secs_f64()).sum();
    let name = text(&format!("{} {}", report.store.name, report.store.version));
    let mut document = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" errors=\"0\" time=\"{seconds:.3}\">\n",
        report.checks.len(),
        count(|outcome| matches!(outcome, Outcome::Failed(_))),
        count(|outcome| matches!(outcome, Outcome::Skipped(_))),
    );
    for checked in &report.checks {
        case(&mut document, checked);
    }
    document + "</testsuite>\n"
}

fn case(document: &mut String, checked: &Checked) {
    let seconds = checked.took.as_secs_f64();
    let whole = text(&checked.to_string());
    // Writing to a string does not fail, here and below.
    let _ = write!(
        document,
        "  <testcase classname=\"contract\" name=\"{}\" time=\"{seconds:.3}\"",
        text(checked.name)
    );
    let _ = match &checked.outcome {
        Outcome::Passed => writeln!(document, "/>"),
        Outcome::Failed(reason) => {
            let reason = text(reason);
            writeln!(document, "><failure message=\"{reason}\">{whole}</failure></testcase>")
        }
        Outcome::Warned(_) => writeln!(document, "><system-out>{whole}</system-out></testcase>"),
        Outcome::Skipped(why) => writeln!(document, "><skipped message=\"{}\"/></testcase>", text(why)),
    };
}

/// As XML has it, in an attribute, too. What XML cannot hold at all, not even escaped, becomes U+FFFD.
fn text(plain: &str) -> String {
    let mut text = String::with_capacity(plain.len());
    for character in plain.chars() {
        match character {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\n' => text.push_str("&#10;"),
            '\t' => text.push_str("&#9;"),
            '\u{fffe}' | '\u{ffff}' => text.push('\u{fffd}'),
            control if control.is_control() => text.push('\u{fffd}'),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mirrorbox::store::StoreInfo;

    use super::*;

    #[test]
    fn each_check_is_a_case_and_nothing_breaks_out_of_the_text() {
        let checked = |name, outcome| Checked {
            name,
            rule: "it holds",
            outcome,
            call: None,
            took: Duration::from_millis(1_250),
        };
        let report = Report {
            store: StoreInfo {
                name: "<mine>".into(),
                version: "1".into(),
                ..StoreInfo::default()
            },
            seed: 7,
            detects_gaps: true,
            checks: vec![
                checked("end", Outcome::Passed),
                checked("append-load", Outcome::Failed("\"]]></failure>\u{1b}[0m".into())),
                checked("durable-append", Outcome::Warned("it cannot".into())),
                checked("compact", Outcome::Skipped("no".into())),
            ],
        };
        assert_eq!(
            document(&report),
            r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="&lt;mine&gt; 1" tests="4" failures="1" skipped="1" errors="0" time="5.000">
  <testcase classname="contract" name="end" time="1.250"/>
  <testcase classname="contract" name="append-load" time="1.250"><failure message="&quot;]]&gt;&lt;/failure&gt;�[0m">append-load: &quot;]]&gt;&lt;/failure&gt;�[0m&#10;  the rule: it holds</failure></testcase>
  <testcase classname="contract" name="durable-append" time="1.250"><system-out>durable-append, a warning: it cannot&#10;  the rule: it holds</system-out></testcase>
  <testcase classname="contract" name="compact" time="1.250"><skipped message="no"/></testcase>
</testsuite>
"#
        );
    }
}
