//! Each refusal is reported once to those who ask for it.

use std::fs;
use std::net::TcpListener;

use mirrorbox::adapter::{Adapter, AdapterError};
use mirrorbox::store::StoreError;
use mirrorbox_e2e::{Installation, adapter, runtime, test_guest};

use crate::fixture::{ONE, load, manifest, told};

#[tokio::test]
async fn each_refusal_is_heard_once_with_what_would_allow_it() {
    let adapter = load("network", ONE).await.unwrap();
    let mut heard = adapter.listen_refusals();
    for deed in [
        "tcp 127.0.0.1:9",
        "GET http://a.example/",
        "tcp 127.0.0.1:9",
        "lookup b.example",
    ] {
        assert!(told(&adapter, deed).await.starts_with("failed: "), "{deed}");
    }
    for (what, remedy) in [
        ("a TCP connection to 127.0.0.1:9", "network = [\"tcp://127.0.0.1:9\"]"),
        (
            "a request to http://a.example:80",
            "network = [\"http://a.example:80\"]",
        ),
        ("a lookup of b.example", "network = [\"tcp://b.example:PORT\"]"),
    ] {
        let refusal = heard.try_recv().unwrap();
        assert_eq!(refusal.what, what);
        assert!(refusal.remedy.ends_with(remedy), "{refusal}");
    }
    assert!(heard.try_recv().is_err());
    let times: Vec<_> = adapter.refusals().iter().map(|refused| refused.times).collect();
    assert_eq!(times, [2, 1, 1]);
    assert_eq!(adapter.usage().refused, 4);
}

/// Variables that other programs take a proxy from are nothing to the host: it would lead on to where nobody asked the
/// policy.
#[test]
fn no_variable_leads_requests_over_a_proxy() {
    let [server, proxy] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let url = format!("http://{}", server.local_addr().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let adapters = installed.config.join("adapters");
    fs::copy(test_guest("network"), adapters.join("net.wasm")).unwrap();
    let manifest = format!("timeout = \"1s\"\n[config]\nrun = \"GET {url}/\"\n[grants]\nnetwork = [{url:?}]\n");
    fs::write(adapters.join("net.toml"), manifest).unwrap();
    let mut command = installed.command(["sessions", "--from", "net"]);
    for variable in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ] {
        command.env(variable, format!("http://{}", proxy.local_addr().unwrap()));
    }
    // Nobody answers the request: the call ends at its deadline.
    assert_ne!(command.output().unwrap().status.code(), Some(0));
    for (listener, is_reached) in [(server, true), (proxy, false)] {
        listener.set_nonblocking(true).unwrap();
        assert_eq!(listener.accept().is_ok(), is_reached);
    }
}

/// Another try does not help who may not look a name up: an adapter says so, as it does of an address.
#[tokio::test]
async fn a_name_that_no_grant_covers_is_denied() {
    for url in ["redis://db.example:6379", "redis://192.0.2.1:6379"] {
        let manifest = manifest(&format!("{ONE}[config]\nurl = {url:?}\n"));
        let opened = Adapter::load(&runtime(), "redis", &adapter("redis"), &manifest).await;
        match opened.unwrap_err() {
            AdapterError::Open { source, .. } => {
                assert!(matches!(source, StoreError::Denied(_)), "{url}: {source:?}");
                assert!(source.to_string().contains("[grants]"), "{url}: {source}");
            }
            other => panic!("{url}: {other}"),
        }
    }
}
