//! What the sandbox costs: an adapter as a component, against the same code and client library called natively, on the
//! same server.

use mirrorbox::key::SessionKey;
use mirrorbox::store::{Chain, Store};
use mirrorbox_adapter::Adapter;

use super::place::Place;
use crate::native::Native;
use crate::pairs::{Pairs, Turns};
use crate::report::Report;
use crate::sandbox::draft;

/// How many calls of each side a round has; its figure is their median.
const CALLS: u64 = 40;
const PAYLOADS: [(usize, &str); 2] = [(1 << 10, "1 KiB"), (64 << 10, "64 KiB")];

pub(super) async fn measure<A: Adapter>(place: &Place, rounds: usize, report: &mut Report) -> anyhow::Result<()> {
    let component = place.open().await?;
    let mut native = Native::<A>::open(&place.settings)?;
    for (bytes, size) in PAYLOADS {
        // What one side wrote the other does not find in its way.
        let keys = ["component", "native"].map(|side| SessionKey::main(side, format!("tax-{bytes}")));
        let [ours, theirs] = keys;
        let (ours, theirs) = (ours?, theirs?);
        let (mut chain, mut other) = (Chain::start(&ours), Chain::start(&theirs));
        let (mut appends, mut loads) = (Pairs::default(), Pairs::default());
        for _ in 0..rounds {
            let (mut append, mut load) = (Turns::default(), Turns::default());
            for _ in 0..CALLS {
                let after = chain.number();
                let (batch, same) = (chain.next(draft(bytes)), other.next(draft(bytes)));
                append.a(component.append(&ours, &batch, None)).await?;
                append.b(|| native.append(&theirs, &same))?;
                load.a(component.load(&ours, after, 1)).await?;
                load.b(|| native.load(&theirs, after))?;
            }
            appends.add_medians(append);
            loads.add_medians(load);
        }
        // The client hashes what it sends.
        let aim = if place.name == "s3" { "< 1.3" } else { "< 1.15" };
        for (call, pairs, aim) in [("append", &appends, aim), ("load", &loads, "—")] {
            let what = format!("{}: {call} of a {size} batch, component against native", place.name);
            report.pair(&what, aim, pairs, &sides(pairs));
        }
    }
    component.close().await;
    Ok(())
}

fn sides(pairs: &Pairs) -> String {
    format!(
        "component {:.0} µs, native {:.0} µs: the sandbox costs {:.0} µs a call",
        pairs.a().median * 1e6,
        pairs.b().median * 1e6,
        pairs.difference().median * 1e6
    )
}
