//! Servers, buckets and credentials as people have them: what they refuse, and what is made of it.

use aws_sdk_s3::primitives::DateTime;

use super::wire::{Request, Turn, Wire, refusal};
use super::*;

/// A host whose server refuses what `refuse` names, from its opening on.
fn host(backend: &Backend, refuse: impl Fn(&Request) -> Option<Turn> + Send + 'static) -> (S3, Wire) {
    let wire = Wire::default();
    wire.act(move |request| refuse(request).unwrap_or(Turn::Pass));
    let s3 = S3::over(wire.client(), backend.config.clone()).unwrap();
    (s3, wire)
}

/// A session's life, with a summary for each batch and a tidying of those that were replaced.
fn live(s3: &mut S3) {
    for number in 1..=12 {
        s3.append(&key(), entries(number), Some(summary(number))).unwrap();
    }
    assert_eq!(numbers(s3), (1..=12).collect::<Vec<_>>());
    assert_eq!(stored_summary(s3), Some(12));
    assert_eq!(s3.list_projects(None, 9).unwrap().items, ["-srv-app"]);
}

#[test]
fn a_server_that_wants_a_checksum_with_every_body_gets_it() {
    let (mut s3, _wire) = host(&Backend::new(), |request| {
        let is_bare = request.header("content-md5").is_none();
        let wants = request.method == "PUT" || request.removes_several();
        (is_bare && wants).then(|| refusal(400, "MissingContentMD5", &[]))
    });
    live(&mut s3);
    s3.delete(&key(), tombstone(13)).unwrap();
    assert_eq!(numbers(&mut s3), [13]);
}

#[test]
fn a_server_that_removes_only_single_objects_is_asked_for_each() {
    for (status, code) in [
        (501, "NotImplemented"),
        (400, "MissingContentMD5"),
        (405, "MethodNotAllowed"),
    ] {
        let backend = Backend::new();
        let (mut s3, wire) = host(&backend, move |request| {
            request.removes_several().then(|| refusal(status, code, &[]))
        });
        live(&mut s3);
        s3.delete(&key(), tombstone(13)).unwrap();
        assert_eq!(backend.batches(), ["00000000000000000013.jsonl"]);
        let refused = wire.rest().iter().filter(|request| request.removes_several()).count();
        assert_eq!(refused, 1, "it is not asked again what it refuses");
    }
}

#[test]
fn one_object_is_removed_by_a_plain_request() {
    let (mut s3, wire) = host(&Backend::new(), |_| None);
    s3.append(&key(), entries(1), None).unwrap();
    s3.delete(&key(), tombstone(2)).unwrap();
    let requests = wire.rest();
    let removing: Vec<_> = requests.iter().filter(|request| request.removes()).collect();
    assert_eq!(removing.len(), 1, "{removing:?}");
    assert_eq!(removing[0].method, "DELETE");
}

#[test]
fn credentials_that_may_not_remove_do_everything_else() {
    let backend = Backend::with_settings(&[("compact_after", "2")]);
    let (mut s3, wire) = host(&backend, |request| {
        request.removes().then(|| refusal(403, "AccessDenied", &[]))
    });
    live(&mut s3);
    let tried = wire.rest().iter().filter(|request| request.removes()).count();
    assert_eq!(tried, 1, "what is not allowed is not tried again and again");
    s3.compact(&key(), u64::MAX).unwrap();
    assert!(
        backend.beside("compacted").is_empty(),
        "each batch would be there twice for good"
    );
    let error = host(&backend, |request| {
        request.removes().then(|| refusal(403, "AccessDenied", &[]))
    })
    .0
    .delete(&key(), tombstone(13))
    .unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::Denied(_)) && text.contains("hidden"), "{text}");
    assert_eq!(numbers(&mut s3), [13], "it is hidden all the same");
    // Others may open it, too.
    backend.host();
}

/// Twenty minutes behind, as a machine that woke up is.
#[test]
fn a_wrong_clock_is_set_by_the_servers() {
    const BEHIND_MS: i64 = 20 * 60 * 1000;
    let now = || i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    let (mut s3, wire) = host(&Backend::new(), move |request| {
        let server = now() + BEHIND_MS;
        let signed = signed_at(request);
        // It would take a quarter of an hour.
        (signed < server - 15 * 60 * 1000).then(|| {
            let date = DateTime::from_millis(server).fmt(aws_sdk_s3::primitives::DateTimeFormat::HttpDate);
            let mut turn = refusal(403, "RequestTimeTooSkewed", &[]);
            if let Turn::Answer(answer) = &mut turn {
                answer.headers_mut().insert("date", date.unwrap());
            }
            turn
        })
    });
    wire.pass_minutes(20);
    let refused = wire.rest().len();
    assert!(refused >= 3, "the first was refused and sent again");
    live(&mut s3);
}

/// Unix milliseconds.
fn signed_at(request: &Request) -> i64 {
    let date = request.header("x-amz-date").unwrap();
    let (day, time) = date.trim_end_matches('Z').split_once('T').unwrap();
    let (year, rest) = day.split_at(4);
    let (month, day) = rest.split_at(2);
    let (hour, rest) = time.split_at(2);
    let (minute, second) = rest.split_at(2);
    let text = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
    let date = DateTime::from_str(&text, aws_sdk_s3::primitives::DateTimeFormat::DateTime).unwrap();
    date.to_millis().unwrap()
}
