//! Memory does not grow with a session: a gigabyte goes in and comes out within 64 MiB above the idle process plus
//! three times the largest entry.
//!
//! A program of its own with one test: the figure is the peak of all children that this process ever had.

#[cfg(test)]
mod memory {
    use std::fs::{self, File};
    use std::io::{self, BufReader, Read, Write};
    use std::path::{Path, PathBuf};

    use mirrorbox_e2e::Installation;
    use mirrorbox_transcripts::Giant;
    use nix::sys::resource::{UsageWho, getrusage};

    const ALLOWED: u64 = 64 << 20;
    const GIGABYTE: u64 = 1_000_000_000;
    const LARGE_ENTRY: u64 = 100_000_000;

    #[test]
    fn memory_does_not_grow_with_the_session() {
        let dir = tempfile::tempdir().unwrap();
        let installed = Installation::at(dir.path());
        installed.succeeds(["adapters"]);
        let idle = peak_of_children();

        let giant = Giant {
            seed: 1,
            bytes: GIGABYTE,
        };
        let written = giant.write(&dir.path().join("giant")).unwrap();
        let allowed = idle + ALLOWED + 3 * written.longest_line;
        there_and_back(&installed, &dir.path().join("giant"), allowed);

        large_entry(&dir.path().join("large")).unwrap();
        let allowed = idle + ALLOWED + 3 * LARGE_ENTRY;
        there_and_back(&installed, &dir.path().join("large"), allowed);
    }

    fn there_and_back(installed: &Installation, projects: &Path, allowed: u64) {
        let into = projects.with_extension("restored");
        let steps: [&[&str]; 3] = [
            &["import", "--projects-dir", projects.to_str().unwrap()],
            &["restore", "--all", "--into", into.to_str().unwrap()],
            &["verify", "--projects-dir", projects.to_str().unwrap()],
        ];
        for step in steps {
            installed.succeeds(step);
            let peak = peak_of_children();
            println!("{}: peak {} MiB, allowed {} MiB", step[0], peak >> 20, allowed >> 20);
            assert!(peak <= allowed, "{}: {peak} bytes, allowed {allowed}", step[0]);
        }
        for file in files(projects) {
            let restored = into.join("projects").join(file.strip_prefix(projects).unwrap());
            assert!(equal(&file, &restored).unwrap(), "{}", restored.display());
        }
        fs::remove_dir_all(&into).unwrap();
        let sessions = installed.json(["sessions"]);
        for session in sessions["sessions"].as_array().unwrap() {
            installed.succeeds(["delete", session["session"].as_str().unwrap(), "--yes"]);
        }
    }

    /// One session with an entry of 100 MB between two small ones.
    fn large_entry(projects: &Path) -> io::Result<()> {
        fs::create_dir_all(projects.join("-srv-app"))?;
        let mut file = File::create(projects.join("-srv-app/0b6c9f0e-0000-4000-8000-000000000001.jsonl"))?;
        file.write_all(b"{\"type\":\"mode\"}\n{\"type\":\"user\",\"text\":\"")?;
        io::copy(&mut io::repeat(b'x').take(LARGE_ENTRY), &mut file)?;
        file.write_all(b"\"}\n{\"type\":\"mode\"}\n")
    }

    fn peak_of_children() -> u64 {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
        u64::try_from(usage.max_rss()).unwrap() << 10
    }

    fn files(dir: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        entries
            .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
            .collect()
    }

    fn equal(a: &Path, b: &Path) -> io::Result<bool> {
        if fs::metadata(a)?.len() != fs::metadata(b)?.len() {
            return Ok(false);
        }
        let (mut a, mut b) = (BufReader::new(File::open(a)?), BufReader::new(File::open(b)?));
        let (mut left, mut right) = (vec![0; 1 << 20], vec![0; 1 << 20]);
        loop {
            let count = a.read(&mut left)?;
            b.read_exact(&mut right[..count])?;
            if count == 0 || left[..count] != right[..count] {
                return Ok(count == 0);
            }
        }
    }
}
