//! Nothing is left of a host that was closed. Alone in its process: others' threads would count, too.

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;
    use std::time::Duration;

    use mirrorbox::host::Host;
    use mirrorbox::key::SessionKey;
    use mirrorbox::store::MemoryStore;

    /// The names of this process's threads that are a host's.
    fn threads() -> Vec<String> {
        let tasks = fs::read_dir("/proc/self/task").unwrap();
        // One that ends meanwhile has no name any more.
        let names = tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("comm")).ok());
        let names = names.map(|name| name.trim().to_owned());
        names
            .filter(|name| name.starts_with("mirrorbox") || name.starts_with("spool"))
            .collect()
    }

    #[test]
    fn a_closed_host_leaves_no_thread() {
        let state = tempfile::tempdir().unwrap();
        let host = Host::builder(state.path())
            .store("memory", Arc::new(MemoryStore::new()))
            .build_blocking()
            .unwrap();
        for session in 0..8 {
            let key = SessionKey::main("project", format!("session-{session}")).unwrap();
            host.transcript(key).append_blocking(&[b"{}"]).unwrap();
        }
        assert!(threads().len() >= 4, "{:?}", threads());
        assert!(host.close_blocking(Duration::from_secs(120)).unwrap().is_empty());
        // The system may take a moment to take a thread out of its list that has told of its end.
        while !threads().is_empty() {
            std::thread::yield_now();
        }
    }
}
