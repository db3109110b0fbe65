//! The image of the command, built from its recipe and run as it says: `cargo xtask test` packs what it is built from.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::Command;

use mirrorbox_e2e::target_dir;

const SESSION: &str = "0b6c9f0e-0000-4000-8000-000000000002";
/// Its user.
const USER: u32 = 10_001;

/// Builds images in a folder of its own, without a service.
struct Buildah<'a> {
    folder: &'a Path,
}

impl Buildah<'_> {
    fn says(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("buildah");
        command.args(["--storage-driver", "vfs", "--root"]);
        command
            .arg(self.folder.join("root"))
            .arg("--runroot")
            .arg(self.folder.join("run"));
        let output = command.args(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "buildah {arguments:?}: {errors}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

#[test]
fn an_image_needs_no_network_and_no_root() {
    let recipe = target_dir().join("debug/image/container");
    // A container has mounts of its own, which not every user and not every sandbox may make.
    let mounts = Command::new("unshare").args(["--mount", "true"]).output();
    if !recipe.join("base.tar").is_file() || !mounts.is_ok_and(|output| output.status.success()) {
        println!("passed over: what it is built from is not packed, or containers cannot be run here");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let buildah = Buildah { folder: dir.path() };
    let recipe = recipe.to_str().unwrap();
    // Without an address but its own, nothing can be fetched.
    buildah.says(&["bud", "--network", "none", "--tag", "mirrorbox", recipe]);
    let container = buildah.says(&["from", "mirrorbox"]);
    let config = buildah.says(&[
        "inspect",
        "--format",
        "{{.OCIv1.Config.User}} {{.OCIv1.Config.Entrypoint}}",
        &container,
    ]);
    assert_eq!(config, format!("{USER}:{USER} [/usr/bin/mirrorbox]"));

    let project = dir.path().join("agent/projects/-srv-app");
    fs::create_dir_all(&project).unwrap();
    let line = format!("{{\"type\":\"user\",\"uuid\":\"1\",\"sessionId\":\"{SESSION}\"}}\n");
    fs::write(project.join(format!("{SESSION}.jsonl")), &line).unwrap();
    let mut volumes = Vec::new();
    for (name, place) in [
        ("config", "/etc/mirrorbox"),
        ("state", "/var/lib/mirrorbox"),
        ("agent", "/agent"),
        ("store", "/srv/transcripts"),
    ] {
        let folder = dir.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        chown(&folder, Some(USER), Some(USER)).unwrap();
        volumes.push(format!("{}:{place}", folder.display()));
    }
    let run = |arguments: &[&str]| {
        let mut words = vec!["run", "--isolation", "chroot"];
        for volume in &volumes {
            words.extend(["--volume", volume]);
        }
        words.extend([container.as_str(), "--", "/usr/bin/mirrorbox"]);
        words.extend(arguments);
        buildah.says(&words)
    };
    assert_eq!(run(&["--version"]), format!("mirrorbox {}", env!("CARGO_PKG_VERSION")));
    run(&["init", "--store", "/srv/transcripts"]);
    run(&["import"]);
    assert!(run(&["show", SESSION, "--json"]).contains("\"uuid\":\"1\""));
    let made = fs::metadata(dir.path().join("config/mirrorbox.toml")).unwrap();
    assert_eq!((made.uid(), made.gid()), (USER, USER));
}
