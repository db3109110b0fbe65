//! Names that nobody answers for, hundreds at a time: another adapter's names are looked up meanwhile.

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::pin::pin;
use std::thread;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use mirrorbox::adapter::Adapter;

use crate::fixture::{load, told};
use crate::namespaces::{run, within};
use crate::usual_time::{FEWEST_TURNS, MOST, MOST_TURNS, ratio};

const INSTANCES: usize = 4;
const CALLS: usize = 10;

#[test]
fn m10_lookups_that_hang_hold_up_nobody_elses() {
    within("lookups::m10_lookups_that_hang_hold_up_nobody_elses", || {
        run("ip", &["link", "set", "lo", "up"]);
        let dir = tempfile::tempdir().unwrap();
        let resolver = dir.path().join("resolv.conf");
        std::fs::write(&resolver, "nameserver 127.0.0.1\n").unwrap();
        run("mount", &["--bind", resolver.to_str().unwrap(), "/etc/resolv.conf"]);
        // It is asked, and never answers.
        let _server = UdpSocket::bind("127.0.0.1:53").unwrap();
        let port = serve();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(beside_hanging_lookups(port));
    });
}

async fn beside_hanging_lookups(port: u16) {
    let healthy = format!("[grants]\nnetwork = [{{ to = \"http://localhost:{port}\", private = true }}]");
    let healthy = load("network", &healthy).await.unwrap();
    let hostile = format!("instances = {INSTANCES}\n[grants]\nnetwork = [\"http://*.nobody.example\"]");
    let hostile = load("hostile", &hostile).await.unwrap();
    let (mut usual, mut beside) = (Vec::new(), Vec::new());
    for turn in 1..=MOST_TURNS {
        // From the second turn on beside what the system goes on looking up for calls that were given up.
        for _ in 0..CALLS {
            call(&healthy, port, &mut usual).await;
        }
        let mut asking = pin!(join_all((0..INSTANCES).map(|_| told(&hostile, "lookups"))));
        // For as long as they hang: the guests' own work is at its beginning.
        let told = loop {
            tokio::select! {
                told = &mut asking => break told,
                () = call(&healthy, port, &mut beside) => {}
            }
        };
        for told in told {
            assert_eq!(told, "lookups: 0 of 300 were answered", "they hang");
        }
        let ratio = ratio(&mut usual, &mut beside);
        println!("M10: {ratio:.2} times its usual time after {turn} turns");
        if turn >= FEWEST_TURNS && ratio <= MOST {
            return;
        }
    }
    panic!("M10: {:.2} times its usual time", ratio(&mut usual, &mut beside));
}

/// A request over a connection of its own, for which the name is looked up anew.
async fn call(healthy: &Adapter, port: u16, times: &mut Vec<Duration>) {
    let began = Instant::now();
    let told = told(healthy, &format!("GET http://localhost:{port}/")).await;
    assert_eq!(told, "200 2");
    times.push(began.elapsed());
}

/// A server that ends each connection after its answer.
fn serve() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut request = [0; 4096];
            assert!(client.read(&mut request).unwrap() > 0);
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
            client.write_all(answer.as_bytes()).unwrap();
        }
    });
    port
}
