//! One access to the disk fails as it does where too many files are open, or where a disk is away for a moment: that
//! passes by itself, and must never count as damage, as a wrong setting or as something that is not there.

use super::*;
use crate::disk::steps::failing_at;

/// Too many open files in this process, in all of them, and an error of the device: what a component cannot tell apart.
const PASSING: [i32; 3] = [24, 23, 5];

/// Lets each access of `work` fail in turn; what it gives then is asked for again, or is right.
fn each_time<T: std::fmt::Debug + PartialEq>(work: impl Fn(&Backend, &mut Fs) -> Result<T>) {
    for errno in PASSING {
        for step in 0.. {
            let (backend, mut fs) = Backend::with(3);
            let (found, came_that_far) = failing_at(step, errno, || work(&backend, &mut fs));
            match &found {
                Ok(found) => assert_eq!(Ok(found), work(&backend, &mut fs).as_ref(), "access {step}"),
                Err(error) => assert!(
                    matches!(error, Error::Unavailable(_)),
                    "errno {errno} at access {step}: {error:?}"
                ),
            }
            if !came_that_far {
                found.unwrap();
                assert!(step > 1, "only {step} uses of the disk were seen");
                break;
            }
        }
    }
}

#[test]
fn opening() {
    each_time(|backend, _| Fs::at(backend.0.path()).map(drop));
}

#[test]
fn appending() {
    each_time(|_, fs| fs.append(&key(), entries(4), Some(summary(4))));
}

#[test]
fn loading() {
    each_time(|_, fs| fs.load(&key(), 0, 1));
    each_time(|_, fs| fs.end(&key()));
}

#[test]
fn listing() {
    each_time(|_, fs| fs.list_projects(None, 9));
    each_time(|_, fs| fs.list_sessions("-srv-app", None, 9));
    each_time(|_, fs| fs.find_session("-srv-app", "session"));
}

#[test]
fn deleting() {
    each_time(|_, fs| fs.delete(&key(), tombstone(4)));
}
