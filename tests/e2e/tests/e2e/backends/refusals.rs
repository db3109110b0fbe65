//! Servers that refuse to store: the host says why and waits, and then everything is there.

use std::path::Path;

use mirrorbox::host::{Events, Host, HostEvent};
use mirrorbox::mirror::What;
use mirrorbox_e2e::{Backend, Installation};
use mirrorbox_servers::{Postgres, Redis, if_installed};

use super::PATIENCE;
use super::appending::Appending;

/// Lets a server refuse while a host appends, until the host says so in these words.
async fn is_waited_for(dir: &Path, backend: &Backend, words: &str, refuse: impl Fn(), allow: impl Fn()) {
    let installed = Installation::with(dir, backend);
    installed.set_manifest(backend, &backend.manifest().mirror("flush = \"eager\""));
    let host = Host::builder(&installed.state).config(&installed.to_config());
    let host = host.build().await.unwrap();
    let mut events = host.events();
    let opened = said(&mut events, |what| matches!(what, What::Opened));
    tokio::time::timeout(PATIENCE, opened).await.unwrap();
    let appending = Appending::to(&host);
    refuse();
    let told = said(
        &mut events,
        |what| matches!(what, What::Failed { cause, .. } if cause.to_string().contains(words)),
    );
    tokio::time::timeout(PATIENCE, told).await.unwrap();
    allow();
    host.retry();
    let acknowledged = appending.stop().await;
    let left = host.flush(PATIENCE).await.unwrap();
    assert!(left.is_empty(), "{left:#?}");
    let _ = host.close(PATIENCE).await.unwrap();
    let reading = backend.open().await;
    for stream in acknowledged {
        stream.is_stored(reading.clone()).await;
    }
    reading.close().await;
}

async fn said(events: &mut Events, it: impl Fn(&What) -> bool) {
    while let Some(event) = events.next().await {
        if let HostEvent::Mirror(event) = event
            && it(&event.what)
        {
            return;
        }
    }
}

async fn of_redis(words: &str, refuse: &[&str], allow: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let Some(backend) = Backend::start("redis", dir.path()) else {
        return;
    };
    let ask = |command: &[&str]| {
        let Backend::Redis(redis) = &backend else { return };
        Redis::ask(redis, command.iter().copied()).unwrap();
    };
    is_waited_for(dir.path(), &backend, words, || ask(refuse), || ask(allow)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_full_is_waited_for() {
    let (full, has_room) = (["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"]);
    of_redis("give the server more memory (maxmemory)", &full, &has_room).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_became_a_replica_is_waited_for() {
    let (replica, primary) = (["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"]);
    of_redis("setting `url` must lead to the primary", &replica, &primary).await;
}

/// Every insert collides, as with others' transactions, for as long as this is there.
const COLLIDE: &str = "
    CREATE FUNCTION public.collide() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'could not serialize access' USING ERRCODE = 'serialization_failure'; END $$;
    CREATE TRIGGER collide BEFORE INSERT ON mirrorbox.batches FOR EACH ROW EXECUTE FUNCTION public.collide()";

/// Two of three collide: less often in a row than is tried within a call, mostly.
const COLLIDE_OFTEN: &str = "
    CREATE SEQUENCE public.inserts;
    CREATE OR REPLACE FUNCTION public.collide() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF nextval('public.inserts') % 3 <> 0 THEN
            RAISE EXCEPTION 'could not serialize access' USING ERRCODE = 'serialization_failure';
        END IF;
        RETURN NEW;
    END $$";

async fn of_postgres(words: &str, refuse: &[&str], allow: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let Some(backend) = Backend::start("postgres", dir.path()) else {
        return;
    };
    let ask = |transactions: &[&str]| {
        let Backend::Postgres(postgres) = &backend else { return };
        for sql in transactions {
            Postgres::ask(postgres, sql).unwrap();
        }
    };
    is_waited_for(dir.path(), &backend, words, || ask(refuse), || ask(allow)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_that_collide_are_tried_again() {
    of_postgres("(40001)", &[COLLIDE], &[COLLIDE_OFTEN]).await;
}

/// What the server says to new connections only, so that the old ones are ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_ends_connections_and_becomes_read_only_is_waited_for() {
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mirrorbox'";
    let read_only = "ALTER DATABASE postgres SET default_transaction_read_only = on";
    let writable = "BEGIN READ WRITE; ALTER DATABASE postgres RESET default_transaction_read_only; COMMIT";
    let words = "default_transaction_read_only is on";
    of_postgres(words, &[read_only, end], &[writable, end]).await;
}

/// Takes every page that is left. What an insert that failed had added to the file stays there.
const FILL: &str = "INSERT INTO public.ballast SELECT repeat('x', 7000) FROM generate_series(1, 100000)";

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_whose_disk_is_full_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let postgres = if_installed(Postgres::on_small_disk()).unwrap();
    let Some(postgres) = postgres.flatten() else {
        eprintln!("skipped: no PostgreSQL, or no disk to be mounted here");
        return;
    };
    let backend = Backend::Postgres(postgres);
    let ask = |sql: &str| match &backend {
        Backend::Postgres(postgres) => postgres.ask(sql),
        _ => panic!("it is PostgreSQL"),
    };
    // Nobody is to tidy up while the disk is full.
    ask("CREATE TABLE public.ballast (bytes text) WITH (autovacuum_enabled = off)").unwrap();
    ask("ALTER TABLE public.ballast ALTER bytes SET STORAGE PLAIN").unwrap();
    let fill = || {
        let failed = ask(FILL).unwrap_err().to_string();
        assert!(failed.contains("No space left on device"), "{failed}");
    };
    let make_room = || drop(ask("DROP TABLE public.ballast").unwrap());
    is_waited_for(dir.path(), &backend, "its disk is full", fill, make_room).await;
}
