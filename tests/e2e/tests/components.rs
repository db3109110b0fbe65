//! Components that a fuzzer made up (`fuzz/components`), as they are and with bytes changed, come to inspection and to
//! the contract check: each is refused with a reason, and none of them ends the process or keeps it busy.

#[cfg(test)]
mod components {
    use std::fs;
    use std::path::{Path, PathBuf};

    use fastrand::Rng;
    use mirrorbox::adapter::{AdapterError, Inspection};
    use mirrorbox_e2e::{amount, dummy_component, runtime, seed};

    /// The corpus: by name, so that a seed means the same on every machine.
    fn corpus() -> Vec<PathBuf> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/components");
        let mut files: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        files
    }

    /// Inspects these bytes; whether they are a component that the engine takes, which keeps no contract.
    fn inspect(dir: &Path, bytes: &[u8]) -> Result<Inspection, AdapterError> {
        let path = dir.join("made-up.wasm");
        fs::write(&path, bytes).unwrap();
        let inspected = Inspection::of(&runtime(), &path);
        match &inspected {
            Ok(inspection) => {
                assert_eq!(inspection.size, bytes.len() as u64);
                if let Err(error) = &inspection.contract {
                    assert!(!error.to_string().is_empty());
                }
            }
            Err(error) => assert!(error.to_string().contains("made-up.wasm"), "{error}"),
        }
        inspected
    }

    /// A few bytes changed, taken out or put in, or the end cut off.
    fn mutate(bytes: &mut Vec<u8>, rng: &mut Rng) {
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(..bytes.len());
            match rng.u8(..5) {
                0 => bytes[at] ^= 1 << rng.u8(..8),
                1 => bytes[at] = rng.u8(..),
                2 => drop(bytes.remove(at)),
                3 => bytes.insert(at, rng.u8(..)),
                _ => bytes.truncate(at.max(9)),
            }
        }
    }

    #[test]
    fn made_up_ones_keep_no_contract() {
        let dir = tempfile::tempdir().unwrap();
        let mut looked_into = 0;
        for file in corpus() {
            match inspect(dir.path(), &fs::read(&file).unwrap()) {
                Ok(inspection) => {
                    looked_into += 1;
                    assert!(inspection.contract.is_err(), "{}", file.display());
                }
                Err(error) => println!("{}: {error}", file.display()),
            }
        }
        assert!(
            looked_into > corpus().len() / 3,
            "only {looked_into} are components to the engine"
        );
    }

    #[test]
    fn changed_ones_are_inspected_or_refused() {
        let (dir, mut rng) = (tempfile::tempdir().unwrap(), Rng::with_seed(seed()));
        for file in corpus() {
            let made_up = fs::read(file).unwrap();
            for _ in 0..amount(4, 1000) {
                let mut changed = made_up.clone();
                mutate(&mut changed, &mut rng);
                // Refusing it is as good.
                let _ = inspect(dir.path(), &changed);
            }
        }
    }

    /// Next to what an adapter is: what little is changed may be what the contract is about.
    #[test]
    fn changed_ones_of_the_contract_are_inspected_or_refused() {
        let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/adapter.wit");
        let keeps = dummy_component(&[fs::read_to_string(contract).unwrap()]);
        let (dir, mut rng) = (tempfile::tempdir().unwrap(), Rng::with_seed(seed()));
        assert!(inspect(dir.path(), &keeps).unwrap().contract.is_ok());
        for _ in 0..amount(100, 20_000) {
            let mut changed = keeps.clone();
            mutate(&mut changed, &mut rng);
            let _ = inspect(dir.path(), &changed);
        }
    }
}
