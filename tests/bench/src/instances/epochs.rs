//! The tax of being able to stop a guest anywhere: the same loop with checks for epochs and without.

use std::time::{Duration, Instant};

use anyhow::anyhow;
use wasmtime::{Config, Engine, Instance, Module, Store, TypedFunc};

use crate::pairs::Pairs;
use crate::report::Report;

/// Hashes a MiB of its memory (FNV-1a, byte by byte), as often as it is asked: a check at every turn of a short loop is
/// the dearest there is.
const GUEST: &str = r#"
(module
  (memory 16)
  (func (export "hash") (param $times i32) (result i64)
    (local $at i32) (local $hash i64)
    (local.set $hash (i64.const -3750763034362895579))
    (loop $again
      (local.set $at (i32.const 0))
      (loop $next
        (local.set $hash
          (i64.mul
            (i64.xor (local.get $hash) (i64.load8_u (local.get $at)))
            (i64.const 1099511628211)))
        (br_if $next
          (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 1048576))))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (local.get $hash)))
"#;

const TIMES: i32 = 16;

pub(crate) fn measure(rounds: usize, report: &mut Report) -> anyhow::Result<()> {
    let pairs = in_turns(&wat::parse_str(GUEST)?, rounds).map_err(|error| anyhow!("{error:#}"))?;
    let rate = f64::from(TIMES) / pairs.b().median;
    report.pair(
        "instances: a loop that hashes memory, with epochs against without",
        "—",
        &pairs,
        &format!("{rate:.0} MiB/s without"),
    );
    Ok(())
}

fn in_turns(code: &[u8], rounds: usize) -> wasmtime::Result<Pairs> {
    let (mut with, mut without) = (Guest::new(code, true)?, Guest::new(code, false)?);
    let mut pairs = Pairs::default();
    for _ in 0..rounds {
        pairs.add(with.time()?, without.time()?);
    }
    Ok(pairs)
}

struct Guest {
    store: Store<()>,
    hash: TypedFunc<i32, i64>,
}

impl Guest {
    fn new(code: &[u8], epochs: bool) -> wasmtime::Result<Self> {
        let mut config = Config::new();
        config.epoch_interruption(epochs);
        let engine = Engine::new(&config)?;
        let module = Module::from_binary(&engine, code)?;
        let mut store = Store::new(&engine, ());
        if epochs {
            store.set_epoch_deadline(1);
        }
        let instance = Instance::new(&mut store, &module, &[])?;
        let hash = instance.get_typed_func(&mut store, "hash")?;
        Ok(Self { store, hash })
    }

    fn time(&mut self) -> wasmtime::Result<Duration> {
        let start = Instant::now();
        self.hash.call(&mut self.store, TIMES)?;
        Ok(start.elapsed())
    }
}
