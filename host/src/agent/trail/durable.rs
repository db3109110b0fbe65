use super::*;
use crate::disk::simulated::{Random, Simulated};

/// F-13: rows that only the agent's file has are found by what was written down of the run.
#[test]
fn what_a_run_wrote_down_outlives_the_power() {
    for seed in 0..64 {
        let disk = Simulated::new();
        let mut trail = Trail::begin_on(Arc::new(disk.clone()), "w1").unwrap();
        trail.note("-srv", "s", false).unwrap();
        trail.note("-srv", "s", true).unwrap();
        let path = Path::new(&trail.id).join(RECORD);
        let disk = disk.crash(&mut Random(seed));
        let file = disk.open(&path).unwrap();
        let record: RunRecord = serde_json::from_slice(&disk::read_whole(&*file).unwrap()).unwrap();
        let named = record.sessions.contains(&("-srv".to_owned(), "s".to_owned()));
        assert!(record.is_spooled && named, "seed {seed}: {record:?}");
    }
}
