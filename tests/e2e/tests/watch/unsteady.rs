use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use mirrorbox_e2e::{Installation, test_guest};

/// A destination that is away now and then: a folder, and the orders in it.
pub(crate) struct Unsteady(PathBuf);

impl Unsteady {
    pub(crate) fn add_to(installed: &Installation, dir: &Path) -> Self {
        let folder = dir.join("unsteady");
        fs::create_dir(&folder).unwrap();
        let place = installed.config.join("adapters/unsteady");
        fs::copy(test_guest("faulty"), place.with_extension("wasm")).unwrap();
        let manifest = format!(
            "[config]\nfolder = \"/data\"\n[grants]\ndirs = [{{ host = {folder:?}, guest = \"/data\" }}]\n[mirror]\nflush = \"eager\"\n"
        );
        fs::write(place.with_extension("toml"), manifest).unwrap();
        Self(folder)
    }

    pub(crate) fn go(&self) {
        let new = self.0.join("orders.new");
        fs::write(&new, "any before unavailable").unwrap();
        fs::rename(new, self.0.join("orders")).unwrap();
    }

    pub(crate) fn come_back(&self) {
        // It may be there.
        let _ = fs::remove_file(self.0.join("orders"));
    }

    pub(crate) fn come_and_go(&self, rng: &mut Rng, is_over: &AtomicBool) {
        while !is_over.load(Ordering::Relaxed) {
            self.go();
            thread::sleep(Duration::from_millis(rng.u64(..3000)));
            self.come_back();
            thread::sleep(Duration::from_millis(rng.u64(..3000)));
        }
    }

    /// Where its transcripts lie.
    pub(crate) fn store(&self) -> PathBuf {
        self.0.join("store")
    }
}
