//! The faults of the proxy: each breaks what it says and nothing else.

use std::io::ErrorKind;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// A server that sends back what it gets, and the proxy before it.
async fn echo() -> (Proxy, JoinSet<()>) {
    let listener = TcpListener::bind(local(0)).await.unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap()).await.unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut clients = JoinSet::new();
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            clients.spawn(async move {
                let (mut from, mut to) = client.split();
                // A reset is what these tests are about.
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    (proxy, serving)
}

/// Sends bytes and waits for them.
async fn ask(client: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    client.write_all(bytes).await?;
    let mut answer = vec![0; bytes.len()];
    client.read_exact(&mut answer).await?;
    assert_eq!(answer, bytes);
    Ok(())
}

fn is_cut(result: io::Result<()>) -> bool {
    let cut = [
        ErrorKind::ConnectionReset,
        ErrorKind::UnexpectedEof,
        ErrorKind::BrokenPipe,
    ];
    result.is_err_and(|error| cut.contains(&error.kind()))
}

#[tokio::test]
async fn without_faults_bytes_and_ends_go_through_and_are_counted() {
    let (proxy, _serving) = echo().await;
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    let bytes = vec![7; 100_000];
    let (mut from, mut to) = client.split();
    let mut answer = Vec::new();
    let send = async {
        to.write_all(&bytes).await.unwrap();
        to.shutdown().await.unwrap();
    };
    tokio::join!(send, async { from.read_to_end(&mut answer).await.unwrap() });
    assert_eq!(answer, bytes);
    let counts = proxy.until(|counts| counts.open == 0).await;
    assert_eq!((counts.connections, counts.resets), (1, 0));
    assert_eq!((counts.to_server, counts.to_client), (100_000, 100_000));
}

#[tokio::test]
async fn a_refused_port_is_refused_and_comes_back() {
    let (proxy, _serving) = echo().await;
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    ask(&mut client, b"before").await.unwrap();
    proxy.refuses().await;
    assert!(is_cut(ask(&mut client, b"cut").await));
    let refused = TcpStream::connect(proxy.address()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    proxy.heal();
    // Connecting can still be refused until the listener has heard of it.
    let mut client = loop {
        match TcpStream::connect(proxy.address()).await {
            Ok(client) => break client,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    ask(&mut client, b"after").await.unwrap();
}

#[tokio::test]
async fn a_lost_reply_is_to_a_request_that_landed() {
    let (proxy, _serving) = echo().await;
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    ask(&mut client, b"first").await.unwrap();
    proxy.set(Faults {
        lose_replies: true,
        resets: Some(1),
        ..Faults::default()
    });
    assert!(is_cut(ask(&mut client, b"second").await));
    let counts = proxy.resets(1).await;
    assert_eq!((counts.to_server, counts.to_client), (11, 5));
    let mut again = TcpStream::connect(proxy.address()).await.unwrap();
    ask(&mut again, b"healed by itself").await.unwrap();
}

#[tokio::test]
async fn a_cut_counts_from_when_it_was_set() {
    let (proxy, _serving) = echo().await;
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    ask(&mut client, &[1; 50]).await.unwrap();
    for direction in [Direction::ToServer, Direction::ToClient] {
        let before = proxy.counts();
        proxy.set(Faults {
            cut_after: Some((direction, 20)),
            ..Faults::default()
        });
        assert!(is_cut(ask(&mut client, &[2; 30]).await));
        let after = proxy.resets(before.resets + 1).await;
        let passed = match direction {
            Direction::ToServer => after.to_server - before.to_server,
            Direction::ToClient => after.to_client - before.to_client,
        };
        assert_eq!(passed, 20);
        client = TcpStream::connect(proxy.address()).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_stalled_arrives_once_that_ends() {
    let (proxy, _serving) = echo().await;
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    proxy.set(Faults {
        stall: Some(Direction::ToClient),
        ..Faults::default()
    });
    client.write_all(b"late").await.unwrap();
    let counts = proxy.until(|counts| counts.to_server == 4).await;
    assert_eq!(counts.to_client, 0);
    proxy.heal();
    let mut answer = [0; 4];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"late");
}

#[tokio::test]
async fn a_delay_and_a_pace_take_at_least_their_time() {
    let (proxy, _serving) = echo().await;
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    let slow = Faults {
        delay: Duration::from_millis(30),
        bytes_per_second: Some(1_000),
        ..Faults::default()
    };
    proxy.set(slow);
    let start = Instant::now();
    ask(&mut client, &[0; 20]).await.unwrap();
    // Each way: 30 ms, and 20 bytes at 1 byte a millisecond.
    assert!(start.elapsed() >= Duration::from_millis(100));
}

#[tokio::test]
async fn what_was_open_is_forgotten_and_what_is_new_passes() {
    let (proxy, _serving) = echo().await;
    let mut old = TcpStream::connect(proxy.address()).await.unwrap();
    ask(&mut old, b"before").await.unwrap();
    proxy.forget();
    let mut new = TcpStream::connect(proxy.address()).await.unwrap();
    ask(&mut new, b"after").await.unwrap();
    let answer = tokio::time::timeout(Duration::from_millis(50), ask(&mut old, b"again")).await;
    assert!(answer.is_err(), "{answer:?}");
}
