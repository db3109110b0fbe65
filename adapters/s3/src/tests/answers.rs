//! What the answers of a server mean to the host.

use std::time::Duration;

use super::wire::{Turn, answer, refusal};
use super::*;
use crate::failure::Failure;

/// What an append and a load come to if every request is answered like this.
fn answered(status: u16, code: &'static str, headers: &'static [(&'static str, &'static str)]) -> [Error; 2] {
    let (mut s3, wire) = Backend::new().wired();
    wire.act(move |_| refusal(status, code, headers));
    [
        s3.append(&key(), entries(1), None).unwrap_err(),
        s3.load(&key(), 0, 1).unwrap_err(),
    ]
}

#[test]
fn a_refusal_says_whose_turn_it_is() {
    type Is = fn(&Error) -> bool;
    let denied: Is = |error| matches!(error, Error::Denied(_));
    let misconfigured: Is = |error| matches!(error, Error::Misconfigured(_));
    let unavailable: Is = |error| matches!(error, Error::Unavailable(_));
    let rejected: Is = |error| matches!(error, Error::Rejected(_));
    for (status, code, is) in [
        (403, "AccessDenied", denied),
        (400, "ExpiredToken", denied),
        (403, "InvalidAccessKeyId", denied),
        (403, "SignatureDoesNotMatch", denied),
        (403, "", denied),
        (404, "NoSuchBucket", misconfigured),
        (301, "PermanentRedirect", misconfigured),
        (301, "", misconfigured),
        (400, "AuthorizationHeaderMalformed", misconfigured),
        (400, "IllegalLocationConstraintException", misconfigured),
        (400, "KMS.NotFoundException", misconfigured),
        (500, "InternalError", unavailable),
        (502, "", unavailable),
        (503, "ServiceUnavailable", unavailable),
        (403, "RequestTimeTooSkewed", unavailable),
        (307, "TemporaryRedirect", unavailable),
        (307, "", unavailable),
        (501, "NotImplemented", misconfigured),
        (400, "RequestTimeout", unavailable),
        (409, "ConditionalRequestConflict", unavailable),
        (400, "EntityTooLarge", rejected),
    ] {
        for error in answered(status, code, &[]) {
            assert!(is(&error), "{status} {code}: {error:?}");
            assert!(error.to_string().contains(&status.to_string()), "{error}");
        }
    }
}

#[test]
fn a_refusal_names_its_remedy() {
    const ELSEWHERE: &[(&str, &str)] = &[("x-amz-bucket-region", "eu-west-1")];
    for (status, code, headers, words) in [
        (301, "PermanentRedirect", ELSEWHERE, "set `region` to it"),
        (
            400,
            "AuthorizationHeaderMalformed",
            ELSEWHERE,
            "the bucket is in eu-west-1",
        ),
        (307, "TemporaryRedirect", ELSEWHERE, "made today"),
        (501, "NotImplemented", &[], "docs/adapters/s3.md"),
        (403, "RequestTimeTooSkewed", &[], "clock"),
        (400, "KMS.DisabledException", &[], "kms:GenerateDataKey"),
    ] {
        for error in answered(status, code, headers) {
            assert!(error.to_string().contains(words), "{status} {code}: {error}");
        }
    }
    let (mut s3, wire) = Backend::new().wired();
    wire.act(|_| {
        let text = "not authorized to perform: kms:GenerateDataKey on the resource";
        let body = format!("<Error><Code>AccessDenied</Code><Message>{text}</Message></Error>");
        answer(403, body, &[])
    });
    let error = s3.append(&key(), entries(1), None).unwrap_err();
    assert!(
        matches!(&error, Error::Denied(text) if text.contains("`kms:Decrypt`")),
        "{error}"
    );
}

#[test]
fn a_name_that_cannot_be_looked_up_is_told_with_the_proxy() {
    let error = Failure::Lost("dispatch failure: ErrorCode::DnsError(...)".into()).of("PUT s3://b/k");
    let text = error.to_string();
    assert!(
        matches!(error, Error::Unavailable(_)) && text.contains("HTTPS_PROXY") && text.contains("`endpoint`"),
        "{text}"
    );
}

