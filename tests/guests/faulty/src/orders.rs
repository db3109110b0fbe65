//! What goes wrong in a folder, as a file there says.

use std::fs::{self, File};
use std::path::Path;

use mirrorbox_adapter::{Error, Result};

use crate::Fault;

/// When an order is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Before,
    After,
    Later,
}

/// One line of the file.
#[derive(Debug)]
struct Order<'a> {
    operation: &'a str,
    when: When,
    fault: Fault,
    times: Option<u64>,
}

/// The order that this call has to carry out, if there is one. Takes one of its times.
pub(crate) fn take(root: &Path, operation: &str) -> Result<Option<(When, Fault)>> {
    let Ok(orders) = fs::read_to_string(root.join("orders")) else {
        return Ok(None);
    };
    for (line, text) in orders.lines().enumerate() {
        let Some(order) = parse(text) else {
            return Err(Error::Misconfigured(format!("no order: {text}")));
        };
        let fits = [operation, "any"].contains(&order.operation);
        if fits && order.times.is_none_or(|times| take_time(root, line, times)) {
            return Ok(Some((order.when, order.fault)));
        }
    }
    Ok(None)
}

fn parse(line: &str) -> Option<Order<'_>> {
    let mut words = line.split(' ');
    let order = Order {
        operation: words.next()?,
        when: match words.next()? {
            "before" => When::Before,
            "after" => When::After,
            "later" => When::Later,
            _ => return None,
        },
        fault: words.next()?.parse().ok()?,
        times: words.next().map(str::parse).transpose().ok()?,
    };
    words.next().is_none().then_some(order)
}

/// Of several instances, each time is taken by one.
fn take_time(root: &Path, line: usize, times: u64) -> bool {
    let taken = root.join("taken");
    // It may be there.
    let _ = fs::create_dir(&taken);
    (0..times).any(|time| File::create_new(taken.join(format!("{line}-{time}"))).is_ok())
}
