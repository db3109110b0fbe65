use super::*;
use crate::session::fixture::Projects;

fn scan(projects: &Projects) -> LocalSessions {
    ProjectsDir::open(projects.path()).unwrap().scan().unwrap()
}

#[test]
fn the_streams_of_a_session_come_together_the_main_one_first() {
    let projects = Projects::new();
    projects
        .write("p/s/subagents/agent-2.jsonl", "{}\n")
        .write("p/s/subagents/agent-1.meta.json", "{}")
        .write("p/s/subagents/agent-1.jsonl", "{}\n{}\n")
        .write("p/s.jsonl", "{}\n");
    let found = scan(&projects);
    let streams = &found.sessions[&SessionKey::main("p", "s").unwrap()];
    let subpaths: Vec<_> = streams.iter().map(|stream| stream.key.subpath()).collect();
    assert_eq!(subpaths, [None, Some("subagents/agent-1"), Some("subagents/agent-2")]);
    assert_eq!(streams[1].bytes(), 6);
    assert!(streams[1].sidecar.is_some() && streams[2].sidecar.is_none());
}

#[test]
fn the_project_key_is_the_name_of_its_directory() {
    let projects = Projects::new();
    projects.write("any name: at all/s.jsonl", "{}\n");
    let found = scan(&projects);
    assert_eq!(found.sessions.keys().next().unwrap().project_key(), "any name: at all");
}

#[cfg(unix)]
#[test]
fn a_file_that_became_a_link_leads_nowhere() {
    let outside = Projects::new();
    outside.write("secret.jsonl", "{}\n");
    let projects = Projects::new();
    projects.write("p/s.jsonl", "{}\n");
    let dir = ProjectsDir::open(projects.path()).unwrap();
    let found = dir.scan().unwrap();
    let file = projects.path().join("p/s.jsonl");
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(outside.path().join("secret.jsonl"), &file).unwrap();
    let stream = &found.sessions.values().next().unwrap()[0];
    assert!(matches!(dir.lines(stream).err(), Some(StreamError::Read { .. })));
}

#[cfg(unix)]
#[test]
fn symbolic_links_are_not_followed() {
    use std::os::unix::fs::symlink;

    let outside = Projects::new();
    outside.write("project/secret.jsonl", "{}\n");
    let projects = Projects::new();
    projects.write("p/s.jsonl", "{}\n");
    symlink(
        outside.path().join("project/secret.jsonl"),
        projects.path().join("p/link.jsonl"),
    )
    .unwrap();
    symlink(outside.path().join("project"), projects.path().join("linked")).unwrap();
    let found = scan(&projects);
    assert_eq!((found.sessions.len(), found.passed_over, found.odd.len()), (1, 2, 2));
}
