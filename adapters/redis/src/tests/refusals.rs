//! What a server may refuse, and whose turn it is then.

use mirrorbox_adapter::{Adapter, Error};
use mirrorbox_adapter_rules::streams::{append_up_to, batch, entries, fresh_key, load, numbers};

use super::server::TestServer;

#[test]
fn a_password_is_asked_for() {
    let server = TestServer::start(&["--requirepass", "hunter2"]);
    for settings in [
        &[][..],
        &[("password", "hunter3")],
        &[("username", "me"), ("password", "hunter2")],
    ] {
        let error = server.open(settings).unwrap_err();
        assert!(
            matches!(&error, Error::Denied(text) if text.contains("`password`")),
            "{error}"
        );
        assert!(!error.to_string().contains("hunter"), "{error}");
    }
    // What older URLs hold: any word in the user's place.
    let url = server.url().replace("//", "//h:hunter2@");
    let error = server.open(&[("url", &url)]).unwrap_err();
    assert!(
        matches!(&error, Error::Denied(text) if text.contains("user name stands in `url`") && text.contains("redis://:")),
        "{error}"
    );
    server.open(&[("password", "hunter2")]).unwrap();
    server
        .open(&[("username", "default"), ("password", "hunter2")])
        .unwrap();
}

#[test]
fn a_user_with_the_documented_commands_can_do_everything() {
    let server = TestServer::start(&[]);
    let commands = "+info +evalsha +script|load +hget +hset +hmget +hdel +zadd +zrem +zcard +zrangebylex +xadd +xrange \
                    +xtrim +time";
    let acl: Vec<_> = ["ACL", "SETUSER", "box", "on", ">pass", "~mirrorbox:*"]
        .into_iter()
        .chain(commands.split(' '))
        .collect();
    assert_eq!(server.cli(&acl), "OK");
    let mut adapter = server.open(&[("username", "box"), ("password", "pass")]).unwrap();
    let key = fresh_key();
    append_up_to(&mut adapter, &key, 2);
    append_up_to(&mut adapter, &key.with_subpath("sub"), 1);
    assert_eq!(numbers(&mut adapter, &key), [1, 2]);
    adapter.list_projects(None, 10).unwrap();
    adapter
        .delete(&key, mirrorbox_adapter_rules::streams::tombstone(3))
        .unwrap();
    let elsewhere = server.open(&[("username", "box"), ("password", "pass"), ("prefix", "other:")]);
    assert!(
        matches!(&elsewhere, Err(Error::Denied(text)) if text.contains("`username`")),
        "{elsewhere:?}"
    );
}

#[test]
fn a_database_that_is_not_there_is_misconfigured() {
    let server = TestServer::shared();
    let error = server.open(&[("database", "99")]).unwrap_err();
    assert!(
        matches!(&error, Error::Misconfigured(text) if text.contains("`database`")),
        "{error}"
    );
    let (mut first, mut second) = (server.open(&[("database", "1")]).unwrap(), server.adapter());
    let key = fresh_key();
    append_up_to(&mut first, &key, 1);
    assert_eq!(second.end(&key), Ok(None));
}

#[test]
fn prefixes_stay_apart() {
    let server = TestServer::shared();
    let (mut one, mut other) = (server.adapter(), server.open(&[("prefix", "other:")]).unwrap());
    let key = fresh_key();
    append_up_to(&mut one, &key, 1);
    assert_eq!(other.end(&key), Ok(None));
    assert!(other.list_projects(None, 1000).unwrap().items.is_empty());
}

#[test]
fn nobody_there_is_unavailable() {
    let server = TestServer::start(&[]);
    server.kill();
    let error = server.open(&[]).unwrap_err();
    assert!(
        matches!(&error, Error::Unavailable(text) if text.contains("`url`")),
        "{error}"
    );
    server.restart();
    let error = server.open(&[("url", "redis://nobody.invalid")]).unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
}

#[test]
fn a_replica_is_refused_and_a_demoted_primary_waited_for() {
    let primary = TestServer::start(&[]);
    let mut adapter = primary.adapter();
    let key = fresh_key();
    append_up_to(&mut adapter, &key, 1);
    assert_eq!(primary.cli(&["REPLICAOF", "127.0.0.1", "1"]), "OK");
    let error = primary.open(&[]).unwrap_err();
    assert!(
        matches!(&error, Error::Unavailable(text) if text.contains("replica")),
        "{error}"
    );
    let error = adapter.append(&key, entries(2), None).unwrap_err();
    assert!(
        matches!(&error, Error::Unavailable(text) if text.contains("replica")),
        "{error}"
    );
    // What it says may be old.
    let error = adapter.end(&key).unwrap_err();
    assert!(
        matches!(&error, Error::Unavailable(text) if text.contains("replica")),
        "{error}"
    );
    assert_eq!(primary.cli(&["REPLICAOF", "NO", "ONE"]), "OK");
    adapter.append(&key, entries(2), None).unwrap();
}

#[test]
fn a_full_server_stores_nothing_and_is_waited_for() {
    let server = TestServer::start(&[]);
    let (mut adapter, key) = (server.adapter(), fresh_key());
    append_up_to(&mut adapter, &key, 1);
    server.cli(&["CONFIG", "SET", "maxmemory", "1mb"]);
    let error = adapter.append(&key, entries(2), None).unwrap_err();
    assert!(
        matches!(&error, Error::Unavailable(text) if text.contains("maxmemory")),
        "{error}"
    );
    assert_eq!(numbers(&mut adapter, &key), [1]);
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    adapter.append(&key, entries(2), None).unwrap();
}