#[test]
fn a_server_that_asks_for_less_is_given_time() {
    for (status, code) in [(503, "SlowDown"), (429, ""), (429, "TooManyRequests")] {
        let errors = answered(status, code, &[]);
        assert_eq!(errors, [const { Error::Throttled(Duration::from_secs(1)) }; 2]);
    }
    for (status, code) in [(503, "SlowDown"), (503, ""), (429, "")] {
        let errors = answered(status, code, &[("retry-after", "7")]);
        assert_eq!(errors, [const { Error::Throttled(Duration::from_secs(7)) }; 2]);
    }
}

#[test]
fn a_race_that_the_server_leaves_open_is_tried_again() {
    let (mut s3, wire) = Backend::new().wired();
    wire.rest();
    let mut races = 2;
    wire.act(move |request| {
        if request.method == "PUT" && races > 0 {
            races -= 1;
            return refusal(409, "ConditionalRequestConflict", &[]);
        }
        Turn::Pass
    });
    s3.append(&key(), entries(1), None).unwrap();
    assert_eq!(wire.rest().iter().filter(|request| request.method == "PUT").count(), 3);
    assert_eq!(numbers(&mut s3), [1]);
}

#[test]
fn an_answer_that_does_not_come_means_unavailable() {
    for lost in [|| Turn::Lost, || Turn::Unanswered] {
        let (mut s3, wire) = Backend::new().wired();
        wire.act(move |_| lost());
        let error = s3.append(&key(), entries(1), None).unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
        wire.rest();
        s3.append(&key(), entries(1), None).unwrap();
        assert_eq!(numbers(&mut s3), [1]);
    }
}

#[test]
fn an_append_and_a_load_take_few_requests() {
    let (backend, _) = Backend::with(5);
    let (mut s3, wire) = backend.wired();
    wire.rest();
    s3.append(&key(), entries(6), Some(summary(6))).unwrap();
    assert_eq!(wire.rest().len(), 3, "the batch, the summary, a look");
    load(&mut s3, &key()).unwrap();
    assert_eq!(wire.rest().len(), 2 + 6 + 2, "two listings a page, each batch");
    end(&mut s3);
    assert_eq!(wire.rest().len(), 2);
}

#[test]
fn the_pages_of_a_load_share_their_listings() {
    let (backend, _) = Backend::with(6);
    let (mut s3, wire) = backend.wired();
    wire.rest();
    assert_eq!(load_by(&mut s3, &key(), 1).unwrap().len(), 6);
    let (first, looks, last) = (2, 5, 2);
    assert_eq!(wire.rest().len(), first + 6 + looks + last);
}

#[test]
fn hundreds_of_sessions_are_listed_in_one_request() {
    let (backend, mut s3) = Backend::with(0);
    let id = |number: u64| format!("session-{number:03}");
    for number in 0..200 {
        let key = SessionKey::main("p", id(number));
        let stored = (number % 2 == 0).then(|| summary(1));
        s3.append(&key, entries(1), stored).unwrap();
    }
    let (mut s3, wire) = backend.wired();
    wire.rest();
    let page = s3.list_sessions("p", None, 150).unwrap();
    assert!(
        page.items
            .iter()
            .map(|session| &session.session_id)
            .eq(&(0..150).map(id).collect::<Vec<_>>())
    );
    assert_eq!(
        page.items.iter().filter(|session| session.summary.is_some()).count(),
        75
    );
    assert_eq!(page.next, Some(id(149)));
    let requests = wire.rest();
    let listings = requests
        .iter()
        .filter(|request| request.uri.contains("list-type"))
        .count();
    assert_eq!(listings, 1, "{requests:?}");
    assert!(
        requests.len() < 1 + 75 + 20,
        "each summary, and no more than are asked for at once"
    );
}
