//! Directory buckets (S3 Express): listings in no order, which cannot begin in the middle.

use super::wire::{Turn, answer};
use super::*;

#[test]
fn an_unsorted_bucket_is_sorted_here() {
    let mut backend = Backend::new();
    backend.config.directory = true;
    let (mut s3, wire) = backend.wired();
    wire.rest();
    wire.act(|request| {
        assert!(!request.uri.contains("start-after"), "{}", request.uri);
        let prefix = request
            .uri
            .split_once("prefix=")
            .map(|(_, rest)| rest.split('&').next().unwrap());
        assert!(prefix.is_none_or(|prefix| prefix.ends_with("%2F")), "{}", request.uri);
        Turn::Pass
    });
    for number in 1..=5 {
        s3.append(&key(), entries(number), Some(summary(number))).unwrap();
    }
    let names = ["b", "a", "0"];
    for name in names {
        s3.append(&key().with_subpath(name), entries(1), None).unwrap();
    }
    assert_eq!(load_by(&mut s3, &key(), 1).unwrap().len(), 5);
    assert_eq!(end(&mut s3), Some(5));
    let page = s3.list_subkeys("-srv-app", "session", None, 2).unwrap();
    assert_eq!(page.items, ["0", "a"]);
    let page = s3.list_subkeys("-srv-app", "session", page.next.as_deref(), 2).unwrap();
    assert_eq!((page.items, page.next), (vec!["b".to_owned()], None));
    s3.delete(&key(), tombstone(6)).unwrap();
    assert_eq!(numbers(&mut s3), [6]);
    assert!(s3.list_projects(None, 9).unwrap().items.is_empty());
}

#[test]
fn pages_in_any_order_make_one_sorted_listing() {
    let mut backend = Backend::new();
    backend.config.directory = true;
    let (s3, wire) = backend.wired();
    wire.act(|request| {
        let object = |name: &str| format!("<Contents><Key>f/{name}</Key><Size>1</Size></Contents>");
        let folder = |name: &str| format!("<CommonPrefixes><Prefix>f/{name}/</Prefix></CommonPrefixes>");
        let page = if request.uri.contains("continuation-token=more") {
            [object("a"), folder("x"), object("d"), folder("b")].concat()
        } else {
            let more = "<IsTruncated>true</IsTruncated><NextContinuationToken>more</NextContinuationToken>";
            [more, &object("c"), &object("b"), &folder("y"), &folder("x")].concat()
        };
        answer(200, format!("<ListBucketResult>{page}</ListBucketResult>"), &[])
    });
    let listing = s3.runtime.block_on(s3.backend.bucket.list("f/", "a")).unwrap();
    let names: Vec<_> = listing.objects.iter().map(|object| object.name.as_str()).collect();
    assert_eq!((names, listing.next), (vec!["b", "c", "d"], None));
    assert_eq!(listing.folders, ["b", "x", "y"]);
}