#[test]
fn a_payload_that_the_server_never_takes_is_rejected() {
    let server = TestServer::start(&["--proto-max-bulk-len", "1mb"]);
    let (mut adapter, key) = (server.adapter(), fresh_key());
    let mut large = batch(1, mirrorbox_adapter::Kind::Entries, "us", b"");
    large.payload = vec![b'x'; 2 << 20];
    let error = adapter.append(&key, large, None).unwrap_err();
    // The server says why, or hangs up while it is still written to.
    assert!(matches!(error, Error::Rejected(_) | Error::Unavailable(_)), "{error}");
    append_up_to(&mut adapter, &key, 1);
}

#[test]
fn keys_that_something_else_uses_are_told() {
    let server = TestServer::shared();
    let (mut adapter, key) = (server.adapter(), fresh_key());
    let log = adapter.names.stream(&key).log;
    server.cli(&["SET", &log, "mine"]);
    let error = adapter.append(&key, entries(1), None).unwrap_err();
    assert!(
        matches!(&error, Error::Misconfigured(text) if text.contains("`prefix`")),
        "{error}"
    );
    assert_eq!(adapter.end(&key), Ok(None));
}

#[test]
fn what_was_removed_behind_our_back_is_damage() {
    let server = TestServer::shared();
    let (mut adapter, key) = (server.adapter(), fresh_key());
    append_up_to(&mut adapter, &key, 5);
    let log = adapter.names.stream(&key).log;
    let damage = |result: Result<Vec<_>, Error>| match result {
        Err(Error::Corrupt { first, last, .. }) => (first, last),
        other => panic!("{other:?}"),
    };
    server.cli(&["XDEL", &log, "3-0"]);
    let page = adapter.load(&key, 0, 1 << 20).unwrap();
    assert_eq!(page, [entries(1), entries(2)]);
    assert_eq!(damage(adapter.load(&key, 2, 1 << 20)), (3, 3));
    server.cli(&["XDEL", &log, "5-0"]);
    assert_eq!(damage(adapter.load(&key, 4, 1 << 20)), (5, 5));
    server.cli(&["DEL", &log]);
    assert_eq!(damage(adapter.load(&key, 0, 1 << 20)), (1, 5));
}

#[test]
fn a_session_is_readable_with_redis_cli() {
    let server = TestServer::shared();
    let (mut adapter, key) = (server.adapter(), fresh_key());
    append_up_to(&mut adapter, &key, 1);
    let shown = server.cli(&["XRANGE", &adapter.names.stream(&key).log, "-", "+"]);
    let lines: Vec<_> = shown.lines().filter(|line| !line.is_empty()).collect();
    let wanted = [
        "1-0",
        "kind",
        "entries",
        "writer",
        "us",
        "line",
        "10",
        "digest",
        "us-entries-1",
        "payload",
        "{\"line\":1}",
    ];
    assert_eq!(lines, wanted);
    assert_eq!(load(&mut adapter, &key), [entries(1)]);
}

#[test]
fn a_server_that_keeps_commands_to_itself_is_used_without_them() {
    let server = TestServer::start(&[]);
    for (user, without) in [("noinfo", "-info"), ("noconfig", "-config"), ("noscript", "-script")] {
        server.cli(&["ACL", "SETUSER", user, "on", ">pw", "~*", "+@all", without]);
        server.cli(&["SCRIPT", "FLUSH"]);
        let mut adapter = server.open(&[("username", user), ("password", "pw")]).unwrap();
        append_up_to(&mut adapter, &fresh_key(), 2);
    }
    let renamed = TestServer::start(&["--rename-command", "INFO", ""]);
    append_up_to(&mut renamed.adapter(), &fresh_key(), 2);
}

#[test]
fn a_user_without_a_password_is_let_in() {
    let server = TestServer::start(&[]);
    server.cli(&["ACL", "SETUSER", "box", "on", "nopass", "~*", "+@all"]);
    append_up_to(&mut server.open(&[("username", "box")]).unwrap(), &fresh_key(), 1);
}

#[test]
fn the_database_of_a_url_s_parameter_is_used() {
    let server = TestServer::start(&[]);
    let url = format!("{}?db=3", server.url());
    append_up_to(&mut server.open(&[("url", &url)]).unwrap(), &fresh_key(), 1);
    assert_eq!(server.cli(&["-n", "0", "DBSIZE"]), "0");
    assert_ne!(server.cli(&["-n", "3", "DBSIZE"]), "0");
}

#[test]
fn a_server_that_answers_before_its_disk_has_it_is_noticed() {
    let server = TestServer::start(&["--appendonly", "yes", "--appendfsync", "everysec"]);
    let mut adapter = server.adapter();
    let early = crate::check::answers_early(&mut adapter.server).unwrap();
    assert_eq!(early.as_deref(), Some("everysec"));
    server.cli(&["CONFIG", "SET", "appendfsync", "always"]);
    assert_eq!(crate::check::answers_early(&mut adapter.server).unwrap(), None);
}
