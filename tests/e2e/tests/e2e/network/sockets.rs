//! TCP connections and lookups.

use std::fs;
use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::{entry, granted, run};

/// Gives every line back, with the number of the connection before it.
async fn echo(address: &str) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut connections = JoinSet::new();
        for number in 1.. {
            let (stream, _) = listener.accept().await.unwrap();
            connections.spawn(async move {
                let mut stream = BufReader::new(stream);
                let mut line = String::new();
                while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
                    let answer = format!("{number} {line}");
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    line.clear();
                }
            });
        }
    });
    (address, serving)
}

/// A name that leads to a private address, without saying so: the machine's own.
fn own_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    name.trim_end().to_owned()
}

const REFUSED: &str = "failed: PermissionDenied";

#[tokio::test]
async fn a_connection_stays_open_from_call_to_call() {
    let (address, _serving) = echo("127.0.0.1:0").await;
    let adapter = granted(&[entry(format!("redis://{address}"))]).await;
    assert_eq!(run(&adapter, format!("tcp {address}")).await, "connected");
    for word in ["one", "two", "three"] {
        assert_eq!(run(&adapter, format!("say {word}")).await, format!("1 {word}"));
    }
}

#[tokio::test]
async fn only_the_granted_address_and_port_can_be_connected_to() {
    let (address, _serving) = echo("127.0.0.1:0").await;
    let (other, _serving_too) = echo("127.0.0.1:0").await;
    let adapter = granted(&[entry(format!("tcp://{address}"))]).await;
    let port = address.port();
    for elsewhere in [
        other.to_string(),
        format!("127.0.0.2:{port}"),
        format!("[::1]:{port}"),
        format!("[::ffff:127.0.0.1]:{port}"),
        format!("0.0.0.0:{port}"),
        format!("[::127.0.0.1]:{port}"),
    ] {
        let told = run(&adapter, format!("tcp {elsewhere}")).await;
        assert!(told.starts_with("failed: "), "{elsewhere}: {told}");
    }
    assert!(run(&adapter, format!("tcp {other}")).await.starts_with(REFUSED));
    assert_eq!(run(&adapter, format!("tcp {address}")).await, "connected");
    assert_eq!(run(&adapter, "say one").await, "1 one", "nobody came through before");
}

#[tokio::test]
async fn a_grant_of_requests_is_no_grant_of_connections() {
    let (address, _serving) = echo("127.0.0.1:0").await;
    let adapter = granted(&[entry(format!("http://{address}"))]).await;
    assert!(run(&adapter, format!("tcp {address}")).await.starts_with(REFUSED));
    let adapter = granted(&[entry(format!("tcp://{address}"))]).await;
    let told = run(&adapter, format!("GET http://{address}/")).await;
    assert_eq!(told, "failed: ErrorCode::HttpRequestDenied");
}

#[tokio::test]
async fn a_name_is_looked_up_only_where_it_is_granted() {
    let (address, _serving) = echo("127.0.0.1:0").await;
    let port = address.port();
    let adapter = granted(&[entry(format!("tcp://localhost:{port}"))]).await;
    assert!(
        run(&adapter, format!("lookup {}", own_name()))
            .await
            .starts_with("failed: ")
    );
    assert!(
        run(&adapter, format!("tcp 127.0.0.1:{port}"))
            .await
            .starts_with(REFUSED),
        "not looked up yet"
    );
    assert!(run(&adapter, "lookup localhost").await.contains("127.0.0.1"));
    assert_eq!(run(&adapter, format!("tcp 127.0.0.1:{port}")).await, "connected");
    assert_eq!(run(&adapter, format!("tcp LocalHost:{port}")).await, "connected");
    let other = port.checked_add(1).unwrap_or(1);
    assert!(
        run(&adapter, format!("tcp 127.0.0.1:{other}"))
            .await
            .starts_with(REFUSED)
    );
}

#[tokio::test]
async fn what_one_instance_looked_up_is_nothing_to_another() {
    let (address, _serving) = echo("127.0.0.1:0").await;
    let port = address.port();
    let grant = [entry(format!("tcp://localhost:{port}"))];
    let (first, second) = (granted(&grant).await, granted(&grant).await);
    assert_eq!(run(&first, format!("tcp localhost:{port}")).await, "connected");
    assert!(run(&second, format!("tcp 127.0.0.1:{port}")).await.starts_with(REFUSED));
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_needs_a_grant_that_says_so() {
    let (address, _serving) = echo("0.0.0.0:0").await;
    let to = format!("redis://{}:{}", own_name(), address.port());
    let connect = format!("tcp {}:{}", own_name(), address.port());
    let adapter = granted(&[entry(&to)]).await;
    let told = run(&adapter, &connect).await;
    assert!(told.starts_with("failed: "), "{told}");
    let adapter = granted(&[format!("{{ to = {to:?}, private = true }}")]).await;
    assert_eq!(run(&adapter, &connect).await, "connected");
}

#[tokio::test]
async fn there_is_no_udp_and_no_server() {
    let (address, _serving) = echo("127.0.0.1:0").await;
    let adapter = granted(&[entry(format!("tcp://{address}"))]).await;
    assert!(run(&adapter, format!("udp {address}")).await.starts_with(REFUSED));
    assert!(run(&adapter, "listen").await.starts_with(REFUSED));
}
