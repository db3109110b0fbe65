use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::NetworkGrant;

/// The most different places that are noted; nothing beyond is let through.
const MOST: usize = 1_024;

/// The grants that an adapter needed, in the order in which each was first needed. Clones note in one and the same
/// place.
#[derive(Clone, Debug, Default)]
pub struct NetworkAudit(Arc<Mutex<Vec<NetworkGrant>>>);

impl NetworkAudit {
    /// What was needed so far: grants of the manifest that were used, and those that it lacks.
    pub fn needed(&self) -> Vec<NetworkGrant> {
        self.lock().clone()
    }

    /// Notes a grant that was used or was lacking. Says whether there was a place for it.
    pub(super) fn note(&self, grant: NetworkGrant) -> bool {
        let mut needed = self.lock();
        if let Some(known) = needed.iter_mut().find(|known| known.is_alike(&grant)) {
            known.private |= grant.private;
            return true;
        }
        let is_place = needed.len() < MOST;
        if is_place {
            needed.push(grant);
        }
        is_place
    }

    fn lock(&self) -> MutexGuard<'_, Vec<NetworkGrant>> {
        self.0.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_is_noted_once_and_private_if_it_ever_was() {
        let audit = NetworkAudit::default();
        for (text, private) in [
            ("tcp://a.example:1", false),
            ("redis://b", false),
            ("tcp://a.example:1", true),
        ] {
            let mut grant = NetworkGrant::parse(text).unwrap();
            grant.private = private;
            assert!(audit.note(grant));
        }
        let entries: Vec<_> = audit.needed().iter().map(NetworkGrant::entry).collect();
        assert_eq!(
            entries,
            ["{ to = \"tcp://a.example:1\", private = true }", "\"redis://b\""]
        );
    }

    #[test]
    fn who_goes_everywhere_fills_no_memory() {
        let audit = NetworkAudit::default();
        let to = |number: usize| NetworkGrant::parse(&format!("tcp://a{number}.example:1")).unwrap();
        assert!((0..MOST).all(|number| audit.note(to(number))));
        assert!(!audit.note(to(MOST)));
        assert!(audit.note(to(0)), "what is known is known");
        assert_eq!(audit.needed().len(), MOST);
    }
}
