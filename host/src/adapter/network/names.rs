use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use crate::config::network::NetworkHost;

/// The most answers that one instance remembers; the oldest are forgotten, and what they led to must be looked up
/// again.
const MAX_ANSWERS: usize = 1_024;

/// Which names led an instance to which addresses. Every answer in it was allowed by the policy.
#[derive(Clone, Debug, Default)]
pub(super) struct ResolvedNames(Arc<Mutex<VecDeque<(NetworkHost, IpAddr)>>>);

impl ResolvedNames {
    /// Remembers that an instance was told this.
    pub(super) fn record(&self, name: &NetworkHost, address: IpAddr) {
        let mut answers = self.lock();
        let address = address.to_canonical();
        answers.retain(|(other, its)| (other, its) != (name, &address));
        if answers.len() == MAX_ANSWERS {
            answers.pop_front();
        }
        answers.push_back((name.clone(), address));
    }

    /// The names that led to an address.
    pub(super) fn of(&self, address: IpAddr) -> Vec<NetworkHost> {
        let address = address.to_canonical();
        let answers = self.lock();
        let led = answers.iter().filter(|(_, its)| *its == address);
        led.map(|(name, _)| name.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(NetworkHost, IpAddr)>> {
        self.0.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> NetworkHost {
        NetworkHost::parse(text).unwrap()
    }

    #[test]
    fn an_address_knows_every_name_that_led_to_it() {
        let names = ResolvedNames::default();
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        names.record(&name("a.example"), address);
        names.record(&name("b.example"), "::ffff:192.0.2.1".parse().unwrap());
        names.record(&name("a.example"), address);
        assert_eq!(names.of(address), [name("b.example"), name("a.example")]);
        assert_eq!(names.of("192.0.2.2".parse().unwrap()), []);
    }

    #[test]
    fn the_oldest_answers_are_forgotten() {
        let names = ResolvedNames::default();
        let address = |number: u32| IpAddr::V4(number.into());
        for number in 0..=MAX_ANSWERS as u32 {
            names.record(&name("a.example"), address(number));
        }
        assert_eq!(names.of(address(0)), []);
        assert_eq!(names.of(address(1)).len(), 1);
    }
}
