//! Makes up components for `fuzz/corpus/components`, which tests put through inspection and the contract check:
//! `cargo run --manifest-path fuzz/components/Cargo.toml -- FOLDER FIRST_SEED COUNT`. A seed makes one component,
//! always the same with one version of wasm-smith.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use arbitrary::Unstructured;
use fastrand::Rng;
use wasm_smith::{Component, Config};

/// The corpus is compiled by every run of the tests.
const MAX_SIZE: usize = 3000;

fn main() -> Result<(), Box<dyn Error>> {
    let [folder, first, count] = env::args()
        .skip(1)
        .collect::<Vec<_>>()
        .try_into()
        .map_err(|_| "usage: FOLDER FIRST_SEED COUNT")?;
    let (first, count): (u64, usize) = (first.parse()?, count.parse()?);
    fs::create_dir_all(&folder)?;
    let made = (first..).filter_map(|seed| Some((seed, component(seed)?)));
    for (seed, component) in made.take(count) {
        fs::write(Path::new(&folder).join(format!("{seed}.wasm")), component)?;
    }
    Ok(())
}

/// `None` if the seed makes none, or one that is too large or has next to nothing in it.
fn component(seed: u64) -> Option<Vec<u8>> {
    let mut rng = Rng::with_seed(seed);
    let mut bytes = vec![0; rng.usize(200..6000)];
    rng.fill(&mut bytes);
    let made = Component::new(config(seed), &mut Unstructured::new(&bytes))
        .ok()?
        .to_bytes();
    (100..MAX_SIZE).contains(&made.len()).then_some(made)
}

/// Three of four keep to what the host's engine takes; the others use all that there is.
fn config(seed: u64) -> Config {
    let all = seed % 4 == 0;
    Config {
        gc_enabled: all,
        reference_types_enabled: all,
        exceptions_enabled: all,
        memory64_enabled: all,
        threads_enabled: all,
        relaxed_simd_enabled: all,
        tail_call_enabled: all,
        max_instructions: 100,
        ..Config::default()
    }
}
