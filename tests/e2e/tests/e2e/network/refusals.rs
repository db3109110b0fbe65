//! What people are told of a refusal: in the log of the command, which is its standard error.

use std::fs;

use mirrorbox_e2e::{Installation, Ran, test_guest};

/// What the command says where the adapter does this as it opens.
fn opening(command: &str, network: &str) -> Ran {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let adapters = installed.config.join("adapters");
    fs::copy(test_guest("network"), adapters.join("net.wasm")).unwrap();
    let manifest = format!("[config]\nrun = {command:?}\n[grants]\nnetwork = [{network}]\n");
    fs::write(adapters.join("net.toml"), manifest).unwrap();
    installed.run(["sessions", "--from", "net", "-v"])
}

#[test]
fn a_refusal_names_the_line_that_would_allow_it() {
    for (command, network, expected) in [
        ("tcp 127.0.0.1:9", "", "network = [\"tcp://127.0.0.1:9\"]"),
        ("tcp [::1]:9", "\"tcp://127.0.0.1:9\"", "network = [\"tcp://[::1]:9\"]"),
        ("lookup redis.example", "", "network = [\"tcp://redis.example:PORT\"]"),
        (
            "GET https://s3.example/a",
            "\"http://s3.example\"",
            "network = [\"https://s3.example:443\"]",
        ),
        (
            "GET http://a.example:8080/",
            "\"http://a.example\"",
            "network = [\"http://a.example:8080\"]",
        ),
        (
            "CONNECT http://127.0.0.1:9/",
            "\"http://127.0.0.1:9\"",
            "no manifest allows CONNECT",
        ),
        ("udp 127.0.0.1:9", "\"tcp://127.0.0.1:9\"", "no manifest allows UDP"),
        ("listen", "", "no manifest allows UDP or a server"),
    ] {
        let ran = opening(command, network);
        assert!(ran.stderr.contains("refused: "), "{command}: {ran:?}");
        assert!(ran.stderr.contains(expected), "{command}: {ran:?}");
    }
}

#[test]
fn a_name_that_leads_to_a_private_address_is_told_with_its_line() {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let name = name.trim_end();
    for (command, to) in [
        (format!("tcp {name}:9"), format!("redis://{name}:9")),
        (format!("GET http://{name}:9/"), format!("http://{name}:9")),
    ] {
        let ran = opening(&command, &format!("\"http://a.example\",\n\"{to}\""));
        let expected = format!("net.toml, line 5 would allow it with {{ to = \"{to}\", private = true }}");
        assert!(ran.stderr.contains(&expected), "{command}: {ran:?}");
    }
}
