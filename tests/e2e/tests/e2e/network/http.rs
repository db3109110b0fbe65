//! `wasi:http`: requests over kept connections.

use std::time::Duration;

use mirrorbox::store::StoreError;
use mirrorbox_e2e::resident_bytes;
use tokio::net::TcpListener;

use super::server::Server;
use super::{answer, entry, granted, load, run};

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other_over_many_calls() {
    let server = Server::http().await;
    let url = format!("http://{}", server.address);
    let adapter = granted(&[entry(&url)]).await;
    for path in ["bytes/10", "chunked", "nothing", "bytes/0", "bytes/100000"] {
        // More than an instance may hold handles of the host.
        for _ in 0..3 {
            run(&adapter, format!("GET {url}/{path} times=500")).await;
        }
    }
    assert_eq!(
        run(&adapter, format!("PUT {url}/bytes/3 body=100000 times=50")).await,
        "200 3"
    );
    assert_eq!(server.requests(), 5 * 3 * 500 + 50);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn the_instances_of_an_adapter_share_their_connections() {
    let server = Server::http().await;
    let url = format!("http://{}", server.address);
    let adapter = load("instances = 4\ntimeout = \"120s\"\n", &[entry(&url)])
        .await
        .unwrap();
    let command = format!("GET {url}/bytes/10 times=20");
    for _ in 0..5 {
        futures_util::future::join_all((0..4).map(|_| run(&adapter, &command))).await;
    }
    assert_eq!(server.requests(), 5 * 4 * 20);
    assert!(server.connections() <= 4, "{}", server.connections());
}

#[tokio::test]
async fn a_server_that_closes_connections_costs_no_request() {
    let server = Server::http().await;
    let url = format!("http://{}", server.address);
    let adapter = granted(&[entry(&url)]).await;
    for path in ["close", "hang-up"] {
        let before = server.connections();
        assert_eq!(run(&adapter, format!("GET {url}/{path} times=20")).await, "200 2");
        assert_eq!(server.connections() - before, 20);
    }
}

#[tokio::test]
async fn no_connection_is_kept_where_the_manifest_says_so() {
    let server = Server::http().await;
    let url = format!("http://{}", server.address);
    let limits = "instances = 1\ntimeout = \"120s\"\nidle_connections = 0\n";
    let adapter = load(limits, &[entry(&url)]).await.unwrap();
    assert_eq!(run(&adapter, format!("GET {url}/bytes/1 times=10")).await, "200 1");
    assert_eq!(server.connections(), 10);
}

#[tokio::test]
async fn closing_the_adapter_closes_its_connections() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let adapter = granted(&[entry(&url)]).await;
    let ended = async {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 4096];
        assert_ne!(stream.read(&mut head).await.unwrap(), 0);
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        stream.read(&mut head).await.unwrap()
    };
    let request = async {
        assert_eq!(run(&adapter, format!("GET {url}/")).await, "204 0");
        adapter.close().await;
        drop(adapter);
    };
    let both = async { tokio::join!(ended, request) };
    let (rest, ()) = tokio::time::timeout(Duration::from_secs(120), both).await.unwrap();
    assert_eq!(rest, 0, "the connection ends without another word");
}

#[tokio::test]
async fn large_bodies_pass_through_little_memory() {
    const LARGE: u64 = 100_000_000;
    let server = Server::http().await;
    let url = format!("http://{}", server.address);
    let adapter = granted(&[entry(&url)]).await;
    assert_eq!(run(&adapter, format!("PUT {url}/bytes/1 body=100000")).await, "200 1");
    let before = resident_bytes();
    assert_eq!(
        run(&adapter, format!("GET {url}/bytes/{LARGE}")).await,
        format!("200 {LARGE}")
    );
    assert_eq!(run(&adapter, format!("PUT {url}/bytes/1 body={LARGE}")).await, "200 1");
    assert_eq!(server.received(), LARGE + 100_000);
    let grown = resident_bytes().saturating_sub(before);
    // Other tests run beside this one; a body that is collected takes more than either.
    assert!(grown < LARGE / 2, "{grown} bytes more");
}

#[tokio::test]
async fn each_failure_has_its_error() {
    let server = Server::http().await;
    let url = format!("http://{}", server.address);
    let nobody = unused_port().await;
    let adapter = granted(&[entry(&url), entry(format!("http://127.0.0.1:{nobody}"))]).await;
    for (command, expected) in [
        (format!("GET {url}/cut"), "failed: incomplete HTTP response"),
        (format!("GET {url}/nonsense"), "failed: ErrorCode::HttpProtocolError"),
        (
            format!("GET {url}/long-head"),
            "failed: ErrorCode::HttpResponseHeaderSectionSize",
        ),
        (
            format!("GET {url}/slow-head first=300"),
            "failed: ErrorCode::ConnectionReadTimeout",
        ),
        (
            format!("GET {url}/slow-body between=300"),
            "failed: connection read timeout",
        ),
        (
            format!("GET http://127.0.0.1:{nobody}/"),
            "failed: ErrorCode::ConnectionRefused",
        ),
    ] {
        let told = run(&adapter, &command).await;
        assert!(told.starts_with(expected), "{command}: {told}");
    }
    assert_eq!(
        run(&adapter, format!("GET {url}/bytes/7")).await,
        "200 7",
        "the next request works"
    );
}

async fn unused_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test]
async fn an_answer_may_come_before_the_end_of_the_request() {
    let server = Server::http().await;
    let url = format!("http://{}", server.address);
    let adapter = granted(&[entry(&url)]).await;
    for _ in 0..5 {
        assert_eq!(run(&adapter, format!("PUT {url}/early body=1000000")).await, "413 0");
        assert_eq!(run(&adapter, format!("GET {url}/bytes/7")).await, "200 7");
    }
    assert_eq!(server.received(), 5_000_000);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (first, second) = (Server::http().await, Server::http().await);
    let url = format!("http://{}", first.address);
    let adapter = granted(&[entry(&url), entry(format!("http://{}", second.address))]).await;
    assert_eq!(
        run(&adapter, format!("GET {url}/redirect/{}", second.address)).await,
        "302 0"
    );
    assert_eq!(second.connections(), 0);
}

#[tokio::test]
async fn a_request_that_is_never_answered_ends_with_its_call() {
    let server = Server::http().await;
    let url = format!("http://{}", server.address);
    let adapter = load("instances = 1\ntimeout = \"2s\"\n", &[entry(&url)]).await.unwrap();
    let error = answer(&adapter, format!("GET {url}/slow-head")).await;
    assert!(matches!(error, StoreError::Timeout(_)), "{error}");
    assert_eq!(run(&adapter, format!("GET {url}/bytes/7")).await, "200 7");
    adapter.close().await;
}
